"""The store on Google Cloud Datastore: it scales by itself, and each round trip costs time and money.

Here answers are taken apart, and it is decided what is tried again. What is asked is put together in
`datastore_requests`, what an entity looks like is in `datastore_entities`, how a call is made in `datastore_calls`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from functools import partial
from typing import Any, TypeVar

from google.cloud.datastore_v1 import types

from portal.errors import Contended, StoreError
from portal.models import Key, User
from portal.storage import Found, Mutation, Transaction, budget
from portal.storage.budget import call_deadline
from portal.storage.datastore_calls import Calls, Lost, patiently
from portal.storage.datastore_entities import Place, can_exist, key_message, record_in
from portal.storage.datastore_requests import (
    BEGINNING,
    STRONG,
    commit_request,
    look_up_request,
    of_user_request,
    roll_back_request,
    scan_request,
    under_user_request,
    within,
)

A = TypeVar("A")
T = TypeVar("T")

_URL = re.compile(
    r"datastore://(?P<project>[a-z0-9][a-z0-9.:-]*)"
    r"(?:/(?P<database>\(default\)|[a-z][a-z0-9-]*)?)?"
    r"(?:\?namespace=(?P<namespace>[A-Za-z0-9._-]{0,100}))?"
)
_NOT_FINISHED = types.QueryResultBatch.MoreResultsType.NOT_FINISHED
_ABSENT = User.key_of("-")  # no id of ours


class DatastoreStore:
    """The store that `datastore://PROJECT/DATABASE?namespace=N` names; database and namespace may be left out.

    Asks the emulator where `DATASTORE_EMULATOR_HOST` says `host:port`, as Google's own client does.
    """

    def __init__(self, url: str) -> None:
        named = _URL.fullmatch(url)
        if not named:
            raise ValueError("a Datastore is written datastore://PROJECT/DATABASE?namespace=NAMESPACE")
        database = "" if named["database"] == "(default)" else named["database"] or ""
        self._place = Place(named["project"], database, named["namespace"] or "")
        self._calls = Calls(named["project"], database)

    def look_up(self, *keys: Key[Any]) -> Found:
        with call_deadline() as deadline:
            found = self._read(keys, deadline)
        return tuple([found.get(key) for key in keys])

    def list_at(self, keys: Iterable[Key[A]], /) -> list[A]:
        keys = list(keys)
        with call_deadline() as deadline:
            found = self._read(keys, deadline)
        return [found[key] for key in keys if key in found]

    def commit(self, *mutations: Mutation) -> None:
        if mutations:
            request = commit_request(mutations, self._place)
            with call_deadline() as deadline:
                patiently(partial(self._calls.commit, request, deadline), Contended, deadline)

    def transact(self, work: Callable[[Transaction], T]) -> T:
        with call_deadline(budget.REQUEST) as deadline:
            return patiently(partial(self._try, work, deadline), Contended, deadline)

    def scan(self, kind: type[A], *, after: Key[A] | None = None, limit: int = 100) -> list[A]:
        return self._list(scan_request(kind, after, self._place), limit)

    def list_of(self, kind: type[A], user_id: str, *, limit: int) -> list[A]:
        return self._list(of_user_request(kind, user_id, self._place), limit)

    def list_under(self, kind: type[A], user_id: str, *, after: Key[A] | None = None, limit: int) -> list[A]:
        if not can_exist(User.key_of(user_id)):
            return []
        return self._list(under_user_request(kind, User.key_of(user_id), after, self._place), limit)

    def _list(self, request: Any, limit: int) -> list[Any]:
        records: list[Any] = []
        with call_deadline() as deadline:
            while len(records) < limit:
                request.query.limit.value = limit - len(records)
                batch = patiently(partial(self._calls.query, request, deadline), (Lost, Contended), deadline).batch
                records += [record_in(result.entity) for result in batch.entity_results]
                if batch.more_results != _NOT_FINISHED:  # 300 or so come at a time, whatever the limit
                    break
                request.query.start_cursor = batch.end_cursor
        return records

    def check(self) -> None:
        self.look_up(_ABSENT)

    def close(self) -> None:
        self._calls.close()

    def _read(
        self, keys: Iterable[Key[Any]], deadline: float, transaction: _Transaction | None = None
    ) -> dict[Any, Any]:
        """The records that there are among the keys, by key. No RPC where there can be none."""
        wanted = [key_message(key, self._place) for key in dict.fromkeys(keys) if can_exist(key)]
        again = Lost if transaction else (Lost, Contended)  # a transaction that is overtaken begins anew, as a whole
        found = {}
        while wanted:
            request = look_up_request(wanted, transaction.read_options if transaction else STRONG)
            answer = patiently(partial(self._calls.look_up, request, deadline), again, deadline)
            if transaction:
                transaction.id = transaction.id or answer.transaction
            records = [record_in(result.entity) for result in answer.found]
            found.update({record.key: record for record in records})
            wanted = list(answer.deferred)  # what was too much for one answer
        return found

    def _try(self, work: Callable[[Transaction], T], deadline: float) -> T:
        transaction = _Transaction(partial(self._read, deadline=deadline))
        try:
            with closing(transaction):
                value = work(transaction)
            if transaction.id or transaction.mutations:
                request = commit_request(transaction.mutations, self._place, transaction=transaction.id)
                self._calls.commit(request, deadline)
        except StoreError:  # overtaken, and so over; or nobody can be told, and Datastore ends what is idle by itself
            raise
        except BaseException:
            self._roll_back(transaction.id, deadline)
            raise
        return value

    def _roll_back(self, transaction_id: bytes, deadline: float) -> None:
        if transaction_id:
            with suppress(StoreError):  # it may have ended with the commit that failed
                self._calls.roll_back(roll_back_request(transaction_id), deadline)


class _Transaction:
    """Begun by its first look-up, whose answer brings its `id`: a read-write transaction is two RPCs."""

    def __init__(self, read: Callable[..., dict[Any, Any]]) -> None:
        self._read = read
        self._over = False
        self.id = b""
        self.mutations: list[Mutation] = []

    @property
    def read_options(self) -> Any:
        return within(self.id) if self.id else BEGINNING

    def look_up(self, *keys: Key[Any]) -> Found:
        found = self._found(keys)
        return tuple([found.get(key) for key in keys])

    def list_at(self, keys: Iterable[Key[A]], /) -> list[A]:
        keys = list(keys)
        found = self._found(keys)
        return [found[key] for key in keys if key in found]

    def write(self, *mutations: Mutation) -> None:
        self._must_be_under_way()
        self.mutations.extend(mutations)

    def close(self) -> None:
        self._over = True

    def _found(self, keys: Iterable[Key[Any]]) -> dict[Any, Any]:
        self._must_be_under_way()
        if self.mutations:
            raise RuntimeError("a transaction reads first and writes last")
        return self._read(keys, transaction=self)

    def _must_be_under_way(self) -> None:
        if self._over:
            raise RuntimeError("the transaction is over")
