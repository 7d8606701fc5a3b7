"""Red flags: every one is carried, names what exists, and stands only where all its parts hold."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.assets import REGISTRY
from features.catalogue import catalogue
from models.flagging import PARTS, Bound, Part, stand, stands

REGISTERED = pl.read_csv(REGISTRY / "red_flags.csv", infer_schema_length=0)["id"].to_list()
SIGNALS = catalogue().by_name
ALONE = {
    "drained_fresh_wallets",
    "shared_gas_funder",
    "low_fee_chain_preference",
    "layering_motifs",
}
"""Flags that say no more than the signals that carry them."""


def test_every_registered_flag_is_carried_and_has_parts():
    carried = {flag for signal in SIGNALS.values() for flag in signal.red_flags}
    assert carried == set(REGISTERED)
    assert set(PARTS) == set(REGISTERED) - ALONE


@pytest.mark.parametrize("flag", PARTS)
def test_parts_rest_on_signals_and_limits_that_can_be_passed_either_way(flag):
    for part in PARTS[flag]:
        assert 1 <= part.how_many <= len(part.bounds)
        for bound in part.bounds:
            low, high = SIGNALS[bound.signal].bounds
            assert low < bound.least <= high or low <= bound.most < high
            assert f"`{bound.signal}`" in str(part)


def values(flag: str) -> st.SearchStrategy[dict[str, float | None]]:
    """Draw rows around the limits of a flag."""
    names = {b.signal: b for part in PARTS[flag] for b in part.bounds}
    near = {
        name: st.none() | st.sampled_from([edge + step for edge in edges(b) for step in STEPS])
        for name, b in names.items()
    }
    return st.fixed_dictionaries({}, optional=near)


STEPS = (-0.5, -1e-6, 0.0, 1e-6, 0.5)


def edges(bound: Bound) -> list[float]:
    return [end for end in (bound.least, bound.most) if abs(end) < float("inf")]


@pytest.mark.parametrize("flag", PARTS)
@given(data=st.data())
def test_a_flag_stands_where_every_part_holds_and_nowhere_else(flag, data):
    row = data.draw(values(flag))
    verdict = True
    for part in PARTS[flag]:
        held = 0
        for bound in part.bounds:
            if bound.signal in row and row[bound.signal] is not None:
                value = row[bound.signal]
                held += not (value < bound.least or value > bound.most)
        verdict &= held >= part.how_many
    assert stands(flag, row) is verdict
    assert not stands(flag, {})


@pytest.mark.parametrize(
    "flag, row",
    [
        ("rapid_pass_through", {"forwarded_24h_share": 0.005, "retained_share": 0.0}),
        ("rapid_pass_through", {"forwarded_24h_share": 0.9, "retained_share": 0.6}),
        (
            "many_unrelated_senders",
            {
                "senders": 2,
                "largest_in_share": 0.6,
                "top_sender_share": 0.6,
                "forwarded_7d_share": 1.0,
                "senders_then_exit": 2.0,
            },
        ),
        (
            "many_unrelated_senders",
            {
                "senders": 44,
                "largest_in_share": 0.1,
                "top_sender_share": 0.1,
                "forwarded_7d_share": 0.3,
                "senders_then_exit": 11.0,
            },
        ),
        (
            "burst_then_dormancy",
            {"days_in_use": 3.0, "value_out_24h_share": 0.9, "days_silent": 2.0},
        ),
        ("sub_threshold_structuring", {"sub_threshold_24h": 1}),
        (
            "otc_like_flows",
            {"round_100_share": 0.9, "regulars_share": 0.1, "low_spread_share": None},
        ),
    ],
)
def test_cases_that_readers_found_flagged_wrongly(flag, row):
    assert not stands(flag, row)


@pytest.mark.parametrize(
    "name, flag",
    [
        *((name, "rapid_pass_through") for name in (
            "retained_share", "near_empty_share", "full_drains", "sweep_share",
            "peak_balance_share", "forwarded_7d_share", "days_to_first_payment",
        )),
        ("burstiness", "burst_then_dormancy"),
        ("winding_down_share", "burst_then_dormancy"),
        ("once_only_sender_share", "many_unrelated_senders"),
        ("repeated_out_share", "sub_threshold_structuring"),
        ("listed_in_2_hops", "guarantee_marketplace_exposure"),
        ("unmatched_crossing_share", "cross_chain_hop"),
        ("relay_hops_1h", "peel_chain"),
    ],
)  # fmt: skip
def test_what_does_not_show_a_flag_does_not_carry_it(name, flag):
    assert flag not in SIGNALS[name].red_flags


@pytest.mark.parametrize(
    "row, stood",
    [
        ({"peel_share": 0.2, "transfers_out": 10}, True),
        ({"peel_share": 0.2, "transfers_out": 9}, False),
        ({"peel_share": 0.1, "transfers_out": 10}, False),
        ({"peel_hops_24h": 3}, True),
        ({"peel_hops_24h": 2}, False),  # as exchanges do
        ({"peel_share": 0.2, "transfers_out": 9, "peel_hops_24h": 3}, True),
        ({"peel_share": 0.2, "transfers_out": 9, "peel_hops_24h": 2}, False),
        ({"peel_share": 0.2, "transfers_out": 10, "peel_hops_24h": None}, True),
    ],
)
def test_a_peel_chain_is_its_own_steps_or_three_hops_of_others(row, stood):
    assert stands("peel_chain", row) is stood


def test_a_part_in_words():
    bounds = Bound("senders", least=2), Bound("receivers", most=3), Bound("swaps", 1, 2)
    said = {
        1: "(`senders` is at least 2 or `receivers` is at most 3 or "
        "`swaps` is at least 1 and at most 2)",
        2: "(2 of: `senders` is at least 2, `receivers` is at most 3, "
        "`swaps` is at least 1 and at most 2)",
        3: "(`senders` is at least 2 and `receivers` is at most 3 and "
        "`swaps` is at least 1 and at most 2)",
    }
    for how_many, words in said.items():
        assert str(Part("many", bounds, how_many)) == f"many {words}"


@pytest.mark.parametrize("flag", [*PARTS, *sorted(ALONE)])
@given(data=st.data())
def test_many_rows_at_once_are_each_row_alone(flag, data):
    rows = data.draw(st.lists(values(flag) if flag in PARTS else st.just({}), max_size=5))
    names = {name for row in rows for name in row}
    columns = {
        name: np.array([np.nan if row.get(name) is None else row[name] for row in rows], float)
        for name in names
    }
    assert stand(flag, columns, len(rows)).tolist() == [stands(flag, row) for row in rows]
