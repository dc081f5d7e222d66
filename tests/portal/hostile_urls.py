"""Values of `next` that try to leave the site, made by rules and listed; nothing here knows how they are stopped."""

from __future__ import annotations

from itertools import product

HOSTS = (
    "evil.example",
    "evil.example/account",
    "evil.example:443/account",
    "evil.example?/account",
    "evil.example#/account",
    "portal.example.evil.example/account",
    "portal.example@evil.example",
    "evil。example",
    "xn--e1aybc.example",
    "2130706433",
    "0x7f.1",
    "[::1]/account",
)
STARTS = (
    *("//", "///", "////", "/////"),
    *("\\\\", "\\", "/\\", "\\/", "/\\/", "/\\\\", "//\\", "\\\\\\\\"),
    *("/\t/", "/\n/", "/\r/", "/\r\n/", "\t//", "\n//", "\r//", " //", "\x00//", "\x01//", "\x1f//", "\x7f//"),
    *("/\x00/", "/\x0b/", "/\u00a0/", "/\u2028/", "/\u200b/", "\ufeff//", "\u3000//"),
    *("/%2f", "/%2F", "%2f%2f", "/%5c", "%5c%5c", "/%09/", "/%0d/", "/%00/", "/%252f", "/%c0%af"),
    *("/.//", "/..//", "/./\\", "/../\\", "./\\", ".//", "..//", "/.;//", "/;//", "/account/..//"),
    *("http://", "https://", "HTTPS://", "http:", "https:", "http:/", "https:/", "http:\\\\", "https:///", "https:\\"),
    *(
        "ht\ttps://",
        "h\nttps://",
        " https://",
        "\x00https://",
        "ws://",
        "ftp://",
        "file://",
        "gopher://",
        "blob:https://",
    ),
    *("javascript:alert(1)//", "JavaScript://", "java\tscript:", "data:text/html,", "vbscript:", "mailto:a@", "about:"),
    *(
        "//user@",
        "//user:pass@",
        "https://portal.example@",
        "https://portal.example:443@",
        "https://portal.example%00.",
    ),
    *("https://portal.example.", "https://portal.example\\@", "https://portal.example\t", "//portal.example@"),
    *("?//", "#//", "?next=//", "/?/\\..//", "／／", "/／", "／\\", "∕∕", "⁄⁄", "⧸⧸", "\\\u2044"),
)
_AWKWARD = [
    *map(chr, range(0x21)),
    *map(chr, range(0x7F, 0xA1)),
    *"\"#<>[\\]^`{|}%;'$",
    "\u2028",
    "\u202e",
    "／",
    "\ud800",
]
LISTED = (
    "",
    "account",
    "account?x=1",
    "/account#fragment",
    "/account;jsessionid=1",
    "/account//",
    "/account/../logout",
    "/./account",
    "/account/.",
    "/account/%2e%2e/%2e%2e/",
    "/%61ccount",
    "/ACCOUNT",
    "/account?next=\\\\evil.example",
    "/account?x=%",
    "/account?x=%zz",
    "/account?x=%ff",
    "/account?x=%ed%a0%80",
    "/account?" + "&".join("abcdefghijklmnopqrstuvwxyz"),
    "/" + "a" * 600,
    "/account?" + "a" * 600,
    "/account?x=" + "@" * 400,
    "/account?x=" + "%0d%0aLocation:%20https://evil.example" * 5,
    "/account" + "/x" * 300,
    "/" * 512,
    "\\" * 512,
    "//" + "@" * 100 + "evil.example",
    "//[evil.example",
    "//[::1",
    "http://[",
    "http://]",
    "//evil.example:port/",
    "http://\udcff",
    "///",
    "//",
    "\\",
    "*",
    "http:",
    ":",
    "://",
    "?",
    "#",
    "@",
    "/@",
    "~//evil.example",
)
HOSTILE = tuple(
    dict.fromkeys(
        [
            *(start + host for start, host in product(STARTS, HOSTS)),
            *("/account" + awkward for awkward in _AWKWARD),
            *(awkward + "/account" for awkward in _AWKWARD),
            *("/" + awkward + "/evil.example" for awkward in _AWKWARD),
            *LISTED,
        ]
    )
)
NO_TEXT = (None, True, 0, 1.5, b"/account", ["/account"], ("/account",), {"next": "/account"}, object())
