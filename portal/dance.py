"""Flask-Dance made safe: blueprints without shared state, and the one shared `oauth_authorized` handler.

Stock Flask-Dance 7.1 keeps its OAuth session and PKCE values on the blueprint, one for all threads (its issues 163,
205, 430): with two threads one sign-in in eight lands in somebody else's account (T50). Here all of a request's state
is in `flask.g`, and all that outlives it in the flow's cookie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote_plus

import requests
from blinker import NamedSignal
from flask import Response, g, request, url_for
from flask_dance.consumer import OAuth2ConsumerBlueprint, oauth_authorized, oauth_before_login, oauth_error
from flask_dance.consumer.requests import OAuth2Session
from flask_dance.consumer.storage import NullStorage
from oauthlib.oauth2 import OAuth2Error
from requests.auth import HTTPBasicAuth
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.utils import redirect  # Flask's takes no class of response

from portal.accounts import Intent
from portal.backchannel import deadline
from portal.callback import Callback, read_callback
from portal.errors import Outcome, Stop, StoreError
from portal.flow import Flow, flow_id
from portal.kept import expiry
from portal.landing import admission, go_on, land, make_seat, question
from portal.linking import Purpose, Reason, Refuse
from portal.logs import log, printable
from portal.models import User
from portal.parts import parts
from portal.pending import pending_id
from portal.records import Arrival
from portal.security import next_target
from providers.base import EmailTrust, Fault, Identity, Provider, ProviderError, as_provider_error

_OUTCOMES = {
    Fault.UNREACHABLE: Outcome.PROVIDER_DOWN,
    Fault.SLOW: Outcome.PROVIDER_SLOW,
    Fault.STATUS: Outcome.PROVIDER_DOWN,
    Fault.MALFORMED: Outcome.PROVIDER_ODD,
    Fault.SUBJECT: Outcome.PROVIDER_ODD,
    Fault.CODE_REFUSED: Outcome.FLOW_USED,
    Fault.CLIENT_REFUSED: Outcome.PROVIDER_REFUSED,
    Fault.SCOPE_MISSING: Outcome.SCOPE_MISSING,
    Fault.CLOCK: Outcome.CLOCKS_DIFFER,
    Fault.NOT_ALLOWED: Outcome.NOT_LET_IN,
    Fault.NOT_RECENT: Outcome.NOT_RECENT,
}
_CALLBACK_ERRORS = {  # RFC 6749, 4.1.2.1; the last is Facebook's and GitHub's way to say the first
    "access_denied": Outcome.DENIED,
    "temporarily_unavailable": Outcome.PROVIDER_BUSY,
    "server_error": Outcome.PROVIDER_BUSY,
    "user_denied": Outcome.DENIED,
}


class DanceBlueprint(OAuth2ConsumerBlueprint):  # type: ignore[misc]
    """One provider's blueprint: `login` shows its button, `start` begins a flow, `authorized` ends it."""

    def __init__(self, provider: Provider, *, login: Callable[[str], Any]) -> None:
        """`login` is the view of `GET /login/<provider>`, called with the provider's name."""
        self.provider = provider
        self._login_view = login
        super().__init__(
            provider.name,
            __name__,
            client_id=provider.client_id,
            client_secret=None,  # only the stock views use it, and here it would lie about in plain (T70)
            login_url=f"/login/{provider.name}",
            authorized_url=f"/login/{provider.name}/authorized",
            storage=NullStorage(),  # the stock storage is the client-side session (T71)
        )
        self.add_url_rule(f"/login/{provider.name}", "start", self.start, methods=["POST"])

    # Flask-Dance hooks itself into every request of the whole application; only our own are our business.

    def before_app_request(self, function: Any) -> Any:
        return self.before_request(function)

    def teardown_app_request(self, function: Any) -> Any:
        return self.teardown_request(function)

    def teardown_session(self, exception: BaseException | None = None) -> None:
        """Nothing to do: what the stock method deletes from the blueprint ends with `flask.g`."""

    # What the stock class keeps for all threads, kept for one request. Its constructor assigns some of these.

    @property
    def session(self) -> OAuth2Session:
        """This request's OAuth client, over the shared connections."""
        held = self._held()
        if "session" not in held:
            client = OAuth2Session(client_id=self._client_id, blueprint=self)
            held["session"] = parts().backchannel.harden(client)
        return held["session"]

    @property
    def authorization_url_params(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self._held().setdefault("authorization_url_params", {}))

    @authorization_url_params.setter
    def authorization_url_params(self, value: dict[str, Any]) -> None:
        _must_be_empty(value)

    @property
    def token_url_params(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self._held().setdefault("token_url_params", {}))

    @token_url_params.setter
    def token_url_params(self, value: dict[str, Any]) -> None:
        _must_be_empty(value)

    def _held(self) -> dict[str, Any]:
        everybody = g.setdefault("portal_dance", {})
        return cast("dict[str, Any]", everybody.setdefault(self.name, {}))

    # The three views.

    def login(self) -> Any:
        """A GET starts nothing (T02): it shows the one button that does."""
        return self._login_view(self.provider.name)

    def start(self) -> Response:
        """Begin to sign in. From the page that asks whether one is new here, the flow also remembers what waits."""
        secret = parts().sessions.get_waiting(request) if request.form.get("claim") else ""
        pending = pending_id(secret) if secret else ""
        shared = bool(request.form.get("shared"))
        return self.begin(Purpose.SIGN_IN, next_target(request.form.get("next")), pending=pending, shared=shared)

    def begin(
        self, purpose: Purpose, target: str, *, user: User | None = None, pending: str = "", shared: bool = False
    ) -> Response:
        """Begin a flow and send the browser to the provider. `user` is who is signed in, where the purpose needs it."""
        here = parts()
        with _stops_for(user is not None, purpose.value, shared=shared), deadline():
            provider = self._resolved(target)
        flow = here.flows.begin(
            request.cookies,
            purpose=purpose.value,
            provider=provider.name,
            issuer=provider.issuer,
            next=target,
            user_id=user.id if user else "",
            epoch=user.epoch if user else 0,
            pending=pending,
            shared=shared,
        )
        self.session.redirect_uri = self._redirect_uri()
        self.session.scope = list(provider.scopes)
        self.authorization_url_params.update(provider.authorization_params)
        if purpose is Purpose.PROVE:  # somebody at the keyboard, not only a session at the provider (T47)
            self.authorization_url_params.update(provider.reauthentication or provider.another_account)
        elif purpose is Purpose.RECOVER or request.form.get("another"):  # a yes, never a value to pass on (T18, T65)
            self.authorization_url_params.update(provider.another_account)
        self.authorization_url_params.update(
            code_challenge=self.session._client.create_code_challenge(flow.verifier, "S256"),
            code_challenge_method="S256",
        )
        if purpose is Purpose.LINK or request.form.get("reconnect"):  # a yes, too
            _ask_consent(self.authorization_url_params, provider.consent_anew)
        if provider.uses_nonce:
            self.authorization_url_params["nonce"] = flow.nonce
        # Made from the configuration and the flow alone; no parameter of the request is passed on (T18).
        url, _ = self.session.authorization_url(
            provider.authorization_url, state=flow.state, **self.authorization_url_params
        )
        _send(oauth_before_login, self, url=url)
        return cast(Response, redirect(url, 303))

    def authorized(self) -> Response:
        """End a flow: the callback an admin registers with the provider."""
        if request.method != "GET":  # Flask lets HEAD in beside GET, and a link checker's would spend the code (T107)
            raise MethodNotAllowed(["GET"])
        here = parts()
        callback = self._callback()
        flow = here.flows.get(request.cookies, callback.state)
        about = (flow.user_id != "", flow.purpose, flow.shared) if flow else (False, "", False)
        with _stops_for(about[0], about[1], shared=about[2]):
            if flow is None or flow.done or here.flows.is_late(flow):
                return self._second_arrival(callback, flow)
            return self._first_arrival(callback, flow)

    def _first_arrival(self, callback: Callback, flow: Flow) -> Response:
        if flow.provider != self.provider.name:
            raise Stop(Outcome.WRONG_ISSUER, provider=self.provider.name, next=flow.next, detail="another's flow")
        parts().flows.finish(flow)  # whatever comes now, it is not walked twice
        try:
            with deadline():
                provider = self._resolved(flow.next)
                self._check_issuer(provider, flow, callback)
                if callback.kind == "error":
                    raise self._said_error(callback.value, flow)
                return self._with_code(provider, flow, callback.value)
        except ProviderError as error:
            raise _stop(error, flow.provider, flow.next) from None
        except StoreError as error:
            raise Stop(Outcome.STORE_DOWN, next=flow.next, detail=f"{type(error).__name__}: {error}") from None

    def _callback(self) -> Callback:
        try:
            return read_callback(request.args)
        except ValueError as error:
            raise Stop(Outcome.BAD_CALLBACK, provider=self.provider.name, detail=str(error)) from None

    def _second_arrival(self, callback: Callback, flow: Flow | None) -> Response:
        """A flow that can't be walked: on to where it led if it signed this browser in, else a page (T06)."""
        here = parts()
        browser = here.sessions.get_browser(request)
        target = flow.next if flow else "/"
        if browser and here.accounts.has_arrived(browser, flow_id(callback.state)):
            return go_on(target, self.provider.leaves_fragment)
        if flow is None:
            raise Stop(Outcome.FLOW_MISSING, provider=self.provider.name)
        asks = {Purpose.SIGN_IN.value: "sign-up", Purpose.LINK.value: "link"}.get(flow.purpose)
        if flow.done and asks and here.sessions.get_waiting(request):
            return go_on(question(asks, target, shared=flow.shared), self.provider.leaves_fragment)
        outcome = Outcome.FLOW_USED if flow.done else Outcome.FLOW_EXPIRED
        raise Stop(outcome, provider=self.provider.name, next=target)

    def _check_issuer(self, provider: Provider, flow: Flow, callback: Callback) -> None:
        """Refuse an answer that is not the asked provider's (RFC 9207, 2.4; T08, T13)."""
        missing = callback.iss is None and provider.sends_iss
        other = callback.iss is not None and callback.iss != provider.iss
        if flow.issuer != provider.issuer or missing or other:
            detail = f"iss {printable(callback.iss)!r}, expected {provider.iss!r}"
            raise Stop(Outcome.WRONG_ISSUER, provider=flow.provider, next=flow.next, detail=detail)

    def _said_error(self, error: str, flow: Flow) -> Stop:
        _send(oauth_error, self, error=error, error_description=None, error_uri=None)
        outcome = _CALLBACK_ERRORS.get(error, Outcome.PROVIDER_REFUSED)  # the text is logged, never shown (T17)
        return Stop(outcome, provider=flow.provider, next=flow.next, detail=f"error={printable(error)}")

    def _with_code(self, provider: Provider, flow: Flow, code: str) -> Response:
        self._held()["walk"] = (provider, flow)
        self.session.redirect_uri = self._redirect_uri()
        reader = _ReadToken(provider)
        self.session.register_compliance_hook("access_token_response", reader)
        self.token_url_params["code_verifier"] = flow.verifier
        try:
            # The session has no scope here: oauthlib raises a Warning where the granted one differs (T90).
            self.session.fetch_token(
                provider.token_url,
                code=code,
                **_credentials(provider),
                **self.token_url_params,
            )
        except requests.RequestException as error:
            raise as_provider_error(error, call="token") from None
        except OAuth2Error as error:  # what our reader let through and oauthlib would not take
            raise ProviderError(Fault.MALFORMED, "token", error.error or type(error).__name__) from None
        for response in _send(oauth_authorized, self, first=on_oauth_authorized, token=reader.token):
            if isinstance(response, Response):
                return response
        raise AssertionError("the shared handler answers with a response")

    def _resolved(self, target: str) -> Provider:
        try:
            return self.provider.resolve(parts().backchannel.session())
        except ProviderError as error:
            raise _stop(error, self.provider.name, target) from None

    def _redirect_uri(self) -> str:
        """From the configured origin, never from a request's Host or scheme (T28); in development, where it may be
        absent, from the loopback host that was asked."""
        return (parts().config.origin or request.host_url.rstrip("/")) + url_for(f"portal.{self.name}.authorized")


