"""The store's address, and what a host whose disk does not last demands of it."""

from __future__ import annotations

import pytest

from portal.config import ConfigError
from tests.config.setups import PRODUCTION, Load

APP_ENGINE = {"GAE_ENV": "standard"}
CLOUD_RUN = {"K_SERVICE": "portal"}
DATASTORE = {"PORTAL_STORE": "datastore://my-project"}


@pytest.mark.parametrize(
    "store",
    ["datastore://my-project", "datastore://demo", "datastore://my-project/portal", "datastore://my-project/(default)",
     "datastore://example.com:my-project", "datastore://my-project?namespace=Portal_1.test",
     "datastore://my-project/portal-2?namespace=n", "sqlite:///instance/portal.db", "sqlite:////var/lib/portal.db"],
)  # fmt: skip
def test_a_store_is_a_file_or_a_datastore(load: Load, store: str) -> None:
    assert load(PORTAL_STORE=f" {store} ").store == store


@pytest.mark.parametrize(
    ("store", "wrong"),
    [
        ("datastore:my-project", "is not written as a Datastore is"),
        ("datastore:/my-project", "is not written as a Datastore is"),
        ("datastore://my-project/portal/x", "is not written as a Datastore is"),
        ("datastore://my-project?database=x", "is not written as a Datastore is"),
        ("datastore://my-project?namespace=x&namespace=y", "is not written as a Datastore is"),
        ("datastore://my-project?namespace=x&y=z", "is not written as a Datastore is"),
        ("datastore://my-project?", "is not written as a Datastore is"),
        ("datastore://", "names no project: ids are small letters, digits and hyphens"),
        ("datastore:///portal", "names no project: ids are small letters, digits and hyphens"),
        ("datastore://PROJECT", "names no project: ids are small letters, digits and hyphens"),
        ("datastore://user:pw@my-project", "names no project: ids are small letters, digits and hyphens"),
        ("datastore://my_project", "names no project: ids are small letters, digits and hyphens"),
        ("datastore://my-project/", "names no database: 4 to 63 small letters, digits and hyphens"),
        ("datastore://my-project/DATABASE", "names no database: 4 to 63 small letters, digits and hyphens"),
        ("datastore://my-project/abc", "names no database: 4 to 63 small letters, digits and hyphens"),
        ("datastore://my-project?namespace=", "names no namespace: 1 to 100 letters, digits, dots"),
        ("datastore://my-project?namespace=a b", "names no namespace: 1 to 100 letters, digits, dots"),
        ("datastore://my-project?namespace=" + "n" * 101, "names no namespace: 1 to 100 letters, digits, dots"),
        ("firestore://my-project", "names no store that this version knows"),
    ],
)
def test_a_datastore_written_wrong_is_told_and_not_repeated(load: Load, store: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(PORTAL_STORE=store)
    (problem,) = caught.value.problems
    assert problem.wrong.startswith(wrong)
    assert "datastore://PROJECT" in problem.write
    assert "pw" not in str(problem)


@pytest.mark.parametrize(("host", "name"), [(APP_ENGINE, "App Engine"), (CLOUD_RUN, "Cloud Run")])
@pytest.mark.parametrize("store", [{}, {"PORTAL_STORE": "sqlite:////data/portal.db"}], ids=["default", "written"])
def test_a_file_is_refused_where_no_file_lasts(
    load: Load, host: dict[str, str], name: str, store: dict[str, str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(**PRODUCTION, **host, **store)
    source = "environment variable PORTAL_STORE" if store else "not set"
    assert [str(problem) for problem in caught.value.problems] == [
        f"store ({source}) is a file, and on {name} no file outlasts the instance that wrote it.\n"
        "    Write: datastore://PROJECT, with the project's id"
    ]


@pytest.mark.parametrize("host", [APP_ENGINE, CLOUD_RUN])
@pytest.mark.parametrize(
    ("base_url", "wrong"), [({}, "is needed on"), ({"PORTAL_BASE_URL": "http://localhost:8000"}, "is no address that")]
)
def test_a_portal_for_this_machine_only_is_refused_where_nobody_sits(
    load: Load, host: dict[str, str], base_url: dict[str, str], wrong: str
) -> None:
    """Only loopback names would be answered, each with keys of the instance's own."""
    with pytest.raises(ConfigError) as caught:
        load(**host, **DATASTORE, **base_url)
    (problem,) = caught.value.problems
    assert problem.setting == "base_url"
    assert problem.wrong.startswith(wrong)


def test_what_is_wrong_by_itself_is_told_once(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load(**PRODUCTION | {"PORTAL_BASE_URL": "ftp://x"}, **APP_ENGINE, PORTAL_STORE="datastore://X")
    assert sorted(problem.setting for problem in caught.value.problems) == ["base_url", "store"]


@pytest.mark.parametrize("host", [APP_ENGINE, CLOUD_RUN])
def test_a_datastore_and_a_public_address_are_all_that_is_demanded_there(load: Load, host: dict[str, str]) -> None:
    config = load(**PRODUCTION, **host, **DATASTORE)
    assert config.app_engine is (host is APP_ENGINE)


@pytest.mark.parametrize("elsewhere", [{}, {"GAE_ENV": "localdev"}, {"GAE_ENV": ""}, {"K_SERVICE": ""}])
def test_elsewhere_a_file_is_fine(load: Load, elsewhere: dict[str, str]) -> None:
    assert not load(**PRODUCTION, **elsewhere).app_engine
