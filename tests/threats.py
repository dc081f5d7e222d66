"""For each threat: how to take its protection away, and the test that must then fail. No test runs here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin, urlsplit

import flask
import pytest
from ada_url import URL
from flask import Flask, Response, request
from flask_dance.consumer.storage.session import SessionStorage
from werkzeug.middleware.proxy_fix import ProxyFix

import portal.app
import portal.config
import portal.dance
import portal.landing
import portal.security
import portal.sessions
import portal.views
from portal.accounts import Accounts
from portal.callback import Callback
from portal.crypto import TokenCipher, derive_key
from portal.dance import DanceBlueprint
from portal.errors import Stop
from portal.flow import Flow, Flows
from portal.hop import Hop
from portal.linking import Purpose
from portal.logs import libraries, printable
from portal.sessions import Sessions
from providers import _claims, _discovery, _id_token, _userinfo, facebook, oidc
from providers.base import Provider
from tests.flows.conftest import _CompiledOnce

Patch = pytest.MonkeyPatch
Take = Callable[[Patch], None]


@dataclass(frozen=True)
class Bite:
    """Without what `take` takes away, `test` (below tests/) has to fail."""

    row: str
    take: Take
    test: str


def nothing(*_: Any, **__: Any) -> None:
    """What is left of a check that was taken away."""


def without(owner: Any, name: str, instead: Any = nothing) -> Take:
    return lambda patch: patch.setattr(owner, name, instead)


def flows_on_the_server(patch: Patch) -> None:
    """A flow is found by its state, whichever browser brings it."""
    held: dict[str, Flow] = {}
    begin = Flows.begin

    def remember(*args: Any, **kwargs: Any) -> Flow:
        flow = begin(*args, **kwargs)
        return held.setdefault(flow.state, flow)

    patch.setattr(Flows, "begin", remember)
    patch.setattr(Flows, "get", lambda _, __, state: held.get(state))


def _one_key(secret: str, purpose: str) -> bytes:
    return (secret.encode() * 32)[:32]


def one_key_for_all_purposes(patch: Patch) -> None:
    patch.setattr(derive_key, "__code__", _one_key.__code__)


def one_verifier_for_all(patch: Patch) -> None:
    """Shared, as stock Flask-Dance keeps it on the blueprint."""
    begin = Flows.begin

    def same(*args: Any, **kwargs: Any) -> Flow:
        flow = begin(*args, **kwargs)
        object.__setattr__(flow, "verifier", "v" * 43)
        return flow

    patch.setattr(Flows, "begin", same)


def request_parameters_passed_on(patch: Patch) -> None:
    begin = DanceBlueprint.begin

    def view(self: DanceBlueprint, *args: Any, **kwargs: Any) -> Response:
        hints = {name: request.args[name] for name in ("login_hint", "hd", "prompt") if name in request.args}
        self.authorization_url_params.update(hints)
        return begin(self, *args, **kwargs)

    patch.setattr(DanceBlueprint, "begin", view)


def generous_callback(args: Any) -> Callback:
    """The first of each, whatever it is."""
    kind: Any = "code" if "code" in args else "error"
    return Callback(args.get("state", ""), kind, args.get(kind, ""), args.get("iss"))


def any_provider_s_flow(patch: Patch) -> None:
    """Each flow is taken for one of whoever sends the browser back."""
    get = Flows.get

    def adopted(self: Flows, cookies: Any, state: str) -> Flow | None:
        flow = get(self, cookies, state)
        name = (request.blueprint or "").rpartition(".")[2]
        provider: Provider = flask.current_app.extensions["portal"].providers[name]
        return flow and replace(flow, provider=name, issuer=provider.issuer)

    patch.setattr(Flows, "get", adopted)


def a_second_walk(patch: Patch) -> None:
    patch.setattr(Flows, "finish", nothing)


def starts_by_a_get(patch: Patch) -> None:
    patch.setattr(DanceBlueprint, "login", lambda self: self.begin(Purpose.SIGN_IN, "/"))


def the_copied_next_check(patch: Patch) -> None:
    """What is copied from page to page; and since the tests have the function's name already, its inside is changed."""

    def naive(raw: object) -> str:
        try:
            ours, theirs = urlsplit(request.host_url), urlsplit(urljoin(request.host_url, str(raw)))
            sent = flask.redirect(str(raw)).get_wsgi_headers(request.environ)["Location"]
            URL(sent, base=request.host_url)  # what no browser could follow is no redirect either
        except ValueError:
            return "/"
        return str(raw) if theirs.netloc == ours.netloc else "/"

    patch.setattr(portal.security, "naive", naive, raising=False)
    patch.setattr(portal.security.next_target, "__code__", _delegate.__code__)


