"""What a browser calls itself, in words for the person who has to know it again.

A hint, never a fact: anybody can write anything there, and the larger part of what browsers write is untrue.
"""

from __future__ import annotations

import re

LONGEST = 200  # characters, which is what is stored

# The first that fits: most browsers name those that they want to be taken for as well.
_BROWSERS = (
    ("Edge", r"\bEdg(?:e|A|iOS)?\b"),
    ("Opera", r"\b(?:OPR|Opera)\b"),
    ("Samsung Internet", r"\bSamsungBrowser\b"),
    ("Vivaldi", r"\bVivaldi\b"),
    ("Firefox", r"\b(?:Firefox|FxiOS)\b"),
    ("Chromium", r"\bChromium\b"),
    ("Chrome", r"\b(?:Headless)?Chrome\b|\bCriOS\b"),
    ("Safari", r"\bVersion/.*\bSafari\b"),
)
_SYSTEMS = (  # an iPad says that it is a Mac
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Android", r"\bAndroid\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("Windows", r"\bWindows\b"),
    ("Mac", r"\bMac(?:intosh| OS X)\b"),
    ("Linux", r"\b(?:Linux|X11)\b"),
)


def describe(said: str | None) -> str:
    """Browser and system, "Firefox on Windows"; "a browser" for what says nothing that we know."""
    said = (said or "")[:LONGEST]
    browser, system = _first(_BROWSERS, said), _first(_SYSTEMS, said)
    return (browser or "a browser") + (f" on {system}" if system else "")


def _first(names: tuple[tuple[str, str], ...], said: str) -> str | None:
    return next((name for name, pattern in names if re.search(pattern, said)), None)
