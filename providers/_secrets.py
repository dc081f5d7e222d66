"""A secret that can be handed on and compared, but not printed by accident (T70)."""

from __future__ import annotations

import hmac
from typing import Generic, NoReturn, Self, TypeVar

T = TypeVar("T", str, bytes)


class Secret(Generic[T]):
    """Holds a text or bytes that open something, for as long as the process lives. Only `plain` gives it away.

    It is no `str` on purpose: one would slip through `json.dumps`, `join`, `+` and a slice. Pickling it is refused.
    """

    __slots__ = ("_plain",)

    def __init__(self, plain: T) -> None:
        self._plain: T = plain

    @property
    def plain(self) -> T:
        return self._plain

    def __repr__(self) -> str:
        return "Secret(...)"

    def __format__(self, format_spec: str) -> str:
        return "Secret(...)"  # whatever the format: `!s:.3` would else show a beginning

    def __len__(self) -> int:
        return len(self._plain)

    def __eq__(self, other: object) -> bool:
        """Equal to another secret, or to the plain value, in a time that says nothing of where they differ."""
        value = other._plain if isinstance(other, Secret) else other
        if not isinstance(value, str | bytes) or isinstance(value, str) is not isinstance(self._plain, str):
            return NotImplemented
        return hmac.compare_digest(_as_bytes(self._plain), _as_bytes(value))

    def __hash__(self) -> int:
        return hash(self._plain)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:  # `dataclasses.asdict` copies what it doesn't know
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled")


def _as_bytes(value: str | bytes) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
