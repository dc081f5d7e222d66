"""What all providers have in common: how they are configured, and how a token endpoint's answer is judged."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oauthlib.oauth2 import WebApplicationClient

from providers.base import Fault, Identity, Provider, ProviderError, numeric_subject, text_subject


class Plain(Provider):
    """A provider by the RFC and nothing else."""

    def identify(self, http, token, *, nonce):
        return Identity(self.issuer, "1", None, None, None, None, None)


plain = Plain(
    title="Plain",
    authorization_url="https://id.example.test/oauth/authorize",
    token_url="https://id.example.test/oauth/token",
    api_url="https://api.example.test",
    scopes=("profile", "email"),
)


def fault_of(provider, response):
    with pytest.raises(ProviderError) as caught:
        provider.read_token(response)
    assert caught.value.call == "token"
    assert "s3cret" not in f"{caught.value} {caught.value!r} {caught.value.detail}"
    return caught.value


def test_a_plain_provider_is_its_origin_and_knows_no_iss_and_no_nonce(http):
    assert plain.issuer == "https://id.example.test"
    assert (plain.iss, plain.sends_iss, plain.uses_nonce) == (None, False, False)
    assert plain.resolve(http) is plain


def test_settings_make_another_provider_and_leave_the_module_s_alone():
    mine = plain.configure(
        "mine",
        {"client_id": "id", "client_secret": "s3cret", "title": "Mine", "scopes": ["a"], "keep_tokens": False},
    )
    assert (mine.name, mine.client_id, mine.title, mine.scopes, mine.keep_tokens) == (
        "mine",
        "id",
        "Mine",
        ("a",),
        False,
    )
    assert (plain.name, plain.client_id, plain.title) == ("", "", "Plain")
    assert mine.api_url == plain.api_url


def test_none_and_blank_are_no_settings():
    assert plain.configure("", {"title": None, "client_id": "", "scopes": None}) == plain


def test_an_api_address_may_end_in_a_slash():
    assert plain.configure("x", {"api_url": "https://ghe.example.test/api/v3/"}).api_url.endswith("/v3")


@pytest.mark.parametrize("setting", ["authorization_url", "token_url", "api_url"])
def test_an_address_in_clear_is_refused_unless_it_is_loopback(setting):
    with pytest.raises(ValueError, match=f"{setting} of provider 'x' must be an https: address"):
        plain.configure("x", {setting: "http://id.example.test/"})
    assert getattr(plain.configure("x", {setting: "http://127.0.0.1:8001/x"}), setting) == "http://127.0.0.1:8001/x"


def test_a_setting_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="provider 'x' has no setting client_scret, issuer"):
        plain.configure("x", {"client_scret": "s3cret", "issuer": "https://id.example.test"})


def test_the_secret_is_in_no_repr():
    assert "s3cret" not in repr(plain.configure("x", {"client_secret": "s3cret"}))


def test_a_provider_is_frozen_and_hashable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        plain.client_id = "other"
    assert len({plain, plain.configure("x", {})}) == 2


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        ("a b", ("a", "b")),
        ("a,b", ("a", "b")),
        (" a,  b ", ("a", "b")),
        ("", ()),
        (["a,b"], ("a", "b")),
        ([""], ()),
        (None, ("profile", "email")),
        (7, ("profile", "email")),
    ],
)
def test_granted_scopes_come_in_many_spellings(scope, granted):
    assert plain.granted_scopes({"scope": scope}) == granted
    assert plain.granted_scopes({}) == ("profile", "email")


def test_granted_scopes_are_read_from_what_oauthlib_makes_of_the_answer():
    token = WebApplicationClient("id").parse_request_body_response(
        '{"access_token": "t", "token_type": "bearer", "scope": "read:user,user:email"}'
    )
    assert plain.granted_scopes(token) == ("read:user", "user:email")


@pytest.mark.parametrize("expires_in", [0, 3600, "3600", None])
def test_a_token_is_taken_with_its_expiry_as_an_integer(answer, expires_in):
    token = plain.read_token(answer({"access_token": "t", "token_type": "Bearer", "expires_in": expires_in, "x": [1]}))
    assert token.get("expires_in") == (None if expires_in is None else int(expires_in))
    assert (token["access_token"], token["x"]) == ("t", [1])


def test_a_token_needs_nothing_but_itself(answer):
    assert plain.read_token(answer({"access_token": "t"})) == {"access_token": "t"}


def test_a_token_that_never_expires_fits_a_date(answer):
    assert plain.read_token(answer({"access_token": "t", "expires_in": 2**63 - 1}))["expires_in"] == 10**9


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"access_token": None},
        {"access_token": ""},
        {"access_token": 7},
        {"access_token": ["s3cret"]},
        {"access_token": "s3cret\r\nX-Evil: 1"},
        {"access_token": "s3cret ü"},
        {"access_token": "s3cret", "token_type": "mac"},
        {"access_token": "s3cret", "token_type": 7},
        {"access_token": "s3cret", "expires_in": -1},
        {"access_token": "s3cret", "expires_in": True},
        {"access_token": "s3cret", "expires_in": 3600.0},
        {"access_token": "s3cret", "expires_in": "-1"},
        {"access_token": "s3cret", "expires_in": "٣"},
        {"access_token": "s3cret", "expires_in": "soon"},
        {"access_token": "s3cret", "expires_in": []},
        [],
        None,
    ],
)
def test_a_token_that_is_not_what_it_must_be_is_malformed(answer, document):
    assert fault_of(plain, answer(document)).fault is Fault.MALFORMED


@pytest.mark.parametrize(
    "body", [b"", b"<html>s3cret</html>", b"access_token=s3cret&token_type=bearer", b'{"access_to']
)
def test_a_body_that_is_no_json_is_malformed_whatever_it_says_it_is(answer, body):
    for content_type in ("application/json", "text/html", "application/x-www-form-urlencoded"):
        assert fault_of(plain, answer(body, content_type=content_type)).fault is Fault.MALFORMED


@pytest.mark.parametrize(
    ("status", "error", "fault"),
    [
        (400, "invalid_grant", Fault.CODE_REFUSED),
        (401, "invalid_client", Fault.CLIENT_REFUSED),
        (400, "unauthorized_client", Fault.CLIENT_REFUSED),
        (400, "invalid_scope", Fault.CLIENT_REFUSED),
        (400, "redirect_uri_mismatch", Fault.CLIENT_REFUSED),
        (400, "invalid_request", Fault.STATUS),
        (429, "slow_down", Fault.STATUS),
        (200, "invalid_grant", Fault.CODE_REFUSED),
        (200, "something_new", Fault.MALFORMED),
    ],
)
def test_an_error_says_who_must_act(answer, status, error, fault):
    found = fault_of(plain, answer({"error": error, "error_description": "code s3cret is bad"}, status=status))
    assert (found.fault, found.detail, found.status) == (fault, f"{status} {error}", status)


def test_an_error_goes_before_a_token(answer):
    assert fault_of(plain, answer({"error": "invalid_grant", "access_token": "s3cret"})).fault is Fault.CODE_REFUSED


@pytest.mark.parametrize("error", ["s3cret", "code=s3cret\nINFO forged", "x" * 500, "", 7, {"code": "s3cret"}, None])
def test_an_error_of_unknown_shape_is_not_quoted(answer, error):
    found = fault_of(plain, answer({"error": error}, status=400))
    assert (found.fault, found.detail) == (Fault.STATUS, "400 no known error code")


@pytest.mark.parametrize("status", [201, 302, 307, 500, 502, 503])
def test_a_token_of_another_status_is_no_token(answer, status):
    assert fault_of(plain, answer({"access_token": "s3cret"}, status=status)).fault is Fault.STATUS


@pytest.mark.parametrize("status", [400, 404, 429])
def test_a_refusal_without_json_is_a_status(answer, status):
    found = fault_of(plain, answer(b"<html>s3cret", status=status, content_type="text/html"))
    assert (found.fault, found.status) == (Fault.STATUS, status)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary()
    | st.dictionaries(
        st.sampled_from(["access_token", "token_type", "expires_in", "error", "scope"]),
        st.none() | st.text() | st.integers() | st.booleans() | st.floats() | st.lists(st.text()),
    ),
    st.sampled_from([200, 400, 401, 500]),
)
def test_any_answer_is_a_token_or_a_provider_error(answer, body, status):
    try:
        token = plain.read_token(answer(body, status=status))
    except ProviderError:
        return
    assert status == 200
    assert isinstance(token["access_token"], str)
    assert type(token.get("expires_in", 0)) is int


@given(st.integers(1, 2**63 - 1))
def test_a_positive_integer_is_a_subject_as_it_is(number):
    assert numeric_subject(number) == str(number)
    assert int(numeric_subject(number)) == number


@given(st.none() | st.booleans() | st.floats() | st.text() | st.integers(max_value=0) | st.lists(st.integers()))
def test_nothing_else_is_a_numeric_subject(value):
    with pytest.raises(ProviderError) as caught:
        numeric_subject(value)
    assert caught.value.fault is Fault.SUBJECT


@given(
    st.text("abcz", max_size=6)
    | st.text(st.characters(exclude_categories=[]))
    | st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
)
def test_a_text_subject_matches_as_a_whole_or_is_none(value):
    if isinstance(value, str) and value and len(value) <= 4 and all("a" <= character <= "z" for character in value):
        assert text_subject(value, "[a-z]{1,4}") == value
    else:
        with pytest.raises(ProviderError) as caught:
            text_subject(value, "[a-z]{1,4}")
        assert caught.value.fault is Fault.SUBJECT


def test_a_line_end_is_part_of_a_subject():
    with pytest.raises(ProviderError):
        text_subject("abc\n", "[a-z]{1,4}")
