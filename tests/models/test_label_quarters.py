"""Maturity by quarter, against plain counting and against labels whose fate is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from data.schema import TIME
from models.label_lag import FEWEST_LAGS
from models.label_quarters import by_quarter

START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)


def come_in(seed: int = 1, n: int = 6000) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return all labels there will ever be, and those of them that are known at the end."""
    random = np.random.default_rng(seed)
    label = (random.random(n) < 0.4).astype(int)
    # Positives wait for 60 days on average, negatives for 10.
    wait = random.exponential(np.where(label == 1, 60, 10))
    day = random.uniform(0, (END - START).days, n)
    table = pl.DataFrame(
        {
            "label": pl.Series(label, dtype=pl.Int8),
            "group": np.arange(n) // 2,
            "part": np.where(day > 500, "test", "train"),
            "as_of": pl.Series([START + timedelta(days=float(d)) for d in day], dtype=TIME),
        }
    ).with_columns(
        available_at=pl.col("as_of") + pl.Series(wait * 86_400_000_000).cast(pl.Duration("us"))
    )
    return table, table.filter(pl.col("available_at") <= END)


def test_counts_and_shares_are_those_of_a_plain_filter():
    _, known = come_in(n=900)
    told = by_quarter(known, ["test"])
    assert told is not None
    moment = known.select(pl.max_horizontal(pl.col("as_of", "available_at").max())).item()
    assert told["moment"] == moment.isoformat()
    assert told["n_undated"] == 0
    for scope, rows in (("all", known), ("test", known.filter(pl.col("part") == "test"))):
        quarters = told["quarters"][scope]
        assert sum(q["n"] for q in quarters) == sum(q["n_dated"] for q in quarters) == rows.height
        assert [q["quarter"] for q in quarters] == sorted(q["quarter"] for q in quarters)
        for found in quarters:
            year, quarter = int(found["quarter"][:4]), int(found["quarter"][-1])
            own = [
                row
                for row in rows.iter_rows(named=True)
                if (row["as_of"].year, (row["as_of"].month + 2) // 3) == (year, quarter)
            ]
            assert (found["n"], found["n_positive"]) == (len(own), sum(r["label"] for r in own))
            for days, share in found["within"].items():
                old = [r for r in own if (moment - r["as_of"]).days >= int(days)]
                if not old:
                    assert share is None
                    continue
                hits = sum((r["available_at"] - r["as_of"]).days <= int(days) for r in old)
                assert (share["n"], share["value"]) == (len(old), pytest.approx(hits / len(old)))
                assert share["low"] <= share["value"] <= share["high"]
    assert told["quarters"]["all"][-1]["within"]["180"] is None


def test_the_shortfall_of_the_newest_quarter_is_what_is_still_to_come():
    """The intervals know the older labels' luck, and not that of the quarter itself: some slack."""
    ever, known = come_in()
    told = by_quarter(known)
    assert told is not None
    first, *_, newest = told["quarters"]["all"]
    latest = pl.col("as_of") >= datetime(2025, 10, 1, tzinfo=UTC)
    for of, which in (("labels", latest), ("positives", latest & (pl.col("label") == 1))):
        truth = 1 - known.filter(which).height / ever.filter(which).height
        found = newest["shortfall"][of]
        assert found["low"] - 0.04 < truth < found["high"] + 0.04
        assert found["low"] < found["value"] < found["high"]
    missing = {of: found["value"] for of, found in newest["shortfall"].items()}
    assert missing["positives"] > 0.4 > 0.3 > missing["labels"]
    assert first["shortfall"]["positives"]["value"] < 0.01
    assert told["waits_of"]["labels"] > told["waits_of"]["positives"] > FEWEST_LAGS


def test_the_order_of_rows_changes_nothing():
    _, known = come_in(n=300)
    assert by_quarter(known.sample(fraction=1, shuffle=True, seed=2), ["test"]) == by_quarter(
        known, ["test"]
    )


def test_what_is_not_known_is_not_guessed():
    _, known = come_in(n=300)
    silent = by_quarter(known.drop("available_at"))
    assert silent is not None
    for quarter in silent["quarters"]["all"]:
        assert quarter["n"] > 0 == quarter["n_dated"]
        assert set(quarter["within"].values()) == set(quarter["shortfall"].values()) == {None}
    few = by_quarter(known.head(FEWEST_LAGS))
    assert few is not None
    assert few["quarters"]["all"][-1]["shortfall"] == {"labels": None, "positives": None}
    given = known.with_columns(as_of_given=pl.int_range(pl.len()) % 3 > 0)
    partly = by_quarter(given)
    assert partly is not None
    assert partly["n_undated"] == -(-known.height // 3)
    assert by_quarter(known.with_columns(as_of_given=False)) is None
