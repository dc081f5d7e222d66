"""People's pictures: what is taken for one, where it may come from, how long it may take, and how much is kept."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from raw_servers import raw_server

from portal import backchannel, pictures
from portal.avatar_ids import AvatarIds
from portal.backchannel import BODY, BackChannel
from portal.pictures import ENTRY, KEPT, KEPT_AS_NONE, LARGEST, PLACES, Picture, Pictures, Source, fetch, make_picture
from providers import facebook, github, google
from providers.oidc import OpenIDProvider
from providers.sandbox.pictures import draw

PNG = draw((91, 75, 138))
USER = "A" * 22


@pytest.fixture
def channel():
    made = BackChannel()
    yield made
    if made._adapter is not None:
        made._adapter.close()


def answers(body: bytes = PNG, *, status: str = "200 OK", headers: str = "Content-Type: text/html\r\n"):
    def script(_, connection, __):
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)

    return script


def provider_at(port: int):
    """GitHub as somebody's own server: what the configuration names may be fetched from."""
    address = f"http://127.0.0.1:{port}"
    return github.provider.configure(
        "github", {"authorization_url": f"{address}/a", "token_url": f"{address}/t", "api_url": address}
    )


def source_at(server) -> Source:
    return Source(server.url, provider_at(server.port))


# What is a picture.


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"GIF87a..", "image/gif"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF\n\x00\n\x00WEBPVP8 ", "image/webp"),
    ],
)
def test_a_picture_is_known_by_its_first_bytes_whatever_its_host_calls_it(channel, content, kind):
    with raw_server(answers(content)) as server:
        picture = fetch(channel.session(), source_at(server))
    assert (picture.content, picture.media_type) == (content, kind)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<?xml version='1.0'?><svg/>",
        b"<!doctype html>",
        b" " + PNG,
        b"GIF88a",
        b"RIFF....WAVE",
        b"%PDF-1.7",
    ],
)
def test_nothing_else_is_one(channel, content):
    with raw_server(answers(content, headers="Content-Type: image/png\r\n")) as server:
        assert fetch(channel.session(), source_at(server)) is None


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial Content", "404 Not Found", "500 Broken"])
def test_an_answer_that_is_not_200_is_none(channel, status):
    with raw_server(answers(status=status)) as server:
        assert fetch(channel.session(), source_at(server)) is None


def test_a_picture_may_be_as_large_as_that_and_no_larger_and_other_calls_stay_as_they_were(channel):
    largest = PNG + b"\0" * (LARGEST - len(PNG))
    with raw_server(answers(largest)) as server:
        assert len(fetch(channel.session(), source_at(server)).content) == LARGEST
        assert len(channel.session().get(server.url).content) == BODY + 1
    with raw_server(answers(largest + b"\0")) as server:
        assert fetch(channel.session(), source_at(server)) is None
    assert make_picture(largest + b"\0") is None


def test_a_host_is_told_nothing_about_anybody(channel):
    with raw_server(answers(headers="Set-Cookie: seen=1; Path=/\r\n")) as server:
        for _ in range(2):
            fetch(channel.session(), source_at(server))
    for request in server.requests:
        assert not {b"cookie", b"authorization", b"referer"} & {
            line.partition(b":")[0].lower() for line in request.splitlines()
        }


# Where it may come from (T91).

ALLOWED = [
    (google.provider, "https://lh3.googleusercontent.com/a/ACg8ocJq=s96-c"),
    (github.provider, "https://avatars.githubusercontent.com/u/583231?v=4"),
    (github.provider, "https://avatars.githubusercontent.com:443/u/583231"),
    (facebook.provider, "https://platform-lookaside.fbsbx.com/platform/profilepic/?asid=1"),
    (facebook.provider, "https://scontent-fra3-1.xx.fbcdn.net/v/t39.30808-1/1.jpg"),
    (facebook.provider, "https://graph.facebook.com/1815/picture"),
]
REFUSED = [
    (facebook.provider, "https://evilfbcdn.net/1.jpg"),
    (facebook.provider, "https://fbcdn.net.evil.test/1.jpg"),
    (facebook.provider, "https://fbcdn.net@evil.test/1.jpg"),
    (facebook.provider, "https://evil.test/?x=.fbcdn.net"),
    (facebook.provider, "https://evil.test\\.fbcdn.net/"),
    (facebook.provider, "http://scontent.xx.fbcdn.net/1.jpg"),
    (facebook.provider, "https://scontent.xx.fbcdn.net:8443/1.jpg"),
    (google.provider, "https://10.20.30.40.bc.googleusercontent.com/1.png"),
    (google.provider, "https://avatars.githubusercontent.com/u/583231?v=4"),
    (github.provider, "https://169.254.169.254/latest/meta-data/"),
    (github.provider, "https://127.0.0.1/1.png"),
    (github.provider, "http://localhost:8001/1.png"),
    (github.provider, "file:///etc/passwd"),
    (github.provider, ""),
    (github.provider, "https://[::1/1.png"),
]


