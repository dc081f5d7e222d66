"""A provider is asked over a real socket, and whatever it does ends in a document or a ProviderError."""

import gzip
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, Event, Thread, current_thread

import pytest
import requests
import responses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers import _calls
from providers.base import Fault, ProviderError, as_provider_error, get_json, in_parallel, read_json

TOKEN = "gho_secret-token"
URL = "https://api.example.test/me"


class Server:
    """A provider on loopback that does what `reply` says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.reply: Callable[[BaseHTTPRequestHandler], None] = lambda _: None
        self.asked: list[tuple[str, str | None]] = []
        self.ended = Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers.get("Authorization")))
                outer.reply(self)

            def log_message(self, *_: object) -> None:
                pass

        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._httpd.server_port}"
        self._thread = Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def answers(self, body: bytes, *, status: int = 200, length: int | None = None, **headers: str) -> None:
        def reply(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in ({"Content_Type": "application/json"} | headers).items():
                handler.send_header(name.replace("_", "-"), value)
            handler.send_header("Content-Length", str(len(body) if length is None else length))
            handler.end_headers()
            handler.wfile.write(body)
            if length is not None and length > len(body):
                handler.wfile.flush()
                self.ended.wait(5)

        self.reply = reply

    def close(self) -> None:
        self.ended.set()
        self._httpd.shutdown()
        self._thread.join()
        self._httpd.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def ask(http: requests.Session, url: str, **options: object) -> object:
    return get_json(http, url, access_token=TOKEN, call="profile", **options)


def fault_of(http: requests.Session, url: str, **options: object) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask(http, url, **options)
    assert TOKEN not in f"{caught.value} {caught.value!r} {caught.value.detail}"
    assert caught.value.call == "profile"
    return caught.value


def test_the_token_goes_in_the_header_and_the_document_comes_back(http, server):
    server.answers(b'{"id": 1}')
    assert ask(http, server.url + "/me", params={"fields": "id"}) == {"id": 1}
    assert server.asked == [("/me?fields=id", f"Bearer {TOKEN}")]


def test_a_netrc_does_not_replace_the_token(http, server, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.answers(b"{}")
    http.get(server.url, headers={"Authorization": f"Bearer {TOKEN}"}).close()
    ask(http, server.url)
    as_a_header, as_ours = (authorization for _, authorization in server.asked)
    assert as_a_header is not None
    assert as_a_header.startswith("Basic ")  # the control: the header alone loses
    assert as_ours == f"Bearer {TOKEN}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(http, server, status):
    server.answers(b"", status=status, Location=f"{server.url}/elsewhere")
    error = fault_of(http, server.url + "/me")
    assert (error.fault, error.status, len(server.asked)) == (Fault.STATUS, status, 1)


@pytest.mark.parametrize("status", [201, 204, 400, 401, 403, 404, 429, 500, 503])
def test_any_status_but_200_is_a_fault(http, server, status):
    server.answers(b"" if status == 204 else b'{"id": 1}', status=status)
    error = fault_of(http, server.url)
    assert (error.fault, error.status) == (Fault.STATUS, status)


def test_a_connection_is_kept_after_a_refusal(http, server):
    server.answers(b'{"message": "Not Found"}', status=404)
    fault_of(http, server.url)
    (pool,) = http.get_adapter(server.url).poolmanager.pools._container.values()
    assert pool.pool.queue[-1] is not None


def test_a_scope_that_is_lacking_is_told_from_other_refusals(http, server):
    server.answers(b"{}", status=403, WWW_Authenticate='Bearer error="insufficient_scope", scope="profile"')
    assert fault_of(http, server.url).fault is Fault.SCOPE_MISSING


def test_a_refused_connection_is_unreachable(http):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening
        error = fault_of(http, f"http://127.0.0.1:{taken.getsockname()[1]}/me?secret=1")
    assert error.fault is Fault.UNREACHABLE
    assert "secret" not in str(error)


def test_a_body_that_never_ends_is_slow(http, server, monkeypatch):
    monkeypatch.setattr(_calls, "TIMEOUT", (0.2, 0.2))
    server.answers(b'{"id":', length=100)
    assert fault_of(http, server.url).fault is Fault.SLOW


def test_a_header_that_never_comes_is_slow(http, server, monkeypatch):
    monkeypatch.setattr(_calls, "TIMEOUT", (0.2, 0.2))
    server.reply = lambda _: server.ended.wait(5)
    assert fault_of(http, server.url).fault is Fault.SLOW


def test_a_body_cut_short_is_unreachable(http, server):
    server.ended.set()
    server.answers(b'{"id":', length=100)
    assert fault_of(http, server.url).fault is Fault.UNREACHABLE


def test_64_kib_are_read_and_no_byte_more(http, server):
    server.answers(b'"' + b"x" * (64 * 1024 - 4) + b'"' + b"  ")
    assert "a str, not a dict" in fault_of(http, server.url).detail
    server.answers(b'"' + b"x" * (64 * 1024 - 1) + b'"')
    assert "more than 65536 bytes" in fault_of(http, server.url).detail


def test_a_compressed_bomb_is_cut_off(http, server):
    server.answers(gzip.compress(b" " * 50_000_000), Content_Encoding="gzip")
    error = fault_of(http, server.url)
    assert (error.fault, "more than" in error.detail) == (Fault.MALFORMED, True)


def test_a_broken_compression_is_malformed(http, server):
    server.answers(b"no gzip at all", Content_Encoding="gzip")
    assert fault_of(http, server.url).fault is Fault.MALFORMED


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/problem+json"],
)
def test_json_goes_by_its_names(http, net, content_type):
    net.get(URL, body=b"{}", content_type=content_type)
    assert ask(http, URL) == {}


def test_graphs_javascript_is_json_too(http, net):
    net.get(URL, body=b"{}", content_type="text/javascript; charset=UTF-8")
    assert ask(http, URL) == {}


@pytest.mark.parametrize("content_type", ["text/html", "text/plain", "application/jwt", "application/x-json", "", ";"])
def test_an_answer_of_another_type_is_malformed(http, net, content_type):
    net.get(URL, body=b"{}", content_type=content_type)
    assert fault_of(http, URL).fault is Fault.MALFORMED


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"1", b'"x"', b"<html>", b"{}{}", b'{"a":1,"a":2}', b"\xff"])
def test_anything_but_an_object_is_malformed(http, net, body):
    net.get(URL, body=body, content_type="application/json")
    assert fault_of(http, URL).fault is Fault.MALFORMED


def test_a_list_comes_where_a_list_is_expected(http, net):
    net.get(URL, json=[1])
    assert ask(http, URL, expect=list) == [1]
    net.replace(responses.GET, URL, json={})
    assert fault_of(http, URL, expect=list).fault is Fault.MALFORMED


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(), st.text(max_size=30), st.sampled_from([dict, list]))
def test_whatever_bytes_come_only_a_provider_error_is_raised(answer, body, content_type, expect):
    for said in (content_type, "application/json"):
        with suppress(ProviderError):
            assert isinstance(read_json(answer(body, content_type=said), call="profile", expect=expect), expect)


@pytest.mark.parametrize(
    ("raised", "fault"),
    [
        (requests.ConnectTimeout("https://h/?token=secret"), Fault.SLOW),
        (requests.ReadTimeout("https://h/?token=secret"), Fault.SLOW),
        (TimeoutError("secret"), Fault.SLOW),
        (requests.exceptions.SSLError("https://h/?token=secret"), Fault.UNREACHABLE),
        (requests.exceptions.InvalidHeader("secret"), Fault.UNREACHABLE),
        (requests.TooManyRedirects("secret"), Fault.UNREACHABLE),
        (ConnectionResetError("secret"), Fault.UNREACHABLE),
    ],
)
def test_an_exception_of_the_libraries_keeps_its_name_and_loses_its_words(http, net, raised, fault):
    net.get(URL, body=raised)
    error = fault_of(http, URL)
    assert error.fault is fault
    assert error.detail == type(raised).__name__
    assert error.__suppress_context__


def test_an_exception_from_elsewhere_becomes_one_of_ours_with_its_entry_s_name():
    error = as_provider_error(requests.ReadTimeout("secret"), call="token", provider="github")
    assert (error.fault, error.provider, str(error)) == (Fault.SLOW, "github", "github token call: slow: ReadTimeout")


def test_a_detail_is_one_short_line():
    error = ProviderError(Fault.MALFORMED, "token", "a\nb\x1b[31m\u202e\ud800" + "x" * 500)
    assert error.detail.startswith("a\\nb\\x1b[31m\\u202e\\ud800xxx")
    assert len(error.detail) == 200
    error.provider = "github"
    assert str(error).startswith("github token call: malformed: a\\nb")


def test_two_calls_run_side_by_side():
    meet = Barrier(2, timeout=5)  # breaks if one waits for the other
    assert sorted(in_parallel(meet.wait, meet.wait)) == [0, 1]


def test_the_second_call_sees_the_context_of_the_first():
    request = ContextVar("request", default="nobody's")
    request.set("mine")
    names = in_parallel(lambda: (request.get(), current_thread().name), lambda: (request.get(), current_thread().name))
    assert [value for value, _ in names] == ["mine", "mine"]
    assert names[0][1] != names[1][1]


def test_an_error_of_either_call_is_raised_and_the_first_goes_before():
    def fail(text: str) -> Callable[[], None]:
        def call() -> None:
            raise LookupError(text)

        return call

    for calls, said in [
        ((fail("first"), lambda: 2), "first"),
        ((lambda: 1, fail("second")), "second"),
        ((fail("first"), fail("second")), "first"),
    ]:
        with pytest.raises(LookupError, match=said):
            in_parallel(*calls)
