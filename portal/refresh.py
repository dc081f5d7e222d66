"""Refreshes a token where that is due: one caller asks the provider; others wait for it, or do with the old one.

The lease is in `portal.lease`; what a refresh is, in `providers`. A refresh token that works only once is marked as
spent in its row right before it is sent. So whoever finds the lease of a holder who died knows which it was: not
marked, and the provider has heard nothing, so that they refresh; or marked, and it may be spent, so that only the
person can help. One that works again is simply sent again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Lock
from weakref import WeakValueDictionary

from portal.backchannel import BackChannel, Sending, deadline, watch_sending
from portal.errors import Reconnect, StoreError, TryAgain
from portal.kept import expiry, refresh_expiry, seal_kept, token_owner
from portal.lease import LEASE, Leases
from portal.live import Live, LiveTokens
from portal.logs import log
from portal.revocation import Leaving, make_revocation
from portal.storage import Insert
from providers.base import Fault, Provider, ProviderError

PATIENCE = 12.0  # seconds that anybody waits for another's refresh, at most
CALL = 5.0  # seconds for the provider
MARGIN = 0.5  # seconds of the lease that are left for saving what came
BACK_OFF = 15.0  # seconds before the next try, with jitter, where a provider is out of reach
MISCONFIGURED = 120.0  # seconds, where an admin has to act first
SAVES = 4  # tries to keep what a provider gave: some of it is given only once


@dataclass(frozen=True, slots=True)
class Refresher:
    """Gives tokens that can be used. Safe to share between threads."""

    tokens: LiveTokens
    backchannel: BackChannel
    leases: Leases
    gates: WeakValueDictionary[str, _Gate] = field(default_factory=WeakValueDictionary)
    making: Lock = field(default_factory=Lock)

    def get(self, oauth_id: str, user_id: str, *, rejected: str | None = None) -> Live:
        """The user's token of one identity, refreshed if it is due, or if its access token is the one that the provider
        has `rejected`. Raises TryAgain and Reconnect."""
        ends = time.monotonic() + PATIENCE
        live: Live | None = None
        try:
            live = self.tokens.read(oauth_id, user_id)
            if not self.tokens.is_due(live, rejected):
                return live
            # One caller of this process at a time goes on. Who can do with the old token doesn't wait for them.
            gate, waits = self._gate(oauth_id), self.tokens.is_useless(live, rejected)
            if not gate.lock.acquire(timeout=max(0.0, ends - time.monotonic()) if waits else 0):
                return self._as_it_is(live, rejected, TryAgain("busy", live.provider.name, retry_after=1.0))
            try:
                return self._get_alone(live, rejected, ends)
            finally:
                gate.lock.release()
        except StoreError as error:
            entry = live.provider.name if live else ""
            log.warning("a token of %s is not to be had: %s", entry or "a provider", type(error).__name__)
            failed = TryAgain("store", entry, retry_after=BACK_OFF)
            if live is None:
                raise failed from None
            return self._as_it_is(live, rejected, failed)

    def _as_it_is(self, live: Live, rejected: str | None, otherwise: TryAgain) -> Live:
        """The old token, where it still works: a refresh ahead of time is no reason to fail."""
        if self.tokens.is_useless(live, rejected):
            raise otherwise from None
        return live

    def _get_alone(self, live: Live, rejected: str | None, ends: float) -> Live:
        pause = 0.05
        while True:
            live = self.tokens.read(live.oauth.id, live.oauth.user_id)  # whoever was before us may have done it
            if not self.tokens.is_due(live, rejected):
                return live
            token, useless = live.token, self.tokens.is_useless(live, rejected)
            if not self.tokens.can_refresh(live):
                raise self._end(live, "refused" if live.access_token == rejected else "expired")
            if token.retry_at is not None and (wait := (token.retry_at - self.tokens.now()).total_seconds()) > 0:
                return self._as_it_is(live, rejected, TryAgain("provider", live.provider.name, retry_after=wait))
            if not self.leases.is_held(token):
                if token.spent_at is not None:  # by somebody who is gone: a second use would end the whole grant
                    if useless:
                        raise self._end(live, "lost")
                    return live
                before = time.monotonic()
                if (held := self.leases.take(token)) is not None:
                    return self._refresh(replace(live, token=held), rejected, before)
            elif not useless:
                return live
            if time.monotonic() + pause > ends:
                raise TryAgain("busy", live.provider.name, retry_after=1.0)
            time.sleep(_jittered(pause))
            pause = min(0.5, pause * 1.5)

    def _refresh(self, live: Live, rejected: str | None, before: float) -> Live:
        """Ask the provider, under the lease in `live.token`, which began no earlier than `before`."""
        sending, left = Sending(), LEASE.total_seconds() - MARGIN - (time.monotonic() - before)
        try:
            with deadline(min(CALL, left)), self.backchannel.session_apart() as http:
                provider = live.provider.resolve(http)
                if provider.refresh_is_single_use:
                    marked = self.leases.mark_spent(live.token)
                    if marked is None:  # a sign-in brought a newer one, or the identity is gone
                        return self.tokens.read(live.oauth.id, live.oauth.user_id)
                    live = replace(live, token=marked)
                with watch_sending() as sending:
                    answer = provider.refresh(http, live.kept)
        except ProviderError as error:
            return self._failed(live, rejected, error, sent=sending.begun)
        except StoreError:
            with suppress(StoreError):  # the mark may have been written unseen, and nothing was sent
                self.leases.give_back(live.token, retry_at=None)
            raise
        return self._save(live, provider, answer)

    def _save(self, live: Live, provider: Provider, answer: Mapping[str, object]) -> Live:
        renewed = self._renewed(live, provider, answer)
        for attempt in range(SAVES):
            try:
                if self.leases.save(live.token, renewed.token):
                    return renewed
                return self._overtaken(renewed)  # there is a newer one, or none any more
            except StoreError as error:
                log.warning("a refreshed token of %s is not kept yet: %s", provider.name, type(error).__name__)
                time.sleep(0.1 * 2**attempt)
        log.error("a refreshed token of %s could not be kept, and serves but this one caller", provider.name)
        return renewed

    def _overtaken(self, renewed: Live) -> Live:
        """What there is in place of a token that came too late. Where the identity has gone meanwhile, only this token
        can still end the access at the provider: those that are in the outbox died with the refresh (T81)."""
        oauth = renewed.oauth
        try:
            return self.tokens.read(oauth.id, oauth.user_id)
        except Reconnect as gone:
            if gone.reason == "not-linked":
                leaving = Leaving(oauth.id, oauth.issuer, renewed.kept.get("entry", oauth.entry), dict(renewed.kept))
                revocation = make_revocation(leaving, cipher=self.tokens.cipher, now=self.tokens.now())
                self.tokens.store.commit(Insert(revocation))
            raise

    def _renewed(self, live: Live, provider: Provider, answer: Mapping[str, object]) -> Live:
        now, version = self.tokens.now(), live.token.version + 1
        # An ID token in the answer is left aside: nobody verified it, and the one of the sign-in is still there.
        came = {name: text for name in ("access_token", "refresh_token") if isinstance(text := answer.get(name), str)}
        kept = {**live.kept, **{name: text for name, text in came.items() if text}}  # the old one stays if none came
        owner = token_owner(live.oauth.id, live.oauth.user_id, version)
        token = replace(
            live.token,
            sealed=seal_kept(self.tokens.cipher, kept, entry=live.kept.get("entry", provider.name), owner=owner),
            version=version,
            expires=expiry(answer, now),
            scopes=provider.granted_scopes(answer) if "scope" in answer else live.token.scopes,
            renewed=now,
            refresh_expires=refresh_expiry(answer, now) if came.get("refresh_token") else live.token.refresh_expires,
        )
        return Live(live.oauth, token, provider, kept)

    def _failed(self, live: Live, rejected: str | None, error: ProviderError, *, sent: bool) -> Live:
        """The provider gave no token: for the moment, or for good."""
        name = live.provider.name
        log.warning("no refresh at %s: %s at the %s call: %s", name, error.fault, error.call, error.detail)
        if error.fault is Fault.CODE_REFUSED:
            raise self._end(live, "refused") from None
        if live.provider.refresh_is_single_use and sent and error.status is None:
            # Sent, and never answered in words: it may be spent, and nobody can find out without using it again.
            if self.tokens.is_useless(live, rejected):
                raise self._end(live, "lost") from None
            return live
        wait = _jittered(MISCONFIGURED if error.fault is Fault.CLIENT_REFUSED else BACK_OFF)
        with suppress(StoreError):  # the lease ends by itself
            self.leases.give_back(live.token, retry_at=self.tokens.now() + timedelta(seconds=wait))
        return self._as_it_is(live, rejected, TryAgain("provider", name, retry_after=wait))

    def _end(self, live: Live, why: str) -> Reconnect:
        """Have it written down that only the person can help; where a token merely ran out, its row says so itself."""
        log.warning("a token of %s can't be used any more: %s", live.provider.name, why)
        if why != "expired":
            with suppress(StoreError):  # then the next who comes finds out again
                self.leases.end(live.token, why)
        return Reconnect(why, live.provider.name)

    def _gate(self, oauth_id: str) -> _Gate:
        with self.making:
            return self.gates.setdefault(oauth_id, _Gate())


class _Gate:
    """What the callers of one process queue at, for one token; gone with the last of them."""

    def __init__(self) -> None:
        self.lock = Lock()


def _jittered(seconds: float) -> float:
    return seconds * (0.5 + secrets.randbelow(1000) / 1000)
