"""Signals computed again where the future is another one: the audit's test for looking ahead.

A few labelled rows, late ones among those of the middle, are measured on their own neighbourhood of
transfers three times: with nothing after their cuts, with a made-up future (every later transfer
stands there twice, the second time the other way round and three times as large), and with a
registry that later names everybody they dealt with. Nothing of it may move a signal by a bit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from data.schema import TRANSFERS
from data.service_table import SERVICES
from data.services import Services
from data.transfers import Transfers
from features.building import build_histories
from features.catalogue import catalogue
from features.computing import compute_signals
from features.signal import Family
from models.leakage import Replay

SAMPLE = 60
"""Rows that are measured again."""

MOST_TRANSFERS = 500_000
"""Partners of the sample with the most transfers are left out until no more are read than this."""

_KEY = ["chain", "address"]
_AS_KNOWN = "as_known"


@dataclass(frozen=True)
class Measuring:
    """How the signals of the labels were computed."""

    basis: str
    legs: Sequence[str]
    names: Sequence[str]
    services: Services


def replay(labels: pl.DataFrame, transfers: Transfers, how: Measuring) -> Replay:
    """Measure a sample of labelled rows with and without a made-up future.

    Parameters
    ----------
    labels
        ``chain``, ``address``, ``label`` and ``as_of``; the rows numbered are those of it.
    transfers
        Where they are.
    how
        As the labels were measured.
    """
    sample = _sample(labels)
    wanted = [f for f in catalogue().families if {s.name for s in f.signals} & set(how.names)]
    if sample.is_empty() or not wanted:
        return Replay(sample["row"], sample, {})
    own = [f for f in wanted if not _looks_further(f)]
    further = [f for f in wanted if _looks_further(f)]
    rounds = [
        _round(sample, transfers, families, how, beyond=beyond)
        for families, beyond in ((own, False), (further, True))
        if families
    ]
    told = {name: _beside([done[name] for done in rounds]) for name in rounds[0]}
    as_known = told.pop(_AS_KNOWN)
    if not any(signal.exposure for family in wanted for signal in family.signals):
        del told["registry_after_cut"]
    return Replay(sample["row"], as_known, told)


def _looks_further(family: Family) -> bool:
    return family.reads_neighbours or family.scope == "graph"


def _round(
    sample: pl.DataFrame,
    transfers: Transfers,
    families: Sequence[Family],
    how: Measuring,
    *,
    beyond: bool,
) -> dict[str, pl.DataFrame]:
    """Measure some families three times.

    What lies after its own cut is the future of an address; but in what lies after it others may
    have their past, so that those who look beyond a history have one future, after all cuts.
    """
    near = _near(transfers, sample, beyond=beyond)
    future = near["block_time"] >= sample["as_of"].max() if beyond else _is_future(near, sample)
    past = near.filter(~future)
    worlds = {
        _AS_KNOWN: (past, how.services),
        "future_sensitive": (_with_other_future(near, future), how.services),
        "registry_after_cut": (past, _found_out_later(how, past, sample)),
    }
    found = {}
    with tempfile.TemporaryDirectory(prefix="unrinse-replay-") as folder:
        file = Path(folder) / "transfers.parquet"
        other = replace(transfers, files=(file,), trusted=False, recorded={})
        for name, (table, services) in worlds.items():
            table.write_parquet(file)
            found[name] = _measured(other, sample, families, replace(how, services=services))
    return found


def _beside(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Put the signals of several rounds beside each other; their keys are the same."""
    first, *others = frames
    return pl.concat(
        [first, *(frame.drop(first.columns, strict=False) for frame in others)], how="horizontal"
    )


def _sample(labels: pl.DataFrame) -> pl.DataFrame:
    """Choose the rows whose cuts lie at, or nearest before, the middle of all cuts."""
    judged = labels.select(*_KEY, "label", "as_of").with_row_index("row").drop_nulls("label")
    middle = judged["as_of"].quantile(0.5, interpolation="lower") if judged.height else None
    return (
        judged.filter(pl.col("as_of") <= pl.lit(middle))
        .sort("as_of", "address", "chain", descending=[True, False, False])
        .head(SAMPLE)
    )