@pytest.mark.parametrize(("provider", "url"), ALLOWED)
def test_a_provider_s_own_hosts_are_asked(provider, url):
    assert provider.has_picture_at(url)


@pytest.mark.parametrize(("provider", "url"), REFUSED)
def test_no_other_host_is(provider, url):
    assert not provider.has_picture_at(url)


def test_the_check_that_is_often_copied_would_let_some_through():
    """The negative control."""
    naive = [url for provider, url in REFUSED if any(host in url for host in provider.avatar_hosts)]
    assert len(naive) >= 6


def test_an_issuer_s_pictures_come_from_the_issuer_itself():
    issuer = OpenIDProvider(title="ID").configure("id", {"issuer": "https://id.example.test/realms/a"})
    assert issuer.has_picture_at("https://id.example.test/pictures/ada.png")
    assert not issuer.has_picture_at("https://elsewhere.example.test/ada.png")


def test_nothing_is_sent_to_a_host_that_is_not_listed(channel):
    with raw_server(answers()) as server:
        assert fetch(channel.session(), Source(server.url, github.provider)) is None
    assert server.requests == []


def redirecting(location: str):
    return answers(b"", status="302 Found", headers=f"Location: {location}\r\n")


def test_a_redirect_is_followed_once_and_only_to_where_the_first_address_could_have_been(channel):
    with raw_server(answers()) as inside, raw_server(answers()) as outside:

        def script(server, connection, request):
            path = request.split()[1]
            place = {b"/again": "/picture", b"/twice": "/again", b"/out": outside.url, b"/odd": "https://[::1/"}.get(
                path
            )
            return (redirecting(place) if place else answers())(server, connection, request)

        with raw_server(script) as server:
            provider = provider_at(server.port)

            def get(path: str) -> Picture | None:
                return fetch(channel.session(), Source(f"http://127.0.0.1:{server.port}{path}", provider))

            assert get("/again") is not None
            assert get("/twice") is None
            assert get("/out") is None
            assert get("/odd") is None
            assert outside.requests == inside.requests == []


@pytest.mark.parametrize("checked", [True, False], ids=["", "the negative control"])
def test_a_listed_name_that_resolves_to_a_private_address_is_not_called(channel, monkeypatch, checked):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        place = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", listener.getsockname())]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: place)
        if not checked:
            monkeypatch.setattr(backchannel, "_check_public", lambda _: None)
        url = "https://avatars.githubusercontent.com/u/583231"
        with ThreadPoolExecutor(1) as pool:
            got = pool.submit(fetch, channel.session(), Source(url, github.provider))
            if checked:
                assert got.result(5) is None
                listener.setblocking(False)
                with pytest.raises(BlockingIOError):
                    listener.accept()
            else:
                listener.accept()[0].close()
                assert got.result(5) is None


