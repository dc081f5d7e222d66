"""Who writes: registering, logging in and out with a password."""

import functools
import sqlite3

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from werkzeug.security import check_password_hash, generate_password_hash

from journal.db import get_db

bp = Blueprint("auth", __name__, url_prefix="/auth")


@bp.before_app_request
def load_user():
    g.user = get_db().execute("SELECT * FROM user WHERE id = ?", (session.get("user_id"),)).fetchone()


def login_required(view):
    @functools.wraps(view)
    def guarded(**values):
        if g.user is None:
            return redirect(url_for("auth.login"))
        return view(**values)

    return guarded


@bp.route("/register", methods=["GET", "POST"])
def register():
    if request.method == "POST":
        try:
            with get_db() as db:
                secret = generate_password_hash(request.form["password"])
                db.execute("INSERT INTO user (username, password) VALUES (?, ?)", (request.form["username"], secret))
            return redirect(url_for("auth.login"))
        except sqlite3.IntegrityError:
            flash("Somebody has that name already.")
    return render_template("auth/form.html", heading="Register")


@bp.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "POST":
        found = get_db().execute("SELECT * FROM user WHERE username = ?", (request.form["username"],)).fetchone()
        if found is not None and check_password_hash(found["password"], request.form["password"]):
            session.clear()
            session["user_id"] = found["id"]
            return redirect(url_for("blog.index"))
        flash("That is not right.")
    return render_template("auth/form.html", heading="Log in")


@bp.route("/logout")
def logout():
    session.clear()
    return redirect(url_for("blog.index"))
