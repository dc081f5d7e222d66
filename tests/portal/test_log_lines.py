"""How a line of the log is written, whatever is thrown at it, and whose process is configured."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.logs.lines import FIELDS, JsonLines, TextLines, Trace, clean, read_trace, wants_json
from portal.logs.setup import _Lines, set_up_logging
from tests.source_tree import ROOT

SECRET = "s3cr3t-0123456789-abcdefghijklmnop"


def record(
    message: object = "hello", *args: object, level: int = logging.WARNING, name: str = "portal", **extra: object
):
    made = logging.LogRecord(name, level, "file.py", 1, message, args, None)
    vars(made).update(extra)
    return made


def entry(made: logging.LogRecord, project: str | None = None) -> dict:
    line = JsonLines(project).format(made)
    assert "\n" not in line
    assert line.isascii()
    return json.loads(line)


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError(SECRET)

    __repr__ = __str__


def with_error(error: BaseException, message: object = "went wrong", *args: object) -> logging.LogRecord:
    token = SECRET  # a local variable of a frame in the traceback
    try:
        raise error
    except BaseException:  # noqa: BLE001
        made = record(message, *args, level=logging.ERROR)
        made.exc_info = sys.exc_info()
        assert token
        return made


# JSON, as Cloud Logging reads it.


@pytest.mark.parametrize(
    ("level", "severity"),
    [(10, "DEBUG"), (20, "INFO"), (25, "INFO"), (30, "WARNING"), (40, "ERROR"), (50, "CRITICAL"), (99, "CRITICAL"),
     (1, "DEBUG")],
)  # fmt: skip
def test_an_entry_has_cloud_logging_s_fields(level, severity):
    found = entry(record("user %s", "ada", level=level, created=1_700_000_000.25))
    assert found == {
        "severity": severity, "time": "2023-11-14T22:13:20.250Z", "message": "user ada", "logger": "portal",
    }  # fmt: skip


def test_only_fields_on_the_list_are_written():
    found = entry(record(outcome="denied", status=403, token=SECRET, password="x", incident="7QGX-M2HC", detail="x"))
    assert found.keys() == {"severity", "time", "message", "logger", "outcome", "status", "incident"}
    assert "token" not in FIELDS


def test_what_is_written_of_a_field_is_a_short_line():
    found = entry(
        record(provider="a\nb\u202e" * 1000, outcome=[SECRET], httpRequest={"requestUrl": "/\n", "cookie": "x"})
    )
    assert found["provider"].startswith("a\\nb\\u202e")
    assert len(found["provider"]) <= 500
    assert found["outcome"] == "['[hidden]']"
    assert found["httpRequest"] == {"requestUrl": "/\\n"}


TRACE = "105445aa7843bc8bf206b12000100000"


@pytest.mark.parametrize(
    ("header", "value", "trace"),
    [
        ("TRACEPARENT", f"00-{TRACE}-00f067aa0ba902b7-01", Trace(TRACE, "00f067aa0ba902b7", True)),
        ("TRACEPARENT", f"00-{TRACE}-00f067aa0ba902b7-00", Trace(TRACE, "00f067aa0ba902b7", False)),
        ("X_CLOUD_TRACE_CONTEXT", f"{TRACE}/255;o=1", Trace(TRACE, "00000000000000ff", True)),
        ("X_CLOUD_TRACE_CONTEXT", f"{TRACE}/255", Trace(TRACE, "00000000000000ff", False)),
        ("X_CLOUD_TRACE_CONTEXT", f"{TRACE}/99999999999999999999", None),
        ("X_CLOUD_TRACE_CONTEXT", f"{TRACE}\n/1", None),
        ("X_CLOUD_TRACE_CONTEXT", "../../etc", None),
        ("TRACEPARENT", f"00-{TRACE}-00f067aa0ba902b7", None),
        ("TRACEPARENT", "x" * 10_000, None),
    ],
)
def test_a_trace_is_read_from_google_s_header_or_the_w3c_s(header, value, trace):
    assert read_trace({f"HTTP_{header}": value}) == trace


def test_a_trace_is_named_after_the_project_and_not_at_all_without_one():
    made = record(trace=Trace(TRACE, "00f067aa0ba902b7", True))
    found = entry(made, "my-project")
    assert found["logging.googleapis.com/trace"] == f"projects/my-project/traces/{TRACE}"
    assert found["logging.googleapis.com/spanId"] == "00f067aa0ba902b7"
    assert found["logging.googleapis.com/trace_sampled"] is True
    assert not [key for key in entry(made) if "trace" in key]
    assert not [key for key in entry(record(trace=SECRET), "my-project") if "trace" in key]


# Exceptions.


@pytest.mark.parametrize("formatter", [JsonLines(), TextLines()])
def test_a_traceback_has_the_frames_and_no_local_variable(formatter):
    line = formatter.format(with_error(ValueError("no such thing")))
    assert "Traceback (most recent call last):" in line
    assert "test_log_lines.py" in line
    assert "ValueError: no such thing" in line
    assert SECRET not in line


def outer(*, because: BaseException | None) -> None:
    try:
        raise KeyError("https://api.example/me?appsecret_proof=abc")
    except KeyError as inner:
        raise ValueError("outer") from (inner if because else None)


@pytest.mark.parametrize("because", [KeyError(), None], ids=["told", "put aside"])
def test_what_led_to_an_exception_is_told_unless_it_was_put_aside(because):
    with pytest.raises(ValueError, match="outer") as caught:
        outer(because=because)
    told = entry(with_error(caught.value))["stack_trace"]
    assert ("KeyError" in told) is ("direct cause" in told) is (because is not None)
    assert told.endswith("ValueError: outer")


def test_the_text_of_an_exception_forges_no_line_and_shows_no_query():
    made = with_error(
        ConnectionError(f"url: /cb?code=abc&state=x y\n2026-01-01 00:00:00 INFO portal: forged\x1b[31m {SECRET}")
    )
    for line in (TextLines().format(made), entry(made)["stack_trace"]):
        assert "code=" not in line
        assert SECRET not in line
        assert "\x1b" not in line
    lines = TextLines().format(made).split("\n")
    assert "    2026-01-01 00:00:00 INFO portal: forged\\x1b[31m [hidden]" in lines
    assert all(line.startswith("    ") for line in lines[1:]), "so that it can't pass for a line of its own"


def test_an_endless_recursion_is_told_briefly():
    def again() -> None:
        again()

    with pytest.raises(RecursionError) as caught:
        again()
    assert len(JsonLines().format(with_error(caught.value))) < 25_000


# Whatever comes.


@pytest.mark.parametrize("formatter", [JsonLines(), TextLines()])
@pytest.mark.parametrize(
    "made",
    [
        record("%s and %s", "one"),
        record("%d", "x"),
        record("%(a)s", 1),
        record("%"),
        record(Unprintable()),
        record("%s", Unprintable()),
        record(None),
        record(b"\xff"),
        record("\ud800 \0 \u2028"),
        record("x" * 10**6),
        record(provider=Unprintable()),
        record(status=Unprintable()),
        record(httpRequest=5),
        record(httpRequest={"status": {}}),
        record(created=float("nan")),
        record(created=10.0**30),
        record(levelno="high"),
        record(exc_info=(None, None, None)),
        record(exc_info=5),
        record(name=None),
        with_error(RuntimeError(Unprintable())),
        with_error(KeyboardInterrupt()),
        with_error(ExceptionGroup("several", [ValueError("a"), ValueError("b")])),
        with_error(SyntaxError("x", ("f", 1, 2, "t"))),
    ],
    ids=range(24),
)
def test_a_line_is_always_written_and_names_no_argument_that_does_not_fit(formatter, made):
    line = formatter.format(made)
    assert line
    assert len(line) < 30_000
    assert SECRET not in line
    if isinstance(formatter, JsonLines):
        assert json.loads(line)["severity"]


def test_the_stock_formatter_raises_and_prints_the_arguments(capsys):
    """The negative control."""
    stock = logging.StreamHandler(io.StringIO())
    stock.handle(record("%s and %s", SECRET))
    assert SECRET in capsys.readouterr().err


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=())), st.text(st.characters(exclude_categories=())))
def test_nobody_else_s_text_makes_a_second_line_or_breaks_the_json(message, name):
    made = record("said: %s", message, name=name or "x", provider=message)
    found = entry(made)
    assert all(str(value).isprintable() for value in found.values())
    text = TextLines().format(made)
    assert text.isprintable()
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /cb?code=abc&state=x HTTP/1.1", "GET /cb?[hidden] HTTP/1.1"),
        ("Invalid Request Line 'GET /cb?x=1 &code=abc HTTP/9.9'", "Invalid Request Line 'GET /cb?[hidden] HTTP/9.9'"),
        ("url: https://a.example/me?proof=abc (Caused by x)", "url: https://a.example/me?[hidden]"),
        ("really? yes = no", "really? yes = no"),
        ("a token gho_0123456789012345678901234567890123456789 here", "a token [hidden] here"),
        ("user 0123456789012345678901 signed in", "user 0123456789012345678901 signed in"),
    ],
)
def test_a_query_and_what_looks_like_a_secret_are_taken_out(text, shown):
    assert clean(text) == shown


def test_a_secret_that_the_cut_halves_does_not_show_its_half():
    assert "gho_" not in clean("x " * 990 + "gho_" + "0123456789" * 4)


# Text, for a terminal.


def test_a_line_for_a_terminal_has_time_severity_and_message():
    made = record("stopped: incident=7QGX-M2HC", incident="7QGX-M2HC", outcome="denied", advice="Look there.")
    assert TextLines().format(made).endswith(" WARNING  portal: stopped: incident=7QGX-M2HC")
    assert TextLines().format(record(incident="7QGX-M2HC")).endswith(": hello [7QGX-M2HC]")
    worse = record(level=logging.ERROR, advice="Look there.")
    assert TextLines().format(worse).split("\n")[1] == "    What to look at: Look there."


def test_the_greeting_of_the_development_server_is_readable():
    greeting = record("\x1b[31mWARNING: not for production\x1b[0m\n * Running on http://x", level=20, name="werkzeug")
    assert TextLines().format(greeting).split(": ", 1)[1] == "WARNING: not for production\n     * Running on http://x"


# Whose process it is.


@pytest.mark.parametrize(
    ("environ", "as_json"),
    [
        ({}, False),
        ({"PORTAL_BASE_URL": "http://localhost:8000"}, False),
        ({"PORTAL_BASE_URL": "https://login.example.com"}, True),
        ({"PORTAL_BASE_URL": "https://login.example.com", "PORTAL_LOG": "text"}, False),
        ({"PORTAL_LOG": " JSON "}, True),
        ({"PORTAL_LOG": "xml"}, False),
        ({"GAE_ENV": "standard"}, True),
        ({"K_SERVICE": "portal"}, True),
    ],
)
def test_the_server_guesses_the_form_from_the_environment(environ, as_json):
    assert wants_json(environ) is as_json


def test_an_application_s_own_handlers_are_left_alone():
    """pytest's own stand on the root logger here, as an application's would."""
    root = logging.getLogger()
    before = [(handler, handler.formatter) for handler in root.handlers]
    assert before
    set_up_logging(as_json=True)
    assert [(handler, handler.formatter) for handler in root.handlers] == before


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=30,
        env={"PATH": "/usr/bin", "PYTHONPATH": ".", **environment},
    )  # fmt: skip


def test_a_process_of_our_own_writes_json_in_production_and_keeps_libraries_quiet_at_debug():
    """`create_app`, twice; then everything at DEBUG, a warning of Python's, and a stream that is closed."""
    done = run(
        """
import logging, sys, warnings
from portal.logs import log, set_up_logging
for _ in range(2):
    set_up_logging(as_json=True)
logging.getLogger().setLevel(logging.DEBUG)
log.info("ours")
logging.getLogger("sqlalchemy.engine").info("theirs")
logging.getLogger("google.auth").debug("theirs")
logging.getLogger("google.auth").warning("a warning of theirs")
warnings.warn("old")
log.info("%s", "one", "too many")
sys.stderr.flush()
logging.getLogger().handlers[0].stream.close()
log.info("%s", "into nothing")
"""
    )
    assert done.returncode == 0, done.stderr
    said = [json.loads(line)["message"] for line in done.stderr.splitlines()]
    assert said[:2] == ["ours", "a warning of theirs"]
    assert "old" in said[2]
    assert said[3] == "%s (its arguments don't fit)"
    assert len(said) == 4


def test_an_embedded_portal_configures_nothing(tmp_path):
    """`Portal(app)` in somebody's application, against `create_app()`."""
    script = """
import logging, sys
from pathlib import Path
from flask import Flask
from portal import create_app
from portal.app import Portal
from portal.config import load_config
config = load_config(environ={"PORTAL_STORE": f"sqlite:///{sys.argv[1]}/p.db"}, cwd=Path(sys.argv[1]))
Portal(Flask("theirs"), config)
print(len(logging.getLogger().handlers), logging.getLogger("portal").level)
create_app(config)
print(len(logging.getLogger().handlers), logging.getLogger("portal").level)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, cwd=ROOT, timeout=30,
        env={"PATH": "/usr/bin", "PYTHONPATH": "."},
    )  # fmt: skip
    assert done.stdout.split() == ["0", "0", "1", "20"], done.stderr


def test_our_handler_prints_nothing_about_a_stream_that_fails(capsys):
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    handler = _Lines(Full())
    handler.setFormatter(TextLines())
    handler.handle(record("%s", SECRET))
    assert capsys.readouterr().err == ""