def test_a_host_that_drips_is_given_up_in_time(channel, monkeypatch):
    monkeypatch.setattr(pictures, "PATIENCE", 0.2)

    def script(server, connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
        server.drip(connection, PNG)
        return False

    with raw_server(script) as server:
        began = time.monotonic()
        assert Pictures(channel.session).get("ada", lambda: [source_at(server)]) is None
        assert time.monotonic() - began < 1.5


# What is kept.


class Shelf:
    """Pictures that come from a list instead of the network, and a clock that only the test moves."""

    def __init__(self, monkeypatch, room: int = 8 * 1024 * 1024):
        self.now = 0.0
        self.fetched: list[object] = []
        self.answers: dict[object, Picture | None] = {}
        self.go_on = threading.Event()
        self.go_on.set()
        monkeypatch.setattr(pictures, "fetch_first", self._fetch)
        self.pictures = Pictures(BackChannel().session, room=room, now=lambda: self.now)

    def get(self, key):
        return self.pictures.get(key, lambda: key)

    def _fetch(self, _, key):
        self.fetched.append(key)
        assert self.go_on.wait(5)
        return self.answers.get(key, make_picture(PNG))


def test_a_picture_is_fetched_once_a_day_and_who_has_none_is_asked_again_after_ten_minutes(monkeypatch):
    shelf = Shelf(monkeypatch)
    shelf.answers["alan"] = None
    for _ in range(2):
        assert shelf.get("ada").content == PNG
        assert shelf.get("alan") is None
    assert shelf.fetched == ["ada", "alan"]
    shelf.now = KEPT_AS_NONE
    shelf.get("ada"), shelf.get("alan")
    assert shelf.fetched == ["ada", "alan", "alan"]
    shelf.now = KEPT
    shelf.get("ada")
    assert shelf.fetched[-1] == "ada"


def test_what_is_kept_is_bounded_and_the_least_used_goes_first(monkeypatch):
    shelf = Shelf(monkeypatch, room=3 * (ENTRY + len(PNG)))
    for key in ("a", "b", "c", "a", "d"):  # the fourth is a use
        shelf.get(key)
    assert list(shelf.pictures._kept) == ["c", "a", "d"]
    for number in range(200):
        shelf.answers[number] = None
        shelf.get(number)
    assert sum(kept.size for kept in shelf.pictures._kept.values()) == shelf.pictures._size <= 3 * (ENTRY + len(PNG))


def test_a_search_that_fails_is_not_kept(monkeypatch):
    shelf = Shelf(monkeypatch)
    with pytest.raises(ZeroDivisionError):
        shelf.pictures.get("ada", lambda: 1 // 0)
    assert shelf.get("ada").content == PNG


def at_once(shelf: Shelf, keys) -> list[Picture | None]:
    """Everybody asks while the first fetch is under way."""
    shelf.go_on.clear()
    with ThreadPoolExecutor(len(keys)) as pool:
        asked = [pool.submit(shelf.get, keys[0])]
        _until(lambda: shelf.fetched)
        asked += [pool.submit(shelf.get, key) for key in keys[1:]]
        _until(lambda: sum(each.done() for each in asked) + PLACES - shelf.pictures._places._value >= len(keys))
        shelf.go_on.set()
        return [each.result(5) for each in asked]


def _until(true) -> None:
    ends = time.monotonic() + 5
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.001)


def test_of_many_who_ask_at_once_one_fetches(monkeypatch):
    shelf = Shelf(monkeypatch)
    assert all(at_once(shelf, ["ada"] * PLACES))
    assert shelf.fetched == ["ada"]


def test_without_that_each_would(monkeypatch):
    """The negative control."""
    shelf = Shelf(monkeypatch)
    forgetful = type("Forgetful", (dict,), {"get": lambda *_: None, "__delitem__": lambda *_: None})
    monkeypatch.setattr(shelf.pictures, "_under_way", forgetful())
    at_once(shelf, ["ada"] * PLACES)
    assert len(shelf.fetched) == PLACES


def test_a_slow_host_holds_a_few_threads_and_the_others_show_initials_meanwhile(monkeypatch):
    shelf = Shelf(monkeypatch)
    found = at_once(shelf, list(range(PLACES + 3)))
    assert found.count(None) == 3
    assert shelf.get("somebody later") is not None


# Whose it is.


def test_an_id_leads_back_to_its_user_under_every_key_that_verifies():
    old, new = AvatarIds(["old"]), AvatarIds(["new", "old"])
    assert new.read(old.make(USER)) == new.read(new.make(USER)) == USER
    assert new.make(USER) != old.make(USER)
    assert AvatarIds(["new"]).read(old.make(USER)) is None


def test_a_user_s_id_alone_is_none_nor_one_that_was_changed():
    ids = AvatarIds(["key"])
    made = ids.make(USER)
    changed = [made[:-1] + ("A" if made[-1] != "A" else "B"), "B" + made[1:], made + "A", made[:-1], f"{made}\n"]
    assert [ids.read(each) for each in [USER, "", "é" * 38, "A" * 10_000, *changed]] == [None] * 9
