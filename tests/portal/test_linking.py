"""The rules as a table: every combination of facts, and what is decided. The table is the specification.

There are half a million combinations. `make verify` decides them all, `make test` those of a provider that is on for
everybody and one in forty of the others, always the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import islice, product
from math import prod
from random import Random

import pytest

from portal.linking import (
    Ask,
    Confirm,
    Decision,
    Facts,
    Link,
    Owner,
    Policy,
    Purpose,
    Reason,
    Refuse,
    SignIn,
    SignUp,
    SignUps,
    State,
    Unlink,
    decide,
    decide_unlink,
    may_join,
)
from tests.conftest import FULL

SIGN_IN, LINK, PROVE, RECOVER = Purpose.SIGN_IN, Purpose.LINK, Purpose.PROVE, Purpose.RECOVER
ME, OTHER = "me", "other"
MINE, MINE_SUSPENDED = Owner(ME, "active"), Owner(ME, "suspended")
OTHERS, OTHERS_SUSPENDED = Owner(OTHER, "active"), Owner(OTHER, "suspended")

VALUES: dict[str, tuple[object, ...]] = {
    "purpose": tuple(Purpose),
    "provider": tuple(State),
    "owner": (None, MINE, MINE_SUSPENDED, OTHERS, OTHERS_SUSPENDED),
    "signed_in": (None, ME, OTHER),
    "meant": (None, ME, OTHER),
    "confirmed": (False, True),
    "address_owner": (None, MINE, OTHERS, OTHERS_SUSPENDED),
    "authoritative": (False, True),
    "used_another": (False, True),
    "vouches": (True, False),
    "policy": tuple(Policy),
    "allowed": (True, False),
    "may_join": (True, False),
}
PLAIN = {"provider": State.ON, "allowed": True, "may_join": True}
ONE_IN = 1 if FULL else 40


@cache
def combinations() -> tuple[Facts, ...]:
    lot = Random(8)  # a step would miss whatever is in step with it
    every = (dict(zip(VALUES, values, strict=True)) for values in product(*VALUES.values()))
    return tuple(Facts(**facts) for facts in every if facts.items() >= PLAIN.items() or lot.randrange(ONE_IN) == 0)


# --- the table --------------------------------------------------------------------------------------------------------

Fits = Callable[[Facts], bool]


@dataclass(frozen=True)
class Row:
    """A sentence, the facts it is about (what is not named may be anything), and what is decided."""

    sentence: str
    when: dict[str, object]  # a value, or a test of the facts as a whole under any other name
    then: Decision | Callable[[Facts], Decision]

    def fits(self, facts: Facts) -> bool:
        return all(
            wanted(facts) if callable(wanted) else getattr(facts, name) == wanted for name, wanted in self.when.items()
        )

    def decision(self, facts: Facts) -> Decision:
        return self.then(facts) if callable(self.then) else self.then


def owner_is(who: Callable[[Facts], str | None]) -> Fits:
    return lambda facts: facts.owner is not None and facts.owner.user_id == who(facts)


def owner_is_suspended(facts: Facts) -> bool:
    return facts.owner is not None and facts.owner.status == "suspended"


def somebody_else_is_here(facts: Facts) -> bool:
    return facts.signed_in is not None and (facts.owner is None or facts.owner.user_id != facts.signed_in)


def the_person_meant(facts: Facts) -> str | None:
    return facts.meant


def the_person_meant_is_not_here(facts: Facts) -> bool:
    return facts.signed_in != facts.meant


def another_than_the_person_meant_is_here(facts: Facts) -> bool:
    return facts.signed_in not in {None, facts.meant}


def has_an_owner(facts: Facts) -> bool:
    return facts.owner is not None


def the_address_is_an_active_user_s(facts: Facts) -> bool:
    return facts.address_owner is not None and facts.address_owner.status == "active"


def the_address_is_known(facts: Facts) -> bool:
    return facts.address_owner is not None


def to_the_person_meant(make: Callable[[str], Decision]) -> Callable[[Facts], Decision]:
    return lambda facts: make(str(facts.meant))


def as_the_owner(facts: Facts) -> Decision:
    assert facts.owner is not None
    return SignIn(facts.owner.user_id)


def to_the_owner_of_the_address(facts: Facts) -> Decision:
    assert facts.address_owner is not None
    return Link(facts.address_owner.user_id)


# Read from the top: the first row that fits says what happens.
TABLE = [
    Row("a provider that is switched off opens nothing", {"provider": State.OFF}, Refuse(Reason.PROVIDER_OFF)),
    Row("nor does an identity that is not on its provider's list", {"allowed": False}, Refuse(Reason.NOT_ALLOWED)),
    Row(
        "signing in beside somebody who is signed in switches nobody, and makes nobody",
        {"purpose": SIGN_IN, "here": somebody_else_is_here},
        Refuse(Reason.SIGNED_IN_AS_ANOTHER),
    ),
    Row(
        "a suspended user is not signed in",
        {"purpose": SIGN_IN, "owner's": owner_is_suspended},
        Refuse(Reason.SUSPENDED),
    ),
    Row("a known identity signs its owner in", {"purpose": SIGN_IN, "owned": has_an_owner}, as_the_owner),
    Row(
        "a hidden provider opens what it opened already, and nothing else",
        {"purpose": SIGN_IN, "provider": State.HIDDEN},
        Refuse(Reason.NOBODY_NEW),
    ),
    Row(
        "the admin wants addresses to link: that of an active user, where the provider runs its domain, does",
        {
            "purpose": SIGN_IN,
            "policy": Policy.LINK,
            "authoritative": True,
            "address": the_address_is_an_active_user_s,
            "confirmed": False,
        },
        to_the_owner_of_the_address,
    ),
    Row(
        "who is not invited, or comes where nobody is, is not asked whether they are new, whatever their address",
        {"purpose": SIGN_IN, "may_join": False},
        Refuse(Reason.NO_SIGN_UP),
    ),
    Row(
        "a provider that is only added makes no account",
        {"purpose": SIGN_IN, "provider": State.LINK_ONLY},
        Refuse(Reason.LINK_ONLY),
    ),
    Row("who has said that they are new here is new", {"purpose": SIGN_IN, "confirmed": True}, SignUp()),
    Row(
        "the admin does not want the question: whoever is unknown is new",
        {"purpose": SIGN_IN, "policy": Policy.SEPARATE},
        SignUp(),
    ),
    Row(
        "an address known here raises the question",
        {"purpose": SIGN_IN, "address": the_address_is_known},
        Ask(),
    ),
    Row("so does a browser that signed in with another provider", {"purpose": SIGN_IN, "used_another": True}, Ask()),
    Row("so does a provider that never verifies addresses", {"purpose": SIGN_IN, "vouches": False}, Ask()),
    Row("without any doubt the person is new", {"purpose": SIGN_IN}, SignUp()),
    Row(
        "to add an identity one has to be who pressed the button, and unchanged",
        {"purpose": LINK, "meant": None},
        Refuse(Reason.NOT_THE_SAME),
    ),
    Row(
        "to add an identity one has to be signed in still, and as that user",
        {"purpose": LINK, "here": the_person_meant_is_not_here},
        Refuse(Reason.NOT_THE_SAME),
    ),
    Row(
        "a recovery link whose user changed, or that is spent, adds nothing",
        {"purpose": RECOVER, "meant": None},
        Refuse(Reason.NOT_THE_SAME),
    ),
    Row(
        "a recovery link does not switch somebody who is signed in",
        {"purpose": RECOVER, "here": another_than_the_person_meant_is_here},
        Refuse(Reason.NOT_THE_SAME),
    ),
    Row(
        "what is added already need not be added",
        {"purpose": LINK, "owner's": owner_is(the_person_meant)},
        Refuse(Reason.ALREADY_YOURS),
    ),
    Row(
        "nor by a recovery link",
        {"purpose": RECOVER, "owner's": owner_is(the_person_meant)},
        Refuse(Reason.ALREADY_YOURS),
    ),
    Row("an identity stays with its owner", {"purpose": LINK, "owned": has_an_owner}, Refuse(Reason.ANOTHERS)),
    Row("whatever a recovery link says", {"purpose": RECOVER, "owned": has_an_owner}, Refuse(Reason.ANOTHERS)),
    Row(
        "a hidden provider is added to no account",
        {"purpose": LINK, "provider": State.HIDDEN},
        Refuse(Reason.NOBODY_NEW),
    ),
    Row("nor by a recovery link", {"purpose": RECOVER, "provider": State.HIDDEN}, Refuse(Reason.NOBODY_NEW)),
    Row("it is shown before it is added", {"purpose": LINK, "confirmed": False}, to_the_person_meant(Confirm)),
    Row("by a recovery link, too", {"purpose": RECOVER, "confirmed": False}, to_the_person_meant(Confirm)),
    Row("what was shown and wanted is added", {"purpose": LINK}, to_the_person_meant(Link)),
    Row("by a recovery link, too", {"purpose": RECOVER}, to_the_person_meant(Link)),
    Row(
        "nobody proves anything for a user who changed meanwhile",
        {"purpose": PROVE, "meant": None},
        Refuse(Reason.NOT_THE_SAME),
    ),
    Row(
        "nor without being signed in as that user still",
        {"purpose": PROVE, "here": the_person_meant_is_not_here},
        Refuse(Reason.NOT_THE_SAME),
    ),
    Row(
        "a suspended user proves nothing",
        {"purpose": PROVE, "owner's": owner_is(the_person_meant), "status": owner_is_suspended},
        Refuse(Reason.SUSPENDED),
    ),
    Row(
        "one's own identity proves that it is still oneself",
        {"purpose": PROVE, "owner's": owner_is(the_person_meant)},
        to_the_person_meant(SignIn),
    ),
    Row("somebody else's identity proves nothing, and nobody's neither", {"purpose": PROVE}, Refuse(Reason.NOT_YOURS)),
]


def first_fitting(facts: Facts) -> tuple[int, Row]:
    return next((place, row) for place, row in enumerate(TABLE) if row.fits(facts))


def test_the_combinations_are_of_every_fact_there_is():
    assert set(VALUES) == {field.name for field in fields(Facts)}
    every = prod(len(values) for values in VALUES.values())
    assert every == 4 * 4 * 5 * 3 * 3 * 2 * 4 * 2 * 2 * 2 * 3 * 2 * 2
    plain = every // (4 * 2 * 2)
    assert plain == sum(facts.provider is State.ON and facts.allowed and facts.may_join for facts in combinations())
    expected = plain + (every - plain) / ONE_IN
    assert len(set(combinations())) == len(combinations()) == pytest.approx(expected, rel=0 if FULL else 0.02)


def test_every_combination_is_decided_as_the_first_row_says_that_fits():
    wrong: Counter[str] = Counter()
    for facts in combinations():
        _, row = first_fitting(facts)
        if decide(facts) != row.decision(facts):
            wrong[f"{row.sentence}: {decide(facts)} for {facts}"] += 1
    assert wrong == Counter()


def test_every_row_is_reached():
    reached = Counter(first_fitting(facts)[0] for facts in combinations())
    assert [row.sentence for place, row in enumerate(TABLE) if not reached[place]] == []
    assert reached.total() == len(combinations())


def test_no_row_could_be_left_out():
    """The negative control: without any of them the table would say something else of some combination."""
    needed = set()
    for facts in combinations():
        fitting = list(islice(((place, row) for place, row in enumerate(TABLE) if row.fits(facts)), 2))
        place, row = fitting[0]
        if len(fitting) == 1 or fitting[1][1].decision(facts) != row.decision(facts):
            needed.add(place)
    assert [row.sentence for place, row in enumerate(TABLE) if place not in needed] == []


# --- what holds in every row ------------------------------------------------------------------------------------------


def decided(kind: type[Decision]) -> Iterator[tuple[Facts, Decision]]:
    found = [(facts, decision) for facts in combinations() if isinstance(decision := decide(facts), kind)]
    assert found, "a promise about nothing"
    yield from found


def test_every_combination_has_a_decision():
    kinds = {type(decide(facts)) for facts in combinations()}
    assert kinds == {SignUp, SignIn, Ask, Confirm, Link, Refuse}


def test_who_is_signed_in_is_never_switched():
    for facts in combinations():
        if facts.signed_in is not None:
            match decide(facts):
                case SignIn(user_id) | Link(user_id) | Confirm(user_id):
                    assert user_id == facts.signed_in
                case SignUp() | Ask():
                    pytest.fail(f"somebody is signed in: {facts}")


def test_a_link_was_asked_for():
    for facts, decision in decided(Link):
        assert isinstance(decision, Link)
        if facts.purpose is SIGN_IN:  # by the admin, for addresses that are sure
            assert facts.policy is Policy.LINK
            assert facts.authoritative
            assert facts.address_owner == Owner(decision.user_id, "active")
        else:  # by the person, who has seen what it is
            assert facts.purpose in {LINK, RECOVER}
            assert facts.confirmed
            assert facts.meant == decision.user_id


def test_no_identity_that_is_owned_is_linked_asked_about_or_signed_up():
    for kind in (Link, Confirm, Ask, SignUp):
        assert all(facts.owner is None for facts, _ in decided(kind))


def test_a_user_is_made_by_signing_in_alone_and_by_nobody_who_is_signed_in():
    for facts, _ in decided(SignUp):
        assert facts.purpose is SIGN_IN
        assert facts.signed_in is None


def test_only_the_active_owner_of_the_identity_is_signed_in():
    for facts, decision in decided(SignIn):
        assert isinstance(decision, SignIn)
        assert facts.owner == Owner(decision.user_id, "active")
        assert facts.purpose in {SIGN_IN, PROVE}


def test_an_address_opens_nothing():
    """What is known of an address changes no sign-in, and no link unless the admin wants it (T33)."""
    for facts in combinations():
        without = decide(Facts(**{**values_of(facts), "address_owner": None, "authoritative": False}))
        decision = decide(facts)
        if isinstance(decision, SignIn) or isinstance(without, SignIn):
            assert decision == without
        if isinstance(decision, Link) and facts.policy is not Policy.LINK:
            assert decision == without


def test_an_address_links_only_where_the_provider_runs_its_domain():
    for facts in combinations():
        if facts.purpose is SIGN_IN and not facts.authoritative:
            assert not isinstance(decide(facts), Link)


def test_only_a_first_sign_in_raises_the_question():
    for facts, _ in decided(Ask):
        assert facts.purpose is SIGN_IN
        assert not facts.confirmed
        assert facts.policy is not Policy.SEPARATE


def test_a_provider_that_is_off_leads_nowhere():
    for facts in combinations():
        assert facts.provider is not State.OFF or decide(facts) == Refuse(Reason.PROVIDER_OFF)


def test_who_is_not_on_the_list_gets_nowhere():
    for facts in combinations():
        assert facts.allowed or isinstance(decide(facts), Refuse)


def test_a_hidden_provider_opens_what_it_opened_and_is_never_added():
    for kind in (SignUp, Ask, Link, Confirm):
        assert all(facts.provider is not State.HIDDEN for facts, _ in decided(kind))


def test_whether_accounts_may_be_made_is_nothing_to_who_has_one():
    """Nobody who has an account is locked out, or kept from adding to it, by how accounts are made now."""
    for facts in combinations():
        if facts.owner is not None or facts.purpose is not SIGN_IN:
            assert decide(facts) == decide(replace(facts, may_join=True))
            if facts.provider is State.LINK_ONLY:
                assert decide(facts) == decide(replace(facts, provider=State.ON))


def test_an_account_is_made_or_asked_about_only_where_one_may_be():
    for kind in (SignUp, Ask):
        assert all(facts.may_join and facts.provider is State.ON for facts, _ in decided(kind))


def test_who_may_make_no_account_learns_of_no_address_whether_it_is_known():
    for facts in combinations():
        if not facts.may_join and facts.policy is not Policy.LINK:
            assert decide(facts) == decide(replace(facts, address_owner=None))


@pytest.mark.parametrize("invited", [False, True])
@pytest.mark.parametrize("sign_up", SignUps)
def test_accounts_are_made_by_everybody_by_the_invited_or_by_nobody(sign_up: SignUps, invited: bool):
    expected = {SignUps.OPEN: True, SignUps.INVITED: invited, SignUps.CLOSED: False}
    assert may_join(sign_up, invited=invited) == expected[sign_up]


def test_where_nothing_is_known_of_the_address_two_policies_are_one():
    """`link` is `ask` but for addresses that are sure."""
    for facts in combinations():
        if facts.policy is Policy.LINK and facts.address_owner is None:
            assert decide(facts) == decide(Facts(**{**values_of(facts), "policy": Policy.ASK}))


def test_the_same_facts_always_lead_to_the_same_decision():
    assert [decide(facts) for facts in combinations()] == [decide(facts) for facts in combinations()]


def values_of(facts: Facts) -> dict[str, object]:
    return {name: getattr(facts, name) for name in VALUES}


# --- unlinking --------------------------------------------------------------------------------------------------------

UNLINKING = {
    (False, 0): Refuse(Reason.NOT_FOUND),
    (False, 1): Refuse(Reason.NOT_FOUND),
    (False, 2): Refuse(Reason.NOT_FOUND),
    (True, 0): Refuse(Reason.LAST_WAY_IN),
    (True, 1): Unlink(),
    (True, 2): Unlink(),
}


@pytest.mark.parametrize(("owned", "usable_others"), UNLINKING)
def test_one_s_own_identity_may_go_while_another_opens_the_account(owned: bool, usable_others: int):
    assert decide_unlink(owned=owned, usable_others=usable_others) == UNLINKING[owned, usable_others]


def test_somebody_else_s_identity_is_the_same_as_none_whatever_one_has():
    """The answer must not tell whether it exists (T42)."""
    assert {decide_unlink(owned=False, usable_others=others) for others in range(50)} == {Refuse(Reason.NOT_FOUND)}


def test_an_unlink_always_leaves_a_way_in():
    for owned, others in product((True, False), range(50)):
        assert isinstance(decide_unlink(owned=owned, usable_others=others), Unlink) == (owned and others > 0)
