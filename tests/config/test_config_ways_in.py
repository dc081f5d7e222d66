"""`state`, `order`, the lists of who is let in, `sign_up` and `contact`: what each may be, alone and together."""

from __future__ import annotations

import pytest

from portal.config import ConfigError
from portal.config.contacts import Contact
from portal.linking import SignUps, State
from tests.config.setups import PRODUCTION, Load

GITHUB = '[providers.github]\nclient_id = "id-1"\nclient_secret = "s-1"\n'


def problem(load: Load, toml: str = "", **environ: str) -> str:
    """The one problem of a configuration."""
    with pytest.raises(ConfigError) as refused:
        load(toml, **environ)
    (one,) = refused.value.problems
    return f"{one}"


# States.


@pytest.mark.parametrize("state", [State.ON, State.LINK_ONLY, State.HIDDEN])
def test_a_provider_has_a_state(load: Load, state: State) -> None:
    assert load(f'{GITHUB}state = "{state.value}"').providers["github"].state is state
    assert load(GITHUB, PORTAL_PROVIDERS__GITHUB__STATE=state.value).providers["github"].state is state


def test_without_one_it_is_on(load: Load) -> None:
    config = load(GITHUB)
    assert config.providers["github"].state is State.ON
    assert dict(config.off) == {}


@pytest.mark.parametrize("switch", ['state = "off"', "enabled = false", 'state = "off"\nenabled = false'])
def test_off_is_off_by_either_and_needs_no_credentials(load: Load, switch: str) -> None:
    config = load(f'{GITHUB}title = "Ours"\n{switch}\n[providers.facebook]\n{switch}')
    assert dict(config.providers) == {}
    assert dict(config.off) == {"github": "Ours", "facebook": None}


@pytest.mark.parametrize("state", ["on", "link_only", "hidden"])
def test_any_other_state_asks_for_its_credentials(load: Load, state: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(f'[providers.github]\nstate = "{state}"')
    assert [str(each).partition("\n")[0] for each in refused.value.problems] == [
        f"providers.github.{key} (not set) is missing while state is {state}." for key in ("client_id", "client_secret")
    ]


@pytest.mark.parametrize(
    ("enabled", "state"), [("true", "off"), ("false", "on"), ("false", "hidden"), ("false", "link_only")]
)
def test_two_switches_that_say_two_things_are_told(load: Load, enabled: str, state: str) -> None:
    told = problem(load, f'{GITHUB}enabled = {enabled}\nstate = "{state}"')
    assert told == (
        f"providers.github.state (portal.toml line 5) is {state} while enabled is {enabled} (portal.toml line 4).\n"
        "    Write: one of the two, and no more"
    )


@pytest.mark.parametrize("state", ['"ON"', '"linkonly"', '"false"', '""', "true", "3", "[]", "{}"])
def test_what_is_no_state_is_told(load: Load, state: str) -> None:
    told = problem(load, f"{GITHUB}state = {state}")
    assert "providers.github.state (portal.toml line 4) is none of the states there are" in told
    assert 'Write: "on" or "off" or "link_only" or "hidden"' in told


def test_a_provider_that_is_off_may_be_plain_http_in_production(load: Load) -> None:
    toml = f'{GITHUB}api_url = "http://127.0.0.1:1"\nstate = '
    assert load(f'{toml}"off"', **PRODUCTION).off
    assert "is plain http in production" in problem(load, f'{toml}"hidden"', **PRODUCTION)


# Order.


def test_buttons_come_in_their_order_then_as_they_stand(load: Load) -> None:
    toml = "".join(GITHUB.replace("github", name) for name in ("facebook", "github", "google"))
    assert list(load(toml).providers) == ["facebook", "github", "google"]
    ordered = load(toml, PORTAL_PROVIDERS__GOOGLE__ORDER="2", PORTAL_PROVIDERS__GITHUB__ORDER="10")
    assert list(ordered.providers) == ["google", "github", "facebook"]


@pytest.mark.parametrize("order", ["0", "1000", "-1", "1.5", "true", '"first"', '""', "[1]", '"１"'])
def test_what_is_no_place_is_told(load: Load, order: str) -> None:
    assert "is no whole number from 1 to 999" in problem(load, f"{GITHUB}order = {order}")


# Lists.


def test_the_lists_of_who_is_let_in(load: Load) -> None:
    entry = load(f'{GITHUB}allow = ["github:583231", "github:1"]\norganisations = ["Acme", "x-y"]').providers["github"]
    assert entry.allow == {"github:583231", "github:1"}
    assert entry.organisations == ("acme", "x-y")
    assert "allow" not in entry.settings()
    assert load(GITHUB).providers["github"].allow is None


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('allow = ["google:1"]', "lists 'google:1', which is no identity of github"),
        ('allow = ["583231"]', "lists '583231', which is no provider's name, a colon and the person's id there"),
        ('allow = ["ada@example.com"]', "lists the address 'ada@example.com', and an address proves nothing"),
        ("allow = []", "lists nobody"),
        ("allow = 3", "is not a list"),
        ("organisations = []", "lists none"),
        ('organisations = ["a", "b", "c", "d", "e", "f"]', "lists 6 organisations, and 5 are the most"),
        ('organisations = ["acme/team"]', "lists 'acme/team', which is no organisation's name"),
        ('organisations = ["-acme"]', "lists '-acme', which is no organisation's name"),
        ('organisations = ["<b>"]', "lists '<b>', which is no organisation's name"),
        ("organisations = true", "is not a list"),
    ],
)
def test_a_list_that_can_t_stand_is_told(load: Load, setting: str, said: str) -> None:
    told = problem(load, GITHUB + setting)
    assert f"providers.github.{setting.partition(' ')[0]}" in told
    assert "portal.toml line 4" in told
    assert said in told


