"""`make bookshelf`: one command, nothing to set up, on each of the stores."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
import requests

from tests.test_manage import _free_port, _says, _started


@pytest.mark.full
@pytest.mark.parametrize("store", ["sqlite", "datastore"])
def test_it_starts_signs_somebody_in_puts_a_book_on_the_shelf_and_stops(
    store: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    port, sandbox_port = _free_port(), _free_port()
    if store == "datastore":
        environment = {
            "PORTAL_STORE": "datastore://demo",
            "DATASTORE_EMULATOR_HOST": request.getfixturevalue("shelf_emulator"),
        }
    else:
        environment = {"PORTAL_STORE": f"sqlite:///{tmp_path}/demo.db"}
    home = f"http://localhost:{port}"
    with _started("bookshelf", "--port", str(port), "--sandbox-port", str(sandbox_port), **environment) as bookshelf:
        assert f"Bookshelf is on {home}" in _says(bookshelf, "Ctrl-C stops everything.")
        browser = requests.Session()
        browser.trust_env = False
        asked = press(browser, f"{home}/login?next=/books/add", f"{home}/login/github")
        callback = consent(asked.headers["Location"])
        answer = browser.get(callback, allow_redirects=False, timeout=10)
        if answer.headers["Location"].startswith("/welcome"):
            answer = press(browser, home + answer.headers["Location"], f"{home}/welcome")
        assert answer.headers["Location"].partition("#")[0] == "/books/add"
        added = press(browser, f"{home}/books/add", f"{home}/books/add", title="Notes", author="Ada")
        assert added.headers["Location"] == "/mine"
        page = browser.get(f"{home}/mine", timeout=10).text
        assert "<bdi>Notes</bdi>" in page
        pictures = re.findall(r'<img src="([^"]+)"', page)
        assert browser.get(home + pictures[0], timeout=10).headers["Content-Type"] == "image/png"
        browser.close()  # or gunicorn would wait for it
        bookshelf.send_signal(signal.SIGINT)
        assert bookshelf.wait(10) == 0


def press(browser: requests.Session, page: str, action: str, **fields: str) -> requests.Response:
    """The form of a page that leads to `action`, sent as a browser sends it."""
    token = re.findall(r'name="csrf_token" value="([^"]+)"', browser.get(page, timeout=10).text)[-1]
    hidden = {"csrf_token": token, **({"next": "/books/add"} if "/login/" in action else {})}
    return browser.post(action, data=hidden | fields, allow_redirects=False, timeout=10)


def consent(location: str) -> str:
    """Ada says yes at the stand-in."""
    asked = re.findall(r'name="request" value="([^"]+)"', requests.get(location, timeout=10).text)[0]
    answer = requests.post(
        location.partition("?")[0], data={"request": asked, "person": "ada"}, allow_redirects=False, timeout=10
    )
    return answer.headers["Location"]
