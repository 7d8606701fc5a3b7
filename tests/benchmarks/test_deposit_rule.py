"""The benchmark of the rule on deposit addresses, and that alerts tell what it found."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from benchmarks.deposit_rule import LISTS, answered, counted, report
from models.deposit_address import CALLED, RIGHT

README = Path(__file__).parents[2] / "benchmarks" / "README.md"


def test_addresses_are_counted_by_what_they_are():
    rows = pl.DataFrame(
        [
            ("exchange_deposit", 3, True),
            ("exchange_deposit", 1, False),
            ("exchange_deposit", 0, False),  # had sent nothing: it could not be found
            ("exchange_deposit", None, False),  # what it sent was not supplied
            ("exchange_cold_wallet", 9, True),
            ("holder", 9, False),
            (None, 1, True),  # nobody in the world
        ],
        schema=["population", "sent", "called"],
        orient="row",
    )
    assert counted(rows) == (2, 1, 2, 1)


def test_a_world_is_asked_in_both_places_by_both_lists(worlds):
    rows = answered(worlds[0])
    one = pl.col("population") == "exchange_deposit"
    per = rows.filter(one).group_by("place", "list").agg(pl.col("called").sum(), n=pl.len())
    assert per.height == 4
    assert per["n"].n_unique() == 1
    found = {(place, name): called for place, name, called, _ in per.iter_rows()}
    for place in ("an alert", "a trace"):
        whole, half = (found[place, name] for name in LISTS)
        assert 0 < half < whole
    accounts = rows.filter("called", pl.col("population").is_not_null())
    assert set(accounts["population"]) <= {"exchange_deposit", "exchange_cold_wallet"}
    text = report(rows)
    assert "share right" in text
    assert re.search(r"show what 0 paid. .* to 0 of \d", text)
    assert re.search(r"^\| 10 or more \| \d", text, flags=re.MULTILINE)


def test_what_alerts_tell_is_what_the_page_of_benchmarks_says():
    page = README.read_text(encoding="utf-8")
    section = page[page.index("### Deposit addresses") :]
    told = f"| an alert | every hot wallet | {CALLED:,} | {RIGHT:,} |"
    assert told in section[: section.index("\n### ", 1)]
