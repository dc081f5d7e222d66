"""What the browser sees: what is refused here, what is refused there, and the consent page."""

from __future__ import annotations

import pytest
import requests
from sandbox_application import CHALLENGE, Application, callback
from werkzeug.test import Client

from providers.sandbox import create_sandbox, people


def told_here(application: Application, answer: requests.Response) -> str:
    """The page that says no: the stand-in's own, some of which have an address of their own for it."""
    assert answer.headers.get("Location", application.sandbox.base).startswith(application.sandbox.base)
    page = application.http.get(answer.headers["Location"]) if answer.is_redirect else answer
    assert page.status_code in (400, 404)
    return page.text


@pytest.mark.parametrize("client_id", [None, "", "another", ["twice", "twice"]])
def test_an_unknown_application_is_told_here_and_never_redirected(application: Application, client_id: object) -> None:
    assert "client_id" in told_here(application, application.asks(client_id=client_id))


@pytest.mark.parametrize("change", ["/", "?x=1", "/../authorized", "#f", None])
def test_a_redirect_uri_that_is_not_registered_to_the_letter_is_never_redirected_to(
    application: Application, change: str | None
) -> None:
    answer = application.asks(redirect_uri=None if change is None else application.redirect_uri + change)
    assert "redirect_uri" in told_here(application, answer)


def test_two_redirect_uris_are_none(application: Application) -> None:
    answer = application.asks(redirect_uri=[application.redirect_uri, "http://localhost:8000/evil"])
    assert "redirect_uri" in told_here(application, answer)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"nonce": ["a", "b"]}, "invalid_request"),
    ],
)
def test_what_is_asked_wrongly_goes_back_as_an_error_with_the_state(
    application: Application, change: dict[str, object], error: str
) -> None:
    answer = callback(application.asks({"name": "Someone"}, **change))
    assert answer["error"] == error
    assert answer["state"] == "state-1"
    assert "code" not in answer


def test_of_two_states_none_is_echoed(application: Application) -> None:
    answer = callback(application.asks(state=["a", "b"]))
    assert answer["error"] == "invalid_request"
    assert "state" not in answer


@pytest.mark.parametrize("state", ["", "a+b c&d=e%20", "ä☂'\"<script>", "#", "x" * 2000])
def test_the_state_comes_back_exactly(application: Application, state: str) -> None:
    assert callback(application.asks({"name": "Someone"}, state=state))["state"] == state


def test_a_request_without_a_state_gets_none_back(application: Application) -> None:
    assert "state" not in callback(application.asks({"name": "Someone"}, state=None))


def test_iss_comes_back_from_those_who_send_it(application: Application) -> None:
    base = application.sandbox.base
    issuers = {"google": f"{base}/google", "github": f"{base}/github/login/oauth", "facebook": None}
    for answer in (
        application.asks({"name": "Someone"}),
        application.asks(scope="everything"),
        application.presses("deny"),
    ):
        assert callback(answer).get("iss") == issuers[application.name]


def test_only_facebook_hangs_its_fragment_on_the_redirect(application: Application) -> None:
    location = application.asks({"name": "Someone"}).headers["Location"]
    assert location.endswith("#_=_") == (application.name == "facebook")


@pytest.mark.parametrize("hint", [{"prompt": "select_account"}, {"login_hint": "x"}, {"auth_type": "rerequest"}])
def test_hints_are_taken_and_change_nothing(application: Application, hint: dict[str, str]) -> None:
    assert "code" in callback(application.asks({"name": "Someone"}, **hint))