def _delegate(raw: object) -> str:
    return naive(raw)  # type: ignore[name-defined,no-any-return]  # noqa: F821 - in the module that it is put into


def headers_without(*names: str) -> Take:
    """Our pages as they would be without some headers."""

    def take(patch: Patch) -> None:
        add = portal.security.add_headers

        def fewer(response: Response, **how: Any) -> Response:
            add(response, **how)
            for name in names:
                response.headers[name] = ""
            return response

        for module in (portal.app, portal.views):
            patch.setattr(module, "add_headers", fewer)

    return take


def form_action_everywhere(patch: Patch) -> None:
    add = portal.security.add_headers
    patch.setattr(portal.views, "add_headers", lambda response, **how: add(response, **how | {"starts_dance": False}))


def every_header_believed(patch: Patch) -> None:
    def call(self: Hop, environ: Any, start_response: Any) -> Any:
        return ProxyFix(self._app, x_for=1, x_proto=1, x_host=1, x_prefix=1)(environ, start_response)

    patch.setattr(Hop, "__call__", call)


def method_overriding(patch: Patch) -> None:
    inner = Flask.wsgi_app

    def overriding(self: Flask, environ: Any, start_response: Any) -> Any:
        environ["REQUEST_METHOD"] = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", environ["REQUEST_METHOD"])
        return inner(self, environ, start_response)

    patch.setattr(Flask, "wsgi_app", overriding)
    patch.setattr(portal.views, "check_post", nothing)


class Everywhere(set[Any]):
    """Every host is ours."""

    def __contains__(self, _: object) -> bool:
        return True


def careless_cookies(patch: Patch) -> None:
    set_cookie = Response.set_cookie

    def bare(self: Response, key: str, value: str = "", *args: Any, **how: Any) -> None:
        set_cookie(self, key, value, *args, **how | {"samesite": None, "httponly": False, "secure": False})

    patch.setattr(Response, "set_cookie", bare)


def unsealed_cookies(patch: Patch) -> None:
    patch.setattr(TokenCipher, "seal", lambda _, plain, *__: plain)
    patch.setattr(TokenCipher, "unseal", lambda _, sealed, *__: sealed)


def only_the_newest_key(patch: Patch) -> None:
    make = Flows.__init__
    patch.setattr(Flows, "__init__", lambda self, keys, **how: make(self, keys[:1], **how))


def no_look_at_the_session(patch: Patch) -> None:
    """The session is believed for as long as there is a row, whatever has become of it or its user."""
    patch.setattr("portal.devices.Devices.is_live", lambda *_, **__: True)


def one_cookie_for_all_flows(patch: Patch) -> None:
    patch.setattr(Flows, "_cookie_name", lambda self, _: f"{self._prefix}one")


def a_large_cookie(patch: Patch) -> None:
    keep, get = Sessions.keep_waiting, Sessions.get_waiting
    patch.setattr(Sessions, "keep_waiting", lambda self, response, secret: keep(self, response, secret + "!" * 1_600))
    patch.setattr(Sessions, "get_waiting", lambda self, asked: get(self, asked).rstrip("!"))


