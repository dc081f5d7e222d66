"""One sign-in under way: what this browser set out to do, sealed in a cookie of its own.

A flow is known by its state, yet only the browser that holds its cookie can finish it (T01, T04); each has a cookie
to itself, so that two tabs don't meet (T62). It knows no provider, no user and no store.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace

from flask import Response, after_this_request

from portal.crypto import TokenCipher, derive_key, digest
from portal.errors import SealError

LIFETIME = 600  # seconds in which the provider may answer; GitHub's code lives as long
COOKIE_LIFETIME = 86_400  # a late flow still knows its `next`
AT_MOST = 4  # cookies, oldest dropped: the header has room for no more (T27)
LONGEST = 1_500  # bytes of one cookie's value (T64)
_NAME = "portal_flow_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What was asked of which provider. `began` is in whole seconds since 1970; `done` flows only remember `next`."""

    purpose: str
    provider: str
    issuer: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    next: str
    began: int
    user_id: str = ""  # who pressed the button, where that matters, and their epoch then
    epoch: int = 0
    pending: str = ""  # the key of the Pending record that this flow may use up
    shared: bool = False  # whether the person said that this is a shared computer
    done: bool = False

    @property
    def id(self) -> str:
        """Names the flow where its state must not be read."""
        return flow_id(self.state)


def flow_id(state: str) -> str:
    """A digest of the state: enough to recognise it, too little to use it."""
    return digest("flow", state)


class Flows:
    """Keeps flows in cookies: begins, finds and finishes them."""

    def __init__(
        self,
        secret_keys: Sequence[str],
        *,
        prefix: str = "",
        secure: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`prefix` is `__Host-` in production. The first key seals, all open."""
        self._cipher = TokenCipher([derive_key(key, "flow cookie") for key in secret_keys])
        self._prefix = prefix + _NAME
        self._secure = secure
        self._now = now

    def begin(
        self,
        cookies: Mapping[str, str],
        *,
        purpose: str,
        provider: str,
        issuer: str,
        next: str,
        user_id: str = "",
        epoch: int = 0,
        pending: str = "",
        shared: bool = False,
    ) -> Flow:
        """A new flow with fresh state, nonce and verifier (RFC 7636, 4.1); its cookie goes out with this response."""
        flow = Flow(
            purpose=purpose,
            provider=provider,
            issuer=issuer,
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(32),
            next=next,
            began=int(self._now()),
            user_id=user_id,
            epoch=epoch,
            pending=pending,
            shared=shared,
        )
        superfluous = self._superfluous(cookies)

        @after_this_request
        def keep(response: Response) -> Response:
            for name in superfluous:
                self._set(response, name, "", max_age=0)
            self._set(response, self._cookie_name(flow.state), self._sealed(flow), max_age=COOKIE_LIFETIME)
            return response

        return flow

    def get(self, cookies: Mapping[str, str], state: str) -> Flow | None:
        """This browser's flow with this state; None if it has none."""
        flow = self._open(self._cookie_name(state), cookies)
        return flow if flow and secrets.compare_digest(flow.state, state) else None

    def is_late(self, flow: Flow) -> bool:
        """Whether the provider's answer comes after the flow's lifetime (or, by a bad clock, before its beginning)."""
        return not -60 <= self._now() - flow.began <= LIFETIME

    def finish(self, flow: Flow) -> None:
        """Let the flow's cookie remember nothing but where it led, so that it can't be walked twice (T06)."""
        done = replace(flow, done=True, nonce="", verifier="")

        @after_this_request
        def keep(response: Response) -> Response:
            self._set(response, self._cookie_name(flow.state), self._sealed(done), max_age=LIFETIME)
            return response

    def _superfluous(self, cookies: Mapping[str, str]) -> list[str]:
        """The names to drop so that one more fits: first what doesn't open, then what is done, then the oldest."""
        names = [name for name in cookies if name.startswith(self._prefix)]
        held = {name: self._open(name, cookies) for name in names}

        def worth(name: str) -> tuple[bool, bool, int]:
            flow = held[name]
            return (flow is not None, flow is not None and not flow.done, flow.began if flow else 0)

        return sorted(names, key=worth)[: max(0, len(names) - AT_MOST + 1)]

    def _cookie_name(self, state: str) -> str:
        return self._prefix + flow_id(state)[:16]

    def _sealed(self, flow: Flow) -> str:
        document = json.dumps(asdict(flow), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._cipher.seal(document, "flow", self._cookie_name(flow.state))).decode()

    def _open(self, name: str, cookies: Mapping[str, str]) -> Flow | None:
        value = cookies.get(name, "")
        if not 0 < len(value) <= LONGEST:
            return None
        try:
            document = json.loads(self._cipher.unseal(base64.urlsafe_b64decode(value.encode()), "flow", name))
        except (SealError, ValueError):
            return None
        known = {each.name for each in fields(Flow)}  # a newer version's fields are not ours to read (T101)
        try:
            return Flow(**{key: value for key, value in document.items() if key in known})
        except (AttributeError, TypeError):  # a document of another form
            return None

    def _set(self, response: Response, name: str, value: str, *, max_age: int) -> None:
        response.set_cookie(name, value, max_age=max_age, path="/", secure=self._secure, httponly=True, samesite="Lax")
