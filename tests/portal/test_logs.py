"""The log: no secrets from libraries, no queries in the access log, no line that somebody else wrote."""

import io
import logging
import logging.config
import subprocess
import sys

import flask_dance.consumer.oauth2
import pytest
import requests_oauthlib.oauth2_session
import urllib3.connectionpool
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.serving import WSGIRequestHandler

from portal.logs import LONGEST, drop_queries_from_access_log, printable, quiet_libraries

TALKATIVE = sorted(
    name
    for name in logging.root.manager.loggerDict
    if name.partition(".")[0] in {"flask_dance", "requests_oauthlib", "oauthlib", "urllib3"}
)


@pytest.fixture
def written():
    """All that the root logger writes, at DEBUG."""
    stream = io.StringIO()
    handler, root = logging.StreamHandler(stream), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream.getvalue
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("name", TALKATIVE)
def test_what_libraries_say_at_debug_stays_out_whatever_the_level(name, written):
    """T70."""
    quiet_libraries()
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.DEBUG)  # an application that turns everything on
    try:
        logger.debug("code=%s", "secret")
        logger.info("token=%s", "secret")
        logger.warning("something is wrong")
    finally:
        logger.setLevel(level)
    assert written() == "something is wrong\n"


def test_the_loggers_that_print_secrets_are_among_them():
    used = {requests_oauthlib.oauth2_session.log, flask_dance.consumer.oauth2.log, urllib3.connectionpool.log}
    assert {logger.name for logger in used} <= set(TALKATIVE)


def test_other_loggers_keep_their_say(written):
    quiet_libraries()
    logging.getLogger("bookshelf").debug("mine")
    logging.getLogger("oauthlibrary").debug("not theirs")
    assert written() == "mine\nnot theirs\n"


def test_quieting_twice_leaves_one_filter():
    quiet_libraries()
    quiet_libraries()
    assert len(logging.getLogger("requests_oauthlib.oauth2_session").filters) == 1


def test_the_filter_outlives_a_new_logging_configuration(written):
    quiet_libraries()
    logging.config.dictConfig(
        {"version": 1, "disable_existing_loggers": False, "loggers": {"requests_oauthlib": {"level": "DEBUG"}}}
    )
    logging.getLogger("requests_oauthlib").debug("secret")
    logging.getLogger("requests_oauthlib").setLevel(logging.NOTSET)
    assert written() == ""


def test_without_the_filter_the_libraries_do_print_secrets():
    """The negative control, in a process of its own: the records that are kept out are really there."""
    script = """
import logging
logging.basicConfig(level=logging.DEBUG, format="%(message)s")
from requests_oauthlib import OAuth2Session
if QUIET:
    from portal.logs import quiet_libraries
    quiet_libraries()
session = OAuth2Session("client", redirect_uri="https://portal.example/cb")
session.authorization_url("https://provider.example/", state="the-secret-state")
try:
    session.fetch_token("http://127.0.0.1:9/", code="the-secret-code", client_secret="the-client-secret")
except Exception:
    pass
"""
    loud, quiet = (
        subprocess.run(
            [sys.executable, "-c", f"QUIET = {flag}\n{script}"],
            capture_output=True,
            text=True,
            check=True,
            env={"OAUTHLIB_INSECURE_TRANSPORT": "1", "PYTHONPATH": "."},
            timeout=20,
        ).stderr
        for flag in (False, True)
    )
    assert "the-secret-code" in loud
    assert "secret" not in quiet


PATHS = [
    ("/login/github/authorized?code=SECRET&state=SECRET", "/login/github/authorized"),
    ("/?a=%20SECRET", "/"),
    ("/login?next=/a?b=SECRET", "/login"),
    ("/cb?error_description=no%C2%A0way&code=SECRET", "/cb"),  # werkzeug shows it as a space that is none
    ("/cb?x=%E2%80%A8&code=SECRET", "/cb"),
    ('/cb?x="&code=SECRET', "/cb"),
    ("/cb?x=%22&code=SECRET", "/cb"),
    ("/cb?x=HTTP/1.1&code=SECRET", "/cb"),
    ("/plain", "/plain"),
]


@pytest.mark.parametrize(("asked", "shown"), PATHS)
@pytest.mark.parametrize("status", [200, 303, 404, 500])
def test_the_access_log_shows_the_path_and_never_the_query(caplog, asked, shown, status):
    """T19."""
    drop_queries_from_access_log()
    with caplog.at_level(logging.INFO, "werkzeug"):
        handler_of(f"GET {asked} HTTP/1.1").log_request(status)
    (line,) = caplog.messages
    assert "SECRET" not in line
    assert f"GET {shown} HTTP/1.1" in line
    assert str(status) in line


def test_a_request_line_that_can_t_be_read_is_cut_too(caplog):
    drop_queries_from_access_log()
    handler = handler_of("GET /cb?code=SECRET and SECRET HTTP/1.1")
    del handler.path
    with caplog.at_level(logging.INFO, "werkzeug"):
        handler.log_request(400)
        handler.log_error("code %d, message %s", 400, f"Bad request syntax ({handler.requestline!r})")
    assert "SECRET" not in caplog.text


def test_without_the_filter_the_access_log_shows_the_query(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("werkzeug"), "filters", [])
    with caplog.at_level(logging.INFO, "werkzeug"):
        handler_of("GET /cb?code=SECRET HTTP/1.1").log_request(200)
    assert "SECRET" in caplog.text


def handler_of(requestline: str) -> WSGIRequestHandler:
    """The development server's handler as it is once it has read this line."""
    handler = WSGIRequestHandler.__new__(WSGIRequestHandler)
    handler.requestline = requestline
    handler.command, handler.path = requestline.split(" ")[:2]
    handler.request_version = "HTTP/1.1"
    handler.client_address = ("127.0.0.1", 1)
    handler.environ = {}
    return handler


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Åsa 李 🙂", "Åsa 李 🙂"),
        ("a\nforged line", "a\\nforged line"),
        ("a\r\n\x1b[31mred", "a\\r\\n\\x1b[31mred"),
        ("\u202ereversed\u2066", "\\u202ereversed\\u2066"),
        ("a\u2028b\u200b", "a\\u2028b\\u200b"),
        ("\ud800", "\\ud800"),
        ("\0", "\\x00"),
        (None, "None"),
        (b"\n", "b'\\n'"),
    ],
)
def test_what_others_wrote_is_shown_on_one_line(text, shown):
    assert printable(text) == shown


@given(st.text(st.characters(), max_size=400))
def test_whatever_is_shown_is_printable_and_short(text):
    """T78."""
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) <= LONGEST
    assert len(shown.splitlines()) <= 1
    assert shown.encode("utf-8").decode() == shown


def test_what_is_already_printable_stays_as_it_is_up_to_the_cut():
    assert printable("a" * LONGEST) == "a" * LONGEST
    assert printable("a" * 1_000_000) == "a" * LONGEST
