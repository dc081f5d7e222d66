"""The form of each kind of value, as functions from what was read to what is meant. None sees another setting."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import timedelta
from enum import Enum

import idna

from portal.linking import Policy, SignUps, State

MAKE_KEY = 'the output of: python -c "import secrets; print(secrets.token_urlsafe(32))"'
MOST_ORGANISATIONS = 5
LONGEST_TEXT = 4096  # characters
PROVIDER_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")

_IDENTITY = re.compile(rf"{PROVIDER_NAME.pattern}:[^\s@]+")
_ORGANISATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}")
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")  # RFC 6749 §3.3
_TOKEN_KEY = re.compile(r"[A-Za-z0-9_-]{43}=?")
_PLACEHOLDER = re.compile(
    r"x{3,}|\.{3,}|…|<.*>|\$\{?\w+\}?|todo|fixme|tbd|none|null|secret|password|dummy"
    r"|.*(change|replace)[-_ ]?(me|this).*|.*placeholder.*|(my|your|the|insert)([-_ ][a-z]{2,8}){1,5}",
    re.IGNORECASE,
)
_DATASTORE = re.compile(r"datastore://(?P<project>[^/?]*)(/(?P<database>[^/?]*))?([?]namespace=(?P<namespace>[^&]*))?")
_PROJECT = re.compile(r"([a-z0-9][a-z0-9.-]*:)?[a-z0-9][a-z0-9-]{0,62}")  # a domain may stand before it
_DATABASE = re.compile(r"[(]default[)]|[a-z][a-z0-9-]{2,61}[a-z0-9]")
_NAMESPACE = re.compile(r"[A-Za-z0-9._-]{1,100}")
_HOST_NAME = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
_IPV4 = re.compile(r"127\.\d{1,3}\.\d{1,3}\.\d{1,3}")  # this machine's
# Public suffixes that a portal is likely to live under; browsers have the whole list (RFC 6265bis, 5.7, step 9).
_SHARED = re.compile(
    r"(?:[a-z]+\.)?r\.appspot\.com|appspot\.com|(?:a\.)?run\.app|web\.app|firebaseapp\.com|cloudfunctions\.net|github\.io"
    r"|herokuapp\.com|onrender\.com|fly\.dev|vercel\.app|netlify\.app|azurewebsites\.net"
    r"|(?:co|com|org|net|ac|gov|edu)\.[a-z]{2}"
)
_DURATION = re.compile(r"(?:\d{1,9}\s*[wdhms]\s*)+")
_UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_UNITS["s"] = timedelta(seconds=1)
SHORTEST_KEPT, LONGEST_KEPT, _ENDLESS = timedelta(days=1), timedelta(days=3_650), timedelta(days=36_500)
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=400)  # browsers keep no cookie for longer (RFC 6265bis)
_PUBLISHED = {"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf"}  # the key in Flask's documentation
_FEWEST_DIFFERENT = 6  # fewer among 32 random hexadecimal digits: one key in three million million


class ClientAddress(Enum):
    """Where the address of whoever asks is read: always in one place, because anybody can write the others (T29)."""

    CONNECTION = "connection"
    FORWARDED = "x-forwarded-for"  # its last entry, which the one proxy before the portal added
    APP_ENGINE = "x-appengine-user-ip"  # which App Engine takes out of what people send, and nobody else does


class Wrong(ValueError):
    """A value that can't stand: what is `wrong` with it, and what to `write` instead. Neither repeats a secret."""

    def __init__(self, wrong: str, write: str) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.write = write


def text(value: object) -> str:
    if isinstance(value, list | dict):
        raise Wrong(f"is a {'list' if isinstance(value, list) else 'table'}, not a text", 'one text in quotes: "..."')
    if not isinstance(value, str):
        raise Wrong("is not a text", 'the same in quotes: "..."')
    if not value.strip():
        raise Wrong("is empty", "a text, or leave it out")
    if len(value) > LONGEST_TEXT:
        raise Wrong(f"has {len(value)} characters, and {LONGEST_TEXT} are the most", "something shorter")
    if not value.strip().isprintable():
        raise Wrong("has a line break or another invisible character in it", "the same on one line, without it")
    return value.strip()


def flag(value: object) -> bool:
    match value.strip().casefold() if isinstance(value, str) else value:
        case True | "true" | "yes" | "on" | "1":
            return True
        case False | "false" | "no" | "off" | "0":
            return False
    raise Wrong("is neither true nor false", "true")


def list_cut_at(separator: str) -> Callable[[object], list[object]]:
    """A list as it is, or a text cut at a pattern: the environment has no lists."""

    def items(value: object) -> list[object]:
        if isinstance(value, str):
            return [part for part in re.split(separator, value) if part.strip()]
        if isinstance(value, list):
            return value
        raise Wrong("is not a list", '["one", "two"]')

    return items


def keys(value: object) -> list[object]:
    """One key or several: the first is used, all are recognised."""
    found = list_cut_at(",")(value)
    if not found:
        raise Wrong("holds no key", MAKE_KEY)
    return found