# Accounts, and whom to ask.


@pytest.mark.parametrize("sign_up", SignUps)
def test_accounts_are_made_as_sign_up_says(load: Load, sign_up: SignUps) -> None:
    assert load(f'sign_up = "{sign_up.value}"').sign_up is sign_up
    assert load(PORTAL_SIGN_UP=sign_up.value).sign_up is sign_up


@pytest.mark.parametrize("sign_up", ['"Open"', '"no"', "false", "[]", '""'])
def test_what_is_no_way_to_make_accounts_is_told(load: Load, sign_up: str) -> None:
    assert 'Write: "open" or "invited" or "closed"' in problem(load, f"sign_up = {sign_up}")


@pytest.mark.parametrize(
    ("written", "href"),
    [
        ("help@example.com", "mailto:help@example.com"),
        ("first.last+portal@sub.example.co.uk", "mailto:first.last+portal@sub.example.co.uk"),
        ("https://www.example.com/help?from=portal", "https://www.example.com/help?from=portal"),
        ("http://intranet.example.com/", "http://intranet.example.com/"),
        ("the people at the front desk", None),
        ("Room 12: ask for Ada", None),
        ("Ada <ada@example.com>", None),
        ("ada@example.com?subject=x&bcc=evil@example.com", None),
        ("ada@example.com%0Abcc:evil@example.com", None),
        ("<script>alert(1)</script>", None),
    ],
)
def test_whom_to_ask_is_a_link_only_where_it_is_wholly_one(load: Load, written: str, href: str | None) -> None:
    assert load(PORTAL_CONTACT=written).contact == Contact(written, href)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("javascript:alert(1)", "starts like an address that no page of ours leads to"),
        ("JaVaScRiPt:alert(1)", "starts like an address that no page of ours leads to"),
        ("data:text/html,x", "starts like an address that no page of ours leads to"),
        ("https://ada:secret@example.com", "has a user name or password in it"),
        ("https://", "is no web address"),
        ("HTTPS://[::1", "is no web address"),
        ("x" * 201, "has 201 characters, and 200 are the most"),
        ("a\nb", "has a line break or another invisible character in it"),
        ("a\u202eb", "has a line break or another invisible character in it"),
    ],
)
def test_what_can_t_be_shown_is_told(load: Load, written: str, said: str) -> None:
    told = problem(load, PORTAL_CONTACT=written)
    assert "contact (environment variable PORTAL_CONTACT)" in told
    assert said in told
    assert "secret" not in told