@oauth_authorized.connect  # type: ignore[untyped-decorator]
def on_oauth_authorized(blueprint: Any, token: Mapping[str, Any]) -> Response | None:
    """The one shared handler: from a token to an identity, to a decision carried out, to a response."""
    if not isinstance(blueprint, DanceBlueprint):
        return None  # an application's own Flask-Dance blueprints are its own business
    provider, flow = cast("tuple[Provider, Flow]", blueprint._held()["walk"])
    here = parts()
    purpose = Purpose(flow.purpose)
    identity = _identify(provider, flow, token)
    if here.config.providers[provider.name].require_verified_email and identity.email_trust is EmailTrust.NONE:
        detail = "no address" if identity.email is None else "an address that nobody verified"
        raise Stop(Outcome.ADDRESS_UNVERIFIED, provider=provider.name, next=flow.next, detail=detail)
    arrival = Arrival(
        identity=identity,
        entry=provider.name,
        token=token if provider.keep_tokens else None,
        expires=expiry(token, datetime.now(UTC)),
        scopes=provider.granted_scopes(token),
    )
    intent = Intent(
        purpose=purpose,
        user_id=flow.user_id,
        epoch=flow.epoch,
        pending_id=flow.pending,
        vouches=provider.vouches,
        used_another=here.sessions.last_used(request) in here.providers.keys() - {provider.name},
        policy=here.config.same_email,
        standing=here.ways.stands(arrival),
        **admission(arrival),
    )
    ticket = here.sessions.make_ticket()
    seat = make_seat(ticket, flow.id, shared=flow.shared)
    result = here.accounts.arrive(arrival, seat, intent, here.sessions.get_browser(request))
    if purpose is Purpose.RECOVER and result == Refuse(Reason.NOT_THE_SAME):
        # Either the link is spent, or somebody else is signed in here: their next steps differ.
        usable = here.accounts.membership.get_recovering(flow.pending) is not None
        raise Stop(Outcome.SIGNED_IN_AS_ANOTHER if usable else Outcome.LINK_SPENT, provider=provider.name)
    return land(
        result,
        ticket,
        entry=provider.name,
        target=flow.next,
        shared=flow.shared,
        claims=flow.pending if purpose is Purpose.SIGN_IN else "",
        proves=purpose is Purpose.PROVE,
        ends_fragment=provider.leaves_fragment,
    )


