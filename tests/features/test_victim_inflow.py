"""Victim inflow: worked examples by hand, and an oracle written from the rules in words alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.history import DAY, HOUR, History
from features.recomputation import recompute
from features.victim_inflow import FAMILY
from tests.features.histories import COIN, DAI, USDC, USDT, USDT_ELSEWHERE, columns_of, history

NAMES = [signal.name for signal in FAMILY.signals]
VICTIM, OTHER, THIRD = 1, 2, 3


def values(of: History) -> dict[str, float]:
    """Return the kernel's values by name."""
    out = np.empty((1, len(NAMES)))
    FAMILY.kernel(columns_of([of]), 0, 1, out)
    return dict(zip(NAMES, out[0].tolist(), strict=True))


def paid(*amounts: int, sender: int = VICTIM, gap: int = DAY) -> list[tuple[int, str, int, int]]:
    """Return one sender's payments, a day apart."""
    return [(k * gap, "in", sender, amount) for k, amount in enumerate(amounts)]


def merged(*several: Sequence[tuple[int, str, int, int]]) -> History:
    """Return the history of some transfers, by time."""
    return history(*sorted((row for rows in several for row in rows), key=lambda row: row[0]))


GROOMED = history(
    (0, "in", VICTIM, 100),
    (DAY, "out", VICTIM, 10),
    (8 * DAY, "in", VICTIM, 2_000),
)


def test_the_worked_example_of_the_family():
    assert values(GROOMED) == {
        "trial_sender_share": 1,
        "returning_senders": 1,
        "rising_sender_share": 0,  # two payments are no ladder
        "sender_growth": 20,
        "sender_growth_by_value": 20,
        "sender_interval": 8,
        "trial_value_share": 1,
        "induced_senders": 1,
        "induced_sender_share": 1,
        "induced_value_share": 1,
    }


@pytest.mark.parametrize("following, tests", [(499, 0), (500, 1), (501, 1)])
def test_a_test_fits_five_times_into_the_next_payment(following, tests):
    assert values(history(*paid(100, following)))["trial_sender_share"] == tests


def test_only_the_first_payment_is_a_test():
    assert values(history(*paid(100, 100, 9_000)))["trial_sender_share"] == 0


@pytest.mark.parametrize(
    "amounts, rises",
    [
        ((100, 150, 201), 1),
        ((100, 150, 200), 0),  # not above twice the first
        ((100, 201), 0),  # two payments
        ((100, 300, 250), 0),  # as many falls as rises
        ((100, 300, 250, 260), 1),
        ((100, 100, 100, 300), 1),  # equal payments are no steps
        ((300, 200, 100), 0),
    ],
)
def test_when_payments_rise(amounts, rises):
    assert values(history(*paid(*amounts)))["rising_sender_share"] == rises


def test_senders_weigh_once_or_by_value():
    found = values(
        merged(
            paid(10, 100, 30),  # tested, three times
            paid(100, 100, sender=OTHER, gap=3 * DAY),  # once
            paid(1_000, 500, sender=THIRD, gap=9 * DAY),  # half
            paid(260, sender=4),  # never again: no returning sender
        )
    )
    assert found["trial_sender_share"] == pytest.approx(1 / 3)
    assert found["sender_growth"] == 1
    assert found["sender_growth_by_value"] == pytest.approx((30 + 100 + 500) / (10 + 100 + 1_000))
    assert found["sender_interval"] == 3
    assert found["trial_value_share"] == pytest.approx(140 / (140 + 200 + 1_500 + 260))


def test_payments_at_one_moment_are_one():
    split = history((0, "in", VICTIM, 100), (0, "in", VICTIM, 900))
    assert math.isnan(values(split)["trial_sender_share"]), "paid at one moment only"
    split = history((0, "in", VICTIM, 1), (0, "in", VICTIM, 99), (DAY, "in", VICTIM, 450))
    assert values(split)["trial_sender_share"] == 0
    assert values(split)["sender_growth"] == 4.5


