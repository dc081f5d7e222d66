"""What a browser calls itself, in words; and nothing that it can say is more than words."""

from __future__ import annotations

import time

import pytest

from portal.logs import printable
from portal.user_agent import describe

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
ANDROID = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko)"

SAID = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0": "Firefox on Windows",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": "Firefox on Linux",
    f"{WINDOWS} Chrome/142.0.0.0 Safari/537.36": "Chrome on Windows",
    f"{WINDOWS} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0": "Edge on Windows",
    f"{WINDOWS} Chrome/142.0.0.0 Safari/537.36 OPR/120.0.0.0": "Opera on Windows",
    f"{ANDROID} Chrome/142.0.0.0 Mobile Safari/537.36": "Chrome on Android",
    f"{ANDROID} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36": "Samsung Internet on Android",
    f"{IPHONE} Version/18.5 Mobile/15E148 Safari/604.1": "Safari on iPhone",
    f"{IPHONE} CriOS/142.0 Mobile/15E148 Safari/604.1": "Chrome on iPhone",
    f"{IPHONE} FxiOS/145.0 Mobile/15E148 Safari/605.1.15": "Firefox on iPhone",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15": "Safari on Mac",  # noqa: E501 - as it is said
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36": "Chrome on ChromeOS",  # noqa: E501 - as it is said
    "Firefox on Linux": "Firefox on Linux",
    "curl/8.5.0": "a browser",
    "python-requests/2.32": "a browser",
    "Chromecast": "a browser",
    "": "a browser",
    None: "a browser",
}


@pytest.mark.parametrize(("said", "words"), SAID.items(), ids=map(str, SAID.values()))
def test_browser_and_system_are_named(said: str | None, words: str) -> None:
    assert describe(said) == words


@pytest.mark.parametrize(
    "said",
    [
        "<script>alert(1)</script>",
        "Firefox\n\x1b[31m on your own device",
        "\u202eIPhone",
        "x" * 100_000,
        "Version/" + "1" * 90_000,
    ],
    ids=["markup", "control", "direction", "long", "nearly a Safari"],
)
def test_whatever_is_said_words_of_ours_come_out_and_soon(said: str) -> None:
    begun = time.process_time()
    words = describe(printable(said))
    assert words in {"a browser", "Firefox"}
    assert describe(said) in {"a browser", "Firefox"}
    assert time.process_time() - begun < 0.5
    assert len(printable(said)) <= 200
