"""Whether a provider knows us: its addresses, its keys, the client id, the redirect URI and the secret. It knows
no provider's quirks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TypeVar

import requests

from portal.backchannel import deadline
from portal.setup.dry_run import ask_to_sign_in, redeem_no_code
from portal.setup.findings import Finding, good, problem, untested, warning
from providers.base import Answer, Fault, Provider, ProviderError, Registered

T = TypeVar("T")

SECONDS = 4.0  # for each call, of which there are four
OLD = 548  # days, 18 months, after which a version of an API is worth a look: vendors keep one for two years
_SETTINGS: dict[str, str] = {"authorization": "authorization_url", "token": "token_url"}
_WORDS: dict[Registered, str] = {
    "client_id": "client id",
    "client_secret": "client secret",
    "redirect_uri": "redirect URI",
    "scopes": "scopes",
}


def check_provider(configured: Provider, redirect_uri: str, http: requests.Session, *, today: date) -> list[Finding]:
    """All that can be learned by asking. Never raises."""
    provider = _ask(configured, lambda: configured.resolve(http))
    if isinstance(provider, Finding):
        return [provider]
    findings = [*_check_keys(provider, http), *_check_version(provider, today)]
    asked = _ask(provider, lambda: ask_to_sign_in(provider, redirect_uri, http))
    redeemed = _ask(provider, lambda: redeem_no_code(provider, redirect_uri, http))
    troubles = list(dict.fromkeys(answer for answer in (asked, redeemed) if isinstance(answer, Finding)))
    answers = [answer for answer in (asked, redeemed) if isinstance(answer, Answer)]
    return [*findings, *troubles, *_judge(provider, redirect_uri, answers)]


def _ask(provider: Provider, ask: Callable[[], T]) -> T | Finding:
    """What it answers, or what went wrong; within SECONDS."""
    try:
        with deadline(SECONDS):
            return ask()
    except ProviderError as error:
        setting = f"providers.{provider.name}.{_SETTINGS.get(error.call, 'issuer')}"
        return problem(provider.name, f"{_trouble(error)}: try again, then look at {setting}", setting)


def _check_keys(provider: Provider, http: requests.Session) -> list[Finding]:
    number = _ask(provider, lambda: provider.count_keys(http))
    if isinstance(number, Finding):
        return [number]
    if number is None:
        return []
    return [good(provider.name, f"publishes {number} {'key' if number == 1 else 'keys'} for its ID tokens")]


def _check_version(provider: Provider, today: date) -> list[Finding]:
    version, setting = provider.api_version, f"providers.{provider.name}.api_url"
    if version is None:
        return []
    newer = f"{version.newest} is the newest known here (settings: authorization_url, token_url, api_url)"
    if not version.name:
        says = f"the addresses name no version of its API, so the oldest that there is answers; {newer}"
        return [warning(provider.name, says, setting)]
    if version.ends and today >= version.ends:
        says = f"{version.name} of its API ended on {version.ends}; {newer}"
    elif version.released and (today - version.released).days > OLD:
        ends = f", and ends on {version.ends}" if version.ends else ""
        says = f"{version.name} of its API is of {version.released}{ends}; {newer}"
    else:
        return [good(provider.name, f"{version.name} of its API is in use")]
    return [warning(provider.name, says, setting)]


def _judge(provider: Provider, redirect_uri: str, answers: list[Answer]) -> list[Finding]:
    """What both answers together tell: what one accepts, the other can't have meant by its refusal."""
    accepted = {each for answer in answers for each in answer.accepts}
    refusals: list[tuple[Registered, ...]] = []
    for answer in answers:
        left = tuple(each for each in answer.refuses if each not in accepted) or answer.refuses
        if left and not any({*earlier} <= {*left} for earlier in refusals):
            refusals = [earlier for earlier in refusals if not {*left} <= {*earlier}] + [left]
    if ("client_id",) in refusals:  # of an application that it doesn't know, it can't know the secret
        refusals = [refusal for refusal in refusals if refusal != ("client_secret",)]
    refused = {each for refusal in refusals for each in refusal}
    findings = [_refusal(provider, redirect_uri, refusal) for refusal in refusals]
    known = [words for each, words in _WORDS.items() if each in accepted - refused]
    if known:
        findings.insert(0, good(provider.name, f"knows the {_listed(known)}"))
    if answers and not refused and "redirect_uri" not in accepted:
        findings.append(_untold(provider, redirect_uri))
    if not refused:
        said = [answer.said for answer in answers if answer.said]
        findings += [warning(provider.name, f"answered {each!r} to a request to sign in") for each in said]
    return findings


def _refusal(provider: Provider, redirect_uri: str, refused: tuple[Registered, ...]) -> Finding:
    settings = {each: f"providers.{provider.name}.{each}" for each in refused}
    if "redirect_uri" in settings:
        settings["redirect_uri"] = "base_url"  # the rest of it is fixed
    setting = settings[refused[0]]
    if len(refused) > 1:
        words = " or the ".join(_WORDS[each] for each in refused)
        todo = "; ".join(_todo(provider, redirect_uri, each) for each in refused)
        return problem(provider.name, f"refuses the {words}, and doesn't say which: {todo}", setting)
    says = f"refuses the {_WORDS[refused[0]]}: {_todo(provider, redirect_uri, refused[0])}"
    return problem(provider.name, says, setting)


def _todo(provider: Provider, redirect_uri: str, refused: Registered) -> str:
    """What to write where: the setting, and the field of the console."""
    field = _field(provider, refused)
    setting = f"providers.{provider.name}.{refused}"
    match refused:
        case "client_id":
            return f"{setting} must be what {field} shows"
        case "client_secret":
            return f"{setting} must be what {field} showed when it was made, or a new one"
        case "redirect_uri":
            return f"{field} must list exactly {redirect_uri}, which begins with base_url"
        case "scopes":
            return f"{field} must allow {' '.join(provider.scopes)}, or {setting} list others"


def _field(provider: Provider, registered: Registered) -> str:
    """Where it stands: the console's own name for it, and the console."""
    where = f" at {provider.console.url}" if provider.console.url else f" in {provider.title}'s console"
    return f"“{getattr(provider.console, registered)}”{where}"


def _untold(provider: Provider, redirect_uri: str) -> Finding:
    field = _field(provider, "redirect_uri")
    says = f"tells only whoever signs in whether it knows the redirect URI: {field} must list exactly {redirect_uri}"
    return untested(provider.name, says)


def _trouble(error: ProviderError) -> str:
    what = {
        "discovery": "its discovery document",
        "keys": "its key set",
        "authorization": "its sign-in page",
        "token": "its token endpoint",
    }.get(error.call, "it")
    match error.fault:
        case Fault.UNREACHABLE:
            return f"{what} can't be reached ({error.detail})"
        case Fault.SLOW:
            return f"{what} didn't answer in time"
        case Fault.STATUS:
            return f"{what} answered with status {error.detail}"
        case _:
            return f"{what} can't be used: {error.detail}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