def tokens_in_the_browser(patch: Patch) -> None:
    """As stock Flask-Dance keeps them."""
    land = portal.dance.land

    def keep(*args: Any, **how: Any) -> Any:
        provider, _ = flask.current_app.blueprints[str(request.blueprint)]._held()["walk"]  # type: ignore[attr-defined]
        response = land(*args, **how)
        flask.session[f"{provider.name}_oauth_token"] = dict(TOKENS[-1])
        return response

    def read(self: Any, response: Any) -> Any:
        TOKENS.append(response.json() if response.text.startswith("{") else {})
        self.token = self._provider.read_token(response)
        return response

    patch.setattr(portal.dance, "NullStorage", SessionStorage)
    patch.setattr(portal.dance, "land", keep)
    patch.setattr(portal.dance._ReadToken, "__call__", read)


TOKENS: list[Any] = [{}]


def a_head_is_a_callback(patch: Patch) -> None:
    authorized = DanceBlueprint.authorized

    class AsIfAGet:
        """The request, as who only thinks of GET and POST sees it."""

        method = "GET"

        def __getattr__(self, name: str) -> Any:
            return getattr(request, name)

    def view(self: DanceBlueprint) -> Any:
        with pytest.MonkeyPatch.context() as only:
            only.setattr(portal.dance, "request", AsIfAGet())
            return authorized(self)

    patch.setattr(DanceBlueprint, "authorized", view)


def markup_as_it_comes(patch: Patch) -> None:
    patch.setattr(Flask, "select_jinja_autoescape", lambda *_: False)
    patch.setattr(_CompiledOnce, "kept", {})  # as they were compiled before, they escape


def raw_text(patch: Patch) -> None:
    patch.setattr(printable, "__code__", _raw.__code__)


def _raw(text: object, longest: int = 200) -> str:
    return str(text)[:longest]


def any_nonce(patch: Patch) -> None:
    patch.setattr(_claims, "_same", lambda *_: True)


def any_signature(patch: Patch) -> None:
    patch.setattr(_id_token, "_verified", lambda token, *_: _id_token._exact(token.split(".")[1].encode()))


def any_document(patch: Patch) -> None:
    read = _discovery.read_metadata
    patch.setattr(_discovery, "read_metadata", lambda document, _: read(document, document.get("issuer")))


def any_subject(patch: Patch) -> None:
    complete = _userinfo.completed
    patch.setattr(oidc, "completed", lambda said, found: complete(said, {**found, "sub": said["sub"]}))


def what_was_said_is_shown(patch: Patch) -> None:
    said = DanceBlueprint._said_error

    def show(self: DanceBlueprint, error: str, flow: Flow) -> Stop:
        flask.g.portal_said = request.args.get("error_description", "")
        return said(self, error, flow)

    patch.setattr(DanceBlueprint, "_said_error", show)
    after = portal.views._add_headers

    def show_it(response: Response) -> Response:
        response.set_data(response.get_data(as_text=True) + flask.g.get("portal_said", ""))
        return after(response)

    patch.setattr(portal.views, "_add_headers", show_it)