def test_a_redirect_uri_with_a_query_keeps_it() -> None:
    browser = Client(create_sandbox(redirect_uris=["https://portal.test/back?from=sandbox"]))
    query = {
        "client_id": "Ov23liSANDBOXgithub0",
        "redirect_uri": "https://portal.test/back?from=sandbox",
        "response_type": "code",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    answer = browser.get(
        "/github/login/oauth/authorize", query_string=query, headers={"X-Sandbox-Person": '{"name": "Someone"}'}
    )
    assert answer.headers["Location"].startswith("https://portal.test/back?from=sandbox&code=")


def test_the_consent_page_says_whose_it_is_not_and_lists_the_sample_people(application: Application) -> None:
    page = application.asks()
    assert page.status_code == 200
    assert '<html lang="en">' in page.text
    assert "Not the real" in page.text
    listed = {"google": people.GOOGLE, "github": people.GITHUB, "facebook": people.FACEBOOK}[application.name]
    for key in listed:
        assert f'name="person" value="{key}"' in page.text


def test_the_consent_page_runs_no_script_and_may_not_be_framed(application: Application) -> None:
    page = application.asks()
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action" not in policy
    assert "<script" not in page.text


def test_a_sample_person_signs_in_with_one_press(application: Application) -> None:
    code = callback(application.presses("ada"))["code"]
    profile = application.reads_profile(application.redeems(code).json()["access_token"]).json()
    assert profile["name"] == "Ada Lovelace"


def test_the_first_person_has_another_address_everywhere_and_the_second_the_same_one() -> None:
    first, second = (
        [list(listed.values())[place] for listed in (people.GOOGLE, people.GITHUB, people.FACEBOOK)] for place in (0, 1)
    )
    assert {person.name for person in first} == {"Ada Lovelace"}
    assert len({person.email for person in first}) == 3
    assert {(person.name, person.email) for person in second} == {("Grace Hopper", "grace@example.com")}
    assert all(person.verified for person in second[:2])


def test_a_person_of_ones_own_is_who_was_typed(application: Application) -> None:
    typed = {"name": "Zoë <b>", "email": "zoe@example.com", "subject": "4711"}
    code = callback(application.presses("own", **typed))["code"]
    profile = application.reads_profile(application.redeems(code).json()["access_token"]).json()
    assert profile["name"] == "Zoë <b>"
    assert str(profile.get("id", profile.get("sub"))) == "4711"


def test_who_is_typed_twice_without_an_id_is_the_same_person(application: Application) -> None:
    def subject(name: str) -> object:
        profile = application.knows({"name": name})
        return profile.get("id", profile.get("sub"))

    assert subject("Zoë") == subject("Zoë")
    assert subject("Zoë") != subject("Zoe")


@pytest.mark.parametrize(
    "fields",
    [
        {"person": "own"},
        {"person": "stranger"},
        {"person": "own", "subject": " "},
        {"person": "ada", "trouble": "earthquake"},
        {"person": "ada", "at": "breakfast"},
    ],
)
def test_what_cannot_be_used_shows_the_page_again_with_what_was_typed(
    application: Application, fields: dict[str, str]
) -> None:
    again = application.presses(**fields, name="", email="")
    assert again.status_code == 400
    assert 'role="alert"' in again.text
    assert callback(application.presses("ada", page=again))["code"]


def test_typed_text_is_shown_again_as_text(application: Application) -> None:
    again = application.presses("own", name='"><b>x', subject="\t")
    assert again.status_code == 400
    assert "<b>x" not in again.text
    assert "&lt;b&gt;x" in again.text


def test_deny_goes_back_with_access_denied_and_no_code(application: Application) -> None:
    answer = callback(application.presses("deny"))
    assert answer["error"] == "access_denied"
    assert answer["state"] == "state-1"
    assert "code" not in answer


def test_a_decision_without_a_request_is_refused_here(application: Application) -> None:
    page = application.asks()
    answer = application.presses("ada", page=page, request="made-up")
    assert answer.status_code == 400
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    "person",
    [
        {"nickname": "x"},
        {"name": 5},
        [],
        {},
        {"name": "x", "trouble": "earthquake"},
        {"name": "x", "at": "breakfast"},
        {"subject": "no good"},
    ],
)
def test_a_short_cut_that_cannot_be_used_says_so(application: Application, person: dict[str, object]) -> None:
    answer = application.asks(person)
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_a_foreign_host_name_is_not_answered(application: Application) -> None:
    answer = application.http.get(
        f"{application.sandbox.base}/google/.well-known/openid-configuration", headers={"Host": "evil.test"}
    )
    assert answer.status_code == 400
