"""People's pictures, fetched from their providers and kept in this process's memory; whose they are is not its matter.

Memory and no store: a picture can be had again, so it is worth no write, no row to delete with its account, and no
second place that must be kept from strangers. What is fetched is an image by its first bytes, never SVG, which is a
document with scripts; and it comes only from the hosts that its provider declares (T25, T91).
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

import requests
from urllib3.exceptions import HTTPError

from portal.backchannel import allowing, deadline
from providers.base import Provider

LARGEST: Final = 256 * 1024  # bytes of one picture; GitHub sends what people upload, half a thousand pixels wide
ROOM: Final = 8 * 1024 * 1024  # bytes of all of them together, in one process
ENTRY: Final = 1024  # bytes that each one counts for at least, so that those who have none are bounded as well
PATIENCE: Final = 3.0  # seconds of wall clock for one picture, its redirect included
REDIRECTS: Final = 1  # Facebook's lead once from platform-lookaside.fbsbx.com to fbcdn.net
PLACES: Final = 4  # threads that may wait for pictures at a time; a slow host must not hold those that sign people in
KEPT: Final = 24 * 3600.0  # seconds
KEPT_AS_NONE: Final = 600.0  # seconds until somebody without a picture, or whose host is down, is tried again
_KINDS: Final = (
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
)
_HEADERS: Final = {"Accept": "image/webp,image/png,image/jpeg,image/gif", "User-Agent": "portal-pictures"}


@dataclass(frozen=True, slots=True)
class Picture:
    content: bytes
    media_type: str  # as its first bytes say, whatever its host said
    etag: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a provider says that somebody's picture is."""

    url: str
    provider: Provider


@dataclass(frozen=True, slots=True)
class _Kept:
    picture: Picture | None
    ends: float

    @property
    def size(self) -> int:
        return ENTRY + (len(self.picture.content) if self.picture else 0)


class Pictures:
    """The pictures of one process, the least used of which go first. Safe to share between threads."""

    def __init__(
        self,
        open_session: Callable[[], requests.Session],
        *,
        room: int = ROOM,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`open_session` opens a session over which one picture is fetched; `room` is in bytes."""
        self._open_session = open_session
        self._room = room
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._size = 0
        self._under_way: dict[Hashable, Future[Picture | None]] = {}
        self._places = threading.BoundedSemaphore(PLACES)

    def get(self, key: Hashable, find: Callable[[], Iterable[Source]]) -> Picture | None:
        """The picture kept under a key, or else of the first of the sources that has one; None where there is none, or
        none just now. Of many who ask at once, one fetches. Raises what `find` raises, which is asked only then."""
        with self._lock:
            if kept := self._alive(key):
                return kept.picture
        if not self._places.acquire(blocking=False):
            return None
        try:
            return self._get_once(key, find)
        finally:
            self._places.release()

    def _get_once(self, key: Hashable, find: Callable[[], Iterable[Source]]) -> Picture | None:
        with self._lock:
            if kept := self._alive(key):  # came while this thread went for a place
                return kept.picture
            asked = self._under_way.get(key)
            if asked is None:
                mine: Future[Picture | None] = Future()
                self._under_way[key] = mine
        if asked is not None:
            try:
                return asked.result(PATIENCE)
            except NotInTime:
                return None
        try:
            picture = fetch_first(self._open_session, find())
        except BaseException as error:
            with self._lock:
                del self._under_way[key]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._under_way[key]
            self._keep(key, picture)
        mine.set_result(picture)
        return picture

    def _alive(self, key: Hashable) -> _Kept | None:
        kept = self._kept.get(key)
        if kept is None or self._now() >= kept.ends:
            return None
        self._kept.move_to_end(key)
        return kept

    def _keep(self, key: Hashable, picture: Picture | None) -> None:
        if before := self._kept.pop(key, None):
            self._size -= before.size
        self._kept[key] = kept = _Kept(picture, self._now() + (KEPT if picture else KEPT_AS_NONE))
        self._size += kept.size
        while self._size > self._room:
            _, oldest = self._kept.popitem(last=False)
            self._size -= oldest.size


def fetch_first(open_session: Callable[[], requests.Session], sources: Iterable[Source]) -> Picture | None:
    """The picture of the first source that has one, all of them together within the deadline."""
    with deadline(PATIENCE):
        for source in sources:
            with open_session() as http:
                if picture := fetch(http, source):
                    return picture
    return None


def fetch(http: requests.Session, source: Source) -> Picture | None:
    """What is at a source; None if that is no picture, too large, out of reach, or not where it may be fetched from."""
    url = source.url
    for _ in range(1 + REDIRECTS):
        if not source.provider.has_picture_at(url):
            return None
        # The names that a provider declares lead nowhere private, unless somebody tampers with the look-up; what the
        # configuration itself names may be anywhere (an Enterprise server, the sandbox).
        with allowing(LARGEST, only_public=not source.provider.is_at(url)):
            try:
                answer = http.get(url, headers=_HEADERS, allow_redirects=False)
            except (
                OSError,
                HTTPError,
                ValueError,
            ):  # requests' own are OSErrors; a ValueError is an address of a target
                return None
        if answer.status_code == 200:
            return make_picture(answer.content)
        url = _leads_to(answer)
    return None


def make_picture(content: bytes) -> Picture | None:
    """An image of a kind that is only an image; None for everything else, and for what is too large."""
    kind = next((media_type for media_type, begins in _KINDS if begins.match(content)), None)
    if kind is None or len(content) > LARGEST:
        return None
    return Picture(content, kind, hashlib.sha256(content).hexdigest()[:32])


def _leads_to(answer: requests.Response) -> str:
    """Where a redirect points; "", an address that no provider has, where it is none."""
    if answer.status_code not in {301, 302, 303, 307, 308}:
        return ""
    try:
        return urljoin(answer.url, answer.headers.get("Location", ""))
    except ValueError:
        return ""
