"""Scores: a bundle applied to a signals frame, one row out for every row in, in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import polars as pl

from data.services import Services
from models.bands import LOWEST, bands
from models.bundle import Bundle
from models.material import matrix
from models.metrics import logistic
from models.ranking import KEY, Ranking
from models.roles.names import VICTIM
from models.status import SCORED, Requirements, statuses

SCORES = (
    "chain",
    "address",
    "as_of",
    "status",
    "score",
    "score_low",
    "score_high",
    "base_rate",
    "log_odds",
    "band",
    "rank",
    "n_transfers",
    "first_seen",
    "last_seen",
    "list_hits",
    "top_reasons",
    "decision_use",
    "bundle_sha256",
    "role",
    "role_confidence",
)
"""The columns of a scores file.

`score` is the probability at the bundle's `base_rate`, `score_low` and `score_high` its 95 %
interval by resampled calibrations (`Calibration.interval`; null where validation was too small for
one), `log_odds` the score as its explanation adds up to, `rank` 1 for the highest of this file
(equal scores by chain and address). All of these are null unless `status` is ``scored``. `band` is
null too where the bundle has no `medium` threshold and nothing lists the address. `list_hits` and
`top_reasons` are texts, null where there are none. `role` is ``victim`` for a possible one; for an
address with a band above the lowest its part in a laundering scheme where that is clear, else
``not_clear``; else null. `role_confidence` is the chance of it among the alternatives, where no
part is clear of the likeliest (`models.roles.Settled`).
"""

SCORE_BYTES, NAMED_SCORE_BYTES, REASON_BYTES = 40, 160, 1500
"""What a row takes in memory, about, until all are ranked; what one does of rows in any order,
whose names may have to be compared; and what one does whose reasons are told, with its signals."""

_OF_SCORED = ("score", "score_low", "score_high", "base_rate", "log_odds", "band")


def score_frame(
    bundle: Bundle,
    signals: pl.DataFrame,
    services: Services,
    *,
    reasons: int = 0,
    threads: int = 1,
) -> pl.DataFrame:
    """Score the addresses of a signals frame.

    Parameters
    ----------
    bundle
        A verified model. Whether it may be used on these transfers is `Bundle.check_use`'s matter.
    signals
        A signals frame computed on the bundle's value basis and legs.
    services
        Licit services are not scored; a listed address is never below review.
    reasons
        Fill `top_reasons` for that many of the highest ranks (telling them costs far more than
        scoring).
    threads
        Changes the time it takes, never a bit of the result.

    Returns
    -------
    polars.DataFrame
        The columns `SCORES`, one row per row of `signals`, in its order.
    """
    scores = RunningScores(bundle, services, reasons=reasons, threads=threads)
    scored, highest = scores.scored(signals)
    scores.take(scored, highest)
    [whole] = scores.finished(lambda: (scored,))
    return whole


class RunningScores:
    """Scores of a signals frame that comes in parts; the result does not depend on the parts.

    Only ranks and reasons need all rows: ranks their log odds, reasons the signals of the highest
    so far. Whoever goes through the parts keeps the rows themselves, and brings them again at the
    end. Parameters as in `score_frame`.
    """

    def __init__(
        self, bundle: Bundle, services: Services, *, reasons: int = 0, threads: int = 1
    ) -> None:
        self._bundle, self._services = bundle, services
        self._reasons, self._threads = reasons, threads
        self._ranking, self._rows = Ranking(), 0
        self._highest: pl.DataFrame | None = None

    def scored(self, signals: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Score some rows; return what `take` needs of them, which may be kept until then."""
        scored = _unranked(self._bundle, signals, self._services, self._threads)
        numbered = signals.with_columns(scored["log_odds"].alias(_ODDS)).with_row_index(_ROW)
        return scored, self._highest_of(numbered)

    def take(self, scored: pl.DataFrame, highest: pl.DataFrame) -> None:
        """Look at further rows that have been `scored`."""
        self._ranking.add(scored)
        highest = highest.with_columns(pl.col(_ROW) + self._rows)
        if self._highest is not None:
            highest = self._highest_of(pl.concat([self._highest, highest]))
        self._highest = highest
        self._rows += scored.height

    def finished(self, again: Callable[[], Iterable[pl.DataFrame]]) -> Iterator[pl.DataFrame]:
        """Yield the rows as `score_frame` does, part after part.

        Parameters
        ----------
        again
            Yields all that was `scored`, in the order in which it was taken; may be called twice.
        """
        ranks, texts, first = self._ranking.ranks(again), self._top_reasons(), 0
        for part in again():
            end = first + part.height
            rank = pl.Series("rank", ranks[first:end]).replace(0, None)
            told = pl.Series([texts.get(row) for row in range(first, end)], dtype=pl.String())
            yield part.with_columns(rank, top_reasons=told).select(SCORES)
            first = end

    def _highest_of(self, some: pl.DataFrame) -> pl.DataFrame:
        if not self._reasons:
            return some.clear()
        return _in_order(some.filter(pl.col(_ODDS).is_not_null()), _ODDS).head(self._reasons)

    def _top_reasons(self) -> dict[int, str]:
        """Return a short text of the reasons of the highest ranks, by row."""
        from models.reason_texts import told_texts

        if self._highest is None or not self._reasons:
            return {}
        signals = self._highest.drop(_ROW, _ODDS)
        told = told_texts(self._bundle, signals, threads=self._threads)
        return dict(zip(self._highest[_ROW].to_list(), told, strict=True))


