"""What `cookie_domain` and `[forward_auth]` need of `base_url`: people on a host that no cookie reaches would go round
in circles. It judges no value by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from portal.config.problems import NOT_SET, Problem
from portal.config.settings import Settings
from portal.config.sources import Written
from portal.config.tomlfile import Name

_DEFAULT_PORTS = {"https": ":443", "http": ":80"}


def protected_origins(settings: Settings) -> tuple[str, ...]:
    """Scheme, host and port of each protected host. The scheme is `base_url`'s: https wherever that is."""
    if settings.base_url is None:
        return ()
    scheme = urlsplit(settings.base_url).scheme
    hosts = (host.removesuffix(_DEFAULT_PORTS[scheme]) for host in settings.forward_auth.hosts)
    return tuple(f"{scheme}://{host}" for host in dict.fromkeys(hosts))


def check_forward_auth(
    settings: Settings, written: Mapping[Name, Written], *, served_at: str | None = None
) -> Iterator[Problem]:
    """A value that is wrong by itself is told of already, and nothing follows from it here."""
    base_url = served_at or settings.base_url
    if base_url is None and ("base_url",) in written:
        return
    yield from _check_domain(settings.cookie_domain, base_url, written)
    if ("cookie_domain",) not in written or settings.cookie_domain:
        yield from _check_hosts(settings, base_url, written)


def _check_domain(domain: str | None, base_url: str | None, written: Mapping[Name, Written]) -> Iterator[Problem]:
    if domain is None:
        return
    source = written["cookie_domain",].source
    parts = urlsplit(base_url or "")
    if parts.scheme != "https":
        wrong = f"is for https alone, and base_url is {base_url or NOT_SET}"
        write = "leave it out: on this machine all ports of localhost share their cookies anyway"
        yield Problem("cookie_domain", source, wrong, write)
    elif not _is_below(parts.hostname or "", domain):
        wrong = f"is {domain}, and the portal, at {parts.hostname}, is not below it: browsers take no such cookie"
        above = (parts.hostname or "").partition(".")[2]
        yield Problem("cookie_domain", source, wrong, above if "." in above else "leave it out")


def _check_hosts(settings: Settings, base_url: str | None, written: Mapping[Name, Written]) -> Iterator[Problem]:
    if not settings.forward_auth.hosts:
        return
    if base_url is None:
        wrong = "is needed with forward_auth.hosts: what a proxy is sent to is made from it"
        yield Problem("base_url", NOT_SET, wrong, "http://localhost:8000, or the https:// address that people use")
        return
    source, ours = written["forward_auth", "hosts"].source, urlsplit(base_url).hostname
    for host in settings.forward_auth.hosts:
        name = host.partition(":")[0]
        if name == ours or (settings.cookie_domain and _is_below(name, settings.cookie_domain)):
            continue
        if urlsplit(base_url).scheme == "http":
            wrong, write = f"lists {host}, and on this machine cookies reach {ours} alone", f'["{ours}:9000"]'
        elif settings.cookie_domain:
            wrong = f"lists {host}, which is not below cookie_domain, {settings.cookie_domain}: no cookie reaches it"
            write = f"a host below {settings.cookie_domain}"
        else:
            wrong = f"lists {host}, and without cookie_domain the session cookie reaches {ours} alone"
            write = f"cookie_domain as well: what {host} and {ours} have in common"
        yield Problem("forward_auth.hosts", source, wrong, write)


def _is_below(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")
