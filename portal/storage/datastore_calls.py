"""One process's calls to Datastore: the client they go through, their deadlines, and what their errors mean.

Every call gives its own `retry` and `timeout`: with the client's defaults a server that is gone is a hang of 39–57 s,
and `Aborted` is retried by nobody (T93, T94). It doesn't know what is in a request.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import uniform
from threading import Lock
from time import monotonic, sleep
from typing import Any, TypeVar

import grpc  # type: ignore[import-untyped]
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.cloud.datastore_v1 import DatastoreClient, types
from google.cloud.datastore_v1.services.datastore.transports import DatastoreGrpcTransport

from portal.errors import AlreadyExists, CommitUnknown, Contended, NotFound, PortalError, StoreError
from portal.storage import budget

T = TypeVar("T")

TRIES = 10  # five would fail one call in 410 where three in ten do, ten one in 170,000
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.3  # seconds, at most: full jitter
_CHANNEL = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),  # two minutes otherwise, and a store that is back would seem gone
    ("grpc.keepalive_time_ms", 30_000),  # else a connection whose packets are dropped is noticed after a quarter hour
    ("grpc.keepalive_timeout_ms", 5_000),
]


class Lost(StoreError):
    """A read got no answer, or one that may be another at the next try."""


class Calls:
    """The four RPCs that the store is made of. Opens nothing before its first use, nor uses what a parent opened."""

    def __init__(self, project: str, database: str) -> None:
        self._project, self._database = project, database
        self._emulator = os.environ.get("DATASTORE_EMULATOR_HOST")
        # By process: gRPC's threads and sockets don't survive a fork (T97). A parent's client stays here unused, for
        # its destructor would wait in the child for threads that only the parent has.
        self._clients: dict[int, DatastoreClient] = {}
        self._making = Lock()

    def look_up(self, request: Any, deadline: float) -> Any:
        """Send a LookupRequest. Raises Lost, Contended (in a transaction) and StoreError."""
        request = types.LookupRequest.wrap(request)
        return types.LookupResponse.pb(self._send(self._client().lookup, request, deadline))

    def query(self, request: Any, deadline: float) -> Any:
        """Send a RunQueryRequest. Raises Lost and StoreError."""
        request = types.RunQueryRequest.wrap(request)
        return types.RunQueryResponse.pb(self._send(self._client().run_query, request, deadline))

    def commit(self, request: Any, deadline: float) -> None:
        """Send a CommitRequest. Raises AlreadyExists, NotFound, CommitUnknown, Contended and StoreError."""
        self._send(self._client().commit, types.CommitRequest.wrap(request), deadline, commits=True)

    def roll_back(self, request: Any, deadline: float) -> None:
        """Send a RollbackRequest. Raises Lost and StoreError."""
        self._send(self._client().rollback, types.RollbackRequest.wrap(request), deadline)

    def close(self) -> None:
        """Close this process's connection; calls under way in other threads are lost."""
        if client := self._clients.pop(os.getpid(), None):
            client.transport.close()  # type: ignore[no-untyped-call]

    def _send(self, rpc: Callable[..., Any], request: Any, deadline: float, *, commits: bool = False) -> Any:
        request.project_id, request.database_id = self._project, self._database
        remaining = deadline - monotonic()
        if remaining <= 0:
            raise StoreError("no time is left to ask the store")
        try:
            return rpc(request=request, retry=None, timeout=min(budget.CALL, remaining))  # here, None means none
        except exceptions.GoogleAPICallError as error:
            raise _in_our_words(error, commits=commits) from None
        except ValueError as error:  # gRPC's word for a channel that another thread has closed: nothing was sent
            raise StoreError(str(error)) from None

    def _client(self) -> DatastoreClient:
        process = os.getpid()
        if (client := self._clients.get(process)) is None:
            with self._making:
                if (client := self._clients.get(process)) is None:
                    client = self._clients[process] = _make_client(self._emulator)
        return client


def patiently(call: Callable[[], T], again: type[StoreError] | tuple[type[StoreError], ...], deadline: float) -> T:
    """Call, and call again after a trouble that may pass: ten short tries with full jitter, until the deadline."""
    tried = 0
    while True:
        try:
            return call()
        except again:
            pause = uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**tried))  # noqa: S311 - only to part a crowd
            tried += 1
            if tried == TRIES or monotonic() + pause >= deadline:
                raise
        sleep(pause)


def open_channel(emulator: str | None) -> grpc.Channel:
    """A connection to the emulator at `host:port`, or to Datastore with the credentials that the machine has."""
    if emulator:
        return grpc.insecure_channel(emulator, options=_CHANNEL)
    return DatastoreGrpcTransport.create_channel(f"{DatastoreClient.DEFAULT_ENDPOINT}:443", options=_CHANNEL)


def _make_client(emulator: str | None) -> DatastoreClient:
    try:
        return DatastoreClient(transport=DatastoreGrpcTransport(channel=open_channel(emulator)))
    except GoogleAuthError as error:
        raise StoreError(f"{type(error).__name__}: {error}") from None


def _in_our_words(error: exceptions.GoogleAPICallError, *, commits: bool) -> PortalError:
    code = error.grpc_status_code
    words = f"{code.name if code else type(error).__name__}: {error.message}"
    match error:
        case exceptions.AlreadyExists() if commits:
            return AlreadyExists()
        case exceptions.NotFound() if commits:  # on a read it says that there is no such database: no absence (T93)
            return NotFound()
        case exceptions.Aborted():  # nothing was applied
            return Contended(words)
        case exceptions.ServerError() | exceptions.Cancelled() | exceptions.TooManyRequests():
            return CommitUnknown(words) if commits else Lost(words)
        case _:
            return StoreError(words)