def test_contracts_of_one_coin_are_one_and_other_coins_another():
    rows = paid(100, 2_000)
    assert values(history(*rows, asset=[USDT, USDT_ELSEWHERE]))["trial_sender_share"] == 1
    assert math.isnan(values(history(*rows, asset=[USDT, USDC]))["trial_sender_share"])
    assert values(history(*rows, asset=[USDT, USDC]))["trial_value_share"] == 0


def test_the_coin_used_most_often_stands_for_a_sender():
    rows = paid(1, 50, 60, 70, 1_000)
    often = history(*rows, asset=[COIN, USDT, USDT, USDT, COIN])
    assert values(often)["sender_growth"] == pytest.approx(70 / 50)
    equally = history(*rows[:4], asset=[COIN, USDT, USDT, COIN])
    assert values(equally)["sender_growth"] == 70, "the coin seen first"
    assert values(equally)["trial_value_share"] == 1, "its value in every coin"


@pytest.mark.parametrize(
    "sent, back, then, induced",
    [
        (100, 10, 100, 1),
        (99, 10, 100, 0),  # more than a tenth
        (100, 10, 99, 0),  # less than ten times
        (10**6, 1, 9, 0),
        (10**6, 10**5, 10**6, 1),
    ],
)
def test_the_edges_of_an_inducement(sent, back, then, induced):
    rows = [(0, "in", VICTIM, sent), (DAY, "out", VICTIM, back), (2 * DAY, "in", VICTIM, then)]
    found = values(history(*rows))
    assert found["induced_senders"] == found["induced_sender_share"] == induced
    assert found["induced_value_share"] == induced


def test_the_answer_comes_within_90_days_after_the_payback():
    def induced(moment: int) -> float:
        rows = [(0, "in", VICTIM, 100), (HOUR, "out", VICTIM, 10), (moment, "in", VICTIM, 500)]
        return values(history(*sorted(rows)))["induced_senders"]

    assert induced(HOUR + 90 * DAY - 1) == 1
    assert induced(HOUR + 90 * DAY) == 0
    assert induced(HOUR) == 0, "at the payback's own moment"
    assert induced(HOUR + 1) == 1


def test_what_comes_at_the_moment_of_the_payback_was_not_sent_before_it():
    rows = [(0, "in", VICTIM, 100), (0, "out", VICTIM, 10), (DAY, "in", VICTIM, 500)]
    assert values(history(*rows))["induced_senders"] == 0


def test_several_payments_make_up_the_answer_and_several_paybacks_add_up():
    start = [(0, "in", VICTIM, 100), (DAY, "out", VICTIM, 6)]
    pieces = [(k * DAY, "in", VICTIM, 20) for k in (2, 3, 4)]
    assert values(history(*start, *pieces))["induced_senders"] == 1
    # The second payback of 6 brings them to 12, more than a tenth; nothing followed the first.
    again = [(2 * DAY, "out", VICTIM, 6), (200 * DAY, "in", VICTIM, 900)]
    assert values(history(*start, *again))["induced_senders"] == 0
    # Had more come before the second payback, both together would be small.
    again = [(2 * DAY, "in", VICTIM, 30), (3 * DAY, "out", VICTIM, 6), (4 * DAY, "in", VICTIM, 60)]
    assert values(history(*start, *again))["induced_senders"] == 1


def test_paybacks_in_another_coin_or_to_another_address_induce_nobody():
    rows = [(0, "in", VICTIM, 100), (DAY, "out", VICTIM, 5), (2 * DAY, "in", VICTIM, 900)]
    gas = history(*rows, asset=[USDT, COIN, USDT])
    assert values(gas)["induced_senders"] == 0
    assert values(gas)["induced_sender_share"] == 0
    elsewhere = history(rows[0], (DAY, "out", OTHER, 5), rows[2])
    assert values(elsewhere)["induced_senders"] == 0
    unseen = history(*rows, two_sided=False)
    assert values(unseen)["induced_senders"] == 0
    assert math.isnan(values(unseen)["induced_sender_share"])


