"""Calls to providers that misbehave: each ends in time, is sent once, and follows nothing it is told."""

import gzip
import os
import socket
import ssl
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest
import requests
from raw_servers import Authority, answer, raw_server
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from portal import backchannel
from portal.backchannel import BODY, BackChannel, deadline
from providers.base import Fault, ProviderError, fetch, get_json, in_parallel

SHORT = 0.2  # seconds, for the deadlines here
SLACK = 0.5  # what a busy machine may add


@pytest.fixture
def channel():
    made = BackChannel()
    yield made
    if made._adapter is not None:
        made._adapter.close()


def call(channel: BackChannel, url: str) -> object:
    return get_json(channel.session(), url, access_token="token", call="profile")


def fault_of(channel: BackChannel, url: str) -> Fault:
    with pytest.raises(ProviderError) as caught:
        call(channel, url)
    return caught.value.fault


class Stopwatch:
    """Measures a `with` block."""

    def __enter__(self):
        self.began = time.monotonic()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.began


# Time (T84).

DRIPS = {
    "status line": (b"", b"HTTP/1.1 200 " + b"O" * 20),
    "one header": (b"HTTP/1.1 200 OK\r\n", b"X-Slow: " + b"x" * 22),
    "many headers": (b"HTTP/1.1 200 OK\r\n", b"X:y\r\n" * 6),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n", b" " * 30),
    "chunked body": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 5),
    "body without end": (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b" " * 30),
    "before the answer": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2),
}


def drips(at_once: bytes, slowly: bytes):
    def script(server, connection, _):
        connection.sendall(at_once)
        server.drip(connection, slowly)
        return False

    return script


@pytest.mark.parametrize("what", DRIPS)
def test_however_slowly_it_drips_a_call_ends_at_the_deadline(channel, what):
    with raw_server(drips(*DRIPS[what])) as server:
        with Stopwatch() as watch, deadline(SHORT):
            fault = fault_of(channel, server.url)
        assert fault is Fault.SLOW
        assert SHORT * 0.9 <= watch.seconds < SHORT + SLACK


@pytest.mark.parametrize("what", ["one header", "body"])
def test_plain_timeouts_would_wait_as_long_as_it_drips(what):
    """The negative control: they count from each byte."""
    with raw_server(drips(*DRIPS[what])) as server, requests.Session() as plain:
        with Stopwatch() as watch, suppress(requests.RequestException):
            plain.get(server.url, timeout=(SHORT, SHORT))
        assert watch.seconds > SHORT + SLACK


