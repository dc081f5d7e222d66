"""The portal's own calls to providers: one pool and one TLS context a process, and a wall-clock deadline.

A call is never sent twice: its code may have been spent. Redirects are not followed, cookies not kept, proxies and
netrc not consulted, and a body ends at 64 KiB, or at what a caller allows (T83-T87). What the answers mean is the
providers' business.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.poolmanager import PoolManager
from urllib3.util.connection import create_connection

CONNECT = 2.0  # seconds
READ = 3.0  # seconds without a byte
TOTAL = 5.0  # seconds for all provider calls of one request together
BODY = 64 * 1024
IDLE = 20.0  # seconds after which a kept connection is too likely to be gone to risk a code on it
POOL = 16


@dataclass(frozen=True, slots=True)
class _Allowed:
    body: int  # bytes
    only_public: bool


_ends: ContextVar[float] = ContextVar("portal_backchannel_ends")
_AS_EVER = _Allowed(BODY, only_public=False)
_allowed: ContextVar[_Allowed] = ContextVar("portal_backchannel_allowed", default=_AS_EVER)


@contextmanager
def deadline(seconds: float = TOTAL) -> Iterator[None]:
    """All calls inside end after so many seconds of wall clock together, however slowly bytes come (T84)."""
    token = _ends.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends.reset(token)


@contextmanager
def allowing(body: int, *, only_public: bool) -> Iterator[None]:
    """Calls inside may bring a body of so many bytes; with `only_public` no new connection goes to a loopback, private
    or link-local address, whatever a name resolves to (T91)."""
    token = _allowed.set(_Allowed(body, only_public))
    try:
        yield
    finally:
        _allowed.reset(token)


@dataclass(slots=True)
class Sending:
    """Whether anything of a request has left this machine. Until then nothing can have been spent with it."""

    begun: bool = False


_sending: ContextVar[Sending | None] = ContextVar("portal_backchannel_sending", default=None)


@contextmanager
def watch_sending() -> Iterator[Sending]:
    """Tell whether any call inside came so far as to send: an answer that is missing doesn't say it (T80)."""
    sending = Sending()
    token = _sending.set(sending)
    try:
        yield sending
    finally:
        _sending.reset(token)


def _remaining() -> float:
    left = _ends.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError("the provider calls of this request took too long together")
    return left


class BackChannel:
    """Makes sessions that share this process's connections. Opens nothing before its first call, nor across a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._adapter: _Adapter | None = None
        self._pid = 0

    @property
    def adapter(self) -> _Adapter:
        """The one adapter of this process; a session that mounts it shares its pool."""
        with self._lock:
            if self._adapter is None or self._pid != os.getpid():  # a forked socket would have two readers (T97)
                self._adapter, self._pid = _Adapter(), os.getpid()
            return self._adapter

    def session(self) -> requests.Session:
        """A session of one's own, to be used by one request."""
        return self.harden(requests.Session())

    def session_apart(self) -> requests.Session:
        """One with connections of its own, to be closed after use. A kept connection may end just as it is sent on, and
        then nobody knows whether what was sent has arrived."""
        session = self.session()
        adapter = _Adapter(self.adapter._tls)
        for scheme in ("https://", "http://"):
            session.mount(scheme, adapter)
        return session

    def harden(self, session: requests.Session) -> requests.Session:
        """Put the shared adapter under a session, and switch off whatever would reach past it."""
        session.trust_env = False
        session.get_redirect_target = _nowhere  # type: ignore[assignment, method-assign]
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.headers["Accept-Encoding"] = "identity"
        for scheme in ("https://", "http://"):
            session.mount(scheme, self.adapter)
        return session


