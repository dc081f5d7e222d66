"""What is Datastore's own: its address, the RPCs of each call, entities of another version, and what it can't hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from google.cloud import datastore

from portal.errors import AlreadyExists, CommitUnknown, Contended, NotFound, StoreError
from portal.models import Event, Session, Token, User
from portal.storage import Delete, Insert, Mutation, Store, Transaction, Update, open_store
from portal.storage.datastore_entities import Place
from tests.storage.samples import get_user, make_event, make_user, move_in
from tests.storage.wire import Fault, Wire, always, in_turn


@pytest.fixture
def store(datastore_url: str, wire: Wire) -> Iterator[Store]:
    store = open_store(datastore_url)
    yield store
    store.close()


@pytest.fixture
def client(datastore_url: str) -> datastore.Client:
    """Google's own client on the same namespace, which writes what other programs and versions would."""
    return datastore.Client(project="demo", namespace=datastore_url.rpartition("=")[2])


# --- the address ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("datastore://demo", Place("demo", "", "")),
        ("datastore://demo/", Place("demo", "", "")),
        ("datastore://demo/(default)", Place("demo", "", "")),
        ("datastore://demo/people", Place("demo", "people", "")),
        ("datastore://demo/people?namespace=staging", Place("demo", "people", "staging")),
        ("datastore://demo?namespace=a.B_c-9", Place("demo", "", "a.B_c-9")),
        ("datastore://example.com:demo", Place("example.com:demo", "", "")),
    ],
)
def test_an_address_names_project_database_and_namespace(store: Store, wire: Wire, url: str, place: Place) -> None:
    asked = open_store(url)
    asked.check()
    asked.close()
    (request,) = wire.requests
    partition = request.keys[0].partition_id
    assert (request.project_id, request.database_id) == place[:2]
    assert (partition.project_id, partition.database_id, partition.namespace_id) == place


@pytest.mark.parametrize(
    "url",
    [
        "datastore://",
        "datastore:///people",
        "datastore:demo",
        "datastore://Demo",
        "datastore://demo/Two Words",
        "datastore://demo/people/more",
        "datastore://demo?namespace=a b",
        "datastore://demo?name=a",
        "datastore://demo?namespace=a&database=b",
        "datastore://user:secret@demo",
        "firestore://demo",
    ],
)
def test_an_address_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="datastore://PROJECT"):
        open_store(url)


def test_what_is_in_one_part_of_a_project_is_not_in_another(store: Store, datastore_url: str) -> None:
    move_in(store)
    for url in (datastore_url + "x", datastore_url.replace("demo", "demo/other")):
        other = open_store(url)
        assert other.look_up(User.key_of("ada")) == (None,)
        move_in(other)
        assert get_user(other).id == "ada"
        other.close()


# --- RPCs -----------------------------------------------------------------------------------------------------------


def test_a_look_up_is_one_rpc_however_many_keys(store: Store, wire: Wire) -> None:
    home = move_in(store)
    wire.forget()
    store.look_up(home.oauth.key, home.token.key, home.session.key, home.user.key, home.email.key)
    store.list_at([home.user.key, User.key_of("nobody"), home.user.key])
    assert wire.sent == ["Lookup", "Lookup"]


def test_nothing_is_asked_for_no_keys_and_nothing_committed_for_no_mutations(store: Store, wire: Wire) -> None:
    assert store.list_at([]) == []
    store.commit()
    store.transact(lambda transaction: transaction.list_at([]))
    assert wire.sent == []


def test_a_commit_is_one_rpc_and_its_inserts_are_inserts(store: Store, wire: Wire) -> None:
    home = move_in(store)
    store.commit(Update(home.user), Delete(home.event.key))
    assert wire.sent == ["Commit", "Commit"]
    kinds = [[each.WhichOneof("operation") for each in request.mutations] for request in wire.requests]
    assert kinds == [["insert"] * len(home.records), ["update", "delete"]]


def test_a_read_write_transaction_is_two_rpcs(store: Store, wire: Wire) -> None:
    user = move_in(store).user
    wire.forget()

    def work(transaction: Transaction) -> None:
        (found,) = transaction.look_up(user.key)
        assert found is not None
        transaction.write(Update(replace(found, epoch=1)), Insert(make_event("002")))

    store.transact(work)
    assert wire.sent == ["Lookup", "Commit"]
    assert wire.requests[0].read_options.HasField("new_transaction")
    assert wire.requests[1].transaction


