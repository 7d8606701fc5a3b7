"""A clean scene for the audit: behaviour that differs between the classes, and nothing else does.

Leaks are planted in it one at a time (`test_planted_leaks`), each by changing the tables as
somebody who gathers labels carelessly would.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
import polars as pl

from data.schema import LEGS, TIME
from features.signal import Signal
from models.leakage import Audit, Replay, Subject, Surroundings, Ties, audit
from models.splits import assign
from models.status import Requirements, with_history
from tests.models.world import signal

START = datetime(2024, 1, 1, tzinfo=UTC)

INPUTS: tuple[Signal, ...] = (
    signal("fan_out_24h", risk="up"),
    signal("dwell", "pass_through", risk="down"),
    signal("largest_out", unit="value"),
    signal("largest_in", unit="value"),
    signal("listed_exposure", "neighbourhood", exposure=True),
    *(signal(f"shape_{k}") for k in range(20)),
)
NAMES = [s.name for s in INPUTS]

PAIRS = {"row": pl.UInt32, "chain": pl.String, "other": pl.String, "partners": pl.UInt32}
NO_TIES = Ties(pl.DataFrame(schema=PAIRS), pl.DataFrame(schema=PAIRS).drop("partners"))


@dataclass(frozen=True)
class Scene:
    """Labelled rows before they are split, and what lies around them."""

    rows: pl.DataFrame
    ties: Ties = NO_TIES
    replayed: dict[str, pl.DataFrame] = field(default_factory=dict)
    basis: str = "usd"

    def with_rows(self, *changes: pl.Expr | pl.Series, **named: pl.Expr | pl.Series) -> Scene:
        """Change columns."""
        return replace(self, rows=self.rows.with_columns(*changes, **named))

    @property
    def subject(self) -> Subject:
        """The scene as an audit sees it."""
        rows = self.rows
        split = assign(rows)
        rows = rows.with_columns(
            split.part.alias("part"),
            split.group.alias("group"),
            split.moment.alias("moment"),
            with_history(rows, Requirements(LEGS, 5)),
        )
        known = self.sample
        around = Surroundings(self.ties, Replay(known["_row"], known, self.as_replayed))
        return Subject(rows.filter(pl.col("part").is_not_null()), INPUTS, self.basis, around)

    @property
    def sample(self) -> pl.DataFrame:
        """The rows that were measured again."""
        return self.rows.head(50).select("_row", *NAMES)

    @property
    def as_replayed(self) -> dict[str, pl.DataFrame]:
        """What measuring again gave: the same, unless a leak was planted."""
        same = dict.fromkeys(("future_sensitive", "registry_after_cut"), self.sample)
        return same | self.replayed

    def audit(self, *allow: str) -> Audit:
        """Audit it."""
        return audit(self.subject, allow)


def clean(n: int = 1800, seed: int = 1) -> Scene:
    """Return a scene without a leak: cut by one rule, of one time, exported alike."""
    random = np.random.default_rng(seed)
    label = (random.random(n) < 0.25).astype(np.int8)
    seen = np.sort(random.random(n)) * 300 * 86400
    span = random.lognormal(13, 0.8, n)
    cut = span * random.uniform(0.5, 1.0, n) + random.exponential(86400 * 3, n)
    count = 5 + random.poisson(30, n)
    case = [f"case {i // 9}" if positive else None for i, positive in enumerate(label)]
    size = random.lognormal(7, 2, n)
    signals = {
        "fan_out_24h": 1 + random.poisson(2 + 3 * label),
        "dwell": random.lognormal(9 - 1.2 * label, 1.2),
        "largest_out": size * random.uniform(0.3, 1, n) * (1 + 0.5 * label),
        "largest_in": size * (1 + 0.5 * label),
        "listed_exposure": np.where(random.random(n) < 0.2 + 0.1 * label, random.random(n), 0.0),
        **{f"shape_{k}": random.normal(size=n) for k in range(20)},
    }
    rows = pl.DataFrame(
        {
            "_row": np.arange(n, dtype=np.uint32),
            "chain": random.choice(["ethereum", "tron"], n),
            "address": [f"a{i:05}" for i in range(n)],
            "as_of": moment(seen + cut),
            "available_at": moment(seen + cut + random.exponential(86400 * 20, n)),
            "as_of_given": True,
            "first_seen": moment(seen),
            "last_seen": moment(seen + cut * random.uniform(0.7, 0.999, n)),
            "n_transfers": count,
            "label": label,
            "case_id": pl.Series(case, dtype=pl.String),
            "occurs": True,
            "covered": True,
            "complete": random.random(n) > 0.03,
            "legs": np.where(random.random(n) < 0.1, "native_in,native_out", ",".join(LEGS)),
            "n_unvalued": random.poisson(0.2, n),
            **{name: np.asarray(values, dtype=np.float64) for name, values in signals.items()},
        }
    )
    gaps = pl.Series(random.random(n) < 0.1)
    rows = rows.with_columns(shape_0=pl.when(~gaps).then("shape_0"))
    return Scene(rows)


def moment(seconds: np.ndarray) -> pl.Series:
    """Return moments so many seconds after the start, to the whole second."""
    begin = int(START.timestamp())
    whole = pl.Series(np.rint(seconds).astype(np.int64) + begin)
    return pl.from_epoch(whole, time_unit="s").cast(TIME)