def _near(transfers: Transfers, sample: pl.DataFrame, *, beyond: bool) -> pl.DataFrame:
    """Return the transfers of the sample and, where signals look further, of its partners."""
    everything = transfers.scan().select(column for column in TRANSFERS)
    own = _touching(everything, sample.select(_KEY)).collect(engine="streaming")
    if not beyond:
        return own
    sides = [own.select("chain", address=side) for side in ("sender", "receiver")]
    partners = pl.concat(sides).unique().join(sample, on=_KEY, how="anti")
    counts = [
        everything.select("chain", address=side).join(partners.lazy(), on=_KEY, how="semi")
        for side in ("sender", "receiver")
    ]
    counted = pl.concat(counts).group_by(_KEY).len().collect(engine="streaming")
    kept = counted.sort("len", *_KEY).filter(pl.col("len").cum_sum() <= MOST_TRANSFERS)
    known = pl.concat([sample.select(_KEY), kept.select(_KEY)]).unique()
    return _touching(everything, known).collect(engine="streaming")


def _touching(everything: pl.LazyFrame, addresses: pl.DataFrame) -> pl.LazyFrame:
    known = addresses.lazy().unique().with_columns(_known=pl.lit(True))
    marked = everything
    for side in ("sender", "receiver"):
        marked = marked.join(
            known.rename({"address": side, "_known": f"_{side}"}), on=["chain", side], how="left"
        )
    found = marked.filter(pl.col("_sender").is_not_null() | pl.col("_receiver").is_not_null())
    return found.drop("_sender", "_receiver")


def _is_future(table: pl.DataFrame, sample: pl.DataFrame) -> pl.Series:
    """Mark transfers after the latest cut of the sampled addresses they touch.

    A transfer between two of them stays where it lies before either's cut.
    """
    cuts = sample.group_by(_KEY).agg(pl.col("as_of").max())
    at = table.select("chain", "sender", "receiver", "block_time")
    for side in ("sender", "receiver"):
        own = cuts.rename({"address": side, "as_of": f"_{side}"})
        at = at.join(own, on=["chain", side], how="left", maintain_order="left")
    latest = pl.max_horizontal("_sender", "_receiver")
    return at.select(future=pl.col("block_time") >= latest).to_series()


def _with_other_future(table: pl.DataFrame, future: pl.Series) -> pl.DataFrame:
    turned = table.filter(future).with_columns(
        sender="receiver",
        receiver="sender",
        tx_id=pl.concat_str(pl.col("tx_id"), pl.lit("#")),
        amount_raw=pl.concat_str(pl.col("amount_raw"), pl.lit("3")),
        usd_micros=pl.col("usd_micros") * 3,
    )
    return pl.concat([table, turned])


def _found_out_later(how: Measuring, past: pl.DataFrame, sample: pl.DataFrame) -> Services:
    """Return the registry with everybody in sight listed as a mixer on the day of the last cut."""
    parties = pl.concat([past.select("chain", address=s) for s in ("sender", "receiver")]).unique()
    day = sample["as_of"].dt.date().max()
    listed = parties.join(how.services.table, on=_KEY, how="anti").with_columns(
        name=pl.lit("made up"),
        category=pl.lit("mixer"),
        licit=pl.lit(False),
        source=pl.lit("made up"),
        date=pl.lit(str(day)),
        confidence=pl.lit("unknown"),
        verified=pl.lit(False),
        origin=pl.lit("user"),
    )
    rows = listed.select(pl.col(name).cast(kind) for name, kind in SERVICES.items())
    return Services(pl.concat([how.services.table, rows]).sort(_KEY, maintain_order=True))


def _measured(
    transfers: Transfers, sample: pl.DataFrame, families: Sequence[Family], how: Measuring
) -> pl.DataFrame:
    histories = build_histories(
        transfers,
        sample.select(*_KEY, "as_of"),
        as_of=sample["as_of"].max(),  # type: ignore[arg-type]  # a sample is never empty
        basis=how.basis,
        legs=how.legs,
        services=how.services,
        neighbours=any(family.reads_neighbours for family in families),
        network=any(family.scope == "graph" for family in families),
    )
    return compute_signals(histories, families, threads=1)