def test_a_transaction_that_reads_twice_reads_within_itself(store: Store, wire: Wire) -> None:
    home = move_in(store)
    wire.forget()
    store.transact(lambda transaction: (transaction.look_up(home.user.key), transaction.list_at([home.oauth.key])))
    assert wire.sent == ["Lookup", "Lookup", "Commit"]
    assert wire.requests[1].read_options.transaction == wire.requests[2].transaction


def test_a_transaction_that_only_writes_is_one_rpc(store: Store, wire: Wire) -> None:
    store.transact(lambda transaction: transaction.write(Insert(make_user())))
    assert wire.sent == ["Commit"]


def test_a_transaction_that_its_work_gives_up_is_rolled_back(store: Store, wire: Wire) -> None:
    move_in(store)
    wire.forget()

    def work(transaction: Transaction) -> None:
        transaction.look_up(User.key_of("ada"))
        raise KeyError

    with pytest.raises(KeyError):
        store.transact(work)
    assert wire.sent == ["Lookup", "Rollback"]


def test_a_scan_is_a_query_by_key_alone(store: Store, wire: Wire) -> None:
    move_in(store)
    wire.forget()
    store.scan(User, after=User.key_of("aaa"), limit=10)
    assert wire.sent == ["RunQuery"]
    query = wire.requests[0].query
    assert [order.property.name for order in query.order] == ["__key__"]
    assert query.filter.property_filter.property.name == "__key__"


def test_a_scan_goes_on_where_an_answer_ends_before_the_limit(store: Store, wire: Wire) -> None:
    """Datastore answers with 300 or so at a time, whatever the limit."""
    users = [make_user(f"u{number:04}") for number in range(700)]
    for first in range(0, 700, 25):
        store.commit(*map(Insert, users[first : first + 25]))
    wire.forget()
    assert store.scan(User, limit=650) == users[:650]
    assert wire.sent == ["RunQuery"] * 3
    assert store.scan(User, limit=0) == []


def test_a_look_up_asks_again_for_what_did_not_fit_into_one_answer(store: Store, wire: Wire) -> None:
    ada, bob = move_in(store, "ada").user, move_in(store, "bob").user
    wire.forget()
    wire.keys_at_once = 1
    keys = (ada.key, User.key_of("nobody"), bob.key)
    assert store.look_up(*keys) == (ada, None, bob)
    assert wire.sent == ["Lookup"] * 3
    assert store.transact(lambda transaction: transaction.look_up(*keys)) == (ada, None, bob)
    assert len({request.read_options.transaction for request in wire.requests[4:6]}) == 1


def test_a_check_is_a_real_look_up(store: Store, wire: Wire) -> None:
    store.check()
    assert wire.sent == ["Lookup"]


def test_a_read_is_strong_whatever_the_default_may_become(store: Store, wire: Wire) -> None:
    store.look_up(User.key_of("ada"))
    assert wire.requests[0].read_options.read_consistency == 1  # STRONG


# --- entities -------------------------------------------------------------------------------------------------------


def test_no_property_is_in_an_index_but_whose_a_session_is(store: Store, wire: Wire) -> None:
    home = move_in(store)
    indexed = [
        (mutation.insert.key.path[-1].kind, name)
        for mutation in wire.requests[0].mutations
        for name, value in mutation.insert.properties.items()
        for each in (value.array_value.values if value.HasField("array_value") else [value])
        if not each.exclude_from_indexes
    ]
    assert indexed == [("Session", "user_id")], "by which a person's sessions are listed; random, so that it is spread"
    assert len(wire.requests[0].mutations) == len(home.records)


def test_a_token_is_a_child_of_its_oauth_and_an_event_of_its_user(store: Store, client: datastore.Client) -> None:
    move_in(store)
    tokens = client.query(kind="Token", ancestor=client.key("OAuth", "ada-github")).fetch()
    events = client.query(kind="Event", ancestor=client.key("User", "ada")).fetch()
    assert [entity.key.flat_path for entity in tokens] == [("OAuth", "ada-github", "Token", "token")]
    assert [entity.key.flat_path for entity in events] == [("User", "ada", "Event", "001")]


def test_google_s_own_client_reads_what_is_stored(store: Store, client: datastore.Client) -> None:
    home = move_in(store)
    assert client.get(client.key("User", "ada")) == {
        "name": "Ada",
        "avatar": None,
        "created": home.user.created,
        "status": "active",
        "epoch": 0,
        "oauths": ["ada-github"],
        "admin": False,
        "suspended_for": None,
    }
    token = client.get(client.key("OAuth", "ada-github", "Token", "token"))
    assert (token["sealed"], token["email_verified"], token["used"]) == (b"sealed", True, home.token.used)


