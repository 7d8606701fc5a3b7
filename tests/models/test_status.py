"""Statuses: which rule wins, one row per case."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from data.schema import LEGS
from data.service_table import SERVICES
from data.services import Services
from models.status import STATUSES, VICTIM, Requirements, statuses, with_history

NEEDS = Requirements(("native_in", "native_out"), 5)

GOOD: dict[str, object] = {
    "chain": "tron",
    "address": "a",
    "as_of": datetime(2024, 5, 1, tzinfo=UTC),
    "n_transfers": 40,
    "n_unvalued": 0,
    "occurs": True,
    "covered": True,
    "complete": True,
    "legs": ",".join(LEGS),
    **{bound.signal: bound.most + 1 for bound in VICTIM},
}


def services(**licit):
    rows = [
        {"chain": "tron", "address": address, "category": "mixer", "licit": is_licit}
        for address, is_licit in licit.items()
    ]
    return Services(pl.DataFrame(rows, schema=SERVICES))


def status(known=None, **changed):
    frame = pl.DataFrame([GOOD | changed], infer_schema_length=None)
    return statuses(frame, NEEDS, known or services()).item()


VICTIM_LIKE = {bound.signal: bound.least for bound in VICTIM}


@pytest.mark.parametrize(
    "expected,changed",
    [
        ("scored", {}),
        ("unsupported_chain", {"chain": "solana", "covered": False, "occurs": False}),
        ("not_found", {"covered": False, "occurs": False, "legs": "", "complete": False}),
        ("partial_coverage", {"covered": False, "n_transfers": 0, "legs": "", "complete": False}),
        ("partial_coverage", {"legs": "native_in,token_in,token_out"}),
        ("partial_coverage", {"legs": "native_in", "complete": False}),
        ("scored", {"legs": "native_in,native_out"}),
        ("truncated_history", {"complete": False, "n_transfers": 3}),
        ("unpriced", {"n_unvalued": 41}),
        ("scored", {"n_unvalued": 40}),
        ("unpriced", {"n_transfers": 3, "n_unvalued": 2}),
        ("insufficient_history", {"n_transfers": 3, "n_unvalued": 1}),
        ("insufficient_history", {"n_transfers": 4}),
        ("insufficient_history", {"n_transfers": 0}),
        ("scored", {"n_transfers": 5}),
        ("possible_victim", VICTIM_LIKE),
        ("insufficient_history", VICTIM_LIKE | {"n_transfers": 4}),
    ],
)
def test_the_first_rule_that_holds_wins(expected, changed):
    assert status(**changed) == expected
    assert expected in STATUSES


@pytest.mark.parametrize("signal", [bound.signal for bound in VICTIM])
def test_a_victim_needs_every_bound(signal):
    bound = next(b for b in VICTIM if b.signal == signal)
    assert status(**VICTIM_LIKE | {signal: bound.most}) == "possible_victim"
    assert status(**VICTIM_LIKE | {signal: None}) == "scored"
    beyond = bound.most + 1 if bound.most != float("inf") else bound.least - 0.01
    assert status(**VICTIM_LIKE | {signal: beyond}) == "scored"


def test_licit_services_abstain_and_listed_ones_do_not():
    exchange, mixer = services(a=True), services(a=False)
    assert status(exchange) == "licit_service"
    assert status(exchange, complete=False) == "licit_service"
    assert status(exchange, chain="bsc") == "scored"
    assert status(mixer) == "scored"
    assert status(services(b=True)) == "scored"


def test_labels_are_judged_by_their_data_alone():
    rows = [GOOD, GOOD | VICTIM_LIKE, GOOD | {"complete": False}]
    found = with_history(pl.DataFrame(rows, infer_schema_length=None), NEEDS)
    assert found.to_list() == ["scored", "scored", "truncated_history"]
