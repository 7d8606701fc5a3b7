"""What is asked of two windows: nothing is forgotten, and what was changed is what is named."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest

from data.schema import LEGS
from models.drift import judged
from models.drift_questions import AGE, ORDER, Model, findings
from tests.models.world import NAMES, world

THRESHOLDS = {"medium": 0.5, "high": 1.0, "severe": None}
MODEL = Model(NAMES, THRESHOLDS, LEGS)


def halves(n: int = 4000) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two windows of one made-up world, with scores that follow `senders`."""
    frame, _ = world(n)
    random = np.random.default_rng(2)
    frame = frame.with_columns(
        status=pl.when(pl.Series(random.random(n) < 0.9))
        .then(pl.lit("scored"))
        .otherwise(pl.lit("insufficient_history")),
        log_odds=pl.col("senders") / 5 - 2 + pl.Series(random.normal(size=n)),
        **{
            AGE: pl.Series(np.exp(random.normal(4, 1.5, n))),
            ORDER: pl.Series(random.permutation(n), dtype=pl.UInt64),
        },
    ).with_columns(log_odds=pl.when(pl.col("status") == "scored").then("log_odds"))
    return frame[: n // 2], frame[n // 2 :]


def alarms(current: pl.DataFrame, reference: pl.DataFrame, *, ask_age: bool = False) -> set[str]:
    told = judged(findings(current, reference, MODEL, ask_age=ask_age))
    return {f"{f.about} {f.name} {f.what}" for f in told if f.alarm}


def test_everything_is_asked_once():
    asked = Counter((f.about, f.name, f.what) for f in findings(*halves(200), MODEL, ask_age=True))
    assert max(asked.values()) == 1
    by_topic = Counter(about for about, _, _ in asked)
    chains = 2
    assert by_topic == {
        "signal": 3 * len(NAMES), "score": 4, "status": 2, "age": 2,
        "coverage": len(LEGS) + 1 + chains,
    }  # fmt: skip
    assert ("score", "severe", "share") not in asked


def test_halves_of_one_world_do_not_differ():
    assert alarms(*halves(), ask_age=True) == set()


CHANGES = {
    "signal dwell place": pl.col("dwell") * 2,
    "signal noise spread": pl.col("noise") * 2,
    "signal dwell share": pl.when(pl.col(ORDER) % 4 > 0).then("dwell").alias("dwell"),
    "score log_odds place": pl.col("log_odds") + 1,
    "status scored share": pl.when(pl.col(ORDER) % 4 > 0)
    .then("status")
    .otherwise(pl.lit("possible_victim"))
    .alias("status"),
    "coverage token_in share": pl.when(pl.col(ORDER) % 4 > 0)
    .then("legs")
    .otherwise(pl.lit("native_in,native_out"))
    .alias("legs"),
    "coverage complete share": pl.when(pl.col(ORDER) % 4 > 0)
    .then("complete")
    .otherwise(False)
    .alias("complete"),
    "coverage chain tron share": pl.when(pl.col(ORDER) % 4 > 0)
    .then("chain")
    .otherwise(pl.lit("tron"))
    .alias("chain"),
}


@pytest.mark.parametrize("named", CHANGES)
def test_what_was_changed_is_named(named):
    current, reference = halves()
    raised = alarms(current.with_columns(CHANGES[named]), reference)
    assert named in raised
    topic = named.split()[:2]
    if topic[0] == "signal":
        assert all(alarm.split()[:2] == topic for alarm in raised)


def test_a_band_is_compared_where_it_is_given_out():
    current, reference = halves()
    raised = alarms(current.with_columns(pl.col("log_odds") + 1), reference)
    assert {"score medium share", "score high share"} <= raised


def test_signals_that_grow_with_age_do_not_alarm_because_ages_differ():
    current, reference = halves(8000)
    grown = [
        window.with_columns(transfers_out=pl.col(AGE) * 3 + pl.col("transfers_out"))
        for window in (current, reference)
    ]
    young = grown[1].filter(pl.col(AGE) < pl.col(AGE).median())
    assert alarms(grown[0], young) == set()
    assert "age days place" in alarms(grown[0], young, ask_age=True)


def test_rows_without_a_score_have_no_part_in_signals():
    current, reference = halves()
    unscored = pl.col("status") != "scored"
    wild = current.with_columns(
        pl.when(unscored).then(1e9).otherwise(pl.col("dwell")).alias("dwell")
    )
    assert alarms(wild, reference) == set()


def test_windows_that_share_no_age_are_not_compared():
    current, reference = halves(400)
    asked = list(
        findings(current.with_columns(pl.lit(1e6).alias(AGE)), reference, MODEL, ask_age=False)
    )
    assert {f.compared.n for f in asked} == {0}
    assert all(f.current is None and f.reference is None for f in asked)
    assert not any(f.counted for f in judged(asked))


def test_the_order_of_rows_changes_nothing():
    current, reference = halves(1000)
    one = list(findings(current, reference, MODEL, ask_age=True))
    mixed = [w.sample(fraction=1.0, shuffle=True, seed=9) for w in (current, reference)]
    again = list(findings(mixed[0], mixed[1], MODEL, ask_age=True))
    for a, b in zip(one, again, strict=True):
        assert (a.name, a.what, a.compared.n) == (b.name, b.what, b.compared.n)
        assert a.compared.effect == pytest.approx(b.compared.effect, abs=1e-12)
