"""The training rows as trees take them: in one order, weighted, with their place in time."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from features.signal import Signal

ROW_KEY = ("chain", "address", "as_of")


@dataclass(frozen=True)
class Material:
    """Labelled rows, sorted by their key.

    Attributes
    ----------
    keys : polars.DataFrame
        `ROW_KEY`, with ``group`` and ``moment`` (where the row's group stands in time).
    inputs : numpy.ndarray
        float64, a column per signal, NaN for null.
    label, weight : numpy.ndarray
        float64 per row; a row counts weight / selection_probability.
    signals : tuple of Signal
        The inputs, in order.
    certain : numpy.ndarray
        bool per row: somebody judged it. Others teach (`models.unlabelled`), and decide nothing.
    """

    keys: pl.DataFrame
    inputs: np.ndarray
    label: np.ndarray
    weight: np.ndarray
    signals: tuple[Signal, ...]
    certain: np.ndarray

    @property
    def names(self) -> list[str]:
        """Names of the inputs."""
        return [signal.name for signal in self.signals]

    def take(self, chosen: np.ndarray) -> Material:
        """Return some of the rows, by a mask."""
        return replace(
            self,
            keys=self.keys.filter(chosen),
            inputs=self.inputs[chosen],
            label=self.label[chosen],
            weight=self.weight[chosen],
            certain=self.certain[chosen],
        )

    def without(self, names: Collection[str]) -> Material:
        """Return the same rows without some of the inputs."""
        kept = [k for k, signal in enumerate(self.signals) if signal.name not in names]
        return replace(
            self,
            inputs=np.ascontiguousarray(self.inputs[:, kept]),
            signals=tuple(self.signals[k] for k in kept),
        )

    def place_in_time(self) -> np.ndarray:
        """Return which share of the rows stands before the middle of each row's group.

        Groups stand in order of their earliest moment, those without one first; a group keeps
        together.
        """
        ordered = (
            self.keys.group_by("group")
            .agg(pl.col("moment").min(), n=pl.len())
            .sort("moment", "group", nulls_last=False)
            .with_columns(place=(pl.col("n").cum_sum() - pl.col("n") / 2) / pl.col("n").sum())
        )
        placed = self.keys.join(ordered.select("group", "place"), on="group", maintain_order="left")
        return placed["place"].to_numpy()

    def fingerprint(self) -> str:
        """Return a SHA-256 over keys, inputs, labels and weights."""
        digest = hashlib.sha256()
        for row in self.keys.select(pl.col(ROW_KEY).cast(pl.String)).iter_rows():
            digest.update(repr(row).encode())
        for values in (self.inputs, self.label, self.weight):
            digest.update(np.where(np.isnan(values), np.nan, values).tobytes())
        return digest.hexdigest()


def material(frame: pl.DataFrame, labels: pl.DataFrame, signals: Sequence[Signal]) -> Material:
    """Put labelled rows in the one order.

    Parameters
    ----------
    frame
        `ROW_KEY` and one column per signal.
    labels
        Beside `frame`, row by row: `label` (1, 0; null is left out) and where known `group`,
        `moment`, `weight`, `selection_probability`.
    signals
        The inputs, in order.
    """
    known = labels.select(
        label=pl.col("label").cast(pl.Int8),
        group=pl.col("group") if "group" in labels.columns else frame["address"],
        moment=pl.col("moment") if "moment" in labels.columns else frame["as_of"],
        _weight=_weight(labels),
    )
    beside = frame.drop([name for name in known.columns if name in frame.columns])
    rows = (
        pl.concat([beside, known], how="horizontal")
        .filter(pl.col("label").is_not_null())
        .sort(*ROW_KEY, "label")
    )
    return Material(
        keys=rows.select(*ROW_KEY, "group", "moment"),
        inputs=matrix(rows, [signal.name for signal in signals]),
        label=rows["label"].to_numpy().astype(np.float64),
        weight=rows["_weight"].to_numpy(),
        signals=tuple(signals),
        certain=np.ones(rows.height, dtype=bool),
    )


def matrix(frame: pl.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Return signals as a row-major float64 matrix with NaN for null, as the model reads them.

    Raises
    ------
    ValueError
        A signal is not a column of the frame; the message names it.
    """
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ValueError(f"The signals frame lacks the columns {missing}.")
    columns = [frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in names]
    return np.ascontiguousarray(np.stack(columns, axis=1)) if columns else np.empty((0, 0))


def row_weights(labels: pl.DataFrame) -> np.ndarray:
    """Return what each labelled row counts: weight / selection_probability, 1 where unknown."""
    return labels.select(_w=_weight(labels))["_w"].to_numpy()


def _weight(labels: pl.DataFrame) -> pl.Expr:
    weight = pl.repeat(1.0, pl.len())
    if "weight" in labels.columns:
        weight = pl.col("weight").cast(pl.Float64).fill_null(1.0)
    if "selection_probability" in labels.columns:
        weight = weight / pl.col("selection_probability").cast(pl.Float64).fill_null(1.0)
    return weight
