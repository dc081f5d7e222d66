"""Asks every address by every method but a rightful press, and tells which of them changed anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal.models import Pending, Session
from portal.storage import Store
from tests.flows.conftest import KINDS
from tests.person import Person

HARMLESS = ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE")
OVERRIDES = dict.fromkeys(("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"), "POST")
OVERRIDING = {"_method": "POST", "_METHOD": "POST", "method": "POST"}
CROSS_SITE = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
NEVER = datetime(2000, 1, 1, tzinfo=UTC)


def dump(store: Store) -> dict[str, list[Any]]:
    """Every row of every kind, but for when a session was last seen."""
    rows = {kind.KIND: store.scan(kind, limit=1000) for kind in (*KINDS, Pending)}
    return rows | {"Session": [replace(row, seen=NEVER) for row in rows[Session.KIND]]}


@dataclass
class Crawl:
    """One browser on its way through all addresses. `callbacks` are real ones, by path, which only a GET may spend."""

    person: Person
    fields: dict[str, str]
    callbacks: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    changed: list[str] = field(default_factory=list)
    answers: list[tuple[str, TestResponse]] = field(default_factory=list)

    def walk(self, *only: str) -> Crawl:
        """Through all addresses, or those of `only` these rules."""
        app = self.person.app
        store = app.extensions["portal"].store
        before = dump(store)
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
            if rule.rule in {asked for asked, _ in self.answers}:
                continue  # another method's rule of the same address
            if only and rule.rule not in only:
                continue
            for path in paths(app, rule):
                self._ask(rule.rule, path)
            after = dump(store)
            if after != before:
                self.changed.append(rule.rule)
                before = after
        return self

    def _ask(self, rule: str, path: str) -> None:
        callback = self.callbacks.get(path)
        for method in HARMLESS:
            query = urlsplit(callback).query if callback and method != "GET" else "state=x&code=y&next=/account"
            if method in {"GET", "HEAD", "OPTIONS"}:
                self._send(rule, path, method, query)
            self._send(rule, path, method, query, data=self.fields | OVERRIDING, headers=OVERRIDES)
        without = {name: value for name, value in self.fields.items() if name != "csrf_token"}
        self._send(rule, path, "POST", "", data=without)
        self._send(
            rule, path, "POST", "", data=without | {"csrf_token": "x" * 91}, headers={"Origin": self.person.home}
        )
        self._send(rule, path, "POST", "", data=self.fields, headers=CROSS_SITE)

    def _send(self, rule: str, path: str, method: str, query: str, **how: Any) -> None:
        overriding = "&_method=POST" if "data" in how else ""
        self.asked += 1
        answer = self.person.sends(f"{path}?{query}{overriding}", method=method, **how)
        self.answers.append((rule, answer))


def paths(app: Flask, rule: Rule) -> Iterator[str]:
    """The addresses that a rule has here."""
    for provider in app.extensions["portal"].providers if "provider" in rule.arguments else ["-"]:
        values = {name: {"provider": provider, "filename": "portal.css"}.get(name, "x") for name in rule.arguments}
        built = rule.build(values, append_unknown=False)
        assert built is not None, rule
        yield built[1]