BITES = (
    Bite(
        "T01",
        flows_on_the_server,
        "flows/test_callbacks.py::test_an_attacker_s_callback_opened_in_the_victim_s_browser_signs_nobody_in",
    ),
    Bite("T02", starts_by_a_get, "flows/test_signing_in.py::test_a_get_starts_nothing_and_shows_the_one_button"),
    Bite(
        "T02",
        without(portal.views, "check_post"),
        "flows/test_signing_in.py::test_another_site_s_press_is_refused_even_with_the_right_token",
    ),
    Bite(
        "T03",
        without(portal.views, "check_post"),
        "flows/test_linking_here.py::test_a_press_of_another_site_s_is_refused",
    ),
    Bite("T04", flows_on_the_server, "portal/test_flow.py::test_another_browser_does_not"),
    Bite("T05", one_key_for_all_purposes, "portal/test_flow.py::test_what_a_key_of_another_purpose_sealed_is_no_flow"),
    Bite("T06", a_second_walk, "flows/test_callbacks.py::test_a_reload_of_the_callback_leads_on_without_a_call"),
    Bite(
        "T07",
        without(portal.dance, "read_callback", generous_callback),
        "flows/test_callbacks.py::test_parameters_missing_repeated_or_of_impossible_form_are_refused",
    ),
    Bite(
        "T08",
        any_provider_s_flow,
        "flows/test_callbacks.py::test_one_provider_s_flow_does_not_end_at_another_s_callback",
    ),
    Bite("T09", one_verifier_for_all, "flows/test_signing_in.py::test_every_flow_has_values_of_its_own"),
    Bite("T10", one_verifier_for_all, "flows/test_stolen_codes.py::test_a_stolen_code_in_another_flow_signs_nobody_in"),
    Bite(
        "T11",
        any_nonce,
        "providers/test_id_token.py::test_another_nonce_is_refused",
    ),
    Bite("T12", any_signature, "providers/test_id_token_mutants.py::test_of_twenty_thousand_mutants_none_is_believed"),
    Bite(
        "T13",
        without(DanceBlueprint, "_check_issuer"),
        "flows/test_callbacks.py::test_another_issuer_s_name_is_refused",
    ),
    Bite("T14", any_document, "providers/test_discovery.py::test_a_document_of_another_issuer_is_refused"),
    Bite(
        "T14",
        without(_discovery, "is_safe_url", lambda _: True),
        "providers/test_discovery.py::test_an_address_that_is_missing_or_unsafe_is_refused",
    ),
    Bite(
        "T15",
        without(facebook.hmac, "digest", lambda *_: b""),
        "providers/test_facebook.py::test_the_call_proves_that_the_caller_holds_the_app_s_secret",
    ),
    Bite("T16", any_subject, "providers/test_oidc.py::test_userinfo_of_another_subject_is_refused"),
    Bite("T17", what_was_said_is_shown, "flows/test_callbacks.py::test_an_error_has_a_page_of_our_own_words"),
    Bite(
        "T18",
        request_parameters_passed_on,
        "flows/test_signing_in.py::test_nothing_of_the_request_s_own_parameters_reaches_the_provider",
    ),
    Bite(
        "T19",
        without(libraries, "_QUERY", re.compile("(?!)")),
        "portal/test_logs.py::test_the_access_log_shows_the_path_and_never_the_query",
    ),
    Bite("T20", the_copied_next_check, "portal/test_next_target.py::test_no_hostile_value_leads_off_the_site"),
    Bite("T21", the_copied_next_check, "portal/test_next_target.py::test_it_never_raises_whatever_the_type"),
    Bite(
        "T22",
        without(portal.security, "answers_get", lambda _: True),
        "portal/test_next_target.py::test_only_marked_pages_that_answer_a_get_are_accepted",
    ),
    Bite(
        "T24",
        headers_without("X-Frame-Options", "Content-Security-Policy"),
        "portal/test_security.py::test_every_answer_has_the_headers",
    ),
    Bite("T25", markup_as_it_comes, "flows/test_every_page.py::test_the_title_is_the_admin_s_and_shown_as_text"),
    Bite(
        "T26",
        form_action_everywhere,
        "portal/test_security.py::test_form_action_is_left_out_only_where_a_button_leads_to_a_provider",
    ),
    Bite(
        "T27",
        without(portal.views, "limit_request"),
        "flows/test_web_edge.py::test_a_form_larger_than_any_of_ours_is_not_read_t27",
    ),
    Bite(
        "T27",
        without(portal.views, "limit_request"),
        "flows/test_web_edge.py::test_a_query_larger_than_any_of_ours_is_not_read_t27",
    ),
    Bite(
        "T27",
        without(Flows, "_superfluous", lambda *_: []),
        "portal/test_flow.py::test_however_many_cookies_are_planted_four_are_left",
    ),
    Bite(
        "T28",
        without(portal.app, "LOOPBACK", Everywhere()),
        "flows/test_signing_in.py::test_a_foreign_host_is_refused_before_any_view",
    ),
    Bite("T29", every_header_believed, "flows/test_web_edge.py::test_no_look_alike_changes_an_address_or_a_way_t29"),
    Bite(
        "T30",
        without(portal.config.rules, "_check_production", lambda *_: iter(())),
        "config/test_config_production.py::test_an_insecure_switch_is_refused_in_production_only",
    ),
    Bite(
        "T30",
        headers_without("Strict-Transport-Security"),
        "flows/test_web_edge.py::test_hsts_goes_by_base_url_whatever_the_request_came_by",
    ),
    Bite(
        "T52",
        without(portal.landing, "forget_before_sign_in"),
        "flows/test_signing_out.py::test_keys_planted_before_a_sign_in_are_gone_after_it",
    ),
    Bite(
        "T53", without(portal.views, "check_post"), "flows/test_signing_out.py::test_only_a_press_on_our_own_page_does"
    ),
    Bite(
        "T54",
        careless_cookies,
        "flows/test_signing_in.py::test_in_production_cookies_are_the_host_s_own_and_travel_by_https_only",
    ),
    Bite("T55", without(Accounts, "sign_out"), "flows/test_signing_out.py::test_a_copied_cookie_dies_with_the_session"),
    Bite(
        "T56",
        no_look_at_the_session,
        "flows/test_staying_signed_in.py::test_a_higher_epoch_ends_every_session_made_before_it",
    ),
    Bite(
        "T57",
        no_look_at_the_session,
        "portal/test_accounts.py::test_a_suspended_user_is_signed_out_at_the_next_request",
    ),
    Bite(
        "T58",
        without(Sessions, "forget", lambda _, response: response),
        "flows/test_signing_out.py::test_a_session_cookie_that_is_none_is_nobody_and_is_taken_back",
    ),
    Bite(
        "T59",
        no_look_at_the_session,
        "portal/test_accounts.py::test_a_session_ends_when_it_was_not_used_for_a_fortnight",
    ),
    Bite("T61", unsealed_cookies, "portal/test_flow.py::test_a_cookie_that_was_changed_anywhere_is_nothing"),
    Bite("T62", one_cookie_for_all_flows, "flows/test_tabs.py::test_five_tabs_at_one_provider_finish_in_any_order"),
    Bite("T63", only_the_newest_key, "portal/test_flow.py::test_a_new_secret_key_does_not_break_flows_under_way"),
    Bite("T64", a_large_cookie, "flows/test_tokens_at_rest.py::test_no_cookie_is_too_large_for_a_browser"),
    Bite(
        "T70",
        without(libraries._WarningsOnly, "filter", lambda *_: True),
        "portal/test_logs.py::test_what_libraries_say_at_debug_stays_out_whatever_the_level",
    ),
    Bite(
        "T71",
        tokens_in_the_browser,
        "flows/test_tokens_at_rest.py::test_a_token_is_in_no_cookie_no_page_and_no_byte_of_the_database",
    ),
    Bite(
        "T74",
        headers_without("Cache-Control"),
        "flows/test_signing_out.py::test_a_page_from_before_signing_out_is_not_kept_by_the_browser",
    ),
    Bite("T78", raw_text, "portal/test_logs.py::test_whatever_is_shown_is_printable_and_short"),
    Bite("T79", every_header_believed, "portal/test_hop.py::test_the_address_comes_from_the_configured_place_alone"),
    Bite("T107", a_head_is_a_callback, "flows/test_callbacks.py::test_only_a_get_is_a_callback"),
    Bite("T107", method_overriding, "flows/test_signing_in.py::test_no_header_or_field_turns_a_method_into_another"),
)
