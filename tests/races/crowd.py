"""Many people at once, each in a browser of their own, against a served application. It counts; it judges nothing."""

from __future__ import annotations

import html
import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import requests

from tests.serving import Served

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_NAME = re.compile(r"<bdi>([^<]*)</bdi>")


@dataclass
class Visitor:
    """One browser. `starts_by_post` is how the portal is entered; stock Flask-Dance starts by a GET."""

    served: Served
    starts_by_post: bool = True

    def __post_init__(self) -> None:
        self.http = requests.Session()
        self.http.trust_env = False

    def gets_callback(self, subject: str, name: str, provider: str = "github") -> str:
        """Presses the button and consents; gives the address that the provider sends back to."""
        start = f"{self.served.base}/login/{provider}"
        if self.starts_by_post:
            page = self.http.get(f"{self.served.base}/login", timeout=30)
            token = _TOKEN.search(page.text)
            assert token, page.text
            data = {"csrf_token": html.unescape(token[1])}
            asked = self.http.post(start, data=data, allow_redirects=False, timeout=30)
        else:
            asked = self.http.get(start, allow_redirects=False, timeout=30)
        person = json.dumps({"subject": subject, "name": name, "email": f"{subject}@example.com", "verified": True})
        consented = self.http.get(
            asked.headers["Location"], headers={"X-Sandbox-Person": person}, allow_redirects=False, timeout=30
        )
        return consented.headers["Location"]

    def returns(self, callback: str) -> int:
        """Follows the redirect; gives the status of the application's answer."""
        self.http.close()  # what was kept since the button may be closed by now; a browser would reconnect
        return self.http.get(callback, allow_redirects=False, timeout=30).status_code

    def name_shown(self) -> str | None:
        """Whose account page this browser sees."""
        page = self.http.get(f"{self.served.base}/account", allow_redirects=False, timeout=30)
        name = _NAME.search(page.text) if page.status_code == 200 else None
        return html.unescape(name[1]) if name else None


def sign_in_many(served: Served, count: int, *, threads: int = 16, starts_by_post: bool = True) -> Counter[str]:
    """So many people sign in, `threads` at a time: how many are `right`, `wrong` (somebody else) or `error`."""

    def one(number: int) -> str:
        subject, name = str(number + 1), f"Person {number + 1}"
        visitor = Visitor(served, starts_by_post)
        try:
            status = visitor.returns(visitor.gets_callback(subject, name))
            shown = visitor.name_shown()
        except (requests.RequestException, KeyError):
            return "error"
        if shown == name:
            return "right"
        return "error" if status >= 400 or shown in {None, "nobody"} else "wrong"

    with ThreadPoolExecutor(threads) as pool:
        return Counter(pool.map(one, range(count)))


def return_all_at_once(served: Served, count: int, prepare: Callable[[Visitor], str]) -> Counter[int]:
    """So many browsers prepare a callback each and then follow them at the same moment: how often which status."""
    visitors = [Visitor(served) for _ in range(count)]
    with ThreadPoolExecutor(16) as pool:
        callbacks = list(pool.map(prepare, visitors))
    gate = threading.Barrier(count)

    def one(visitor: Visitor, callback: str) -> int:
        gate.wait(30)
        return visitor.returns(callback)

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(one, visitors, callbacks))
