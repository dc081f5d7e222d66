"""What the providers' tests share: a session, replies in the form each vendor documents, and a way to make any."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

REPLIES = Path(__file__).parent / "replies"


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    """The network, on which only what a test puts there answers."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def documented() -> Callable[[str], Any]:
    """A documented reply by its name, with fields replaced: `documented("github-user", id=7)`."""

    def read(name: str, /, **changed: Any) -> Any:
        document = json.loads((REPLIES / f"{name}.json").read_text())
        return document | changed if changed else document

    return read


@pytest.fixture
def answer() -> Callable[..., requests.Response]:
    """An answer as it came from a token endpoint."""

    def make(body: Any, *, status: int = 200, content_type: str = "application/json") -> requests.Response:
        response = requests.Response()
        response.status_code = status
        response.headers["Content-Type"] = content_type
        response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
        response._content_consumed = True
        return response

    return make
