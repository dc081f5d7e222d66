"""A bookshelf: somebody's own application, whose people sign in through the portal. Copy it and make it yours."""

from .app import create_app

__all__ = ["create_app"]
