"""Nothing is configured yet: the portal starts, and says to whoever runs it what to write."""

from __future__ import annotations

import pytest

from portal.errors import Outcome
from tests.flows.conftest import MakeApp
from tests.person import Person


@pytest.fixture
def bare(make_app: MakeApp, environ: dict[str, str]) -> Person:
    """Somebody in front of a portal without a provider."""
    return Person(make_app(**{name: None for name in environ if name.startswith("PORTAL_PROVIDERS__")}))


@pytest.mark.parametrize("path", ["/", "/login"])
def test_the_page_names_the_two_settings(bare: Person, path: str) -> None:
    page = bare.opens(path)
    assert page.status_code == Outcome.NO_PROVIDER.status == 503
    assert page.headers["Retry-After"]
    assert "client_id" in page.text
    assert "client_secret" in page.text
    assert "portal.toml" in page.text


def test_the_log_names_them_at_the_start(bare: Person, caplog: pytest.LogCaptureFixture) -> None:
    (line,) = [record.getMessage() for record in caplog.get_records("setup") if record.name == "portal"]
    assert "client_id" in line
    assert "client_secret" in line


def test_no_provider_s_address_answers(bare: Person) -> None:
    for path in ("/login/github", "/login/github/authorized"):
        assert bare.opens(path).status_code == 404


def test_the_account_page_leads_there_too(bare: Person) -> None:
    assert bare.opens(bare.opens("/account").location).status_code == 503
