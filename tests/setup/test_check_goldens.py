"""`manage.py check` over broken set-ups: each prints to the letter what its file says, and exits accordingly."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import portal.setup.clocks
import portal.setup.registration
from providers.sandbox import RunningSandbox, create_sandbox, running_sandbox
from providers.sandbox.troubles import Trouble, play
from tests.person import HOME
from tests.setup import goldens
from tests.setup.conftest import Run, Toml, write

SECRET_KEY = "sUp0qHqUp8wZ3s4cEuCw2iH9lTnXo5dK7vRrQbYgMfA"
NOBODY = {"client_id": "nobody-knows-it"}
WRONG = {"client_secret": "not-the-one-it-is"}
ELSEWHERE = 'base_url = "http://localhost:8765"\n'

Make = Callable[[Toml], str | bytes]

GOOD: dict[str, Make] = {
    "good": lambda toml: toml("google", "github", "facebook"),
    "good-issuer": lambda toml: toml("acme"),
    "version-old": lambda toml: toml("facebook").replace("v25.0", "v21.0"),
    "version-ended": lambda toml: toml("facebook").replace("v25.0", "v19.0"),
    "keys-twice": lambda toml: toml("acme", top=f'secret_key = ["{SECRET_KEY}", "{SECRET_KEY}"]\n'),
    "off": lambda toml: toml("acme") + toml("google") + "enabled = false\n",
}
BROKEN: dict[str, Make] = {
    # The configuration itself.
    "no-provider": lambda _: 'title = "P"\n',
    "no-toml": lambda _: 'title = "P"\nbase_url = \n',
    "no-utf-8": lambda _: b"title = 'P\xff'",
    "unknown-keys": lambda toml: toml("acme", top='titel = "P"\n') + 'client_secrt = "x"\n',
    "unknown-provider": lambda _: '[providers.gitbuh]\nclient_id = "x-1"\nclient_secret = "y-2"\n',
    "wrong-types": lambda _: "title = 3\nadmins = 5\nproviders = 7\n",
    "no-secret": lambda _: '[providers.github]\nclient_id = "x-1"\n',
    "placeholders": lambda _: '[providers.github]\nclient_id = "your-client-id"\nclient_secret = "changeme"\n',
    "hostile-title": lambda toml: 'title = "\\u001b[2JP\\u202egnp"\n' + toml("acme"),
    "hostile-address": lambda toml: 'base_url = "https://a\\u202eb.example/\\u0007"\n' + toml("acme"),
    "hostile-name": lambda _: '["\\u001b]0;x\\u0007"]\na = 1\n',
    "endless-title": lambda toml: f'title = "{"P" * 1_000_000}"\n' + toml("acme"),
    "production-bare": lambda toml: 'base_url = "https://login.example.com"\n' + toml("acme"),
    "production-plain": lambda toml: 'base_url = "http://login.example.com"\n' + toml("acme"),
    # The provider's side.
    "google-client-id": lambda toml: toml("google", google=NOBODY),
    "google-secret": lambda toml: toml("google", google=WRONG),
    "google-redirect-uri": lambda toml: toml("google", top=ELSEWHERE),
    "github-client-id": lambda toml: toml("github", github=NOBODY),
    "github-secret": lambda toml: toml("github", github=WRONG),
    "github-redirect-uri": lambda toml: toml("github", top=ELSEWHERE),
    "facebook-client-id": lambda toml: toml("facebook", facebook={"client_id": "12345"}),
    "facebook-secret": lambda toml: toml("facebook", facebook=WRONG),
    "facebook-redirect-uri": lambda toml: toml("facebook", top=ELSEWHERE),
    "issuer-client-id": lambda toml: toml("acme", acme=NOBODY),
    "issuer-secret": lambda toml: toml("acme", acme=WRONG),
    "issuer-redirect-uri": lambda toml: toml("acme", top=ELSEWHERE),
    "issuer-slash": lambda toml: toml("acme").replace("/issuer/acme", "/issuer/acme/"),
    "issuer-unknown": lambda toml: toml("acme").replace("/issuer/acme", "/issuer/nobody"),
    "issuer-scopes": lambda toml: toml("acme") + 'scopes = ["openid", "everything"]\n',
    "issuer-gone": lambda toml: toml("acme", base="http://127.0.0.1:9"),
    "all-at-once": lambda toml: toml("google", "github", "facebook", google=NOBODY, github=WRONG, top=ELSEWHERE),
    # Here.
    "keys-shared": lambda toml: toml("acme", top=f'secret_key = "{SECRET_KEY}"\ntoken_keys = "{SECRET_KEY}"\n'),
    "store-is-a-folder": lambda toml: toml("acme", top='store = "sqlite:///."\n'),
}


@pytest.fixture
def names(folder: Path, stand_ins: RunningSandbox) -> dict[str, str]:
    return {str(folder): "HERE", stand_ins.base: "http://SANDBOX"}


@pytest.mark.parametrize("case", GOOD)
def test_a_set_up_that_works(case: str, run: Run, toml: Toml, folder: Path, names: dict[str, str]) -> None:
    write(folder, GOOD[case](toml))
    result = run("check")
    assert result.exit_code == 0, result.output
    goldens.matches(case, result.output, names)


# Their like of another provider is looked at by `make test`.
ALIKE = {f"{name}-redirect-uri" for name in ("github", "facebook", "issuer")} | {"issuer-client-id", "all-at-once"}
ALIKE |= {"issuer-secret", "facebook-secret", "github-client-id", "endless-title", "issuer-unknown"}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.full) if case in ALIKE else case for case in BROKEN]
)
def test_a_set_up_that_is_broken(case: str, run: Run, toml: Toml, folder: Path, names: dict[str, str]) -> None:
    write(folder, BROKEN[case](toml))
    result = run("check")
    assert result.exit_code == 1, result.output
    assert "✗" in result.output
    assert len(result.output) < 20_000
    assert result.output.replace("\n", "").isprintable()  # nothing that a terminal would obey (T78)
    goldens.matches(case, result.output, names)


@pytest.mark.parametrize("variable", ["PORTAL_CONFIG", "PORTAL_TITEL", "PORTAL_PROVIDERS__ACME__CLIENT_SECRT"])
def test_a_variable_that_leads_nowhere(
    variable: str, run: Run, toml: Toml, folder: Path, names: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, toml("acme"))
    monkeypatch.setenv("PORTAL_PORT", "tcp://10.0.0.1:80")  # Kubernetes' own, and nobody's mistake
    monkeypatch.setenv(variable, "gone.toml")
    goldens.matches(f"variable-{variable.lower()}", run("check").output, names)


def test_a_file_with_secrets_that_others_can_read(run: Run, toml: Toml, folder: Path, names: dict[str, str]) -> None:
    write(folder, toml("acme"), mode=0o644)
    result = run("check")
    assert result.exit_code == 1
    goldens.matches("file-open", result.output, names)


@pytest.mark.parametrize(("seconds", "exit_code"), [(30, 0), (-90, 1)])
def test_a_clock_that_is_wrong(
    seconds: int,
    exit_code: int,
    run: Run,
    toml: Toml,
    folder: Path,
    names: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(portal.setup.clocks, "median", lambda _: float(seconds))
    write(folder, toml("acme"))
    result = run("check")
    assert result.exit_code == exit_code
    goldens.matches(f"clock-{seconds}", result.output, names)


TROUBLES = {
    "discovery-hangs": ("/.well-known/", Trouble.HANG),
    "discovery-html": ("/.well-known/", Trouble.HTML),
    "keys-garbage": ("/oauth2/v3/certs", Trouble.GARBAGE),
    "sign-in-page-500": ("/o/oauth2/v2/auth", Trouble.ERROR_500),
    "token-drips": ("/google/token", Trouble.DRIP_HEADERS),
    "token-500": ("/google/token", Trouble.ERROR_500),
    "token-html": ("/google/token", Trouble.HTML),
}
SLOW = {"discovery-hangs", "token-drips"}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.full) if case in SLOW else case for case in TROUBLES]
)
def test_a_provider_in_trouble_is_one_line_and_stops_no_other_look(
    case: str, run: Run, toml: Toml, folder: Path
) -> None:
    path, trouble = TROUBLES[case]
    from flask import request

    app = create_sandbox(redirect_base=HOME)
    app.before_request(lambda: play(trouble, pace=1.0) if path in request.path else None)
    with running_sandbox(app) as troubled:
        write(folder, toml("google", "github", base=troubled.base))
        result = run("check")
        assert result.exit_code == 1
        goldens.matches(f"trouble-{case}", result.output, {str(folder): "HERE", troubled.base: "http://SANDBOX"})
    assert len(re.findall("✗", result.output)) == 1


def test_there_are_files_for_these_cases_and_no_others() -> None:
    """A case that is renamed leaves no file behind that nothing is held against."""
    assert len(BROKEN) + len(TROUBLES) >= 20
    kept = {file.stem for file in goldens.FOLDER.glob("*.txt")}
    assert {*GOOD, *BROKEN, *(f"trouble-{case}" for case in TROUBLES)} <= kept
