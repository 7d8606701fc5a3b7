"""What a registry says of counterparties counts from the day after it was said, and not before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from data.service_table import CATEGORIES, SERVICES
from data.services import Services
from features.history import BRIDGES, EXCHANGES, ILLICIT, LISTED, microseconds, party_of
from features.parties import known_parties

ADDRESSES = pl.DataFrame(
    {"chain": ["bsc", "ethereum", "ethereum", "ethereum"], "address": ["a", "a", "b", "c"]}
)
DAY = datetime(2025, 3, 1, tzinfo=UTC)


def services(*rows: tuple[str, str, str, bool, str | None]) -> Services:
    """Return a registry of (chain, address, category, licit, date)."""
    names = ["chain", "address", "category", "licit", "date"]
    table = pl.DataFrame(rows, schema=names, orient="row")
    return Services(
        table.with_columns(
            name=pl.lit(None, pl.String),
            source=pl.lit(None, pl.String),
            confidence=pl.lit("unknown"),
            verified=pl.lit(False),
            origin=pl.lit("user"),
        ).select(list(SERVICES))
    )


KNOWN = services(
    ("ethereum", "a", "exchange_hot", True, "2025-03-01"),
    ("ethereum", "b", "mixer", False, "2025-06-01"),
    ("ethereum", "c", "bridge", True, None),
    ("tron", "z", "bridge", True, "2020-01-01"),
)


def met(moment: datetime) -> list[int]:
    """Return what is known at a moment of the addresses, each met once by one history."""
    parties = known_parties(ADDRESSES, KNOWN)
    codes, offsets = np.arange(4, dtype=np.int32), np.array([0, 4])
    return parties.met(codes, offsets, np.array([microseconds(moment)])).tolist()


@pytest.mark.parametrize(
    "moment, known",
    [
        (DAY, [0, 0, 0, 0]),
        (DAY + timedelta(days=1) - timedelta(microseconds=1), [0, 0, 0, 0]),
        (DAY + timedelta(days=1), [0, party_of("exchange_hot"), 0, 0]),
        (DAY + timedelta(days=200), [0, party_of("exchange_hot"), party_of("mixer") | LISTED, 0]),
    ],
)
def test_a_row_counts_from_the_day_after_its_date_and_on_its_chain_only(
    moment: datetime, known: list[int]
) -> None:
    assert met(moment) == known


def test_each_history_knows_what_was_known_at_its_own_cut() -> None:
    parties = known_parties(ADDRESSES, KNOWN)
    cuts = np.array([microseconds(DAY), microseconds(DAY + timedelta(days=2))])
    found = parties.met(np.array([1, 1], np.int32), np.array([0, 1, 2]), cuts)
    assert found.tolist() == [0, party_of("exchange_hot")]


def test_each_kind_is_in_force_on_a_chain_from_its_first_row() -> None:
    parties = known_parties(ADDRESSES, KNOWN)
    chains = pl.Series(["ethereum", "ethereum", "ethereum", "tron", "bsc"])
    cuts = [DAY, DAY + timedelta(days=1), DAY + timedelta(days=200), DAY, DAY]
    in_force = parties.in_force(chains, np.array([microseconds(cut) for cut in cuts]))
    assert in_force.tolist() == [
        0,
        EXCHANGES,
        EXCHANGES | ILLICIT,
        BRIDGES,
        0,
    ]  # the bridge has no date


def test_without_services_nothing_is_known() -> None:
    parties = known_parties(ADDRESSES, None)
    cut = np.array([microseconds(DAY + timedelta(days=999))])
    assert not parties.met(np.arange(4, dtype=np.int32), np.array([0, 4]), cut).any()
    assert not parties.in_force(pl.Series(["ethereum"]), cut).any()


def test_where_lists_disagree_whoever_calls_it_illicit_comes_first() -> None:
    two = services(
        ("ethereum", "a", "exchange_hot", True, "2020-01-01"),
        ("ethereum", "a", "mixer", False, "2025-01-01"),
        ("ethereum", "a", "sanctioned", False, "2024-01-01"),
    )
    parties = known_parties(ADDRESSES, two)
    assert parties.party.tolist() == [0, party_of("sanctioned") | LISTED, 0, 0]


def test_every_category_has_a_number_of_its_own_below_the_bit_for_listed() -> None:
    numbers = [party_of(category) for category in CATEGORIES]
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) > 0 and max(numbers) < LISTED
