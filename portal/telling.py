"""Asks a provider, now and with the stored token, what it tells of a person. It stores nothing of the answer."""

from __future__ import annotations

from portal.backchannel import deadline
from portal.models import OAuth
from portal.tokens import Somebody, Tokens
from providers.base import Fault, Identity, Provider, ProviderError

_PUT_IN_BY_THE_SESSION = "-"  # the session signs each call with the token of that moment, and only it ever has it


def ask_profile(tokens: Tokens, user: Somebody, oauth: OAuth, provider: Provider) -> Identity:
    """What is told of one of the user's identities. Raises TryAgain, Reconnect and ProviderError."""
    session = tokens.session_for(user, provider.name, identity=oauth.id)
    with deadline():
        resolved = tokens.resolved(provider)
        identity = resolved.identify(session, {"access_token": _PUT_IN_BY_THE_SESSION}, nonce=None)
    if (identity.issuer, identity.subject) != (oauth.issuer, oauth.subject):
        raise ProviderError(Fault.SUBJECT, "profile", "the token is of another person", provider=provider.name)
    return identity
