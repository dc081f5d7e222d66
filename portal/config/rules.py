"""The rules that hold between settings: what a provider needs to be on, and what production and a host demand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches

from portal.config.forward_auth import check_forward_auth
from portal.config.problems import NOT_SET, Problem, dotted
from portal.config.settings import ADDRESSES, ProviderSettings, SessionSettings, Settings
from portal.config.sources import Written
from portal.config.tomlfile import Name
from portal.config.urls import is_loopback_http
from portal.config.values import MAKE_KEY, PROVIDER_NAME, ClientAddress, spell
from portal.lifetimes import Lifetimes
from portal.linking import State

_CREDENTIALS = {
    "client_id": "the client id from the provider's console",
    "client_secret": "the client secret from the provider's console",
}
_SWITCHES = {  # and the values at which oauthlib and Flask leave them off
    "OAUTHLIB_INSECURE_TRANSPORT": ("",),
    "FLASK_DEBUG": ("", "0", "false", "no"),
}
APP_ENGINE, CLOUD_RUN = "App Engine", "Cloud Run"


def is_development(base_url: object) -> bool:
    """Development is no `base_url`, or plain http on this machine. Everything else is production, nonsense included."""
    return base_url is None or (isinstance(base_url, str) and is_loopback_http(base_url))


def hosted_on(environ: Mapping[str, str]) -> str | None:
    """The host whose disk ends with each instance and is shared with none; None where a file stays."""
    if environ.get("GAE_ENV", "").startswith("standard"):
        return APP_ENGINE
    return CLOUD_RUN if environ.get("K_SERVICE") else None


def check_rules(
    settings: Settings,
    written: Mapping[Name, Written],
    environ: Mapping[str, str],
    known: Collection[str],
    *,
    served_at: str | None = None,
) -> Iterator[Problem]:
    """`settings` holds the values that stand, `written` also those that don't: what is written badly isn't missing.
    `served_at` is this machine's own https address, where it is served under a certificate made on the spot."""
    names = dict.fromkeys(name[1] for name in written if name[0] == "providers" and len(name) > 1)
    named = [name for name in names if PROVIDER_NAME.fullmatch(name)]
    entries = {name: settings.providers.get(name, ProviderSettings()) for name in named}
    for name, entry in entries.items():
        yield from _check_provider(name, entry, written, known)
    yield from _check_sessions(settings.sessions, written)
    yield from check_forward_auth(settings, written, served_at=served_at)
    base_url = written.get(("base_url",))
    if served_at:
        yield from _check_served_at(served_at, settings, base_url)
    elif base_url and not is_development(base_url.value):
        yield from _check_production(entries, written, environ)
    host = hosted_on(environ)
    if host:
        yield from _check_host(host, settings, written)
    if settings.client_address is ClientAddress.APP_ENGINE and host != APP_ENGINE:
        source = _source(written.get(("client_address",)))
        wrong = "names a header that only App Engine keeps people from writing themselves"  # T29
        yield Problem(
            "client_address", source, wrong, '"x-forwarded-for", or "connection" where no proxy stands before'
        )


def lifetimes_of(sessions: SessionSettings) -> Lifetimes:
    """The limits in force. Where one is not written, its default holds, cut to the written one that it must not
    outlast."""
    default = Lifetimes()
    absolute = sessions.absolute or default.absolute
    idle = sessions.idle or min(default.idle, absolute)
    shared_absolute = sessions.shared_absolute or min(default.shared_absolute, absolute)
    return Lifetimes(
        idle=idle,
        absolute=absolute,
        shared_idle=sessions.shared_idle or min(default.shared_idle, shared_absolute, idle),
        shared_absolute=shared_absolute,
        fresh=sessions.fresh or min(default.fresh, absolute, shared_absolute),
    )


def _check_sessions(sessions: SessionSettings, written: Mapping[Name, Written]) -> Iterator[Problem]:
    limits = lifetimes_of(sessions)
    for key, other, of in (
        ("idle", "absolute", "all the time that a session has"),
        ("shared_idle", "shared_absolute", "all the time that a session on a shared computer has"),
        ("shared_idle", "idle", "what holds on a person's own"),
        ("shared_absolute", "absolute", "what holds on a person's own"),
        ("fresh", "shared_absolute", "all the time that a session on a shared computer has"),
    ):
        mine, most = getattr(limits, key), getattr(limits, other)
        if mine > most and getattr(sessions, key) is not None:
            wrong = f"is {spell(mine)}, longer than {other}, {spell(most)}: {of}"
            yield Problem(f"sessions.{key}", _source(written.get(("sessions", key))), wrong, f'"{spell(most)}" at most')


