"""The entries: everybody reads them, each writes their own."""

from flask import Blueprint, abort, g, redirect, render_template, request, url_for

from journal.auth import login_required
from journal.db import get_db

bp = Blueprint("blog", __name__)
ALL = "SELECT post.*, username FROM post JOIN user ON author_id = user.id"


@bp.route("/")
def index():
    return render_template("blog/index.html", posts=get_db().execute(f"{ALL} ORDER BY post.id DESC").fetchall())


@bp.route("/create", methods=["GET", "POST"])
@login_required
def create():
    if request.method == "POST":
        with get_db() as db:
            values = (request.form["title"], request.form["body"], g.user["id"])
            db.execute("INSERT INTO post (title, body, author_id) VALUES (?, ?, ?)", values)
        return redirect(url_for("blog.index"))
    return render_template("blog/edit.html", post=None)


@bp.route("/<int:post_id>/update", methods=["GET", "POST"])
@login_required
def update(post_id):
    post = get_db().execute(f"{ALL} WHERE post.id = ?", (post_id,)).fetchone()
    if post is None or post["author_id"] != g.user["id"]:
        abort(404)
    if request.method == "POST":
        with get_db() as db:
            values = (request.form["title"], request.form["body"], post_id)
            db.execute("UPDATE post SET title = ?, body = ? WHERE id = ?", values)
        return redirect(url_for("blog.index"))
    return render_template("blog/edit.html", post=post)