def test_it_drips_no_longer_over_tls(channel, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with raw_server(drips(*DRIPS["body"]), tls=authority.server_context("127.0.0.1")) as server:
        with Stopwatch() as watch, deadline(SHORT):
            fault = fault_of(channel, server.url)
        assert fault is Fault.SLOW
        assert watch.seconds < SHORT + SLACK


def test_silence_ends_after_the_read_timeout(channel, monkeypatch):
    monkeypatch.setattr(backchannel, "READ", 0.2)
    with raw_server(lambda server, *_: server.stopping.wait(5)) as server, Stopwatch() as watch:
        assert fault_of(channel, server.url) is Fault.SLOW
    assert watch.seconds < 0.2 + SLACK


def test_silence_in_the_middle_of_a_body_ends_after_the_read_timeout(channel, monkeypatch):
    def script(server, connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
        server.stopping.wait(5)

    monkeypatch.setattr(backchannel, "READ", 0.2)
    with raw_server(script) as server, Stopwatch() as watch:
        assert fault_of(channel, server.url) is Fault.SLOW
    assert watch.seconds < 0.2 + SLACK


@pytest.fixture
def full_port():
    """A port where nobody takes a connection, and nobody refuses one."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # fill its queue, so that the next one hangs
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_a_connection_that_is_not_taken_ends_after_the_connect_timeout(channel, full_port, monkeypatch):
    monkeypatch.setattr(backchannel, "CONNECT", 0.2)
    with Stopwatch() as watch:
        assert fault_of(channel, f"http://127.0.0.1:{full_port}/") is Fault.SLOW
    assert watch.seconds < 0.2 + SLACK


def resolves_to(monkeypatch, *ports: int) -> None:
    """Let every name have these ports of loopback for its addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
    original = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **k: found if host == "many.example" else original(host, *a, **k)
    )


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_host_of_many_dead_addresses_ends_at_the_deadline(channel, full_port, monkeypatch, scheme):
    resolves_to(monkeypatch, *[full_port] * 16)
    monkeypatch.setattr(backchannel, "CONNECT", 0.1)
    with Stopwatch() as watch, deadline(SHORT):
        assert fault_of(channel, f"{scheme}://many.example/") is Fault.SLOW
    assert SHORT * 0.9 < watch.seconds < SHORT + SLACK


def test_the_second_address_is_tried_where_the_first_refuses(channel, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        refused = listener.getsockname()[1]
    with raw_server(answer()) as server:
        resolves_to(monkeypatch, refused, server.port)
        assert call(channel, "http://many.example/") == {"id": 1}


def test_a_handshake_that_hangs_ends_at_the_deadline(channel):
    with socket.create_server(("127.0.0.1", 0)) as silent, Stopwatch() as watch, deadline(SHORT):
        fault = fault_of(channel, f"https://127.0.0.1:{silent.getsockname()[1]}/")
    assert fault is Fault.SLOW
    assert watch.seconds < SHORT + SLACK


def slowly(server, connection, request):
    server.stopping.wait(0.6)
    answer()(server, connection, request)


def test_all_calls_of_a_request_share_one_deadline(channel):
    with raw_server(slowly) as server, Stopwatch() as watch, deadline(1.5):
        assert call(channel, server.url) == {"id": 1}
        assert call(channel, server.url) == {"id": 1}
        assert fault_of(channel, server.url) is Fault.SLOW
        assert fault_of(channel, server.url) is Fault.SLOW
        asked = len(server.requests)
    assert watch.seconds < 1.5 + SLACK
    assert asked == 3  # after the end nothing is sent


def test_a_call_beside_another_has_the_same_deadline(channel):
    with raw_server(drips(*DRIPS["body"])) as server, Stopwatch() as watch, deadline(SHORT):
        found = in_parallel(lambda: fault_of(channel, server.url), lambda: fault_of(channel, server.url))
    assert found == (Fault.SLOW, Fault.SLOW)
    assert watch.seconds < SHORT + SLACK


def test_a_call_outside_any_deadline_has_one_of_its_own(channel, monkeypatch):
    monkeypatch.setattr(backchannel, "TOTAL", SHORT)
    with raw_server(drips(*DRIPS["one header"])) as server, Stopwatch() as watch:
        assert fault_of(channel, server.url) is Fault.SLOW
    assert watch.seconds < SHORT + SLACK


def test_a_deadline_ends_with_its_block(channel):
    with raw_server(slowly) as server:
        with deadline(0.05):
            assert fault_of(channel, server.url) is Fault.SLOW
        assert call(channel, server.url) == {"id": 1}


# Out of reach (T83).


def test_a_refused_connection_is_unreachable(channel):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert fault_of(channel, f"http://127.0.0.1:{port}/") is Fault.UNREACHABLE


def test_a_name_that_nobody_knows_is_unreachable(channel, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert fault_of(channel, "https://many.example/") is Fault.UNREACHABLE


@pytest.mark.parametrize("said", [b"", b"\x00\xff", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 two hundred\r\n\r\n"])
def test_what_speaks_no_http_is_unreachable(channel, said):
    def script(_, connection, __):
        connection.sendall(said)
        return False

    with raw_server(script) as server:
        assert fault_of(channel, server.url) is Fault.UNREACHABLE


def test_a_body_that_breaks_off_is_unreachable(channel):
    def script(server, connection, _):
        answer(b'{"id": 1}', cut=4)(server, connection, _)
        return False

    with raw_server(script) as server:
        assert fault_of(channel, server.url) is Fault.UNREACHABLE


# What is told and not followed (T87).


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed(channel, status):
    with raw_server(answer()) as elsewhere:
        with raw_server(answer(b"", status=status, headers=f"Location: {elsewhere.url}\r\n")) as server:
            assert fault_of(channel, server.url) is Fault.STATUS
            unasked = channel.session().post(server.url, data={"code": "secret"})  # as a library does that trusts us
            assert unasked.status_code == int(status[:3])
            with requests.Session() as plain:  # the negative control
                plain.get(server.url)
        assert len(elsewhere.requests) == 1  # the plain session's


def test_cookies_are_not_kept(channel):
    script = answer(headers="Set-Cookie: a=b; Path=/\r\n")
    with raw_server(script) as server, requests.Session() as plain:
        session = channel.session()
        for http in (session, session, plain, plain):
            http.get(server.url)
        assert not session.cookies
        assert [b"Cookie: a=b" in request for request in server.requests] == [False, False, False, True]


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """An environment that would send the calls through a proxy, with somebody's password."""
    with raw_server(answer()) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login ada password secret\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        yield proxy


def test_the_environment_s_proxies_and_passwords_are_left_alone(channel, environment):
    with raw_server(answer()) as server:
        channel.session().get(server.url)
        channel.session().get(server.url, proxies={"http": f"http://127.0.0.1:{environment.port}"})
        assert environment.requests == []
        assert not any(b"Authorization" in request for request in server.requests)


def test_a_plain_session_would_use_both(environment):
    with raw_server(answer()) as server, requests.Session() as plain:
        plain.get(server.url)
        assert server.requests == []
    (request,) = environment.requests
    assert b"Authorization: Basic" in request


# Size (T86).


@pytest.mark.parametrize("extra", [0, 1, 100_000])
def test_a_body_ends_at_64_kib(channel, extra):
    body = b'"' + b"a" * (BODY - 2 + extra) + b'"'
    with raw_server(answer(body)) as server:
        response = fetch(channel.session(), server.url, call="profile")
        assert len(response.content) == min(len(body), BODY + 1)  # one more, so that the reader sees it
        if extra:
            assert fault_of(channel, server.url) is Fault.MALFORMED


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip"])
def test_a_compressed_bomb_does_not_go_off(channel, encoding):
    bomb = gzip.compress(bytes(30_000_000), 6)
    for _ in range(encoding.count(",")):
        bomb = gzip.compress(bomb)
    with raw_server(answer(bomb, headers=f"Content-Encoding: {encoding}\r\n")) as server:
        session = channel.session()
        tracemalloc.start()
        try:
            with pytest.raises(ProviderError) as caught:
                get_json(session, server.url, access_token="token", call="profile")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert caught.value.fault is Fault.MALFORMED
        assert peak < 2_000_000
        assert b"Accept-Encoding: identity" in server.requests[0]


def test_an_endless_body_is_not_read_on(channel):
    sent = 0

    def script(server, connection, _):
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while not server.stopping.is_set():
            connection.sendall(bytes(65_536))
            sent += 65_536

    with raw_server(script) as server:
        assert fault_of(channel, server.url) is Fault.MALFORMED
    assert sent < 20_000_000  # what the two sockets' buffers hold


def test_a_connection_with_an_unread_rest_is_not_used_again(channel):
    with raw_server(answer(b" " * 200_000)) as server:
        assert fault_of(channel, server.url) is Fault.MALFORMED
        assert fault_of(channel, server.url) is Fault.MALFORMED
        assert server.connections == 2


# Connections.


def test_calls_share_a_connection(channel):
    with raw_server(answer()) as server:
        for _ in range(5):
            assert call(channel, server.url) == {"id": 1}
        assert (server.connections, len(server.requests)) == (1, 5)


def test_a_refusal_does_not_cost_the_connection(channel):
    with raw_server(answer(status="401 Unauthorized")) as server:
        for _ in range(2):
            assert fault_of(channel, server.url) is Fault.STATUS
        assert server.connections == 1


def test_calls_at_once_have_a_connection_each_and_their_own_answers(channel):
    def script(server, connection, request):
        server.stopping.wait(0.01)
        answer(b'{"asked": "%s"}' % request.split()[1])(server, connection, request)

    with raw_server(script) as server, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: call(channel, f"{server.url}/{number}"), range(40)))
        assert found == [{"asked": f"/profile/{number}"} for number in range(40)]
        assert server.connections <= 8


def test_a_connection_left_idle_too_long_is_not_trusted(channel, monkeypatch):
    monkeypatch.setattr(backchannel, "IDLE", 0.1)
    with raw_server(answer()) as server:
        call(channel, server.url)
        call(channel, server.url)
        assert server.connections == 1
        time.sleep(0.15)
        call(channel, server.url)
        assert server.connections == 2


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(channel):
    def script(server, connection, _):
        answer()(server, connection, _)
        return False

    with raw_server(script) as server:
        call(channel, server.url)
        time.sleep(0.05)
        call(channel, server.url)
        assert (server.connections, len(server.requests)) == (2, 2)


def closes_at_the_second_request(server, connection, request):
    if len(server.requests) > 1:
        return False
    return answer()(server, connection, request)


def test_a_request_is_never_sent_twice(channel):
    """The server took the request and said nothing: it may have spent the code."""
    with raw_server(closes_at_the_second_request) as server:
        call(channel, server.url)
        with pytest.raises(requests.ConnectionError):
            channel.session().post(server.url, data={"code": "secret"})
        assert len(server.requests) == 2


def test_an_adapter_that_retries_would_send_it_twice():
    with raw_server(closes_at_the_second_request) as server, requests.Session() as plain:
        plain.mount("http://", HTTPAdapter(max_retries=Retry(1, allowed_methods=None)))
        plain.get(server.url)
        with pytest.raises(requests.ConnectionError):
            plain.post(server.url, data={"code": "secret"})
        assert len(server.requests) == 3


def test_another_process_has_connections_of_its_own(channel, monkeypatch):
    with raw_server(answer()) as server:
        call(channel, server.url)
        mine = channel.adapter
        assert channel.adapter is mine
        monkeypatch.setattr(os, "getpid", lambda: -1)  # as after a fork
        call(channel, server.url)
        assert channel.adapter is not mine
        assert server.connections == 2
        mine.close()


def test_nothing_is_opened_before_the_first_call(monkeypatch):
    monkeypatch.setattr(ssl, "create_default_context", lambda: pytest.fail("opened"))
    BackChannel()


# TLS: the adapter puts a context of its own where requests would see to the certificates.


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def trusted(authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


def test_a_certificate_of_a_trusted_authority_is_accepted(channel, trusted):
    for host in ("127.0.0.1", "localhost"):
        with raw_server(answer(), tls=trusted.server_context(host)) as server:
            assert call(channel, server.url.replace("127.0.0.1", host)) == {"id": 1}


def test_the_same_certificate_is_refused_where_the_authority_is_not_trusted(channel, authority, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    assert_refused(channel, authority.server_context("127.0.0.1"))


def test_an_authority_named_by_requests_own_variable_is_not_trusted(channel, authority, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(authority.file))
    assert_refused(channel, authority.server_context("127.0.0.1"))


def test_a_certificate_for_another_host_is_refused(channel, trusted):
    assert_refused(channel, trusted.server_context("portal.example"))


def test_a_certificate_for_the_name_is_refused_at_the_address(channel, trusted):
    assert_refused(channel, trusted.server_context("localhost"))


def test_a_certificate_signed_by_itself_is_refused(channel, trusted):
    assert_refused(channel, trusted.server_context("127.0.0.1", issuer="127.0.0.1"))


def test_a_certificate_of_another_authority_of_the_same_name_is_refused(channel, trusted, tmp_path):
    (tmp_path / "other").mkdir()
    assert_refused(channel, Authority(tmp_path / "other").server_context("127.0.0.1"))


def test_an_expired_certificate_is_refused(channel, trusted):
    assert_refused(channel, trusted.server_context("127.0.0.1", expired=True))


def test_nobody_can_switch_the_check_off(channel, authority):
    """Not even a library that passes `verify=False`; a plain session, the negative control, then takes anything."""
    with raw_server(answer(), tls=authority.server_context("127.0.0.1")) as server:
        session = channel.session()
        session.verify = False
        with pytest.raises(requests.exceptions.SSLError):
            session.get(server.url)
        with pytest.raises(requests.exceptions.SSLError):
            channel.session().get(server.url, verify=False)
        with pytest.raises(requests.exceptions.SSLError):
            channel.session().get(server.url, verify=str(authority.file))
        assert server.requests == []
        with requests.Session() as plain, pytest.warns(match="Unverified HTTPS request"):
            assert plain.get(server.url, verify=False).ok


def test_one_refused_server_does_not_change_what_the_next_one_must_show(channel, trusted):
    wrong = trusted.server_context("portal.example")
    with raw_server(answer(), tls=trusted.server_context("127.0.0.1")) as server:
        assert call(channel, server.url) == {"id": 1}
        assert_refused(channel, wrong)
        assert call(channel, server.url) == {"id": 1}
    context = channel.adapter._tls
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_the_named_authority_is_the_only_one_and_stays_it(channel, trusted):
    """requests adds its own bundle of authorities at each new connection."""
    with raw_server(answer(), tls=trusted.server_context("127.0.0.1")) as server:
        call(channel, server.url)
    (only,) = channel.adapter._tls.get_ca_certs()
    assert only["subject"] == ((("commonName", "ca"),),)


def test_without_a_named_authority_the_world_s_are_trusted(channel, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    assert len(channel.adapter._tls.get_ca_certs()) > 50


def test_the_context_is_made_once(channel, trusted, monkeypatch):
    made = []
    original = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda *args: made.append(1) or original(*args))
    monkeypatch.setattr(backchannel, "IDLE", -1.0)  # a new connection for each call
    with raw_server(answer(), tls=trusted.server_context("127.0.0.1")) as server:
        for _ in range(3):
            call(channel, server.url)
        assert server.connections == 3
    assert len(made) == 1


def test_calls_share_a_tls_connection(channel, trusted):
    with raw_server(answer(), tls=trusted.server_context("127.0.0.1")) as server:
        for _ in range(3):
            call(channel, server.url)
        assert server.connections == 1


def assert_refused(channel: BackChannel, tls: ssl.SSLContext) -> None:
    """The server must be refused for its certificate, and be told nothing."""
    with raw_server(answer(), tls=tls) as server:
        with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            channel.session().get(server.url)
        assert fault_of(channel, server.url) is Fault.UNREACHABLE
        assert server.requests == []
        assert server.connections == 2