def _identify(provider: Provider, flow: Flow, token: Mapping[str, Any]) -> Identity:
    http, nonce = parts().backchannel.session(), flow.nonce if provider.uses_nonce else None
    if flow.purpose == Purpose.PROVE.value and provider.proves_time:
        return provider.identify(http, token, nonce=nonce, since=flow.began)
    return provider.identify(http, token, nonce=nonce)


def _credentials(provider: Provider) -> dict[str, Any]:
    """How the token endpoint is told who asks: in the body, or in a header where it takes no other."""
    if not provider.basic_auth:
        return {"client_secret": provider.client_secret.plain, "include_client_id": True}
    encoded = map(quote_plus, (provider.client_id, provider.client_secret.plain))  # before the header's own encoding
    return {"auth": HTTPBasicAuth(*encoded), "include_client_id": False}


def _ask_consent(params: dict[str, Any], anew: Mapping[str, str]) -> None:
    """Ask for consent beside whatever else is asked: `prompt` is a list (OIDC Core, section 3.1.2.1)."""
    asked = f"{params.get('prompt', '')} {anew.get('prompt', '')}".split()
    params.update(anew)
    if asked:
        params["prompt"] = " ".join(dict.fromkeys(asked))


@contextmanager
def _stops_for(somebody: bool, purpose: str, *, shared: bool = False) -> Iterator[None]:
    """Have the page of whatever stops this lead back to the account, where `somebody` is signed in and stays so, let it
    try the same thing again, and keep the box of a `shared` computer ticked."""
    try:
        yield
    except Stop as stop:
        stop.for_account, stop.purpose, stop.shared = somebody, purpose, shared
        raise