def secret_key(value: object) -> str:
    key = _own_key(value)
    if len(key) < 32:
        raise Wrong(f"has {len(key)} characters; 32 or more are needed", MAKE_KEY)
    _refuse_guessable(key)
    return key


def token_key(value: object) -> bytes:
    key = _own_key(value)
    if not _TOKEN_KEY.fullmatch(key):
        raise Wrong("is not 32 bytes in base64url, which are 43 characters of A-Z a-z 0-9 - _", MAKE_KEY)
    _refuse_guessable(key)
    return base64.urlsafe_b64decode(key[:43] + "=")


def credential(value: object) -> str:
    """What a provider gave out, word for word. A forgotten example would only fail at the first person's sign-in."""
    given = text(value)
    if given.startswith("sm://"):
        raise Wrong("names Secret Manager, where the value itself belongs", "the value; secrets alone may be named so")
    if _PLACEHOLDER.fullmatch(given):
        raise Wrong("is a placeholder", "the one that the provider's console shows")
    return given


def _own_key(value: object) -> str:
    try:
        return credential(value)
    except Wrong as error:  # wrong as any credential's; but nobody gave this one out
        raise Wrong(error.wrong, MAKE_KEY) from None


def _refuse_guessable(key: str) -> None:
    """T82: a key that is known to others is none."""
    if key in _PUBLISHED or len(set(key)) < _FEWEST_DIFFERENT or key.casefold().startswith("django-insecure-"):
        raise Wrong("can be guessed", MAKE_KEY)


def admin(value: object) -> str:
    identity = text(value)
    if "@" in identity:  # anybody can claim an address at a provider that doesn't check it (T95)
        raise Wrong(f"lists the address {identity!a}, and an address proves nothing", "github:583231")
    if not _IDENTITY.fullmatch(identity):
        raise Wrong(
            f"lists {identity!a}, which is no provider's name, a colon and the person's id there", "github:583231"
        )
    return identity


def scope(value: object) -> str:
    given = text(value)
    if not _SCOPE.fullmatch(given):
        raise Wrong(f"lists {given!a}, which is no scope", '["openid", "email"]')
    return given


def domains(value: object) -> list[object]:
    """Several domains. None at all would let everybody in, or nobody: it is for nobody to guess which was meant."""
    found = list_cut_at(r"[\s,]+")(value)
    if not found:
        raise Wrong("lists no domain", '["example.com"], or leave it out')
    return found


def people(value: object) -> list[object]:
    """Several identities. None at all would let everybody in, or nobody."""
    found = list_cut_at(",")(value)
    if not found:
        raise Wrong("lists nobody", '["github:583231"], or leave it out')
    return found


def organisations(value: object) -> list[object]:
    """Several organisations; a few, for each is asked about at every sign-in until one says yes."""
    found = list_cut_at(r"[\s,]+")(value)
    if not 1 <= len(found) <= MOST_ORGANISATIONS:
        wrong = f"lists {len(found)} organisations, and {MOST_ORGANISATIONS} are the most" if found else "lists none"
        raise Wrong(wrong, '["acme"], or leave it out')
    return found


def organisation(value: object) -> str:
    """An organisation's name in its address."""
    given = text(value)
    if not _ORGANISATION.fullmatch(given):
        raise Wrong(f"lists {given!a}, which is no organisation's name", '["acme"], as in github.com/acme')
    return given.lower()  # names are compared so there


def domain(value: object) -> str:
    """A mail domain, small and in ASCII, as it is compared."""
    given, example = text(value), '["example.com"]'
    if "@" in given:
        raise Wrong(f"lists {given!a}, where only what stands after the @ belongs", example)
    try:
        ascii_form = idna.encode(given, uts46=True).decode().lower()
    except idna.IDNAError:
        ascii_form = ""
    if "." not in ascii_form.strip("."):
        raise Wrong(f"lists {given!a}, which is no domain", example)
    return ascii_form.rstrip(".")


def cookie_domain(value: object) -> str:
    """A domain that cookies may be for, small and in ASCII, without a dot in front."""
    given, example = text(value), "example.com"
    try:
        found = domain(given.removeprefix("."))
    except Wrong:
        found = ""
    if not _HOST_NAME.fullmatch(found):
        raise Wrong(f"is {given!a}, which is no domain of two names or more", example)
    if _SHARED.fullmatch(found):
        raise Wrong(f"is {found}, where strangers have their sites: browsers take no cookie for it", example)
    return found


def protected_host(value: object) -> str:
    """A host, with its port if it has one of its own, as browsers write them in an address."""
    given, example = text(value), '["app.example.com"]'
    host, colon, port = given.lower().partition(":")
    if "://" in given or "/" in given:
        raise Wrong(f"lists {given!a}, where only the host belongs", example)
    if not (host == "localhost" or _HOST_NAME.fullmatch(host) or _IPV4.fullmatch(host)):
        raise Wrong(f"lists {given!a}, which is no host", example)
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536 and port == str(int(port))):
        raise Wrong(f"lists {given!a}, which has no such port", '["app.example.com:8443"]')
    return f"{host}{colon}{port}"


