"""How often a match between a bridge deposit and a release was right, where that is known.

A chance comes from a likelihood (`features.crossings`) that rests on assumed fees and delays. On
synthetic worlds the truth is known: `python -m benchmarks.crossings` counts, of the deposits
matched with a chance between two edges, those whose release was their own. Its counts stand here,
so that whoever follows a trace over a bridge learns them. They say how well the likelihood is
calibrated on an invented world, and nothing of real bridges.

>>> proven(0.97)  # doctest: +ELLIPSIS
{'above': 0.9, 'up_to': 0.99, 'n': 404, 'right': 404, 'low': 0.9905..., 'high': 1.0}
"""

from __future__ import annotations

from models.intervals import wilson

EDGES = (0.0, 0.5, 0.9, 0.99, 1.0)
"""Chances between which matches are counted: above one edge, up to the next."""

COUNTS = ((4, 4), (96, 96), (404, 404), (382, 382))
"""Matches between the edges, and right ones: worlds of the seeds 11 to 13, 8,000 accounts each."""


def proven(chance: float) -> dict[str, float | int] | None:
    """Return how many matches of about such a chance were right; None for no chance at all."""
    for low, high, (n, right) in zip(EDGES[:-1], EDGES[1:], COUNTS, strict=True):
        if low < chance <= high:
            least, most = wilson(right, n)
            return {
                "above": low, "up_to": high, "n": n, "right": right, "low": least, "high": most,
            }  # fmt: skip
    return None
