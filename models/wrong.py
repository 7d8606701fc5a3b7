"""The most wrong cases: whom the model accuses hardest though innocent, and whom it misses.

A figure says how often a model is wrong; a case says how. Each is told with the model's own
reasons, which often show that the label is what is wrong. Addresses are pseudonyms unless somebody
asks for them: an evaluation is read by more people than may know whom it is about. A pseudonym is
the same in every evaluation of one bundle, so that two people can speak of a case.
"""

from __future__ import annotations

import hashlib
from typing import Any

import polars as pl

from models.bands import bands
from models.bundle import Bundle
from models.explanation import explain_rows, reasons_text
from models.status import SCORED

MOST = 5
FALSE_ALARM, MISSED = "false alarm", "missed"
_DIGITS = 12


def most_wrong(
    bundle: Bundle, rows: pl.DataFrame, *, named: bool = False, threads: int = 1
) -> list[dict[str, Any]]:
    """Return the most wrong rows of each split that the model has not seen.

    Parameters
    ----------
    bundle
        The model.
    rows
        ``part``, ``label``, ``status``, ``log_odds``, ``chain``, ``address`` and the signals.
    named
        Show addresses instead of pseudonyms.

    Returns
    -------
    list of dict
        ``split``, ``kind`` (`FALSE_ALARM`, a negative with a high score, or `MISSED`, a positive
        with a low one), ``case`` (pseudonym or address), ``chain``, ``n_transfers``, ``log_odds``,
        ``score`` with ``score_low`` and ``score_high``, ``band``, ``reasons`` (in words, or that
        there are none) and ``against`` (names of the signals that lowered the score most). The
        worst first, `MOST` of each kind.
    """
    scored = rows.filter(pl.col("status") == SCORED, pl.col("part") != "train")
    chosen = []
    for part in scored["part"].unique().sort():
        of = scored.filter(pl.col("part") == part)
        for kind, label, worst_high in ((FALSE_ALARM, 0, True), (MISSED, 1, False)):
            worst = of.filter(pl.col("label") == label).sort(
                "log_odds", "chain", "address", descending=[worst_high, False, False]
            )
            chosen.append(worst.head(MOST).with_columns(_kind=pl.lit(kind)))
    if not chosen:
        return []
    picked = pl.concat(chosen)
    given = bands(picked["log_odds"].to_numpy(), bundle.facts.thresholds)
    told = zip(
        picked.iter_rows(named=True), explain_rows(bundle, picked, threads=threads), given,
        strict=True,
    )  # fmt: skip
    return [
        {
            "split": row["part"],
            "kind": row["_kind"],
            "case": row["address"] if named else pseudonym(bundle, row["chain"], row["address"]),
            "chain": row["chain"],
            "n_transfers": row["n_transfers"],
            "log_odds": explained.log_odds,
            **bundle.facts.calibration.chance(explained.log_odds),
            "band": band,
            "reasons": reasons_text(explained),
            "against": [part.signal for part in explained.against[:3]],
        }
        for row, explained, band in told
    ]


def pseudonym(bundle: Bundle, chain: str, address: str) -> str:
    """Return what an address is called in evaluations of a bundle."""
    text = f"{bundle.sha256}|{chain}|{address}"
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
