"""Calls a provider's API and takes nothing for an answer but a JSON document of the agreed size and form.

It holds with any `requests.Session`; the pool and the deadline of a whole sign-in are the session's own matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import Any, Final, TypeAlias, TypeVar

import requests
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as PoolTimeout

from providers._documents import decode
from providers._faults import Call, Fault, ProviderError

A = TypeVar("A")
B = TypeVar("B")
Container: TypeAlias = type[dict[str, Any]] | type[list[Any]]

TIMEOUT: Final = (2, 3)  # seconds to connect, and for each read (T84)
MAX_BODY: Final = 64 * 1024  # bytes, after decompression (T86)


def get_json(
    http: requests.Session,
    url: str,
    *,
    access_token: str,
    call: Call,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    expect: Container = dict,
) -> Any:
    """The document at a URL that takes the access token: of type `expect`, dict or list. Raises ProviderError."""
    response = fetch(http, url, access_token=access_token, call=call, params=params, headers=headers)
    return read_json(response, call=call, expect=expect)


def fetch(
    http: requests.Session,
    url: str,
    *,
    call: Call,
    access_token: str | None = None,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> requests.Response:
    """The answer to a GET, its status 200, its body not yet read. Follows no redirect (T87). Raises ProviderError."""
    with _network(call):
        response = http.get(
            url,
            params=params,
            headers={"Accept": "application/json", **(headers or {})},
            auth=_Bearer(access_token),
            allow_redirects=False,
            stream=True,
            timeout=TIMEOUT,
        )
    if response.status_code == 200:
        return response
    with suppress(ProviderError):
        _read_body(response, call)  # so that the connection goes back to the pool
    # RFC 6750, section 3.1: the one refusal that the person can mend, by granting more.
    lacks_scope = "insufficient_scope" in response.headers.get("WWW-Authenticate", "")
    fault = Fault.SCOPE_MISSING if lacks_scope else Fault.STATUS
    raise ProviderError(fault, call, str(response.status_code), status=response.status_code)


def send_form(
    http: requests.Session,
    url: str,
    fields: Mapping[str, str],
    *,
    call: Call,
    credentials: requests.auth.AuthBase | None = None,
) -> requests.Response:
    """The answer to a POST of a form, whatever its status, its body not yet read. Raises ProviderError."""
    with _network(call):
        return http.post(
            url,
            data=dict(fields),
            headers={"Accept": "application/json"},  # without it GitHub answers with a form
            auth=credentials or _Bearer(None),
            allow_redirects=False,
            stream=True,
            timeout=TIMEOUT,
        )


def send(
    http: requests.Session,
    method: str,
    url: str,
    *,
    call: Call,
    access_token: str | None = None,
    credentials: requests.auth.AuthBase | None = None,
    params: Mapping[str, str] | None = None,
    json: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> requests.Response:
    """The answer to a call of any other method, whatever its status, its body not yet read. Raises ProviderError."""
    with _network(call):
        return http.request(
            method,
            url,
            params=params,
            json=json,
            headers={"Accept": "application/json", **(headers or {})},
            auth=credentials or _Bearer(access_token),
            allow_redirects=False,
            stream=True,
            timeout=TIMEOUT,
        )


def read_json(response: requests.Response, *, call: Call, expect: Container = dict) -> Any:
    """The document in an answer, whatever its status. Raises ProviderError (T85)."""
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    # Graph has long answered `text/javascript` to whoever doesn't ask for JSON. The type only tells an error page from
    # an answer, early; the body is held to JSON either way.
    if media_type not in ("application/json", "text/javascript") and not media_type.endswith("+json"):
        response.close()
        raise ProviderError(Fault.MALFORMED, call, f"answered {media_type or 'no content type'}, not JSON")
    try:
        document = decode(_read_body(response, call))
    except ValueError as error:
        raise ProviderError(Fault.MALFORMED, call, str(error)) from None
    if not isinstance(document, expect):
        raise ProviderError(Fault.MALFORMED, call, f"answered a {type(document).__name__}, not a {expect.__name__}")
    return document


def as_provider_error(error: OSError | HTTPError, *, call: Call, provider: str = "") -> ProviderError:
    """What an exception of requests (they are OSErrors) or urllib3 means. Only its name is kept: its text quotes the
    URL with its query, and sometimes a header (T70)."""
    if isinstance(error, requests.exceptions.ContentDecodingError):
        fault = Fault.MALFORMED
    elif any(isinstance(e, requests.Timeout | PoolTimeout | TimeoutError) for e in (error, *error.args)):
        fault = Fault.SLOW  # a body that stops midway is a ConnectionError *around* a ReadTimeoutError
    else:
        fault = Fault.UNREACHABLE
    reason = getattr(error.args[0], "reason", None) if error.args else None
    names = [type(e).__name__ for e in (error, reason) if isinstance(e, Exception)]
    return ProviderError(fault, call, " / ".join(names), provider=provider)


def in_parallel(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Both results, of two calls that don't need each other. If both raise, what `first` raised is raised."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(copy_context().run, second)
        return first(), waiting.result()


def _read_body(response: requests.Response, call: Call) -> bytes:
    body = b""
    with _network(call):
        for chunk in response.iter_content(16 * 1024):
            body += chunk
            if len(body) > MAX_BODY:
                response.close()
                raise ProviderError(Fault.MALFORMED, call, f"answered more than {MAX_BODY} bytes")
    return body


@contextmanager
def _network(call: Call) -> Iterator[None]:
    try:
        yield
    except (OSError, HTTPError) as error:
        raise as_provider_error(error, call=call) from None


class _Bearer(requests.auth.AuthBase):
    """The access token as an `auth`, not a header: requests replaces the header where ~/.netrc knows the host."""

    def __init__(self, access_token: str | None) -> None:
        self._access_token = access_token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._access_token is not None:
            request.headers["Authorization"] = f"Bearer {self._access_token}"
        return request