@pytest.fixture
def rewrite(client: datastore.Client, store: Store) -> Callable[..., None]:
    """Changes Ada as another version or program would; a value of `...` removes the property."""

    def rewrite(**changes: Any) -> None:
        entity = client.get(client.key("User", "ada"))
        entity.update(changes)
        for name in [name for name, value in changes.items() if value is ...]:
            del entity[name]
        client.put(entity)

    move_in(store)
    return rewrite


def test_properties_of_a_newer_version_are_ignored(store: Store, rewrite: Callable[..., None]) -> None:
    before = get_user(store)
    rewrite(pronouns="she", shoe_size=36)
    assert get_user(store) == before
    assert store.scan(User) == [before]


def test_an_update_asks_for_properties_of_a_newer_version_to_be_left_alone(store: Store, wire: Wire) -> None:
    """Production does so; the emulator replaces the whole entity, whatever the mask."""
    home = move_in(store)
    store.commit(Update(home.user))
    (mutation,) = wire.requests[-1].mutations
    assert sorted(mutation.property_mask.paths) == sorted(mutation.update.properties)


def test_what_an_older_version_did_not_write_is_absent_where_it_may_be(
    store: Store, rewrite: Callable[..., None]
) -> None:
    rewrite(name=..., avatar=...)
    user = get_user(store)
    assert (user.name, user.avatar) == (None, None)


@pytest.mark.parametrize("change", [{"epoch": ...}, {"epoch": None}, {"epoch": "0"}, {"oauths": "ada"}, {"name": 7}])
def test_an_entity_that_lacks_what_it_must_have_is_an_error_and_no_absence(
    store: Store, rewrite: Callable[..., None], change: dict[str, object]
) -> None:
    rewrite(**change)
    for read in (lambda: store.look_up(User.key_of("ada")), lambda: store.scan(User)):
        with pytest.raises(StoreError, match=next(iter(change))):
            read()


@pytest.mark.parametrize("path", [("User", 7), ("Group", "readers", "User", "ada"), ("Event", "001")])
def test_what_another_program_keeps_under_our_kinds_is_no_record_of_ours(
    store: Store, client: datastore.Client, path: tuple[str | int, ...]
) -> None:
    client.put(datastore.Entity(client.key(*path)))
    kind: Any = {"User": User, "Event": Event}[str(path[-2])]
    with pytest.raises(StoreError, match="no record of ours"):
        store.scan(kind)


# --- sizes and names (T98) ------------------------------------------------------------------------------------------

IMPOSSIBLE = ["", "k" * 1501, "ä" * 751, "__user__", "____", "__\n__", "\ud800"]


@pytest.mark.parametrize("name", IMPOSSIBLE, ids=ascii)
def test_a_name_that_cannot_be_is_absent_and_cannot_be_written(store: Store, wire: Wire, name: str) -> None:
    """A cookie may claim any: Datastore would answer with an error, and its sender would see a 503."""
    user = move_in(store).user
    assert store.look_up(User.key_of(name), user.key) == (None, user)
    assert store.list_at([Token.key_of(name)]) == []
    for mutation in (Insert(make_user(name)), Update(make_user(name)), Delete(User.key_of(name))):
        with pytest.raises(ValueError, match="can't hold"):
            store.commit(Insert(make_user("bob")), mutation)
    assert wire.sent == ["Commit", "Lookup"]


@pytest.mark.parametrize("name", ["k" * 1500, "ä" * 750, "__user", "user__", "_", "__"])
def test_a_name_that_can_just_be_is_kept(store: Store, name: str) -> None:
    store.commit(Insert(make_user(name)))
    assert get_user(store, name) == make_user(name)


def test_an_entity_of_a_megabyte_is_refused_before_it_is_sent(store: Store, wire: Wire) -> None:
    token = move_in(store).token
    wire.forget()
    with pytest.raises(ValueError, match="bytes is more than Datastore takes"):
        store.commit(Update(replace(token, sealed=bytes(2**20))))
    with pytest.raises(ValueError, match="out of range"):
        store.commit(Update(replace(token, version=2**63)))
    assert wire.sent == []
    large = replace(token, sealed=bytes(2**20 - 1000))
    store.commit(Update(large))
    assert store.look_up(token.key) == (large,)


# --- what an error means --------------------------------------------------------------------------------------------