def _check_served_at(address: str, settings: Settings, base_url: Written | None) -> Iterator[Problem]:
    """Redirect URIs and cookies are made for `base_url`: a browser that came by another address would never return."""
    if settings.base_url not in (None, address):
        wrong = f"is {settings.base_url}, while `run --https` serves {address}"
        yield Problem("base_url", _source(base_url), wrong, f"{address}, or leave it out")


def _check_host(host: str, settings: Settings, written: Mapping[Name, Written]) -> Iterator[Problem]:
    """What would work there, and lose everybody's account or answer nobody. A value that is wrong by itself is told
    of already, and the default in its place is nobody's choice."""
    base_url, store = written.get(("base_url",)), written.get(("store",))
    if is_development(settings.base_url) and (base_url is None or is_development(base_url.value)):
        wrong = f"is needed on {host}" if base_url is None else f"is no address that reaches {host}"
        yield Problem("base_url", _source(base_url), wrong, "https:// and the name that people use")
    if settings.store.startswith("sqlite:") and (store is None or settings.store == store.value.strip()):
        wrong = f"is a file, and on {host} no file outlasts the instance that wrote it"
        yield Problem("store", _source(store), wrong, "datastore://PROJECT, with the project's id")


def _source(found: Written | None) -> str:
    return found.source if found else NOT_SET


def _check_provider(
    name: str, entry: ProviderSettings, written: Mapping[Name, Written], known: Collection[str]
) -> Iterator[Problem]:
    table = ("providers", name)
    if name not in known and (*table, "issuer") not in written:
        source = next(found.source for at, found in written.items() if at[:2] == table)
        nearest = [dotted(("providers", near)) for near in get_close_matches(name, known, n=1)]
        write = f"{' or '.join(nearest or known)}; or an issuer, for any OpenID Connect provider"
        yield Problem(dotted(table), source, "is no provider there is, and has no issuer", write)
    yield from _check_credentials(table, entry, written)
    yield from _check_state(table, entry, written)
    for identity in entry.allow or ():
        if identity.partition(":")[0] != name:  # it would never fit, and let nobody in
            wrong = f"lists {identity!a}, which is no identity of {name}"
            yield Problem(dotted((*table, "allow")), written[*table, "allow"].source, wrong, f"{name}:583231")


def _check_state(table: Name, entry: ProviderSettings, written: Mapping[Name, Written]) -> Iterator[Problem]:
    """Two switches that say two things: whichever were obeyed, somebody would be surprised."""
    if entry.state is None or entry.enabled is None or entry.enabled is (entry.state is not State.OFF):
        return
    said = f"is {entry.state.value} while enabled is {str(entry.enabled).lower()} ({written[*table, 'enabled'].source})"
    yield Problem(dotted((*table, "state")), written[*table, "state"].source, said, "one of the two, and no more")


def _check_credentials(table: Name, entry: ProviderSettings, written: Mapping[Name, Written]) -> Iterator[Problem]:
    there = {key: found for key in _CREDENTIALS if (found := written.get((*table, key)))}
    if entry.switched is False or not (there or entry.switched):
        return
    switch = "enabled is true" if entry.enabled else f"state is {entry.state.value}" if entry.state else ""
    reason = " and ".join(f"{key} is set ({found.source})" for key, found in there.items()) or switch
    for key, what in _CREDENTIALS.items():
        if key not in there:
            yield Problem(dotted((*table, key)), NOT_SET, f"is missing while {reason}", f"{what}, or enabled = false")


def _check_production(
    entries: Mapping[str, ProviderSettings], written: Mapping[Name, Written], environ: Mapping[str, str]
) -> Iterator[Problem]:
    """T30, T82: what is handy on one's own machine is a hole in public."""
    for key in ("secret_key", "token_keys"):
        if (key,) not in written:
            yield Problem(key, NOT_SET, "is needed in production", MAKE_KEY)
    for variable, off in _SWITCHES.items():
        if environ.get(variable, "").lower() not in off:
            yield Problem(variable, f"environment variable {variable}", "is set in production", f"unset {variable}")
    for name, entry in entries.items():
        for key in ADDRESSES:
            if entry.switched is not False and is_loopback_http(getattr(entry, key) or ""):
                at = ("providers", name, key)
                write = "an https:// address, or enabled = false"
                yield Problem(dotted(at), written[at].source, "is plain http in production", write)
