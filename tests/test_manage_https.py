"""`manage.py run --https`: this machine over TLS, under a certificate that was made a moment ago."""

from __future__ import annotations

import html
import http.client
import os
import re
import secrets
import signal
import socket
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

import manage
from portal import create_app
from portal.certificate import LIFE, make_certificate
from portal.config import ConfigError, load_config
from providers.sandbox import running_sandbox
from tests.https_serving import ROOT, Server, as_variables, free_port, serving
from tests.pages import Page

# The certificate.


@pytest.fixture(scope="module")
def certificate() -> x509.Certificate:
    return x509.load_pem_x509_certificate(make_certificate().pem)


def test_the_certificate_is_for_this_machines_names_alone(certificate):
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1"), ip_address("::1")]


def test_it_serves_and_signs_no_other_certificate(certificate):
    """Whoever trusts it by mistake trusts nothing but this server."""
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_it_is_good_now_and_not_for_long():
    now = datetime.now(UTC).replace(microsecond=0)
    certificate = x509.load_pem_x509_certificate(make_certificate(now).pem)
    assert certificate.not_valid_before_utc < now
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == LIFE <= timedelta(days=7)


def test_each_is_new_and_its_key_is_never_shown():
    one, other = make_certificate(), make_certificate()
    assert one.fingerprint != other.fingerprint
    serials = {x509.load_pem_x509_certificate(each.pem).serial_number for each in (one, other)}
    assert len(serials) == 2
    assert "key" not in repr(one).lower()
    assert b"PRIVATE" not in one.pem


