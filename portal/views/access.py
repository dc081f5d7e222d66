"""What the account page says of the access behind each identity, and the page that asks the provider anew."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, make_response, request
from flask.typing import ResponseReturnValue

from portal.accounts import LinkedIdentity
from portal.current import load_signed_in
from portal.errors import Outcome, Reconnect, Stop, TryAgain
from portal.live import Standing
from portal.logs import log
from portal.models import OAuth
from portal.parts import parts
from portal.revoker import Parting
from portal.telling import ask_profile
from portal.views.guards import login_required
from portal.views.page import show
from providers.base import Identity, Provider, ProviderError


@dataclass(frozen=True, slots=True)
class Access:
    """How it stands with one identity's token. `provider` is the name of the entry that can reach it; None if none can,
    and then there is nothing to press."""

    standing: Standing
    provider: str | None
    title: str
    scopes: tuple[str, ...]


def list_accesses(identities: list[LinkedIdentity]) -> dict[str, Access]:
    """By the identity's id. Asks neither the store nor a provider."""
    found = {}
    for each in identities:
        provider = find_provider(each.oauth)
        found[each.oauth.id] = Access(
            standing=parts().tokens.standing(each.oauth, each.token),
            provider=provider.name if provider else None,
            title=provider.title if provider else parts().ways.title(each.oauth.entry),
            scopes=each.token.scopes,
        )
    return found


def find_provider(oauth: OAuth) -> Provider | None:
    """The provider of an identity, of another entry where its own was renamed; None where it is off."""
    providers = parts().providers
    named = providers.get(oauth.entry)
    if named is not None and named.issuer == oauth.issuer:
        return named
    return next((each for each in providers.values() if each.issuer == oauth.issuer), None)


def partings_told(partings: list[Parting]) -> dict[str, list[str]]:
    """What came of withdrawing access, for a notice: the titles of the providers by outcome."""
    told: dict[str, list[str]] = {}
    for parting in partings:
        told.setdefault(parting.outcome, []).append(parts().ways.title(parting.entry))
    return told


@login_required
def told() -> ResponseReturnValue:
    """Ask the provider what it tells of the person, and show that. A POST, for it calls the provider, and may renew the
    token: no page of somebody else's, and no prefetch, sets that off."""
    here, user = parts(), load_signed_in().user
    asked = request.form.get("identity", "")
    mine = {each.oauth.id: each.oauth for each in here.accounts.list_identities(user)}
    if asked not in mine:
        raise Stop(Outcome.NOT_FOUND, for_account=True)
    oauth = mine[asked]
    provider = find_provider(oauth)
    if provider is None:
        raise Stop(Outcome.PROVIDER_OFF, provider=oauth.entry, for_account=True)
    try:
        return _page(provider, ask_profile(here.tokens, user, oauth, provider))
    except Reconnect as error:
        return _page(provider, None, why="reconnect", status=409, reason=error.reason)
    except TryAgain as error:
        log.warning("the profile of %s is not to be had: %s", provider.name, error.reason)
        return _page(provider, None, why="later", status=503, retry_after=error.retry_after)
    except ProviderError as error:
        log.warning("the profile of %s is not to be had: %s", provider.name, error)
        return _page(provider, None, why="later", status=503)


def _page(
    provider: Provider,
    identity: Identity | None,
    *,
    why: str = "",
    status: int = 200,
    reason: str = "",
    retry_after: float = 5,
) -> Response:
    response = make_response(
        show("told", starts_dance=why == "reconnect", identity=identity, provider=provider, why=why, reason=reason),
        status,
    )
    if status == 503:
        response.headers["Retry-After"] = str(max(1, round(retry_after)))
    return response
