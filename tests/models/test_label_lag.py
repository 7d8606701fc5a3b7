"""Maturity of labels: what is too young, unknown yet, or learned from, does not count."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from data.labels.training import TRAINING_LABELS
from models.label_lag import FEWEST_LAGS, mature

NOW = datetime(2025, 1, 1, tzinfo=UTC)
LEARNED = date(2023, 1, 1)


def labels(*rows: tuple[int | None, datetime | None, datetime | None]) -> pl.DataFrame:
    names = ("label", "as_of", "available_at")
    table = pl.DataFrame(
        [(f"a{i}", *row) for i, row in enumerate(rows)],
        schema={"address": pl.String, **{n: TRAINING_LABELS[n] for n in names}},
        orient="row",
    )
    return table.with_columns(chain=pl.lit("tron"))


def day(ago: float) -> datetime:
    return NOW - timedelta(days=ago)


def test_each_label_is_counted_under_the_first_rule_that_leaves_it_out():
    table = labels(
        (1, day(300), day(200)),  # mature
        (0, day(100), None),  # mature; when it was known is not said
        (None, day(300), None),  # judges nobody
        (1, None, day(10)),
        (1, day(731), day(400)),  # on the last day the model learned from
        (1, day(-1), None),
        (1, day(300), day(-1)),
        (0, day(59), day(58)),
    )
    rows, told = mature(table, NOW, learned_until=LEARNED, lag_days=60)
    assert rows["address"].to_list() == ["a0", "a1"]
    assert rows.columns == table.columns
    assert (told.n_labels, told.n_mature) == (7, 2)
    assert (told.n_undated, told.n_learned_from, told.n_not_yet, told.n_immature) == (1, 1, 2, 1)
    assert (told.lag_days, told.lag_from) == (60, "given")


def test_a_label_is_mature_on_the_day_it_reaches_the_lag():
    table = labels((1, day(60), None), (1, day(59.99), None))
    rows, _ = mature(table, NOW, learned_until=LEARNED, lag_days=60)
    assert rows["address"].to_list() == ["a0"]


def test_fast_labels_of_young_addresses_do_not_make_the_lag_look_short():
    """Waits of up to 100 days: of recent addresses only quick labels are there, yet 95 are seen."""
    random = np.random.default_rng(1)
    rows = []
    for ago in np.linspace(600, 1, 1200):
        wait = float(random.uniform(0, 100))
        if wait <= ago:
            rows.append((1, day(ago), day(ago - wait)))
    _, told = mature(labels(*rows), NOW, learned_until=LEARNED)
    assert told.lag_from == "labels"
    assert told.lag_days == pytest.approx(95, abs=4)


def test_slow_labels_that_are_still_to_come_for_the_young_count_for_the_lag():
    """Eight of a hundred take 300 days: of all that are known they are too few to be seen."""
    rows = []
    for ago in range(1, 600):
        for k in range(25):
            wait = 290 if k in (3, 17) else 10
            if wait <= ago:
                rows.append((k % 2, day(ago), day(ago - wait)))
    assert sum(row[2] - row[1] > timedelta(days=11) for row in rows) < 0.05 * len(rows)
    _, told = mature(labels(*rows), NOW, learned_until=LEARNED)
    assert told.lag_days == 290


def test_what_was_known_later_does_not_shape_the_lag():
    quick = [(0, day(400 - i), day(390 - i)) for i in range(100)]
    slow = [(1, day(400 - i), day(-30)) for i in range(100)]
    _, told = mature(labels(*quick, *slow), NOW, learned_until=LEARNED)
    assert told.lag_days == 10
    assert told.n_not_yet == 100


@pytest.mark.parametrize("n", [0, FEWEST_LAGS - 1])
def test_without_enough_labels_that_say_so_the_lag_is_unknown_and_nothing_is_mature(n):
    table = labels(*[(1, day(300), day(250))] * n, (1, day(300), None))
    rows, told = mature(table, NOW, learned_until=LEARNED)
    assert rows.height == 0
    assert (told.lag_days, told.lag_from) == (None, "unknown")
    assert told.n_immature == n + 1
    assert mature(labels(), NOW, learned_until=LEARNED)[1].n_labels == 0
