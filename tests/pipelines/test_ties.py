"""Ties between labelled positives, against a plain count over every transfer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import polars as pl
import pytest

from data.services import Services, load_services
from data.transfers import Transfers, open_transfers
from models.leakage import Ties
from models.leakage.identity import RARE
from pipelines.labelling.labelled import read_labels
from pipelines.labelling.ties import linked, ties_of


@pytest.fixture(scope="module")
def opened(world) -> Transfers:
    return open_transfers(world.store)


@pytest.fixture(scope="module")
def labels(world, opened) -> pl.DataFrame:
    return read_labels(world.labels, opened, None)


@pytest.fixture(scope="module")
def services(world) -> Services:
    return load_services(world.services)


@pytest.fixture(scope="module")
def ties(opened, labels, services) -> Ties:
    return ties_of(labels, opened, services)


def plain(world, labels: pl.DataFrame, services: Services) -> tuple[dict, dict, set]:
    """Return whom each positive met, how many addresses everybody met, and who is listed."""
    cuts = {
        (row["chain"], row["address"]): (i, row["as_of"])
        for i, row in enumerate(labels.iter_rows(named=True))
        if row["label"] == 1
    }
    partners, met = defaultdict(set), defaultdict(set)
    counted = world.transfers.filter(pl.col("screened").is_null(), pl.col("kind") != "fee")
    for t in counted.iter_rows(named=True):
        for one, two in ((t["sender"], t["receiver"]), (t["receiver"], t["sender"])):
            partners[t["chain"], one].add(two)
            number, cut = cuts.get((t["chain"], one), (None, None))
            if cut is not None and t["block_time"] < cut:
                met[number].add((t["chain"], two))
    listed = set(services.listed.select("chain", "address").iter_rows())
    return met, partners, listed


def test_ties_are_those_of_a_plain_count(world, labels, services, ties):
    met, partners, listed = plain(world, labels, services)
    known = set(services.table.select("chain", "address").iter_rows())
    own = set(labels.filter(pl.col("label") == 1).select("chain", "address").iter_rows())
    complete = set(world.coverage.filter("complete").select("chain", "address").iter_rows())
    shared: dict[tuple[str, str], int] = defaultdict(int)
    for others in met.values():
        for other in others - known:
            shared[other] += 1
    expected = {
        (row, *other, len(partners[other]) if other in complete else None)
        for row, others in met.items()
        for other in others - known
        if shared[other] > 1 or other in own
    }
    assert set(ties.pairs.iter_rows()) == expected
    assert len(ties.pairs) == len(expected) > 20
    assert set(ties.listed.iter_rows()) == {
        (row, *other) for row, others in met.items() for other in others & listed
    }


def test_linked_positives_are_one_group_and_nobody_else_is(labels, ties):
    """Independent: grow each group from its first member until nothing is added."""
    index = {
        (row["chain"], row["address"]): i
        for i, row in enumerate(labels.iter_rows(named=True))
        if row["label"] == 1
    }
    joins = defaultdict(set)
    rare = defaultdict(set)
    for row, chain, other, partners in ties.pairs.iter_rows():
        if (chain, other) in index:
            joins[row].add(index[chain, other])
            joins[index[chain, other]].add(row)
        if partners is not None and partners <= RARE:
            rare[chain, other].add(row)
    for rows in rare.values():
        for row in rows:
            joins[row] |= rows - {row}
    group = linked(labels, ties)
    seen: dict[int, set[int]] = {}
    for start in list(joins):
        reached, edge = {start}, [start]
        while edge:
            new = joins[edge.pop()] - reached
            reached |= new
            edge += new
        seen[start] = reached
    for i, name in enumerate(group):
        members = seen.get(i, set()) if len(seen.get(i, ())) > 1 else set()
        if not members and i not in joins:
            assert name is None
            continue
        assert {j for j, other in enumerate(group) if other == name} == (members or {i})


def test_without_coverage_nobody_is_rare_and_with_all_of_it_everybody_is_counted(
    opened, labels, services
):
    unknown = ties_of(labels, replace(opened, sidecar=None), services)
    assert unknown.pairs["partners"].null_count() == unknown.pairs.height > 0
    declared = ties_of(labels, replace(opened, assume_complete=True), services)
    assert declared.pairs["partners"].null_count() == 0


def test_no_positives_no_ties(opened, labels, services):
    nobody = labels.with_columns(label=pl.lit(0, dtype=pl.Int8))
    found = ties_of(nobody, opened, services)
    assert found.pairs.is_empty()
    assert linked(nobody, found).null_count() == nobody.height
