"""The portal's pages under one parent blueprint, `portal`; one module a page group. It only joins them."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, Response, current_app, g, request, url_for
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import SecurityError

from portal.config.urls import is_loopback
from portal.dance import DanceBlueprint
from portal.errors import Outcome, Stop
from portal.files import STATIC, TEMPLATES
from portal.landing import question
from portal.parts import parts
from portal.places import this_path
from portal.security import add_headers, check_post, limit_request
from portal.views import (
    access,
    account,
    auth,
    avatar,
    devices,
    errors,
    fresh,
    health,
    history,
    home,
    invite,
    login,
    mine,
    recover,
    removal,
    tasks,
    welcome,
)
from providers.base import Provider

# Probes and proxies come by address, and App Engine's cron by appspot.com: these are answered whatever the Host, and
# say nothing that depends on it. (T28 is about addresses made from the Host; none of these makes one.)
FOR_MACHINES = {
    "healthz": ("/healthz", health.healthz),
    "readyz": ("/readyz", health.readyz),
    "warmup": ("/_ah/warmup", health.warmup),
    "tick": ("/_tasks/tick", tasks.run_tick),
    "auth": ("/auth", auth.auth),  # a proxy asks by the name it knows us by; cookies go by the name people use
}


def make_blueprint(providers: Iterable[Provider], *, front_page: str = "/") -> Blueprint:
    """The parent blueprint with a child for each provider, its front page at `front_page`. Checks and headers are for
    its own requests only."""
    blueprint = Blueprint(
        "portal",
        __name__,
        template_folder=str(TEMPLATES),
        static_folder=str(STATIC),
        static_url_path="/portal-static",
    )
    blueprint.add_url_rule(front_page, "home", home.home)
    blueprint.add_url_rule("/login", "login", login.login)
    blueprint.add_url_rule("/logout", "logout", login.logout, methods=["POST"])
    blueprint.add_url_rule("/welcome", "newcomer", welcome.newcomer)
    blueprint.add_url_rule("/welcome", "create", welcome.create, methods=["POST"])
    blueprint.add_url_rule("/recover", "recover", recover.recover)
    blueprint.add_url_rule("/recover/<provider>", "start_recover", recover.start_recover, methods=["POST"])
    blueprint.add_url_rule("/invite", "invite", invite.invite)
    blueprint.add_url_rule("/avatar/<avatar_id>", "avatar", avatar.avatar)
    blueprint.add_url_rule("/account", "account", account.account)
    blueprint.add_url_rule("/account/link/<provider>", "link", account.link, methods=["POST"])
    blueprint.add_url_rule("/account/add", "confirm", account.confirm)
    blueprint.add_url_rule("/account/add", "add", account.add, methods=["POST"])
    blueprint.add_url_rule("/account/unlink", "unlink", account.unlink, methods=["POST"])
    blueprint.add_url_rule("/account/told", "told", access.told, methods=["POST"])
    blueprint.add_url_rule("/account/sessions/end", "end_session", devices.end, methods=["POST"])
    blueprint.add_url_rule("/account/sessions/end-others", "end_others", devices.end_others, methods=["POST"])
    blueprint.add_url_rule("/account/sessions/end-all", "end_all", devices.end_all, methods=["POST"])
    blueprint.add_url_rule("/account/prove", "prove", fresh.prove)
    blueprint.add_url_rule("/account/prove/<provider>", "start_prove", fresh.start_prove, methods=["POST"])
    blueprint.add_url_rule("/account/history", "history", history.history)
    blueprint.add_url_rule("/account/name", "rename", mine.rename, methods=["POST"])
    blueprint.add_url_rule("/account/export", "export", mine.export)
    blueprint.add_url_rule("/account/delete", "ask_delete", mine.ask_delete)
    blueprint.add_url_rule("/account/delete", "delete", mine.delete, methods=["POST"])
    for name, (path, view) in FOR_MACHINES.items():
        blueprint.add_url_rule(path, name, view)
    blueprint.add_url_rule("/deletion", "deletion", removal.deletion)
    # After these, a provider that is on has its own; what is left over is off, or nothing.
    blueprint.add_url_rule("/login/<provider>", "switched_off", login.switched_off, methods=["GET", "POST"])
    blueprint.add_url_rule("/login/<provider>/authorized", "off_authorized", login.switched_off)
    for provider in providers:
        blueprint.register_blueprint(DanceBlueprint(provider, login=login.button))
        if provider.tells_of_removal:
            _add_removal(blueprint, provider.name)
    blueprint.url_value_preprocessor(_take_csrf_over)
    blueprint.before_request(_only_on_this_machine)
    blueprint.before_request(limit_request)
    blueprint.before_request(_check_post)
    blueprint.after_request(_add_headers)
    errors.register(blueprint)
    return blueprint


def _add_removal(blueprint: Blueprint, name: str) -> None:
    """The addresses that an admin registers with a provider that tells us of removals."""
    for path, endpoint, view in (
        ("deauthorize", "deauthorize", removal.deauthorize),
        ("delete", "delete_data", removal.delete_data),
    ):
        blueprint.add_url_rule(f"/login/{name}/{path}", endpoint, view, defaults={"provider": name}, methods=["POST"])


def is_for_machines(endpoint: str | None) -> bool:
    """Whether a request is answered whatever name it came by."""
    return endpoint in {f"portal.{name}" for name in FOR_MACHINES}


def _take_csrf_over(*_: object) -> None:
    """An application's CSRFProtect would refuse every POST of ours: it knows its own tokens only, and over https asks
    for more than browsers send. Ours are checked here. (This runs before any `before_request`, and by then it is known
    whether there is one.)
    """
    protect = current_app.extensions.get("csrf")
    if isinstance(protect, CSRFProtect) and request.blueprint:
        protect.exempt(current_app.blueprints[request.blueprint])


def _only_on_this_machine() -> None:
    """In development anybody's Host would end up in a redirect URI (T28). `create_app()` looks at every request."""
    here = parts()
    unknown = here.config.base_url is None and not is_loopback(request.host_url)
    if unknown and not here.owns_app and not is_for_machines(request.endpoint):
        raise SecurityError(f"Host {request.host!r} is not this machine, and base_url is not set")


def _check_post() -> None:
    if request.method not in {"GET", "HEAD", "OPTIONS"} and request.endpoint not in removal.SIGNED:
        try:
            check_post(parts().csrf_keys, parts().config.origin)
        except Stop as stop:
            _lead_back(stop)
            raise


def _lead_back(stop: Stop) -> None:
    """Have the page offer the one step that starts again: the same button, the page it was on, or the account."""
    endpoint = request.endpoint or ""
    stop.shared = stop.outcome is Outcome.FORM_EXPIRED and bool(request.form.get("shared"))
    stop.for_account = this_path().startswith((url_for("portal.account"), url_for("portal.logout")))
    if endpoint.endswith(".start"):
        stop.provider = (request.blueprint or "").rpartition(".")[2]
    elif stop.outcome is Outcome.FORM_EXPIRED and endpoint == "portal.create":
        stop.back = question("sign-up", stop.next, shared=stop.shared)
    elif stop.outcome is Outcome.FORM_EXPIRED and endpoint == "portal.start_recover":
        stop.back = url_for("portal.recover", code=request.form.get("code", "")[:100])


def _add_headers(response: Response) -> Response:
    https = not parts().config.on_this_machine
    if request.endpoint == "portal.avatar" and response.mimetype != "text/html":
        return avatar.add_headers(response, https=https)
    return add_headers(response, https=https, starts_dance=g.get("portal_starts_dance", False))