def test_the_key_lies_nowhere_in_clear_while_it_is_handed_over(monkeypatch, tmp_path):
    """`ssl` reads files only: what the file holds at that moment opens with a password alone, and it goes at once."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    seen: list[tuple[bytes, int]] = []
    load = ssl.SSLContext.load_cert_chain

    def looking(self: ssl.SSLContext, path: Path, **kwargs: object) -> None:
        seen.append((path.read_bytes(), path.parent.stat().st_mode & 0o777))
        load(self, path, **kwargs)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", looking)
    make_certificate().server_context()
    ((content, mode),) = seen
    assert mode == 0o700
    with pytest.raises(TypeError, match="encrypted"):
        serialization.load_pem_private_key(content, password=None)
    assert list(tmp_path.iterdir()) == []


# The settings.


def test_without_a_base_url_the_keys_are_made_and_plain_http_providers_of_this_machine_stay(environ, tmp_path):
    del environ["PORTAL_BASE_URL"]
    config = load_config(environ=environ, cwd=tmp_path, served_at="https://localhost:8443")
    assert config.base_url == "https://localhost:8443"
    assert not config.development, "its cookies are production's"
    assert config.secret_keys
    assert config.token_keys
    assert config.providers["github"].token_url.startswith("http://127.0.0.1")


def test_127_0_0_1_leads_to_the_name_and_no_browser_is_bound_to_https_for_other_ports(environ, tmp_path):
    del environ["PORTAL_BASE_URL"]
    app = create_app(load_config(environ=environ, cwd=tmp_path, served_at="https://localhost:8443"))
    client = app.test_client()
    elsewhere = client.get("/login?next=/account", base_url="https://127.0.0.1:8443")
    assert elsewhere.location == "https://localhost:8443/login?next=/account"
    page = client.get("/login", base_url="https://localhost:8443")
    assert page.status_code == 200
    assert "Strict-Transport-Security" not in page.headers
    assert client.get("/login", base_url="https://portal.example.com").status_code == 400
    app.extensions["portal"].store.close()


@pytest.mark.parametrize("base_url", ["https://localhost:8443", "https://LOCALHOST:8443/"])
def test_a_base_url_that_says_the_same_is_taken(environ, tmp_path, base_url):
    environ["PORTAL_BASE_URL"] = base_url
    config = load_config(environ=environ, cwd=tmp_path, served_at="https://localhost:8443")
    assert config.base_url == "https://localhost:8443"


@pytest.mark.parametrize(
    "base_url",
    ["http://localhost:8443", "https://localhost", "https://localhost:8444", "https://portal.example.com"],
)
def test_another_base_url_is_a_sentence_that_says_what_to_write(environ, tmp_path, base_url):
    environ["PORTAL_BASE_URL"] = base_url
    with pytest.raises(ConfigError) as refused:
        load_config(environ=environ, cwd=tmp_path, served_at="https://localhost:8443")
    (problem,) = refused.value.problems
    assert (problem.setting, problem.source) == ("base_url", "environment variable PORTAL_BASE_URL")
    assert problem.wrong == f"is {base_url}, while `run --https` serves https://localhost:8443"
    assert problem.write == "https://localhost:8443, or leave it out"


def test_a_base_url_that_is_no_address_is_told_of_once(environ, tmp_path):
    environ["PORTAL_BASE_URL"] = "https://["
    with pytest.raises(ConfigError) as refused:
        load_config(environ=environ, cwd=tmp_path, served_at="https://localhost:8443")
    assert [problem.setting for problem in refused.value.problems] == ["base_url"]


# The command.


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "run", "--https", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.full
def test_another_base_url_stops_the_command():
    result = _run("--port", "8443", PORTAL_BASE_URL="http://localhost:8443")
    assert result.returncode == 1
    assert "Write: https://localhost:8443" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.full
def test_a_port_in_use_is_a_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = _run("--port", port)
    assert result.returncode == 1
    assert result.stderr.startswith(f"Error: port {port} is in use")


def test_an_address_that_others_reach_is_refused():
    result = CliRunner().invoke(manage.main, ["run", "--https", "--host", "0.0.0.0"])
    assert result.exit_code == 1
    assert "serves this machine alone" in result.output


def test_a_folder_that_can_not_be_written_is_a_sentence(environ, tmp_path, monkeypatch):
    del environ["PORTAL_BASE_URL"]
    keys = {"PORTAL_SECRET_KEY": secrets.token_urlsafe(32), "PORTAL_TOKEN_KEYS": secrets.token_urlsafe(32)}
    (tmp_path / "instance").write_text("a file is in the way")
    monkeypatch.setattr(manage, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)  # and back again
    result = CliRunner(env=environ | keys).invoke(manage.main, ["run", "--https", "--port", str(free_port())])
    assert result.exit_code == 1
    assert f"the certificate can't be written to {tmp_path}/instance: File exists" in result.output


# Served for real.


def _asks(server: Server, path: str, name: str = "localhost", *, trusting: bool = True) -> http.client.HTTPResponse:
    context = ssl.create_default_context(cadata=server.certificate if trusting else None)
    assert context.check_hostname
    connection = http.client.HTTPSConnection(name, server.port, timeout=20, context=context)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def test_it_serves_says_where_and_ends_on_ctrl_c(tmp_path):
    with serving(tmp_path, free_port(), GITHUB_OAUTH_CLIENT_ID="id", GITHUB_OAUTH_CLIENT_SECRET="a-secret") as server:
        assert f"Portal on {server.base} " in server.said
        assert f"  {server.base}/login/github/authorized\n" in server.said
        assert server.fingerprint in server.said
        assert "your browser will ask once" in server.said
        assert _asks(server, "/login").status == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            _asks(server, "/login", trusting=False)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(10) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0, "something was left running"


def _private_keys(*folders: Path) -> list[Path]:
    """Files with a private key in them, readable to us."""
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return [file for file in files if b"PRIVATE KEY" in file.read_bytes()]


@pytest.mark.full
def test_no_private_key_is_left_on_the_disk_and_the_certificate_is_there_for_curl(tmp_path):
    with serving(tmp_path, free_port()) as server:
        _asks(server, "/healthz")
        assert (ROOT / "instance" / "localhost.crt").read_text() == server.certificate
        assert _private_keys(tmp_path, ROOT / "instance") == []
        for made in ("secret.key", "token.key"):
            assert (ROOT / "instance" / made).stat().st_mode & 0o077 == 0
    (tmp_path / "planted.pem").write_text("-----BEGIN PRIVATE KEY-----")  # the negative control
    assert _private_keys(tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_each_name_of_this_machine_passes_a_browsers_check(tmp_path, name):
    with serving(tmp_path, free_port()) as server:
        assert _asks(server, "/healthz", name).status == 200


@pytest.mark.full
def test_who_speaks_plain_http_to_it_or_does_not_trust_it_is_one_line_in_the_log(tmp_path):
    with serving(tmp_path, free_port()) as server:
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://localhost:{server.port}/", timeout=10)
        with pytest.raises(ssl.SSLCertVerificationError):
            _asks(server, "/", trusting=False)
        assert _asks(server, "/healthz").status == 200, "it goes on serving"
        server.process.terminate()
        rest = server.process.communicate(timeout=15)[0]
    assert "Traceback" not in rest
    assert rest.count("Invalid request") == 2


@pytest.mark.full
def test_a_person_signs_in_over_tls_with_host_cookies(tmp_path):
    port, provider = free_port(), "google"
    back = f"https://localhost:{port}/login/{provider}/authorized"
    with (
        running_sandbox(redirect_uris=[back]) as sandbox,
        serving(tmp_path, port, **as_variables(sandbox.settings)) as server,
    ):
        browser = Browser(server, tmp_path)
        browser.opens("/login")
        at_provider = browser.posts(f"/login/{provider}")
        callback = browser.consents(at_provider)
        assert callback.startswith(back)
        answer = browser.opens(callback)
        if urlsplit(answer.headers["Location"]).path == "/welcome":
            browser.opens(answer.headers["Location"])
            browser.posts("/welcome")
        assert "Ada" in browser.opens("/account").text
        assert browser.set_cookies, "nothing was set at all"
        for header in browser.set_cookies:
            assert header.startswith("__Host-"), header
            assert {"Secure", "HttpOnly", "Path=/"} <= set(header.split("; ")), header
            assert "Domain" not in header
        assert any(header.startswith("__Host-portal_session=") for header in browser.set_cookies)


class Browser:
    """Trusts the certificate as somebody does who compared its fingerprint; sends Secure cookies over TLS only."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.base = server.base
        self.session = requests.Session()
        self.session.trust_env = False
        trusted = folder / "trusted.crt"
        trusted.write_text(server.certificate)
        self.session.verify = str(trusted)
        self.set_cookies: list[str] = []
        self.page = ""

    def opens(self, address: str) -> requests.Response:
        return self._sends("GET", address)

    def posts(self, path: str) -> str:
        """The open page's form that leads to `path`; gives the address it ends on."""
        form = Page(self.page).form(path)
        headers = {"Origin": self.base, "Referer": f"{self.base}/login", "Sec-Fetch-Site": "same-origin"}
        return str(self._sends("POST", path, data=form.fields, headers=headers).headers["Location"])

    def consents(self, location: str) -> str:
        asked = self.session.get(location, timeout=20).text
        (request,) = re.findall(r'name="request" value="([^"]+)"', asked)
        answer = self.session.post(
            location.partition("?")[0],
            data={"request": html.unescape(request), "person": "ada"},
            allow_redirects=False,
            timeout=20,
        )
        return str(answer.headers["Location"])

    def _sends(self, method: str, address: str, **kwargs: object) -> requests.Response:
        url = address if address.startswith("https:") else self.base + address
        answer = self.session.request(method, url, allow_redirects=False, timeout=20, **kwargs)
        self.set_cookies += [value for name, value in answer.raw.headers.iteritems() if name.lower() == "set-cookie"]
        self.page = answer.text
        return answer
