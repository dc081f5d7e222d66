"""Each record as a row of SQLite: its table, its statements and the way there and back, derived from `portal.models`.

It opens no connection and begins no transaction. Rows change by addition only (T101): a new column is nullable or has a
default, and every statement names the columns it knows, so that older code reads and writes beside newer columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable
from sqlalchemy.sql.elements import CompilerElement
from sqlalchemy.types import TypeEngine

from portal.models import Canary, Email, Event, OAuth, Pending, Receipt, Revocation, Session, Token, User

R = TypeVar("R")

# The columns that hold a key's path, from the root down. What a path has beyond them is the same for every record.
_KEYS: Mapping[type[Any], tuple[str, ...]] = {
    User: ("id",),
    OAuth: ("id",),
    Token: ("oauth_id",),
    Session: ("id",),
    Email: ("id",),
    Event: ("user_id", "id"),
    Pending: ("id",),
    Canary: ("id",),
    Revocation: ("id",),
    Receipt: ("id",),
}

# Only what is written and removed together is tied together: a Session outlives the unlinking of its OAuth (T46) and an
# Event its user (T99). It catches our own mistakes; no caller may lean on it, for another store has nothing like it.
_PARENTS: Mapping[tuple[type[Any], str], str] = {
    (OAuth, "user_id"): "User.id",
    (Token, "oauth_id"): "OAuth.id",
    (Email, "oauth_id"): "OAuth.id",
}

# What is found by another column than its key.
_INDEXED = {(Session, "user_id")}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DIALECT = sqlite.dialect(paramstyle="named")
_METADATA = MetaData()


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class _Codec:
    """How values of one Python type are kept; None is NULL whatever the type."""

    column: type[TypeEngine[Any]]
    encode: Callable[[Any], Any] = _same
    decode: Callable[[Any], Any] = _same


_CODECS: Mapping[object, _Codec] = {
    str: _Codec(Text),
    bytes: _Codec(LargeBinary),
    int: _Codec(BigInteger),
    bool: _Codec(BigInteger, int, bool),
    # whole microseconds, never a float: 2**53 nanoseconds end in 1970, and REAL rounds what a comparison needs exactly
    datetime: _Codec(BigInteger, lambda at: (at - _EPOCH) // _MICROSECOND, lambda us: _EPOCH + us * _MICROSECOND),
    tuple[str, ...]: _Codec(Text, json.dumps, lambda text: tuple(json.loads(text))),
}


def _codec_of(hint: Any) -> tuple[_Codec, bool]:
    """How a field's values are kept, and whether they may be None."""
    if get_origin(hint) is Literal:
        return _CODECS[str], False
    given = get_args(hint)
    if NoneType in given:
        (inner,) = (each for each in given if each is not NoneType)
        return _CODECS[inner], True
    return _CODECS[hint], False


def _sql(statement: CompilerElement) -> str:
    # Compiled once: through SQLAlchemy's execution a look-up of five keys takes four times the CPU (103 µs against 25).
    return str(statement.compile(dialect=_DIALECT))


class Rows(Generic[R]):
    """One kind's rows: the statements, which take named parameters, and the way between a record and its row."""

    def __init__(self, kind: type[R]) -> None:
        self._make: Callable[..., R] = kind
        self._key = _KEYS[kind]
        self._codecs = _codecs_of(kind)
        table = _make_table(kind, self._codecs)
        row_key = tuple_(*(table.c[name] for name in self._key))
        given_key = tuple_(*(bindparam(name) for name in self._key))
        changing: dict[str, Any] = {name: bindparam(name) for name in self._codecs if name not in self._key}
        self.insert = _sql(insert(table))
        self.update = _sql(update(table).where(row_key == given_key).values(changing))
        self.delete = _sql(delete(table).where(row_key == given_key))
        self.select = _sql(select(table).where(row_key == given_key))
        following = select(table).where(row_key > given_key).order_by(*row_key)
        self.scan = _sql(following.limit(bindparam("limit")).offset(literal_column("0")))
        if self._key[0] == "user_id":
            under = select(table).where(table.c.user_id == bindparam("user_id"), table.c.id > bindparam("id"))
            self.under_user = _sql(under.order_by(*row_key).limit(bindparam("limit")).offset(literal_column("0")))
        if (kind, "user_id") in _INDEXED:
            of_user = select(table).where(table.c.user_id == bindparam("user_id")).order_by(*row_key)
            self.of_user = _sql(of_user.limit(bindparam("limit")).offset(literal_column("0")))

    def key(self, path: tuple[str, ...]) -> dict[str, str]:
        """The parameters that find a key's row."""
        return dict(zip(self._key, path, strict=False))

    def key_before_all(self) -> dict[str, str]:
        """The parameters of a place before every row, for no part of a key is empty."""
        return dict.fromkeys(self._key, "")

    def encode(self, record: R) -> dict[str, Any]:
        """The parameters that write a record: its key and everything else."""
        return {
            name: None if (value := getattr(record, name)) is None else codec.encode(value)
            for name, (codec, _) in self._codecs.items()
        }

    def decode(self, row: tuple[Any, ...]) -> R:
        """The record in a row of `select` or `scan`."""
        kept = zip(self._codecs.values(), row, strict=True)
        return self._make(*(None if value is None else codec.decode(value) for (codec, _), value in kept))


def _codecs_of(kind: Any) -> dict[str, tuple[_Codec, bool]]:
    hints = get_type_hints(kind)
    return {field.name: _codec_of(hints[field.name]) for field in fields(kind)}


def _make_table(kind: Any, codecs: Mapping[str, tuple[_Codec, bool]]) -> Table:
    columns = []
    defaults = {field.name: field.default for field in fields(kind)}
    for name, (codec, nullable) in codecs.items():
        # In the table, too, and not only in the record: code from before the column still inserts beside us.
        default = None if defaults[name] in (MISSING, None) else text(str(codec.encode(defaults[name])))
        column: Column[Any] = Column(name, codec.column, nullable=nullable, server_default=default)
        column.index = (kind, name) in _INDEXED or None
        if parent := _PARENTS.get((kind, name)):
            # Deferred, so that the mutations of a commit may come in any order; indexed, since SQLite looks for the
            # children of each parent that is deleted.
            column.append_foreign_key(ForeignKey(parent, deferrable=True, initially="DEFERRED"))
            column.index = name not in _KEYS[kind]
        columns.append(column)
    key = PrimaryKeyConstraint(*_KEYS[kind])
    return Table(kind.KIND, _METADATA, *columns, key, sqlite_with_rowid=False)  # the table is the key's own index


_ROWS: Mapping[type[Any], Rows[Any]] = {kind: Rows(kind) for kind in _KEYS}

TABLES = {name: _sql(CreateTable(table, if_not_exists=True)) for name, table in _METADATA.tables.items()}
INDEXES = tuple(
    _sql(CreateIndex(index, if_not_exists=True)) for table in _METADATA.tables.values() for index in table.indexes
)


def columns_to_add(table: str, there: Collection[str]) -> Iterator[str]:
    """The statements that add what a table of an older version lacks (T101)."""
    for column in _METADATA.tables[table].columns:
        if column.name not in there:
            # SQLAlchemy compiles a column for CREATE TABLE only; the words are the same.
            yield f'ALTER TABLE "{table}" ADD COLUMN {_sql(CreateColumn(column))}'


def rows_of(kind: type[R]) -> Rows[R]:
    """The rows of a kind."""
    return _ROWS[kind]
