"""Reads a page as a browser does; an application's tests do, too."""

from portal.testing.pages import Form, Page

__all__ = ["Form", "Page"]
