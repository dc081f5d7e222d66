"""What the tests of the configuration share: two good keys, a production, and the shape of the `load` fixture."""

from __future__ import annotations

from typing import Protocol

from portal.config import Config

SECRET_KEY = "sUp0qHqUp8wZ3s4cEuCw2iH9lTnXo5dK7vRrQbYgMfA"
TOKEN_KEY = "Zr8tV1nM0pQe5yL7cHk2wXa9dSj4uBfG6iTo3RzNqEA"
PRODUCTION = {"PORTAL_BASE_URL": "https://p.example", "PORTAL_SECRET_KEY": SECRET_KEY, "PORTAL_TOKEN_KEYS": TOKEN_KEY}


class Load(Protocol):
    def __call__(self, toml: str = "", **environ: str) -> Config: ...
