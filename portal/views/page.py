"""What every page is given: the title, the buttons and the form token. It knows the providers by their list only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import g, render_template, request, url_for

from portal.files import STATIC
from portal.parts import parts
from portal.places import front_page
from portal.security import make_csrf_token
from portal.views.words import in_words


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider as a button: its configured name, its title, and whether this browser used it last."""

    name: str
    title: str
    last_used: bool


@dataclass(frozen=True, slots=True)
class Box:
    """The box "this is a shared computer" beside the buttons that sign in."""

    ticked: bool
    idle: str
    absolute: str


def show(template: str, *, starts_dance: bool = False, shared: bool = False, **values: Any) -> str:
    """A page of ours. `starts_dance` where it has a button that leads to a provider: its CSP differs then. `shared`
    ticks the box beside the buttons."""
    here = parts()
    limits = here.config.sessions
    g.portal_starts_dance = starts_dance
    return render_template(
        f"portal/{template}.html",
        title=here.config.title,
        contact=here.config.contact,
        sign_up=here.config.sign_up.value,
        front_page=front_page(),
        csrf_token=lambda: make_csrf_token(here.csrf_keys),
        stylesheet=_static("portal.css"),
        icon=_static("icon.svg"),
        box=Box(shared, in_words(limits.shared_idle), in_words(limits.shared_absolute)),
        shared=shared,
        fresh=in_words(limits.fresh),
        **values,
    )


def list_choices(only: str | None = None, *, hidden: bool = False) -> list[Choice]:
    """The buttons of the providers that have one, in their configured order (they never move), with the `hidden` ones
    among them where a person may have them already; or one provider alone, hidden or not."""
    here = parts()
    last = here.sessions.last_used(request)
    names = [name for name in here.providers if (hidden or here.ways.is_shown(name) if only is None else name == only)]
    return [Choice(name, here.providers[name].title, name == last) for name in names]


def _static(filename: str) -> str:
    return url_for("portal.static", filename=filename, v=_fingerprint(filename))


@cache
def _fingerprint(filename: str) -> str:
    return hashlib.sha256((STATIC / filename).read_bytes()).hexdigest()[:12]
