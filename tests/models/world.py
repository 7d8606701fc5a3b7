"""A small made-up world of signals with known truth, for the tests of the models."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from data.schema import LEGS
from data.service_table import SERVICES
from data.services import Services
from features.signal import Signal
from models.facts import canonical_json
from models.fitting import fit
from models.settings import Settings
from models.status import VICTIM

START = datetime(2024, 1, 1, tzinfo=UTC)


def signal(name: str, family: str = "activity", **changed: object) -> Signal:
    made = Signal(
        name=name,
        family=family,
        meaning=f"What {name} means.",
        formula="made up",
        unit="share",
        needs="any",
        null_meaning="by chance",
        evidence="members",
        says="showed {value}",
        red_flags=(f"flag_{name}",),
        flags_when_low=(),
        risk=None,
        window=timedelta(hours=24),
        bounds=(0.0, float("inf")),
        dollars=False,
        depends_on_as_of=False,
        model_input=True,
        exposure=False,
        definition=lambda history: None,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


@dataclass(frozen=True)
class MadeUp:
    """A catalogue of made-up signals."""

    signals: Sequence[Signal]

    def hash(self) -> str:
        facts = {s.name: s.facts() for s in self.signals}
        return hashlib.sha256(canonical_json(facts)).hexdigest()


CATALOGUE = MadeUp(
    (
        signal("senders"),
        signal("receivers", risk="up"),
        signal("transfers_out", "fan_out"),
        signal("dwell", "pass_through", risk="down"),
        signal("round_share", "otc"),
        signal("noise", "otc"),
    )
)
NAMES = [s.name for s in CATALOGUE.signals]
SETTINGS = Settings(basis="usd", legs=LEGS)
NOBODY = Services(pl.DataFrame(schema=SERVICES))


def world(n: int = 1500, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a signals frame and its labels: a third positive, in cases, over 300 days."""
    random = np.random.default_rng(seed)
    label = (random.random(n) < 0.35).astype(int)
    case = random.integers(0, 120, n)
    seen = [START + timedelta(hours=float(h)) for h in np.sort(random.random(n)) * 7200]
    strength = label * 1.2
    columns = {
        "senders": 4 + random.poisson(6 + 4 * strength),
        "receivers": 4 + random.poisson(5 + 2 * strength),
        "transfers_out": 5 + random.poisson(20, n),
        "dwell": np.exp(random.normal(3 - strength, 1.0)),
        "round_share": np.round(np.clip(random.normal(0.3 + 0.15 * strength, 0.2), 0, 1), 2),
        "noise": random.normal(size=n),
    }
    for name in ("dwell", "noise"):
        columns[name] = np.where(random.random(n) < 0.1, np.nan, columns[name])
    frame = pl.DataFrame(
        {
            "chain": random.choice(["ethereum", "tron"], n),
            "address": [f"a{i:05}" for i in range(n)],
            "as_of": [moment + timedelta(days=30) for moment in seen],
            "occurs": True,
            "covered": True,
            "complete": True,
            "legs": ",".join(LEGS),
            "n_unvalued": 0,
            "n_transfers": 30,
            "first_seen": seen,
            "last_seen": [moment + timedelta(days=20) for moment in seen],
            # Read by the rule on victims only; here they never speak for one.
            **{bound.signal: bound.least - 1 for bound in VICTIM},
            **{k: pl.Series(v, dtype=pl.Float64).fill_nan(None) for k, v in columns.items()},
        }
    )
    labels = pl.DataFrame(
        {
            "address": frame["address"],
            "label": label,
            # A third of the positives stand in cases, each within a few days.
            "case_id": [
                f"case {i // 12}" if positive and c < 40 else None
                for i, (positive, c) in enumerate(zip(label, case, strict=True))
            ],
            "population": np.where(label == 1, "mule", np.where(case % 2, "shop", "trader")),
        }
    )
    return frame, labels


def fitted(n: int = 1500, seed: int = 1, **settings: object):
    frame, labels = world(n, seed)
    return fit(frame, labels, replace(SETTINGS, **settings), catalogue=CATALOGUE)  # type: ignore[arg-type]
