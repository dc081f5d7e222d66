"""Somebody signed in without a provider: a real user and a real session in the portal's store. No request is made."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from flask import Flask, Response
from flask.testing import FlaskClient

from portal.accounts import Intent, SignedIn
from portal.models import OAuth, Session, User
from portal.parts import Parts
from portal.records import Arrival, Seat
from portal.storage import Insert
from providers.base import EmailTrust, Identity

_ISSUER = "https://nobody.invalid"  # no provider's: such a user can't sign in through one


def make_user(app: Flask, name: str = "Ada Lovelace", *, email: str | None = None) -> User:
    """The user of this name, made at the first call, with the address `email`, verified.

    Raises ValueError where somebody else has proved that address. Raises StoreError.
    """
    here: Parts = app.extensions["portal"]
    arrival = _arrival_of(name, email)
    (oauth,) = here.store.look_up(OAuth.key_of(arrival.oauth_id))
    if oauth is not None:
        (user,) = here.store.look_up(User.key_of(oauth.user_id))
        if user is not None:
            return user
    seat = Seat(session_id=secrets.token_urlsafe(32), flow=secrets.token_urlsafe(32))
    signed_in = here.accounts.arrive(arrival, seat, Intent(), None)
    if not isinstance(signed_in, SignedIn):
        raise ValueError(f"another user has proved the address {email!r}")
    return signed_in.user


def sign_in_as(client: FlaskClient, user: User | str) -> User:
    """Give a test client the cookie of a new session, fresh as after a sign-in this moment; returns whose it is.

    `user` is one of the portal's, or the name of one, who is made where there is none yet. Raises StoreError, and
    ValueError for a user who is gone or suspended.
    """
    app = client.application
    here: Parts = app.extensions["portal"]
    active = here.accounts.get_active((make_user(app, user) if isinstance(user, str) else user).id)
    if active is None:
        raise ValueError("this user is gone, or suspended")
    ticket = here.sessions.make_ticket()
    session = _make_session(here, active, ticket.session_id)
    here.store.commit(Insert(session))
    response = Response()
    here.sessions.remember(response, session, ticket)
    _keep(client, response, {_host(here.config.origin), _host(f"//{app.config['SERVER_NAME'] or 'localhost'}")})
    return active


def _make_session(here: Parts, user: User, session_id: str) -> Session:
    identity = here.accounts.list_identities(user)[0]
    now, lifetimes = datetime.now(UTC), here.config.sessions
    return Session(
        id=session_id,
        user_id=user.id,
        epoch=user.epoch,
        flow=secrets.token_urlsafe(32),  # nobody's
        oauth_id=identity.oauth.id,
        created=now,
        seen=now,
        expires=now + lifetimes.absolute_of(shared=False),
        fresh_until=now + lifetimes.fresh,
        device=None,
        email=identity.token.email if identity.token.email_verified else None,
    )


def _keep(client: FlaskClient, response: Response, hosts: set[str]) -> None:
    for header in response.headers.getlist("Set-Cookie"):
        for name, morsel in SimpleCookie(header).items():
            for host in hosts:
                client.set_cookie(name, morsel.value, domain=host)


def _host(url: str | None) -> str:
    return urlsplit(url or "").hostname or "localhost"


def _arrival_of(name: str, email: str | None) -> Arrival:
    identity = Identity(
        issuer=_ISSUER,
        subject=hashlib.sha256(name.encode()).hexdigest(),
        name=name,
        login=None,
        email=email,
        email_trust=EmailTrust.VERIFIED if email else EmailTrust.NONE,
        avatar=None,
    )
    return Arrival(identity=identity, entry="testing", token=None, expires=None, scopes=())
