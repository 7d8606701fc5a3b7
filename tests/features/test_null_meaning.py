"""Where a signal says that it is null, it is, and nowhere else.

Each clause of a declaration has a rule here, and a signal's kernel is null where the rule of one of
its clauses holds. Domain: every signal of one history, every history; no signal is excused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given

from features.catalogue import catalogue
from features.history import (
    BLOCKED,
    BRIDGES,
    EXCHANGES,
    FREEZABLE,
    ILLICIT,
    LISTED,
    MARKETPLACES,
    NATIVE,
    STABLECOIN,
    History,
    party_of,
)
from features.neighbours import ASKED_FOR, KNOWN, NONE, SUMMED
from features.signal import NEVER, Family, Signal
from tests.features.histories import USDT, histories, history
from tests.features.plain import (
    Transfer,
    beside_swaps,
    clearing_time,
    pairs_of,
    received,
    sent,
    swaps_of,
    transfers_of,
)
from tests.features.test_signal_contract import SMALL, each_family, toy, values_of

BRIDGE = party_of("bridge")


class Case(NamedTuple):
    """A history as a signal looks at it: the rows it needs, and these as plain transfers."""

    rows: History
    flows: list[Transfer]
    signal: Signal

    @property
    def dollar(self) -> int:
        return int(self.rows.scale)


Rule = Callable[[Case], bool]


def parties(flows: list[Transfer]) -> int:
    return len({one.other for one in flows})


def stable(flows: list[Transfer]) -> list[Transfer]:
    return [one for one in flows if one.kind & STABLECOIN]


def paid_after_a_receipt(case: Case) -> bool:
    return any(
        not later.incoming and any(one.incoming for one in case.flows[:k])
        for k, later in enumerate(case.flows)
    )


def first_payment_follows_a_receipt(case: Case) -> bool:
    ways = [one.incoming for one in case.flows]
    return False not in ways or True in ways[: ways.index(False)]


def paid_again_in_one_coin(case: Case) -> bool:
    lines = [(one.other, one.coin, one.time) for one in received(case.flows)]
    return len({line[:2] for line in lines}) < len(set(lines))


def swap_of_what_came_in(case: Case) -> bool:
    aside, swaps = set(beside_swaps(case.flows)), swaps_of(case.flows)
    bought = {leg for _, leg in swaps}
    return any(
        case.flows[k].incoming and case.flows[k].coin == case.flows[sold].coin
        for sold, _ in swaps
        for k in range(sold)
        if k in aside | bought
    )


def bridged_what_came_in(case: Case) -> bool:
    over = case.rows.party & 127 == BRIDGE
    return any(
        over[k] and not later.incoming and any(one.coin == later.coin for one in before)
        for k, later in enumerate(case.flows)
        for before in [received(case.flows[:k])]
    )


def plain_ones(case: Case) -> list[Transfer]:
    return [case.flows[k] for k in beside_swaps(case.flows)]


def large(case: Case) -> list[int]:
    return [
        k for k, one in enumerate(case.flows) if one.incoming and one.value > 10_000 * case.dollar
    ]


def largest_is_cleared(case: Case) -> bool:
    into = [k for k, one in enumerate(case.flows) if one.incoming]
    largest = max(into, key=lambda k: (case.flows[k].value, -k), default=None)
    return largest is None or clearing_time(case.flows, largest) is not None


def all_at_one_moment(case: Case) -> bool:
    return len({one.time for one in case.flows}) < 2


def nothing_after_the_first_inflow(case: Case) -> bool:
    first = next((one.time for one in case.flows if one.incoming), None)
    return first is not None and first == case.flows[-1].time


def none_known(case: Case, incoming: bool, *fields: np.ndarray) -> bool:
    flags = (case.rows.neighbours.flags & KNOWN) > 0
    return not np.any((case.rows.incoming == incoming) & np.all([flags, *fields], axis=0))


def not_registered(case: Case) -> bool:
    kinds = {"exchange": EXCHANGES, "bridge": BRIDGES, "listed": ILLICIT}
    kind = kinds.get(case.signal.name.split("_")[0], MARKETPLACES)
    return not case.rows.registry & kind


SHIFTS = {"exchange": 0, "listed": 3, "marketplace": 5, "frozen": 7}
"""Where the hops that lead to a kind of party are held; those from one six bits later."""


def nobody_near(case: Case) -> bool:
    """Whether no other side is one, or held anything but zeros of it (see `features.reach`)."""
    _, way, kind = case.signal.name.split("_")
    party, what = case.rows.party, case.rows.party & 127
    are = {
        "exchange": np.isin(what, [party_of("exchange_hot"), party_of("exchange_deposit")])
        & (party < LISTED),
        "listed": party >= LISTED,
        "marketplace": what == party_of("guarantee_marketplace"),
        "frozen": what == party_of("issuer_blocked"),
    }[kind]
    held = case.rows.neighbours.reach >> (SHIFTS[kind] + (6 if way == "from" else 0))
    near = are | (held & (7 if kind == "exchange" else 3) > 0)
    return not np.any(near & (case.rows.incoming == (way == "from")))


RULES: dict[str, Rule] = {
    NEVER: lambda case: False,
    NEVER + " and values are in dollars": lambda case: False,
    "no transfer": lambda case: not case.flows,
    "no transfer of a kind seen in both directions": lambda case: not case.flows,
    "nothing was transferred": lambda case: not case.flows,
    "nothing came in": lambda case: not received(case.flows),
    "nothing went out": lambda case: not sent(case.flows),
    "fewer than two transfers": lambda case: len(case.flows) < 2,
    "fewer than three transfers": lambda case: len(case.flows) < 3,
    "fewer than two transfers came in": lambda case: len(received(case.flows)) < 2,
    "fewer than two transfers went out": lambda case: len(sent(case.flows)) < 2,
    "fewer than three receipts": lambda case: len(received(case.flows)) < 3,
    "fewer than three payments": lambda case: len(sent(case.flows)) < 3,
    "fewer than three stablecoin payments": lambda case: len(stable(sent(case.flows))) < 3,
    "fewer than two senders": lambda case: parties(received(case.flows)) < 2,
    "fewer than two receivers": lambda case: parties(sent(case.flows)) < 2,
    "fewer than three payments pair with a receipt": lambda case: len(pairs_of(case.flows)) < 3,
    "all at one moment": all_at_one_moment,
    "all of one amount": lambda case: len({one.value for one in received(case.flows)}) < 2,
    "nothing came in before the first payment out": lambda case: (
        not first_payment_follows_a_receipt(case)
    ),
    "no payment after a receipt": lambda case: not paid_after_a_receipt(case),
    "no inflow was followed by an outflow": lambda case: not paid_after_a_receipt(case),
    "nothing that came in left again": lambda case: not paid_after_a_receipt(case),
    "nothing followed the first inflow in time": nothing_after_the_first_inflow,
    "less than the largest receipt was paid out after it": lambda case: (
        not largest_is_cleared(case)
    ),
    "no receipt above $10,000": lambda case: not large(case),
    "none followed by as much in payments": lambda case: all(
        clearing_time(case.flows, k) is None for k in large(case)
    ),
    "no sender paid it twice in one coin at different moments": lambda case: (
        not paid_again_in_one_coin(case)
    ),
    "no swap": lambda case: not swaps_of(case.flows),
    "no swap of a coin that had come in": lambda case: not swap_of_what_came_in(case),
    "nothing came in but by swaps": lambda case: not received(plain_ones(case)),
    "nothing went out but by swaps": lambda case: not sent(plain_ones(case)),
    "no stablecoin was paid out but by swaps": lambda case: not stable(sent(plain_ones(case))),
    "no freezable stablecoin came in": lambda case: (
        not any(one.kind & FREEZABLE for one in stable(received(case.flows)))
    ),
    "no coin of the chain came in": lambda case: (
        not any(one.kind & NATIVE for one in received(case.flows))
    ),
    "the history of none of its senders is known": lambda case: none_known(case, True),
    "the history of none of its receivers is known": lambda case: none_known(case, False),
    "no known sender had received from a known wallet": lambda case: none_known(
        case, True, case.rows.neighbours.fed != NONE
    ),
    "no known receiver had paid a known wallet": lambda case: none_known(
        case, False, case.rows.neighbours.feeding != NONE
    ),
    # There nobody's amounts add up; in a history they are drawn to do for some.
    "amounts do not add up in the basis ``relative``": lambda case: none_known(
        case,
        True,
        (case.rows.neighbours.flags & SUMMED) > 0,
        # who asked for it counts only where amounts add up: one clause or the other
        *[(case.rows.neighbours.flags & ASKED_FOR) > 0] * ("taken" in case.signal.name),
    ),
    "no dated row of the services registry named such a party on its chain": not_registered,
    "no dated row of the services registry named an exchange on its chain": lambda case: (
        not case.rows.registry & EXCHANGES
    ),
    "no dated row of the services registry named a bridge on its chain": lambda case: (
        not case.rows.registry & BRIDGES
    ),
    "no dated row of the services registry named a listed party on its chain": lambda case: (
        not case.rows.registry & ILLICIT
    ),
    "no dated row of the services registry named a guarantee marketplace on its chain": (
        lambda case: not case.rows.registry & MARKETPLACES
    ),
    "no dated row of the services registry named a frozen address on its chain": lambda case: (
        not case.rows.registry & BLOCKED
    ),
    "no chain of five payments or fewer led to one": nobody_near,
    "no chain of four payments or fewer led to one": nobody_near,
    "no chain of four payments or fewer came from one": nobody_near,
    "of no token from them it is known who sent the transaction": lambda case: none_known(
        case, True, (case.rows.neighbours.flags & ASKED_FOR) > 0
    ),
    "it paid no exchange": lambda case: (
        not np.any(
            ~case.rows.incoming
            & np.isin(
                case.rows.party & 127, [party_of("exchange_hot"), party_of("exchange_deposit")]
            )
        )
    ),
    "no transfer over a bridge had settled where other legs can be seen": lambda case: bool(
        np.isnan(case.rows.crossing.matched).all()
    ),
    "none of them was matched": lambda case: not np.any(case.rows.crossing.matched > 0.5),
    "none was matched one-to-one": lambda case: not np.any(case.rows.crossing.best > 0.5),
    "no coin that had come in went into a bridge": lambda case: not bridged_what_came_in(case),
}
"""When each clause holds."""


def clauses(said: str) -> list[str]:
    """Take a declaration apart.

    >>> clauses("nothing came in, or nothing went out")
    ['nothing came in', 'nothing went out']
    """
    return said.split(", or ")


def null_where_it_says(family: Family, some: History) -> None:
    """Domain: every history."""
    both, transfers = transfers_of(some, both=True), transfers_of(some)
    part, _ = some.two_sided_part()
    for signal, value in zip(family.signals, values_of(family, some)[0], strict=True):
        narrow = signal.needs.endswith("both")
        case = Case(part if narrow else some, both if narrow else transfers, signal)
        held = [said for said in clauses(signal.null_meaning) if RULES[said](case)]
        assert math.isnan(value) == bool(held), (signal.name, value, held)


@each_family
@given(some=histories())
def test_null_where_it_says_and_nowhere_else(family, some):
    null_where_it_says(family, some)


@each_family
@pytest.mark.parametrize("some", SMALL, ids=["empty", "one in", "one out", "one unseen"])
def test_null_of_next_to_nothing(family, some):
    null_where_it_says(family, some)


def test_every_rule_is_of_a_clause():
    signals = [signal for signal in catalogue().signals if signal.scope == "address"]
    assert {said for one in signals for said in clauses(one.null_meaning)} == set(RULES)


def test_dollars_are_needed_where_a_signal_is_never_null_without():
    for signal in catalogue().signals:
        if signal.null_meaning.startswith("never"):
            assert ("dollars" in signal.null_meaning) == signal.dollars, signal.name


ONE_IN = history((0, "in", 1, 5), asset=USDT)


@pytest.mark.parametrize(
    "said, value",
    [("", math.nan), ("nothing went out", 0.0), ("nothing came in", math.nan)],
    ids=["null though never", "a value though null", "null for another reason"],
)
def test_a_declaration_that_is_not_true_is_found(said, value):
    with pytest.raises(AssertionError):
        null_where_it_says(toy(lambda h: value, null=said), ONE_IN)


def test_a_declaration_that_is_true_passes():
    null_where_it_says(toy(lambda h: math.nan, null="nothing went out"), ONE_IN)
