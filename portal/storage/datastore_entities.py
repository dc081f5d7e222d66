"""Each record as an entity of Datastore: its key, its properties and the way there and back, from `portal.models`.

It sends nothing. Nothing is queried but keys, and the sessions of a user; no other property is in an index: one on what
only grows would be a hot spot, and an indexed text may have no more than 1,500 bytes (T98). Entities change by
addition only (T101).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from google.cloud.datastore_v1 import types

from portal.errors import StoreError
from portal.models import Canary, Email, Event, Key, OAuth, Pending, Receipt, Record, Revocation, Session, Token, User

# The bare protobuf classes: made with proto-plus's wrappers, a look-up of five keys costs 100 µs of CPU more.
_Partition: Any = types.PartitionId.pb()
_Key: Any = types.Key.pb()
_Entity: Any = types.Entity.pb()

LARGEST_NAME = 1500  # bytes of UTF-8
LARGEST_ENTITY = 2**20 - 4  # bytes
_RESERVED = re.compile(r"__.*__", re.DOTALL)

# The kinds on the way to a record, from the root down, each with the field that holds the name there. A name without
# one is the same for every record.
_PATHS: Mapping[type[Any], tuple[tuple[str, str | None], ...]] = {
    User: ((User.KIND, "id"),),
    OAuth: ((OAuth.KIND, "id"),),
    Token: ((OAuth.KIND, "oauth_id"), (Token.KIND, None)),
    Session: ((Session.KIND, "id"),),
    Email: ((Email.KIND, "id"),),
    Event: ((User.KIND, "user_id"), (Event.KIND, "id")),
    Pending: ((Pending.KIND, "id"),),
    Canary: ((Canary.KIND, "id"),),
    Revocation: ((Revocation.KIND, "id"),),
    Receipt: ((Receipt.KIND, "id"),),
}

_INDEXED = {(Session, "user_id")}  # random ids, so that its rows are spread

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND, _MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)


class Place(NamedTuple):
    """Where a store's entities are. An absent database is the project's default one."""

    project: str
    database: str
    namespace: str


def partition_message(place: Place) -> Any:
    """The part of the database that all our keys are in."""
    return _Partition(project_id=place.project, database_id=place.database, namespace_id=place.namespace)


def key_message(key: Key[Any], place: Place) -> Any:
    """A key as Datastore writes it. Raises ValueError for a name that it can't hold."""
    if not can_exist(key):
        raise ValueError(f"Datastore can't hold a {key.kind.KIND} of this name: empty, reserved or too long")
    path = [{"kind": kind, "name": name} for (kind, _), name in zip(_PATHS[key.kind], key.path, strict=True)]
    return _Key(partition_id=partition_message(place), path=path)


def can_exist(key: Key[Any]) -> bool:
    """Whether Datastore takes the names of a key. It answers a look-up of others, which anybody may write into a
    cookie, with an error; but where nothing can be, nothing is."""
    return all(map(_can_name, key.path))


def _can_name(name: str) -> bool:
    try:
        return 0 < len(name.encode()) <= LARGEST_NAME and not _RESERVED.fullmatch(name)
    except UnicodeEncodeError:  # half a pair of surrogates
        return False


def entity_message(record: Record, place: Place) -> Any:
    """A record as Datastore writes it. Raises ValueError for what it can't hold: over 1 MiB, or not Unicode."""
    entity = _Entity(key=key_message(record.key, place))
    for name, field in _FIELDS[type(record)].items():
        value, message = getattr(record, name), entity.properties[name]
        if value is None:
            message.null_value = 0
        else:
            field.codec.encode(message, value)
        # a list has it on its elements
        message.exclude_from_indexes = field.codec is not _TEXTS and (type(record), name) not in _INDEXED
    if entity.ByteSize() > LARGEST_ENTITY:
        raise ValueError(f"a {record.KIND} of {entity.ByteSize()} bytes is more than Datastore takes")
    return entity


def kind_name(kind: type[Any]) -> str:
    """What Datastore calls a kind of record."""
    return _PATHS[kind][-1][0]


def properties_of(kind: type[Any]) -> list[str]:
    """The properties that this version writes; those of a newer one are to be left alone (T101)."""
    return list(_FIELDS[kind])


def record_in(entity: Any) -> Any:
    """The record in an entity. Raises StoreError for one that lacks what every version of the record has."""
    path = entity.key.path
    kind = _KINDS[path[-1].kind]
    if [step.kind for step in path] != [step for step, _ in _PATHS[kind]] or not all(step.name for step in path):
        raise StoreError(f"an entity of the kind {kind.KIND} is no record of ours")
    kept = entity.properties  # asked by `get`, for `[]` would add what isn't there
    values = {name: field.decode(kept.get(name)) for name, field in _FIELDS[kind].items()}
    return kind(**values, **{field: step.name for (_, field), step in zip(_PATHS[kind], path, strict=True) if field})


@dataclass(frozen=True, slots=True)
class _Codec:
    """How values of one Python type are kept: the protobuf field, and the way there and back."""

    field: str
    encode: Callable[[Any, Any], None]
    decode: Callable[[Any], Any]


def _plain(field: str) -> _Codec:
    return _Codec(field, lambda message, value: setattr(message, field, value), lambda kept: kept)


def _encode_time(message: Any, at: datetime) -> None:
    seconds, rest = divmod(at - _EPOCH, _SECOND)  # whole numbers all the way: proto-plus goes through a float
    message.timestamp_value.seconds = seconds
    message.timestamp_value.nanos = rest // _MICROSECOND * 1000


def _decode_time(kept: Any) -> datetime:
    return _EPOCH + timedelta(seconds=kept.seconds, microseconds=kept.nanos // 1000)


def _encode_texts(message: Any, texts: tuple[str, ...]) -> None:
    message.array_value.SetInParent()  # an empty one is there, too
    for text in texts:
        message.array_value.values.add(string_value=text, exclude_from_indexes=True)


_TEXTS = _Codec("array_value", _encode_texts, lambda kept: tuple(value.string_value for value in kept.values))
_CODECS: Mapping[object, _Codec] = {
    str: _plain("string_value"),
    bytes: _plain("blob_value"),
    int: _plain("integer_value"),
    bool: _plain("boolean_value"),
    datetime: _Codec("timestamp_value", _encode_time, _decode_time),
    tuple[str, ...]: _TEXTS,
}


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a record: how it is kept, and what stands in where an entity lacks it (MISSING: nothing can)."""

    name: str
    codec: _Codec
    absent: Any

    def decode(self, message: Any) -> Any:
        found = None if message is None else message.WhichOneof("value_type")
        if found == self.codec.field:
            return self.codec.decode(getattr(message, found))
        if found in {None, "null_value"} and self.absent is not MISSING:
            return self.absent
        raise StoreError(f"an entity has {found or 'nothing'} as its {self.name}")


def _fields_of(kind: type[Any]) -> dict[str, _Field]:
    hints, in_key = get_type_hints(kind), {field for _, field in _PATHS[kind]}
    made = {}
    for field in fields(kind):
        if field.name in in_key:
            continue
        hint, absent = hints[field.name], field.default
        if get_origin(hint) is Literal:
            hint = str
        elif NoneType in (given := get_args(hint)):
            (hint,) = (each for each in given if each is not NoneType)
            absent = None
        made[field.name] = _Field(field.name, _CODECS[hint], absent)
    return made


_FIELDS: Mapping[type[Any], dict[str, _Field]] = {kind: _fields_of(kind) for kind in _PATHS}
_KINDS: Mapping[str, type[Any]] = {kind.KIND: kind for kind in _PATHS}