def store(value: object) -> str:
    url, example = text(value), "sqlite:///instance/portal.db, or datastore://PROJECT"
    if url.startswith("datastore:"):
        return _datastore(url)
    if not url.startswith("sqlite:///"):
        raise Wrong("names no store that this version knows", example)
    if url.removeprefix("sqlite:///").partition("?")[0] in ("", ":memory:"):
        raise Wrong("names no file, so that everybody's account would end with the process", example)
    return url


def _datastore(url: str) -> str:
    example = "datastore://PROJECT, datastore://PROJECT/DATABASE, either with ?namespace=NAME after it"
    match = _DATASTORE.fullmatch(url)
    if not match:
        raise Wrong("is not written as a Datastore is", example)
    if not _PROJECT.fullmatch(match["project"]):
        raise Wrong("names no project: ids are small letters, digits and hyphens", example)
    if match["database"] is not None and not _DATABASE.fullmatch(match["database"]):
        raise Wrong("names no database: 4 to 63 small letters, digits and hyphens; none for the default one", example)
    if match["namespace"] is not None and not _NAMESPACE.fullmatch(match["namespace"]):
        raise Wrong("names no namespace: 1 to 100 letters, digits, dots, hyphens and underscores", example)
    return url


def provider_name(value: object) -> str:
    if not isinstance(value, str) or not PROVIDER_NAME.fullmatch(value):
        raise Wrong(
            "is no name: a letter, then letters, digits, - and _, all small, 32 at most", "[providers.my-company]"
        )
    return value


def state(value: object) -> State:
    """What a provider is good for, by its name."""
    try:
        return State(value)
    except ValueError:
        raise Wrong("is none of the states there are", " or ".join(f'"{each.value}"' for each in State)) from None


def sign_up(value: object) -> SignUps:
    """Who may make an account, by its name."""
    try:
        return SignUps(value)
    except ValueError:
        raise Wrong("is none of the ways there are", " or ".join(f'"{each.value}"' for each in SignUps)) from None


def order(value: object) -> int:
    """A place among the buttons."""
    number = int(value) if isinstance(value, str) and re.fullmatch(r" *[0-9]{1,3} *", value) else value
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 999:
        raise Wrong("is no whole number from 1 to 999", "1")
    return number


def policy(value: object) -> Policy:
    """What a known address leads to, by its name."""
    try:
        return Policy(value)
    except ValueError:
        raise Wrong("is none of the ways there are", " or ".join(f'"{each.value}"' for each in Policy)) from None


def client_address(value: object) -> ClientAddress:
    """The one place, by its name; a header's in any letters, as headers are."""
    try:
        return ClientAddress(value.strip().lower() if isinstance(value, str) else value)
    except ValueError:
        names = " or ".join(f'"{each.value}"' for each in ClientAddress)
        raise Wrong("is no place that an address can be read from", names) from None


def log(value: object) -> str:
    """How the log is written."""
    written = value.strip().lower() if isinstance(value, str) else value
    if written not in ("json", "text"):
        raise Wrong("is no way to write a log", '"json" or "text"')
    return str(written)


def duration(value: object) -> timedelta:
    """A length of time with its unit: "14d", "30m", "1h 30m"."""
    span = any_span(value, '"14d", "12h" or "30m": a number and d, h or m')
    if span > LONGEST:
        raise Wrong(f"is longer than the {LONGEST.days} days that a browser keeps a cookie", '"400d" at most')
    if span < SHORTEST:
        raise Wrong("is less than a minute: nobody would get as far as a second page", '"1m" at least')
    return span


def any_span(value: object, example: str) -> timedelta:
    """A length of time of any length; what nobody lives to see is a hundred years."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise Wrong(f"is {value}, without saying of what", example)
    written = text(value).lower()
    if not _DURATION.fullmatch(written):
        raise Wrong("is no length of time", example)
    parts = re.findall(r"(\d+)\s*([wdhms])", written)
    days = sum(int(number) * (_UNITS[unit] / timedelta(days=1)) for number, unit in parts)
    if days > _ENDLESS / timedelta(days=1):
        return _ENDLESS
    return sum((int(number) * _UNITS[unit] for number, unit in parts), timedelta())


def keep(value: object) -> timedelta:
    """How long is kept what happened."""
    span = any_span(value, '"400d", "52w" or "30d": a number and d or w')
    if span > LONGEST_KEPT:
        raise Wrong(f"is longer than the {LONGEST_KEPT.days} days that are the most", f'"{LONGEST_KEPT.days}d" at most')
    if span < SHORTEST_KEPT:
        raise Wrong("is less than a day: nobody would find in it what happened yesterday", '"1d" at least')
    return span


def fresh(value: object) -> timedelta:
    """How long a sign-in is recent."""
    span = duration(value)
    if span > timedelta(days=1):
        raise Wrong("is more than a day, and who signed in yesterday need not be who sits there now", '"10m"')
    return span


def spell(span: timedelta) -> str:
    """A length of time as one writes it."""
    left, parts = span, []
    for letter in "dhms":
        count, left = divmod(left, _UNITS[letter])
        parts += [f"{count}{letter}"] if count else []
    return "".join(parts)