def test_money_that_went_out_first_is_no_inducement():
    lent = [(0, "out", VICTIM, 50), (DAY, "in", VICTIM, 100), (2 * DAY, "out", VICTIM, 5)]
    assert values(history(*lent, (3 * DAY, "in", VICTIM, 900)))["induced_senders"] == 0


def test_a_sender_is_induced_once_whatever_the_coin():
    rows = []
    for k in range(2):
        at = k * 10 * DAY
        rows += [(at, "in", VICTIM, 100), (at + HOUR, "out", VICTIM, 5)]
        rows += [(at + DAY, "in", VICTIM, 900)]
    found = values(history(*rows, (99 * DAY, "in", OTHER, 2_000), asset=[USDT] * 3 + [DAI] * 4))
    assert found["induced_senders"] == found["induced_sender_share"] == 1
    assert found["induced_value_share"] == 1 / 2


def test_huge_values_do_not_wrap():
    most = 2**61
    found = values(history(*paid(1, most, most + 1)))
    assert found["trial_sender_share"] == found["rising_sender_share"] == 1
    assert found["sender_growth"] == pytest.approx(float(most))
    fall = values(history(*paid(most, most - 1)))
    assert fall["trial_sender_share"] == fall["rising_sender_share"] == 0
    back = [(0, "in", VICTIM, most), (DAY, "out", VICTIM, most // 2), (2 * DAY, "in", VICTIM, most)]
    assert values(history(*back))["induced_senders"] == 0


@pytest.mark.parametrize("some", [history(), history((0, "in", 1, 5)), history((0, "out", 1, 5))])
def test_who_never_returned_has_no_ladder(some):
    found = values(some)
    assert found.pop("induced_senders") == found.pop("returning_senders") == 0
    shares = [found.pop(name) for name in ("trial_value_share", "induced_value_share")]
    assert shares == ([0, 0] if len(some.inflows) else pytest.approx([np.nan] * 2, nan_ok=True))
    assert np.isnan(list(found.values())).all()


# --- The oracle: everything at once from lists, with no thought of speed ---

Row = tuple[int, bool, int, int, int, bool]
"""Moment, whether it came in, other side, value, coin, whether seen in both directions."""


def oracle(rows: Sequence[Row]) -> dict[str, float]:
    into = [row for row in rows if row[1]]
    both = [row for row in rows if row[5]]
    both_in = [row for row in both if row[1]]
    steps = {who: _steps(into, who) for who in {row[2] for row in into}}
    returning = {who: amounts for who, amounts in steps.items() if len(amounts) >= 2}
    tested = {who for who, of in returning.items() if of[0][1] * 5 <= of[1][1]}
    growth = [of[-1][1] / of[0][1] for of in returning.values()]
    waits = [
        median([(of[k + 1][0] - of[k][0]) / DAY for k in range(len(of) - 1)])
        for of in returning.values()
    ]
    induced = {row[2] for row in both if _is_induced(both, row[2])}
    back = [who for who in {row[2] for row in both_in} if len(_steps(both_in, who)) >= 2]
    return {
        "returning_senders": len(returning),
        "trial_sender_share": _ratio(len(tested), len(returning)),
        "rising_sender_share": _ratio(sum(map(_rises, returning.values())), len(returning)),
        "sender_growth": median(growth) if growth else math.nan,
        "sender_growth_by_value": _ratio(
            sum(of[-1][1] for of in returning.values()), sum(of[0][1] for of in returning.values())
        ),
        "sender_interval": median(waits) if waits else math.nan,
        "trial_value_share": _from(into, tested.__contains__),
        "induced_senders": len(induced),
        "induced_sender_share": _ratio(len(induced), len(back)),
        "induced_value_share": _from(both_in, induced.__contains__),
    }


def _steps(rows: Sequence[Row], who: int) -> list[tuple[int, int]]:
    """Return (moment, sum) of a sender's payments, in the coin with the most such moments."""
    coins: list[int] = []
    for row in rows:
        if row[2] == who and row[4] not in coins:
            coins.append(row[4])
    moments = [sorted({r[0] for r in rows if r[2] == who and r[4] == coin}) for coin in coins]
    chosen = max(range(len(coins)), key=lambda k: (len(moments[k]), -k))
    return [
        (t, sum(r[3] for r in rows if (r[2], r[4], r[0]) == (who, coins[chosen], t)))
        for t in moments[chosen]
    ]


def _rises(of: Sequence[tuple[int, int]]) -> bool:
    signs = [np.sign(of[k + 1][1] - of[k][1]) for k in range(len(of) - 1)]
    return len(of) >= 3 and sum(signs) > 0 and of[-1][1] > 2 * of[0][1]


def _is_induced(rows: Sequence[Row], who: int) -> bool:
    own = [row for row in rows if row[2] == who]
    for moment, came, _, _, coin, _ in own:
        if came:
            continue
        same = [row for row in own if row[4] == coin]
        paid_now = sum(r[3] for r in same if not r[1] and r[0] == moment)
        paid_so_far = sum(r[3] for r in same if not r[1] and r[0] <= moment)
        before = sum(r[3] for r in same if r[1] and r[0] < moment)
        after = sum(r[3] for r in same if r[1] and 0 < r[0] - moment < 90 * DAY)
        if 10 * paid_so_far <= before and 10 * paid_now <= after:
            return True
    return False


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _from(rows: Sequence[Row], chosen: Callable[[int], bool]) -> float:
    return _ratio(sum(r[3] for r in rows if chosen(r[2])), sum(r[3] for r in rows))


GROUP_OF = {USDT: 0, USDT_ELSEWHERE: 0, DAI: 2, COIN: 3}


@st.composite
def dealings(draw: st.DrawFn) -> tuple[History, list[Row]]:
    """Draw a few parties who pay and are paid small and large, often at one moment."""
    some = draw(
        st.lists(
            st.tuples(
                st.sampled_from([0, 0, 1, DAY, 30 * DAY, 45 * DAY, 90 * DAY - 1, 90 * DAY]),
                st.sampled_from(["in", "in", "out"]),
                st.integers(1, 3),
                st.sampled_from([1, 5, 10, 50, 100, 500, 999, 1_000, 10_000, 2**55]),
                st.sampled_from([USDT, USDT, USDT_ELSEWHERE, DAI, COIN]),
            ),
            max_size=25,
        )
    )
    moments = np.cumsum([gap for gap, *_ in some]).astype(int).tolist()
    coins_seen = draw(st.booleans())
    transfers = [(t, way, who, v) for t, (_, way, who, v, _) in zip(moments, some, strict=True)]
    drawn = history(*transfers, asset=[asset for *_, asset in some])
    drawn.two_sided[:] = [coins_seen or asset != COIN for *_, asset in some]
    rows = [
        (t, way == "in", who, v, GROUP_OF[asset], coins_seen or asset != COIN)
        for t, (_, way, who, v, asset) in zip(moments, some, strict=True)
    ]
    return drawn, rows


@given(drawn=dealings())
def test_the_oracle_agrees(drawn):
    of, rows = drawn
    assert values(of) == pytest.approx(oracle(rows), rel=1e-9, nan_ok=True)


@given(drawn=dealings())
def test_definitions_and_their_evidence_agree_with_it(drawn):
    of, rows = drawn
    expected = oracle(rows)
    for signal in FAMILY.signals:
        shown = signal.definition(of)
        value = math.nan if shown is None else shown.value
        assert value == pytest.approx(expected[signal.name], rel=1e-9, nan_ok=True), signal.name
        if shown is not None:
            assert recompute(signal, of, shown) == pytest.approx(value), signal.name


def test_an_inducement_shows_the_payback_and_the_answer_and_rests_on_all_before():
    shown = FAMILY.signals[NAMES.index("induced_senders")].definition(GROOMED)
    assert shown is not None
    assert shown.rows.tolist() == [0, 1, 2]
    assert shown.telling.tolist() == [1, 2]
