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
    flows = {
        "chain": "ethereum", "victim": case.VICTIM, "from_exchange": False,
        "collector": case.COLLECTOR, "case_id": "case-1",
    }  # fmt: skip
    pl.DataFrame([flows]).write_parquet(store / "truth_flows.parquet")
    return store


def test_a_members_payments_are_the_cases_by_its_share_in_what_came(world):
    transfers = open_transfers(world)
    assert transfers.as_of is not None
    tracer = Tracer(transfers, load_services(world / "services.csv"), before=transfers.as_of)
    truth = pl.read_parquet(world / "truth.parquet")
    coded = tracer.events.addresses.with_row_index("code").join(truth, on=["chain", "address"])
    both = list(cases_of(tracer, coded, pl.read_parquet(world / "truth_flows.parquet")))
    assert [one.start for one in both] == ["collectors", "victims"]
    for one in both:
        assert (len(one.origins), len(one.exits)) == (1, 2)
        assert one.own == 298 * 10**6 + 299 * 10**6 // 2


def test_every_run_and_convention_is_measured(world):
    found: dict[tuple[str, str, str], Found] = defaultdict(Found)
    measure(world, found)
    right = {key: one.cases[0].right / 1e6 for key, one in found.items()}
    assert right["collectors", "all", "fifo"] == 298
    assert right["victims", "without swaps", "fifo"] == 0
    assert len(right) == 16


def test_ratios_are_of_sums():
    cases = [Case(own=8, right=4, exchanges=5, traced=20), Case(own=2, right=1)]
    row = report({("victims", "all", "fifo"): Found(cases)}).splitlines()[2]
    assert row.startswith("| victims | all | fifo | 2 | 1.000 [")
    assert " | 0.500 [0.500, 0.500] | 0.500 | " in row