_ROW, _ODDS = "_row", "_log_odds"


def _unranked(
    bundle: Bundle, signals: pl.DataFrame, services: Services, threads: int
) -> pl.DataFrame:
    """Return all of `SCORES` that needs no other rows."""
    facts = bundle.facts
    requirements = Requirements(facts.legs, facts.min_transfers)
    status = statuses(signals, requirements, services, victims_by_rule=bundle.roles is None)
    scored = (status == SCORED).to_numpy()
    inputs = matrix(signals.filter(pl.Series(scored)), facts.signals)
    log_odds = bundle.log_odds(inputs, threads=threads)
    low, high = facts.calibration.interval(log_odds)
    hits = list_hits(signals, services)
    listed = hits.is_not_null().to_numpy()[scored]
    band = _with_lists(bands(log_odds, facts.thresholds), listed)
    frame = signals.select("chain", "address", "as_of", "n_transfers", "first_seen", "last_seen")
    frame = frame.with_columns(
        status,
        hits,
        _spread("score", logistic(log_odds).tolist(), scored, pl.Float64()),
        _spread("score_low", _known(logistic(low)), scored, pl.Float64()),
        _spread("score_high", _known(logistic(high)), scored, pl.Float64()),
        _spread("base_rate", [facts.calibration.base_rate] * len(inputs), scored, pl.Float64()),
        _spread("log_odds", log_odds.tolist(), scored, pl.Float64()),
        _spread("band", band, scored),
        decision_use=pl.lit(facts.decision_use),
        bundle_sha256=pl.lit(bundle.sha256),
    )
    return _with_roles(frame, bundle, inputs, scored, threads)


def _with_roles(
    frame: pl.DataFrame, bundle: Bundle, inputs: np.ndarray, scored: np.ndarray, threads: int
) -> pl.DataFrame:
    """Settle who is a possible victim, takes his score and band away, and name the others' roles.

    An address on a list is presented by the list, whatever it looks like: it is never a victim by
    its looks.
    """
    if bundle.roles is None:
        found = pl.when(pl.col("status") == "possible_victim").then(pl.lit(VICTIM))
        return frame.with_columns(role=found, role_confidence=pl.lit(None, pl.Float64))
    suspect = (frame["band"].is_not_null() & (frame["band"] != LOWEST)).to_numpy()[scored]
    settled = bundle.roles.settle(inputs, suspect, threads)
    confidence = [None if np.isnan(c) else c for c in settled.confidence.tolist()]
    listed = frame["list_hits"].is_not_null()
    frame = frame.with_columns(
        _spread("role", settled.role, scored),
        _spread("role_confidence", confidence, scored, pl.Float64()),
        _victim=pl.Series(_mask(settled.possible_victim, scored)) & ~listed,
    )
    victim = pl.col("_victim")
    of_listed = ~victim & (pl.col("role") == VICTIM)
    kept = [pl.when(~victim).then(name).alias(name) for name in _OF_SCORED]
    named = [pl.when(~of_listed).then(name).alias(name) for name in ("role", "role_confidence")]
    status = pl.when(victim).then(pl.lit("possible_victim")).otherwise("status").alias("status")
    return frame.with_columns(status, *kept, *named).drop("_victim")


def _mask(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    spread = np.zeros(len(at), dtype=bool)
    spread[at] = values
    return spread


def list_hits(frame: pl.DataFrame, services: Services) -> pl.Series:
    """Return, per address, the lists it stands on as text, null for none; named ``list_hits``.

    Each hit reads ``name (category, date, confidence)``; several are joined with ``; ``.
    """
    hit = pl.format(
        "{} ({}, {}, {})",
        pl.coalesce("name", pl.lit("unnamed")),
        "category",
        pl.coalesce("date", pl.lit("undated")),
        "confidence",
    )
    texts = (
        services.listed.with_columns(_hit=hit)
        .sort("_hit")
        .group_by("chain", "address")
        .agg(pl.col("_hit").str.join("; ").alias("list_hits"))
    )
    joined = frame.select("chain", "address").join(
        texts, on=["chain", "address"], how="left", maintain_order="left"
    )
    return joined["list_hits"]


def _with_lists(named: list[str | None], listed: np.ndarray) -> list[str | None]:
    """Raise listed addresses to `medium` where they would be lower, or have no band."""
    return [
        "medium" if hit and band in (LOWEST, None) else band
        for band, hit in zip(named, listed, strict=True)
    ]


def _known(values: np.ndarray) -> list[float | None]:
    """Return numbers, None for NaN."""
    return [None if np.isnan(value) else value for value in values.tolist()]


def _spread(
    name: str,
    values: Sequence[float | str | None],
    at: np.ndarray,
    kind: pl.DataType | None = None,
) -> pl.Series:
    """Put values into the rows marked `at`, null elsewhere."""
    given = iter(values)
    spread = [next(given) if here else None for here in at.tolist()]
    return pl.Series(name, spread, dtype=kind or pl.String())


def _in_order(rows: pl.DataFrame, log_odds: str) -> pl.DataFrame:
    """Sort rows from the highest; of one address asked for twice, the first comes first."""
    falling = [True, *(False for _ in KEY)]
    return rows.sort(log_odds, *KEY, descending=falling, maintain_order=True)
