"""What the journeys rely on: whatever a browser complains of, and whoever is asked beside the provider, is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.apps import FEDERATED, employer
from tests.browser.visitor import PATIENCE, Watch
from tests.serving import Served

pytestmark = pytest.mark.full  # the journeys themselves run in `make test`

Changed = Callable[[str, dict[str, str]], tuple[str, dict[str, str]]]
CSP = "content-security-policy"


@pytest.fixture(params=[False, True], ids=["http", "https"])
def secure(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def at(request: pytest.FixtureRequest, secure: bool) -> Served:
    """The portal, over http or https."""
    portal: Served = request.getfixturevalue("secure_portal" if secure else "portal")
    return portal


@pytest.fixture
def javascript(secure: bool) -> bool:
    """As in the journeys: off over http, on over https."""
    return secure


@pytest.fixture
def watch(chromium: Browser, at: Served, javascript: bool) -> Iterator[Watch]:
    """A browser whose complaints nobody else looks at."""
    # Playwright fetches pages that a test changes by itself, and knows nothing of whom the browser trusts.
    context = chromium.new_context(java_script_enabled=javascript, ignore_https_errors=True)
    context.set_default_timeout(PATIENCE)
    context.add_cookies([{"name": FEDERATED, "value": "1", "url": at.sandbox}])
    yield Watch(context, at)
    context.close()


def _sign_in_page(watch: Watch, at: Served, changed: Changed) -> None:
    """Opens it, with body and headers changed on the way."""

    def change(route: Route) -> None:
        answer = route.fetch()
        body, headers = changed(answer.text(), answer.headers)
        route.fulfill(response=answer, body=body, headers=headers)

    watch.page.route("**/login", change)
    watch.page.goto(f"{at.base}/login")


def _with_body(planted: str) -> Changed:
    return lambda body, headers: (body.replace("</main>", f"{planted}</main>"), headers)


def _with_form_action(sources: str) -> Changed:
    return lambda body, headers: (body, headers | {CSP: f"{headers[CSP]}; form-action {sources}"})


def test_a_page_left_as_it_is_gives_no_complaint(watch: Watch, at: Served) -> None:
    _sign_in_page(watch, at, lambda body, headers: (body, headers))
    watch.page.get_by_role("button", name="Continue with Google").click()
    expect(watch.page.get_by_role("heading", level=1)).to_contain_text("stand-in Google")
    assert watch.complaints == []
    assert watch.strangers == set()
    assert watch.hosts == {at.base, at.sandbox, employer(at.sandbox)}


@pytest.mark.parametrize("whose", ["'self'", "'self' {sandbox}"], ids=["self", "self-and-the-provider"])
def test_form_action_on_the_sign_in_page_would_stop_who_is_sent_on(watch: Watch, at: Served, whose: str) -> None:
    """Naming the provider there doesn't help: it sends people on to hosts that nobody can list (T26)."""
    _sign_in_page(watch, at, _with_form_action(whose.format(sandbox=at.sandbox)))
    with watch.page.expect_event("console", lambda message: "form-action" in message.text):
        watch.page.get_by_role("button", name="Continue with Google").click(no_wait_after=True)
    assert watch.page.url == f"{at.base}/login"  # nothing moves, and nobody is told why
    assert any("form-action" in complaint for complaint in watch.complaints)


@pytest.mark.parametrize("javascript", [True], ids=["js"])  # else there is nothing to refuse
@pytest.mark.parametrize(
    "planted",
    ["<script>document.title = 'planted'</script>", "<button autofocus onfocus='document.title = 1'>x</button>"],
    ids=["script", "handler"],
)
def test_a_script_planted_in_a_page_does_nothing_and_is_noticed(watch: Watch, at: Served, planted: str) -> None:
    _sign_in_page(watch, at, _with_body(planted))
    assert any("securitypolicyviolation script-src" in complaint for complaint in watch.complaints), watch.complaints
    assert watch.page.title().startswith("Sign in")


def test_a_style_planted_in_a_page_does_nothing_and_is_noticed(watch: Watch, at: Served) -> None:
    _sign_in_page(watch, at, _with_body("<p style='color: red'>planted</p>"))
    assert any("style-src" in complaint for complaint in watch.complaints)


def test_a_picture_from_another_host_is_refused_and_noticed(watch: Watch, at: Served) -> None:
    elsewhere = at.sandbox.replace("127.0.0.1", "127.0.0.3")
    _sign_in_page(watch, at, _with_body(f"<img src='{elsewhere}/pixel.png' alt=''>"))
    assert any("img-src" in complaint for complaint in watch.complaints)


def test_a_request_to_another_host_is_noticed_where_no_policy_refuses_it(watch: Watch, at: Served) -> None:
    elsewhere = at.sandbox.replace("127.0.0.1", "127.0.0.3")
    watch.page.route(f"{elsewhere}/**", lambda route: route.fulfill(status=204))

    def without_policy(body: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
        planted = body.replace("</main>", f"<img src='{elsewhere}/pixel.png' alt=''></main>")
        return planted, {name: value for name, value in headers.items() if name != CSP}

    _sign_in_page(watch, at, without_policy)
    assert watch.strangers == {elsewhere}