class _Adapter(HTTPAdapter):
    """requests' adapter over our pools, with its answers read to the end, or to the cap, before they are given out."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls or _tls_context()
        super().__init__(pool_connections=POOL, pool_maxsize=POOL, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        self.poolmanager = PoolManager(num_pools=POOL, maxsize=POOL, ssl_context=self._tls)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to add: the context demands a valid certificate for the host, always."""
        # requests would name its CA file here, and urllib3 load it for each new connection: 13 ms of CPU.

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        if _ends.get(None) is None:  # a call outside any deadline has one of its own
            with deadline(TOTAL):
                return self.send(request, stream, timeout, verify, cert, proxies)
        try:
            left = _remaining()
            response = super().send(request, stream=True, timeout=(min(CONNECT, left), min(READ, left)))
            return _read_capped(response)
        except requests.ConnectionError as error:
            if not isinstance(error, requests.Timeout) and _is_slow(error):  # urllib3 files a slow body under this
                raise requests.ReadTimeout("the answer came too slowly", request=request) from None
            raise
        except TimeoutError as error:
            raise requests.ReadTimeout(str(error), request=request) from None


def _nowhere(response: requests.Response) -> None:
    """A redirect leads nowhere: it is an answer like any other, of a status that nobody asked for (T87)."""


def _read_capped(response: requests.Response) -> requests.Response:
    """Read the body now, while the deadline holds. One byte over the cap stays in, so that the reader sees it (T86)."""
    body, most = bytearray(), _allowed.get().body
    for chunk in response.iter_content(8192):
        body += chunk
        if len(body) > most:
            response.close()  # the rest is never read, so the connection can't be kept
            break
    response._content = bytes(body[: most + 1])
    response._content_consumed = True  # type: ignore[attr-defined]
    return response


def _is_slow(error: BaseException) -> bool:
    return "timed out" in str(error).lower()


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()  # trusts what OpenSSL trusts, SSL_CERT_FILE and SSL_CERT_DIR included
    if not {"SSL_CERT_FILE", "SSL_CERT_DIR"} & os.environ.keys():
        context.load_verify_locations(certifi.where())  # slim images have no system store
    return context


class _TimedReads(io.RawIOBase):
    """A socket's reader that lets no single recv wait past the deadline: a dripping header resets plain timeouts."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(min(READ, _remaining()))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReads(self.fp.detach(), sock))


def _check_public(address: str) -> None:
    if _allowed.get().only_public and not ipaddress.ip_address(address).is_global:
        raise OSError("the host's address is not a public one")


class _ConnectsInTime:
    """Tries a host's addresses until the deadline; urllib3 gives each, and there may be 16, the whole timeout. Notes
    when it begins to send."""

    def send(self: Any, data: Any) -> None:
        if self.sock is None:
            self.connect()  # which fails before anything is sent
        if (sending := _sending.get()) is not None:
            sending.begun = True
        super().send(data)  # type: ignore[misc]

    def _new_conn(self: Any) -> socket.socket:
        failed = OSError("the host has no address")
        try:
            for *_, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
                try:
                    _check_public(str(address[0]))
                    place, timeout = (str(address[0]), int(address[1])), min(CONNECT, _remaining())
                    return create_connection(place, timeout, socket_options=self.socket_options)
                except OSError as error:
                    failed = error
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from None
        kind = ConnectTimeoutError if isinstance(failed, TimeoutError) else NewConnectionError
        raise kind(self, str(failed)) from None


class _Connection(_ConnectsInTime, HTTPConnection):
    response_class = _Answer


class _TLSConnection(_ConnectsInTime, HTTPSConnection):
    response_class = _Answer


class _DropsIdle:
    """A pool that closes a connection left idle too long instead of trusting it with a code."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        if time.monotonic() - getattr(connection, "idle_since", time.monotonic()) > IDLE:
            connection.close()  # urllib3 opens it anew at the next request
        return connection

    def _put_conn(self, connection: Any) -> None:
        if connection is not None:
            connection.idle_since = time.monotonic()
        super()._put_conn(connection)  # type: ignore[misc]


class _Pool(_DropsIdle, HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(_DropsIdle, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection
