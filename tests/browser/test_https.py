"""What a real browser makes of `manage.py run --https`, once somebody has said yes to its certificate."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, expect

from providers.sandbox import running_sandbox
from tests.https_serving import as_variables, free_port, serving


@pytest.mark.full
def test_a_browser_asks_about_the_certificate_and_then_signs_in_with_host_cookies(
    chromium: Browser, tmp_path: Path
) -> None:
    """Over http nobody would see what `Referer`, `Origin` and `Secure` do to a form."""
    port = free_port()
    with (
        running_sandbox(redirect_uris=[f"https://localhost:{port}/login/google/authorized"]) as sandbox,
        serving(tmp_path, port, **as_variables(sandbox.settings)) as server,
    ):
        careful = chromium.new_context()
        with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            careful.new_page().goto(server.base)
        careful.close()

        said_yes = chromium.new_context(ignore_https_errors=True, java_script_enabled=False)
        page = said_yes.new_page()
        page.goto(f"https://127.0.0.1:{port}/account")
        expect(page).to_have_url(re.compile(re.escape(server.base)))  # where its cookies are
        page.get_by_role("button", name="Continue with Google").click()
        page.get_by_role("button", name="Ada Lovelace").click()
        expect(page).to_have_url(f"{server.base}/account")
        expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")
        ours = [cookie for cookie in said_yes.cookies() if cookie["domain"] == "localhost"]
        assert ours
        assert all(cookie["name"].startswith("__Host-") and cookie["secure"] for cookie in ours)
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("status")).to_contain_text("You are signed out here.")
        said_yes.close()
