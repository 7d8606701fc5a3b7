"""The benchmark of traces: what it calls the truth, and how it writes ratios."""

from __future__ import annotations

from collections import defaultdict

import polars as pl
import pytest

from benchmarks.tracing import Case, Found, cases_of, measure, report
from data.services import load_services
from data.transfers import open_transfers
from models.tracing.tracing import Tracer
from tests.pipelines import trace_examples as case


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The small case as a world: the mule is half the collector's, the exits are two."""
    folder = tmp_path_factory.mktemp("world")
    store = case.case(folder)
    (store / "services.csv").write_text(case.SERVICES, encoding="utf-8")
    roles = {
        ("ethereum", case.COLLECTOR): "collector",
        ("ethereum", case.MULE): "mule",
        ("ethereum", case.SWAPPER): "swapper",
        ("bsc", case.MULE): "mule",
        ("ethereum", case.DEPOSIT): "cash_out_deposit",
        ("bsc", case.OTHER): "cash_out_deposit",
    }
    truth = pl.DataFrame(
        [(*key, role, role, "case-1") for key, role in roles.items()],
        schema=["chain", "address", "role", "population", "case_id"],
        orient="row",
    )
    truth.write_parquet(store / "truth.parquet")
    return store


def test_a_members_payments_are_the_cases_by_its_share_in_what_came(world):
    transfers = open_transfers(world)
    assert transfers.as_of is not None
    tracer = Tracer(transfers, load_services(world / "services.csv"), before=transfers.as_of)
    truth = pl.read_parquet(world / "truth.parquet")
    coded = tracer.events.addresses.with_row_index("code").join(truth, on=["chain", "address"])
    [(collectors, exits, paid, own)] = cases_of(tracer, coded)
    assert (len(collectors), len(exits)) == (1, 2)
    assert paid == (298 + 299) * 10**6
    assert own == 298 * 10**6 + 299 * 10**6 // 2


def test_every_run_and_convention_is_measured(world):
    found: dict[tuple[str, str], Found] = defaultdict(Found)
    measure(world, found)
    right = {key: one.cases[0].right / 1e6 for key, one in found.items()}
    assert right["all", "fifo"] == 298
    assert right["without swaps", "fifo"] == 0
    assert len(right) == 8


def test_ratios_are_of_sums():
    cases = [Case(paid=10, own=8, right=4, exchanges=5, traced=20), Case(own=2, right=1)]
    row = report({("all", "fifo"): Found(cases)}).splitlines()[2]
    assert row.startswith("| all | fifo | 2 | 1.000 [")
    assert " | 0.500 [0.500, 0.500] | 0.500 | " in row
