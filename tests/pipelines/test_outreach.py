"""The outreach list: what possible victims paid to alerts, and no judgement of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.alerting.outreach import MOST_TOLD, outreach, outreach_table, told_first
from pipelines.casework.cases import find_cases
from tests.data.canonical import START
from tests.pipelines.case_examples import ALERTS, VICTIM, A, B, C, rows, run

PAGES = {key: f"{key[1]}.html" for key in ALERTS}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    made_run, chosen = run(Path(tmp_path_factory.mktemp("outreach")))
    return made_run, find_cases(made_run, chosen).own


def test_what_a_victim_paid_to_alerts_is_what_the_transfers_say(made):
    [told] = outreach(made[0], made[1], PAGES)
    alerted = {address for chain, address in ALERTS if chain == "ethereum"}
    out = [r for r in rows() if r["sender"] == VICTIM and r["receiver"] in alerted]
    back = [r for r in rows() if r["receiver"] == VICTIM and r["sender"] in alerted]
    assert told["paid"]["n"] == len(out) == 2
    assert told["paid"]["usd"] == sum(r["usd_micros"] for r in out) / 1e6 == 1200
    assert told["back"]["usd"] == sum(r["usd_micros"] for r in back) / 1e6 == 20
    assert [(one["address"], one["usd"], one["href"]) for one in told["to"]] == [
        (C, 700, PAGES["ethereum", C]),
        (A, 500, PAGES["ethereum", A]),
    ]
    assert {tx for one in told["to"] for tx in one["tx_ids"]} == {r["tx_id"] for r in out}
    assert not {"score", "band", "role", "verdict"} & set(told)


def test_an_address_without_an_alert_is_nobody_that_was_paid(made):
    [told] = outreach(made[0], made[1], {("ethereum", B): "b.html"})
    assert (told["paid"]["n"], told["paid"]["usd"], told["to"]) == (0, None, [])


def test_nothing_after_its_moment_is_told(made):
    made_run, own = made
    cut = START + timedelta(minutes=11)  # the second payment is not before it
    early = type(made_run)(**vars(made_run))
    early.scores = made_run.scores.with_columns(as_of=pl.lit(cut))
    [told] = outreach(early, own, PAGES)
    assert (told["paid"]["n"], told["back"]["n"]) == (1, 0)


def test_the_table_has_all_and_the_page_those_who_paid_most(made):
    [one] = outreach(made[0], made[1], PAGES)
    poor = one | {"paid": one["back"], "address": "poor"}
    many = [poor] * MOST_TOLD + [one]
    table = outreach_table(many)
    assert table.height == len(many)
    assert table["usd_paid_to_alerts"].to_list() == [20.0] * MOST_TOLD + [1200.0]
    told = told_first(many)
    assert len(told) == MOST_TOLD
    assert told[0]["address"] == VICTIM
    assert outreach_table([]).columns == table.columns
