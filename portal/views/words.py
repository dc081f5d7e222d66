"""Lengths of time as people say them. It knows no page."""

from __future__ import annotations

from datetime import timedelta

_NUMBERS = "one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905 - easier to read
_UNITS = {"day": timedelta(days=1), "hour": timedelta(hours=1), "minute": timedelta(minutes=1)}


def in_words(span: timedelta) -> str:
    """A length of time in its largest whole unit: "half an hour", "14 days"."""
    if span == timedelta(minutes=30):
        return "half an hour"
    unit = next((unit for unit, one in _UNITS.items() if span >= one and span % one == timedelta()), "minute")
    return _several(round(span / _UNITS[unit]), unit)


def ago(span: timedelta) -> str:
    """How long ago something was, as roughly as it is known: what is stored may be a quarter of an hour old."""
    if span < timedelta(minutes=20):
        return "a few minutes ago"
    if span < timedelta(minutes=90):
        return "in the last hour" if span < timedelta(hours=1) else "an hour ago"
    if span < timedelta(days=1):
        return f"{_several(round(span / timedelta(hours=1)), 'hour')} ago"
    days = span // timedelta(days=1)
    return "yesterday" if days == 1 else f"{_several(days, 'day')} ago"


def _several(count: int, unit: str) -> str:
    number = _NUMBERS[count - 1] if 0 < count <= len(_NUMBERS) else str(count)
    return f"{number} {unit}" + ("" if count == 1 else "s")
