"""What the store asks of Datastore, as messages of its API, for the Python client's `put` only ever upserts.

Inserts fail where a key is taken, a commit needs no transaction around it, and a look-up can begin one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

from google.cloud.datastore_v1 import types

from portal.models import Key
from portal.storage import Delete, Insert, Mutation, Update
from portal.storage.datastore_entities import (
    Place,
    entity_message,
    key_message,
    kind_name,
    partition_message,
    properties_of,
)

# The bare protobuf classes, see `datastore_entities`.
_LookupRequest: Any = types.LookupRequest.pb()
_RunQueryRequest: Any = types.RunQueryRequest.pb()
_CommitRequest: Any = types.CommitRequest.pb()
_RollbackRequest: Any = types.RollbackRequest.pb()
_ReadOptions: Any = types.ReadOptions.pb()

STRONG = _ReadOptions(read_consistency=types.ReadOptions.ReadConsistency.STRONG)
BEGINNING = _ReadOptions(new_transaction={"read_write": {}})  # saves the RPC that would begin it


def within(transaction: bytes) -> Any:
    """The read options of a look-up in a transaction that has begun."""
    return _ReadOptions(transaction=transaction)


def look_up_request(key_messages: Iterable[Any], read_options: Any) -> Any:
    """Any number of keys, as `key_message` makes them, in one round trip."""
    return _LookupRequest(keys=key_messages, read_options=read_options)


def scan_request(kind: type[Any], after: Key[Any] | None, place: Place) -> Any:
    """A walk of a kind in key order, which needs no index but the one that every kind has. Without a limit yet."""
    request = _in_key_order(kind, place)
    if after:
        _by_key(request.query.filter.property_filter, types.PropertyFilter.Operator.GREATER_THAN, after, place)
    return request


def of_user_request(kind: type[Any], user_id: str, place: Place) -> Any:
    """A user's records of a kind. Equality in key order is served by the index that each property has by itself: none
    of several properties is needed, and as ids are random no part of it grows at one end. Without a limit yet."""
    request = _in_key_order(kind, place)
    comparison = request.query.filter.property_filter
    comparison.property.name = "user_id"
    comparison.op = types.PropertyFilter.Operator.EQUAL
    comparison.value.string_value = user_id
    return request


def under_user_request(kind: type[Any], user: Key[Any], after: Key[Any] | None, place: Place) -> Any:
    """A user's children of a kind, by ancestor and in key order, which every kind's own index serves. Without a limit
    yet."""
    request = _in_key_order(kind, place)
    both = request.query.filter.composite_filter
    both.op = types.CompositeFilter.Operator.AND
    _by_key(both.filters.add().property_filter, types.PropertyFilter.Operator.HAS_ANCESTOR, user, place)
    if after:
        _by_key(both.filters.add().property_filter, types.PropertyFilter.Operator.GREATER_THAN, after, place)
    return request


def _by_key(comparison: Any, operator: Any, key: Key[Any], place: Place) -> None:
    comparison.property.name = "__key__"
    comparison.op = operator
    comparison.value.key_value.CopyFrom(key_message(key, place))


def _in_key_order(kind: type[Any], place: Place) -> Any:
    request = _RunQueryRequest(partition_id=partition_message(place))
    request.query.kind.add(name=kind_name(kind))
    request.query.order.add().property.name = "__key__"
    return request


def commit_request(mutations: Iterable[Mutation], place: Place, *, transaction: bytes = b"") -> Any:
    """All of it or nothing: at the end of a transaction, else in one that begins and ends with this request."""
    request = _CommitRequest(mode=types.CommitRequest.Mode.TRANSACTIONAL)
    if transaction:
        request.transaction = transaction
    else:
        request.single_use_transaction.read_write.SetInParent()
    for mutation in mutations:
        match mutation:
            case Insert(record):
                request.mutations.add(insert=entity_message(record, place))
            case Update(record):
                mask = {"paths": properties_of(type(record))}  # what a newer version added stays (T101)
                request.mutations.add(update=entity_message(record, place), property_mask=mask)
            case Delete(key):
                request.mutations.add(delete=key_message(key, place))
            case _:
                assert_never(mutation)
    return request


def roll_back_request(transaction: bytes) -> Any:
    """The end of a transaction that writes nothing."""
    return _RollbackRequest(transaction=transaction)
