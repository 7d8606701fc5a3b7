"""The network against a plain second opinion; motifs from a table of transfers to their rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data.schema import LEGS
from data.service_table import SERVICES
from data.services import Services
from features import motifs
from features.building import build_histories
from features.catalogue import catalogue
from features.computing import compute_signals, explain_signal
from features.evidence import Evidence
from features.history import Histories
from features.network import IN_LOADED, OUT_LOADED, POOLS, surroundings_of
from features.recomputation import recompute
from tests.data.canonical import AS_OF, START, A, B, C, D, E, F, covered, plain, row
from tests.features.test_histories import (
    LEG_KINDS,
    as_frame,
    before_scaling,
    coverages,
    folder,
    in_force,
    requests_drawn,
    worlds,
)
from tests.generated import cases

__all__ = ["folder"]

SIGNALS = catalogue().by_name


@settings(max_examples=cases(120))
@given(
    rows=worlds(),
    coverage=coverages(),
    requests=requests_drawn,
    basis=st.sampled_from(["usd", "native", "relative"]),
    legs=st.sampled_from([None, "native_in,native_out,token_out", "token_in"]),
)
def test_the_network_holds_what_stands_in_some_history(
    folder, rows, coverage, requests, basis, legs
):
    allowed = set(legs.split(",")) if legs else set(LEGS)
    built = build_histories(
        plain(folder, rows, coverage),
        as_frame(requests),
        as_of=AS_OF,
        basis=basis,
        legs=legs.split(",") if legs else None,
        network=True,
    )
    latest = max((at for *_, at in requests), default=AS_OF)

    def shown(address: str, chain: str) -> set[str]:
        return in_force(coverage.to_dicts(), (chain, address, AS_OF), allowed)["legs"]

    def stands(r: dict[str, Any]) -> bool:
        kind = LEG_KINDS.get(r["kind"], "fee")
        outgoing = f"{kind}_out" in shown(r["sender"], r["chain"])
        incoming = f"{kind}_in" in shown(r["receiver"], r["chain"])
        alive = r["screened"] is None and r["block_time"] < latest
        valued = before_scaling(r, basis) is not None
        return alive and valued and r["sender"] != r["receiver"] and (outgoing or incoming)

    expected = [k for k, r in enumerate(rows) if stands(r)]
    if not requests:
        assert not built.networks
        return
    [network] = built.networks
    assert sorted(network.rows.tolist()) == expected
    graph = network.graph
    for (chain, address, _), node in zip(requests, network.node.tolist(), strict=True):
        own = [k for k in expected if (rows[k]["chain"], rows[k]["sender"]) == (chain, address)]
        if node < 0:
            assert not own
            continue
        a, b = graph.out_offsets[node : node + 2]
        assert sorted(network.rows[a:b].tolist()) == sorted(own)
        legs_of = shown(address, chain)
        bits = OUT_LOADED * any(leg.endswith("out") for leg in legs_of)
        bits |= IN_LOADED * any(leg.endswith("in") for leg in legs_of)
        assert network.loaded[node] == bits
        if basis != "relative":
            values = dict(zip(network.rows[a:b].tolist(), graph.value[a:b].tolist(), strict=True))
            assert values == {k: before_scaling(rows[k], basis) for k in own}
        else:
            assert set(graph.value[a:b].tolist()) <= {1}


def paid(n: int, sender: str, receiver: str, hours: float, dollars: int) -> dict[str, Any]:
    moment = START + timedelta(hours=hours)
    return row(
        n,
        sender=sender,
        receiver=receiver,
        block_time=moment,
        amount_raw=str(dollars * 10**6),
        usd_micros=dollars * 10**6,
    )


def services(*listed: tuple[str, str, datetime]) -> Services:
    """Return a registry of (address, category, date)."""
    rows = [
        dict.fromkeys(SERVICES)
        | {"chain": "ethereum", "address": address, "category": category, "licit": True}
        | {"date": f"{date:%Y-%m-%d}", "origin": "user"}
        for address, category, date in listed
    ]
    return Services(pl.DataFrame(rows, schema=SERVICES))


def of(found: pl.DataFrame, address: str) -> dict[str, Any]:
    return found.row(by_predicate=pl.col("address") == address, named=True)


def explained(built: Histories, address: str, name: str) -> Evidence:
    i = built.keys["address"].to_list().index(address)
    shown = explain_signal(built, i, SIGNALS[name])
    assert shown is not None
    return shown


# E pays A a thousand dollars; A scatters them over B and C, which pay D; D sends them back to A.
LAYERED = [
    paid(0, E, A, 0, 1000),
    paid(1, A, B, 1, 400),
    paid(2, A, C, 2, 600),
    paid(3, B, D, 3, 396),
    paid(4, C, D, 4, 590),
    paid(5, D, A, 5, 980),
    paid(6, F, B, 5, 7),
]
EVERYBODY = covered(A, B, C, D, E, F)


def test_the_signals_of_a_layered_thousand_dollars(folder):
    built = build_histories(plain(folder, LAYERED, EVERYBODY), as_of=AS_OF, network=True)
    found = compute_signals(built)
    assert found["motifs_capped"].to_list() == [0] * 6
    at = of(found, A)
    assert at["scatter_gather_targets_24h"] == 1
    assert at["scatter_gather_value_24h"] == 1000
    assert at["cycle_3_hops_24h"] == 2
    assert at["cycle_2_hops_24h"] == at["cycle_4_hops_24h"] == at["cycle_5_hops_24h"] == 0
    assert at["cycle_value_24h"] == 1000
    assert at["relay_hops_24h"] == 2
    assert at["relay_value_24h"] == 590
    assert at["scatter_gather_targets_1h"] == at["cycle_3_hops_1h"] == 0
    middle = of(found, B)
    assert middle["scatter_gather_pairs_24h"] == 1
    assert middle["scatter_gather_carried_value_24h"] == 396


def test_evidence_is_told_apart_by_whose_it_is(folder):
    built = build_histories(plain(folder, LAYERED, EVERYBODY), as_of=AS_OF, network=True)
    own_rows = built.rows_of(built.keys["address"].to_list().index(A))
    shown = explained(built, A, "scatter_gather_targets_24h")
    assert own_rows[shown.rows].tolist() == [1, 2]
    assert shown.others.tolist() == [3, 4]
    shown = explained(built, A, "cycle_3_hops_24h")
    assert own_rows[shown.rows].tolist() == [1, 2, 5]
    assert shown.others.tolist() == [3, 4]


@settings(max_examples=cases(40))
@given(rows=worlds(), coverage=coverages(), basis=st.sampled_from(["usd", "native", "relative"]))
def test_values_in_the_table_are_those_explained(folder, rows, coverage, basis):
    built = build_histories(plain(folder, rows, coverage), as_of=AS_OF, basis=basis, network=True)
    found = compute_signals(built, [motifs.FAMILY])
    for i in range(len(built)):
        for signal in motifs.FAMILY.signals:
            shown = explain_signal(built, i, signal)
            assert found[signal.name][i] == (None if shown is None else shown.value), signal.name
            if basis == "relative" and signal.unit in {"value", "hops"}:
                assert shown is None


def test_what_the_address_is_not_covered_for_is_null(folder):
    one_sided = covered(A, legs="token_out")
    built = build_histories(
        plain(folder, LAYERED, one_sided.vstack(covered(B, C))), as_of=AS_OF, network=True
    )
    row_of_a = compute_signals(built).row(0, named=True)
    assert row_of_a["address"] == A
    assert row_of_a["scatter_gather_targets_24h"] == 1
    both = [s.name for s in motifs.FAMILY.signals if s.needs == "both"]
    assert [row_of_a[name] for name in both] == [None] * len(both)


def test_nothing_found_where_nothing_was_loaded_is_null(folder):
    built = build_histories(plain(folder, LAYERED, covered(F)), as_of=AS_OF, network=True)
    found = compute_signals(built).row(0, named=True)
    blind = [s.name for s in motifs.FAMILY.signals if s.exposure]
    assert [found[name] for name in blind] == [None] * len(blind)
    assert found["gather_scatter_payments_24h"] == 0


@pytest.mark.parametrize("category", POOLS)
def test_what_goes_through_a_pool_is_no_shape(folder, category):
    known = services((D, category, START - timedelta(days=2)))
    built = build_histories(
        plain(folder, LAYERED, EVERYBODY), as_of=AS_OF, network=True, services=known
    )
    found = compute_signals(built, [motifs.FAMILY])
    assert sorted(built.networks[0].rows.tolist()) == [0, 1, 2, 6]
    at = of(found, A)
    assert at["scatter_gather_targets_24h"] == at["cycle_3_hops_24h"] == 0
    assert of(found, D)["cycle_value_24h"] is None  # a pool has no shapes of its own


def test_a_deposit_address_serves_one_customer_and_ends_shapes(folder):
    known = services((D, "exchange_deposit", START - timedelta(days=2)))
    built = build_histories(
        plain(folder, LAYERED, EVERYBODY), as_of=AS_OF, network=True, services=known
    )
    assert of(compute_signals(built), A)["scatter_gather_targets_24h"] == 1


def test_each_cut_knows_the_pools_of_its_own_day(folder):
    """One pass over several cuts tells what a pass for each would."""
    cuts = [START + timedelta(days=days) for days in (1, 2, 3, 30)]
    known = services((D, "exchange_hot", cuts[0]), (C, "mixer", cuts[2]))
    transfers = plain(folder, LAYERED, EVERYBODY)
    asked = [("ethereum", address, cut) for address in (A, B, C, D) for cut in cuts]

    def at(requests: list[tuple[str, str, datetime]]) -> pl.DataFrame:
        built = build_histories(
            transfers, as_frame(requests), as_of=AS_OF, network=True, services=known
        )
        found = compute_signals(built, [motifs.FAMILY])
        for i, signal in product(range(len(built)), motifs.FAMILY.signals):
            shown = explain_signal(built, i, signal)
            assert found[signal.name][i] == (None if shown is None else shown.value)
        return found

    together = at(asked)
    assert_frame_equal(together, pl.concat([at([request]) for request in asked]))
    first = together.filter(address=A)["cycle_3_hops_24h"].to_list()
    assert first == [2, 0, 0, 0]  # what is listed on a day is known from the next one on


def test_without_a_network_motifs_are_null(folder):
    built = build_histories(plain(folder, LAYERED, EVERYBODY), as_of=AS_OF)
    found = compute_signals(built)
    names = ["motifs_capped", *(s.name for s in motifs.FAMILY.signals)]
    assert found.select(names).null_count().row(0) == (6,) * len(names)
    assert explain_signal(built, 0, SIGNALS["cycle_value_24h"]) is None


def test_a_kernel_over_histories_is_none_of_a_graph_familys():
    with pytest.raises(TypeError, match="no kernel over histories"):
        motifs.FAMILY.kernel(None, 0, 1, None)


def test_motifs_are_measured_where_one_is_wanted():
    names = {family.name for family in catalogue().families_of()}
    assert "motifs" not in names
    assert "motifs" in {f.name for f in catalogue().families_of(["cycle_value_1h"])}


def test_who_moves_more_than_sums_hold_is_left_out_and_said_so(folder):
    huge = 2**53 - 1
    rows = [*LAYERED, *(paid(7 + k, E, F, 6, 1) | {"usd_micros": huge} for k in range(520))]
    built = build_histories(plain(folder, rows, EVERYBODY), as_of=AS_OF, network=True)
    assert any("Transfers of 2 addresses are left out of motifs" in note for note in built.notes)
    assert sorted(built.networks[0].rows.tolist()) == [1, 2, 3, 4, 5]
    found = compute_signals(built)
    assert of(found, A)["cycle_3_hops_24h"] == 2


def test_a_busy_address_is_looked_through_in_part_and_said_so(folder, monkeypatch):
    monkeypatch.setattr(motifs, "LIMITS", motifs.LIMITS._replace(cap=1))
    rows = [*LAYERED, *(paid(7 + k, B, F, 2 + k / 10, 1) for k in range(3))]
    built = build_histories(plain(folder, rows, EVERYBODY), as_of=AS_OF, network=True)
    found = compute_signals(built, [motifs.FAMILY])
    at = of(found, A)
    assert at["motifs_capped"] > 0
    assert at["scatter_gather_targets_24h"] == 0  # B pays D after it has paid F
    assert explained(built, A, "cycle_value_24h").value == at["cycle_value_24h"]


def test_surroundings_hold_only_their_evidence(folder):
    built = build_histories(plain(folder, LAYERED, EVERYBODY), as_of=AS_OF, network=True)
    around = surroundings_of(built, built.keys["address"].to_list().index(A))
    assert around is not None
    shown = explained(built, A, "relay_hops_24h")
    rest = around.only(shown)
    assert rest.rows.tolist() == [2, 4]
    assert len(rest.graph.out_offsets) - 1 == len({A, C, D})
    assert recompute(SIGNALS["relay_hops_24h"], around, shown) == shown.value == 2
    assert np.array_equal(rest.only(shown).rows, rest.rows)