READS: dict[str, Callable[[Store], object]] = {
    "look_up": lambda store: store.look_up(User.key_of("ada")),
    "list_at": lambda store: store.list_at([User.key_of("ada")]),
    "scan": lambda store: store.scan(User),
    "check": lambda store: store.check(),
}
PASSING_IN_A_READ = [fault for fault in Fault if fault not in {Fault.GONE, Fault.FORBIDDEN}]


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("fault", PASSING_IN_A_READ)
def test_a_read_that_fails_is_sent_again(
    store: Store, wire: Wire, read: Callable[[Store], object], fault: Fault
) -> None:
    expected = read(store)
    wire.forget()
    wire.plan = in_turn(fault, fault)
    assert read(store) == expected
    assert len(wire.sent) == 3


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("fault", [Fault.GONE, Fault.FORBIDDEN])
def test_a_refused_read_is_an_error_at_once_and_no_absence(
    store: Store, wire: Wire, read: Callable[[Store], object], fault: Fault
) -> None:
    """NOT_FOUND says that there is no such database, never that there is no such record."""
    wire.plan = always(fault)
    with pytest.raises(StoreError, match=f"{fault.status.name}: injected"):
        read(store)
    assert len(wire.sent) == 1


MUTATIONS: list[tuple[Fault, type[Exception]]] = [
    (Fault.REFUSED, CommitUnknown),
    (Fault.LATE, CommitUnknown),
    (Fault.UNSEEN, CommitUnknown),
    (Fault.CUT_OFF, CommitUnknown),
    (Fault.BROKEN, CommitUnknown),
    (Fault.GONE, NotFound),
    (Fault.FORBIDDEN, StoreError),
]


@pytest.mark.parametrize(("fault", "error"), MUTATIONS)
def test_a_commit_that_fails_says_what_is_known_of_it_and_is_not_sent_again(
    store: Store, wire: Wire, fault: Fault, error: type[Exception]
) -> None:
    wire.plan = in_turn(fault)
    with pytest.raises(error) as raised:
        store.commit(Insert(make_user()))
    assert raised.type is error
    assert wire.sent == ["Commit"]
    assert store.scan(User) == ([make_user()] if fault.applied else [])


def test_a_commit_that_was_overtaken_was_not_applied_and_is_sent_again(store: Store, wire: Wire) -> None:
    wire.plan = in_turn(Fault.OVERTAKEN, Fault.OVERTAKEN)
    store.commit(Insert(make_user()))
    assert wire.sent == ["Commit"] * 3
    wire.plan = always(Fault.OVERTAKEN)
    wire.forget()
    with pytest.raises(Contended):
        store.commit(Insert(make_user("bob")))
    assert 5 <= len(wire.sent) <= 10


def test_a_transaction_that_was_overtaken_runs_again_from_its_first_read(store: Store, wire: Wire) -> None:
    move_in(store)
    seen: list[User | None] = []

    def work(transaction: Transaction) -> None:
        seen.extend(transaction.look_up(User.key_of("ada")))
        transaction.write(Update(replace(get_user(store), epoch=len(seen))))

    wire.plan = in_turn(Fault.OVERTAKEN, None, None, Fault.OVERTAKEN)
    wire.forget()
    store.transact(work)
    assert wire.sent == ["Lookup", *["Lookup", "Lookup", "Commit"] * 2]
    assert len(seen) == 2
    assert get_user(store).epoch == 2


def test_a_transaction_that_is_overtaken_every_time_ends_after_ten_tries(store: Store, wire: Wire) -> None:
    move_in(store)
    wire.plan = always(Fault.OVERTAKEN, to="Commit")
    wire.forget()
    with pytest.raises(Contended):
        store.transact(lambda transaction: transaction.look_up(User.key_of("ada")))
    assert wire.sent == ["Lookup", "Commit"] * 10


def test_a_transaction_whose_answer_is_lost_is_unknown_and_not_run_again(store: Store, wire: Wire) -> None:
    user = move_in(store).user
    wire.plan = always(Fault.UNSEEN, to="Commit")
    with pytest.raises(CommitUnknown):
        store.transact(lambda transaction: transaction.write(Update(replace(user, epoch=1))))
    assert get_user(store).epoch == 1


def test_an_error_names_no_secret(store: Store, wire: Wire) -> None:
    session = replace(move_in(store).session, id="the-secret")
    store.commit(Insert(session))
    attempts: list[tuple[Mutation, type[Exception]]] = [
        (Insert(session), AlreadyExists),
        (Update(replace(session, id="the-secret-2")), NotFound),
    ]
    for mutation, error in attempts:
        with pytest.raises(error) as raised:
            store.commit(mutation)
        assert "the-secret" not in f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__suppress_context__=}"
        assert raised.value.__suppress_context__
    assert store.look_up(Session.key_of("the-secret")) == (session,)
