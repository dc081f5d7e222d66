"""Where the portal's own files lie: in the package once it is installed, and the templates beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
STATIC = _PACKAGE / "static"
TEMPLATES = next(each for each in (_PACKAGE / "templates", _PACKAGE.parent / "templates") if each.is_dir())