class _ReadToken:
    """The compliance hook that lets the provider judge the token endpoint's answer before oauthlib reads it; what the
    provider read is the token from there on."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.token: dict[str, Any] = {}

    def __call__(self, response: requests.Response) -> requests.Response:
        self.token = self._provider.read_token(response)
        return response


def _send(signal: NamedSignal, blueprint: DanceBlueprint, *, first: Any = None, **values: Any) -> list[Any]:
    """Send one of Flask-Dance's signals: `first` gets it first and may raise, an application's receiver may not."""
    receivers = sorted(signal.receivers_for(blueprint), key=lambda receiver: receiver is not first)
    answers = []
    for receiver in receivers:
        if receiver is first:
            answers.append(receiver(blueprint, **values))
            continue
        try:
            answers.append(receiver(blueprint, **values))
        except Exception:  # noqa: BLE001 - whatever an application's code raises, the person is signed in
            log.exception("a receiver of %s failed", signal.name)
    return answers


def _stop(error: ProviderError, provider: str, target: str) -> Stop:
    detail = f"{error.fault.value} at the {error.call} call: {error.detail}"
    return Stop(_OUTCOMES[error.fault], provider=provider, next=target, detail=detail)


def _must_be_empty(value: dict[str, Any]) -> None:
    """Values given to a constructor would be shared by all requests; the stock constructor assigns empty ones."""
    if value:
        raise TypeError("fixed parameters belong to the Provider, not to the blueprint")
