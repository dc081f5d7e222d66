"""A `requests` session in one person's name: their token goes to the provider's own API, and to nobody else.

It renews the token when the provider rejects it, once, and sends what can be sent again. What is asked, and what the
answers mean, is the application's.
"""

from __future__ import annotations

from typing import Any, Protocol

import requests

from portal.backchannel import allowing
from portal.live import Live
from providers.base import Provider

LARGEST_ANSWER = 4 * 1024 * 1024  # bytes


class Source(Protocol):
    """Where a session has its token from."""

    def current(self, live: Live) -> Live:
        """The token to use now, refreshed if it is due. Raises TryAgain and Reconnect."""
        ...

    def renewed(self, live: Live) -> Live:
        """One that takes the place of a token that the provider has rejected. Raises TryAgain and Reconnect."""
        ...

    def resolved(self, provider: Provider) -> Provider:
        """The provider with its addresses known. Raises TryAgain."""
        ...


class AuthorisedSession(requests.Session):
    """For the back channel's adapter, and one thread. Each call may raise TryAgain and Reconnect beside what requests
    raises; a call to anybody but the provider's API raises `requests.exceptions.InvalidURL`, and nothing is sent."""

    def __init__(self, source: Source, live: Live) -> None:
        super().__init__()
        self._source = source
        self._live = live
        self._resolved: Provider | None = None

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        provider = self._provider_for(request.url or "")
        self._live = self._source.current(self._live)
        answer = self._send_signed(provider, request, **kwargs)
        if not provider.rejects(answer):
            return answer
        self._live = self._source.renewed(self._live)
        if not isinstance(request.body, str | bytes | None):  # a stream is read; the next call has the new token
            return answer
        return self._send_signed(provider, request, **kwargs)

    def _send_signed(self, provider: Provider, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        signed = request.copy()  # signed for each sending anew, and never twice
        provider.sign(signed, self._live.access_token)
        with allowing(LARGEST_ANSWER, only_public=False):
            answer = super().send(signed, **kwargs)
        if len(answer.content) > LARGEST_ANSWER:  # cut: half an answer must not pass for a whole one
            raise requests.exceptions.ContentDecodingError(f"an answer of more than {LARGEST_ANSWER} bytes")
        return answer

    def _provider_for(self, url: str) -> Provider:
        provider = self._live.provider
        if provider.owns(url):
            return provider
        if self._resolved is None:  # the addresses of an issuer that is discovered
            self._resolved = self._source.resolved(provider)
        if not self._resolved.owns(url):
            # Not with the address in the text: it is the application's, and may hold anything.
            raise requests.exceptions.InvalidURL(f"this session calls the API of {provider.title} and nothing else")
        return self._resolved
