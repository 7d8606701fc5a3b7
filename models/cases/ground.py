"""The transfers that can tie alerts, laid out once: whose they are, and what they weigh.

What is compared are shares of what an address paid or got. They are taken in dollars where a
transfer has a price, else in the asset itself, and the two are never added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from models.cases.limits import SERVICES, Limits

KEY = ("chain", "address")
CROSSINGS = {"row": pl.Int64, "other": pl.Int64, "chance": pl.Float64}
"""A matched crossing: the rows of its deposit and of its release, and the chance that they belong
together."""

USD = "usd"

PAYMENT = (
    "row",
    "chain",
    "sender",
    "receiver",
    "block_time",
    "tx_id",
    "log_index",
    "kind",
    "asset",
    "amount_raw",
    "usd_micros",
)


@dataclass(frozen=True)
class Subjects:
    """Who is looked at, each a table of ``chain`` and ``address``.

    Attributes
    ----------
    alerts
        The alerted addresses, with ``as_of``: later transfers of each are not looked at.
    services
        Listed services (`services_of`).
    victims
        Possible victims.
    supplied
        Addresses whose transfers were supplied whole, with ``legs``; None: everybody's were.
    crossings
        Deposits of alerted addresses into bridges, with what they are matched with
        (`models.cases.crossed`).
    """

    alerts: pl.DataFrame
    services: pl.DataFrame
    victims: pl.DataFrame
    supplied: pl.DataFrame | None
    crossings: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CROSSINGS))

    @property
    def latest(self) -> datetime | None:
        """The latest cut of an alert."""
        found = self.alerts["as_of"].max()
        return found if isinstance(found, datetime) else None


@dataclass(frozen=True)
class Ground:
    """What links are found on.

    Attributes
    ----------
    own
        Transfers of alerted addresses before their cuts, by row; with ``unit`` and ``value``, and
        whether each side is alerted (``from_alert``, ``to_alert``) and listed as a service.
    thirds
        Addresses that are neither alerted nor services and dealt with two alerts at least:
        ``chain``, ``address``, ``degree``.
    around
        Transfers of those thirds that are not too busy, before the latest cut; with ``unit`` and
        ``value``.
    hubs
        Alerted addresses that deal with too many to be tied: ``chain``, ``address``, ``degree``.
    """

    own: pl.DataFrame
    thirds: pl.DataFrame
    around: pl.DataFrame
    hubs: pl.DataFrame


def services_of(table: pl.DataFrame) -> pl.DataFrame:
    """Return the addresses of a services table that serve everybody."""
    return table.filter(pl.col("category").is_in(sorted(SERVICES))).select(*KEY).unique()


def lay(transfers: pl.LazyFrame, subjects: Subjects, limits: Limits) -> Ground:
    """Read what can tie the alerts.

    Parameters
    ----------
    transfers
        With the columns of `PAYMENT`, screened rows and fees left out.
    """
    alerts = subjects.alerts.group_by(*KEY).agg(pl.col("as_of").max())
    moved = transfers.select(*PAYMENT).filter(pl.col("sender") != pl.col("receiver"))
    own = _own(moved, alerts, subjects.services)
    hubs = _degrees(_both(own.filter("from_alert"), own.filter("to_alert"))).filter(
        pl.col("degree") > limits.max_degree
    )
    met = _met(own.join(hubs, left_on=["chain", "sender"], right_on=KEY, how="anti")
               .join(hubs, left_on=["chain", "receiver"], right_on=KEY, how="anti"))  # fmt: skip
    before = subjects.latest
    near = moved if before is None else moved.filter(pl.col("block_time") < before)
    degrees = _degrees_of(near, met).sort(*KEY)
    quiet = degrees.filter(pl.col("degree") <= limits.max_shared).select(*KEY)
    around = _weighed(_touching(near, quiet).collect().sort("row"))
    return Ground(own, degrees, around, hubs.sort(*KEY))


def _own(moved: pl.LazyFrame, alerts: pl.DataFrame, services: pl.DataFrame) -> pl.DataFrame:
    found = _touching(moved, alerts.select(*KEY)).collect()
    for side in ("sender", "receiver"):
        sided = {"left_on": ["chain", side], "right_on": list(KEY), "how": "left"}
        known = services.with_columns(pl.lit(True).alias(f"{side}_service"))
        found = found.join(alerts.rename({"as_of": f"{side}_cut"}), **sided)  # type: ignore[arg-type]
        found = found.join(known, **sided)  # type: ignore[arg-type]
    cuts = [pl.col(f"{side}_cut") for side in ("sender", "receiver")]
    in_time = [cut.is_null() | (pl.col("block_time") < cut) for cut in cuts]
    return _weighed(
        found.filter(*in_time)
        .with_columns(
            from_alert=cuts[0].is_not_null(),
            to_alert=cuts[1].is_not_null(),
            service=pl.col("sender_service").fill_null(False)
            | pl.col("receiver_service").fill_null(False),
        )
        .drop("sender_cut", "receiver_cut", "sender_service", "receiver_service")
        .sort("row")
    )


def _weighed(found: pl.DataFrame) -> pl.DataFrame:
    priced = pl.col("usd_micros").is_not_null()
    return found.with_columns(
        unit=pl.when(priced).then(pl.lit(USD)).otherwise("asset"),
        value=pl.when(priced).then("usd_micros").otherwise(pl.col("amount_raw").cast(pl.Float64)),
    )


def _touching(moved: pl.LazyFrame, addresses: pl.DataFrame) -> pl.LazyFrame:
    """Return the transfers from or to some addresses, each once."""
    known = addresses.lazy()
    sent = moved.join(known, left_on=["chain", "sender"], right_on=KEY, how="semi")
    got = moved.join(known, left_on=["chain", "receiver"], right_on=KEY, how="semi")
    return pl.concat([sent, got]).unique("row")


def _both(sent: pl.DataFrame, got: pl.DataFrame) -> pl.DataFrame:
    """Return who dealt with whom: ``chain``, ``address``, ``other``."""
    ways = [
        sent.select("chain", address="sender", other="receiver"),
        got.select("chain", address="receiver", other="sender"),
    ]
    return pl.concat(ways)


def _degrees(dealt: pl.DataFrame) -> pl.DataFrame:
    return dealt.group_by(*KEY).agg(pl.col("other").n_unique().cast(pl.Int64).alias("degree"))


def _met(own: pl.DataFrame) -> pl.DataFrame:
    """Return who dealt with two alerts at least, and is neither alerted nor a service."""
    plain = own.filter(~pl.col("service"), pl.col("from_alert") != pl.col("to_alert"))
    dealt = _both(plain.filter("to_alert"), plain.filter("from_alert"))
    return _degrees(dealt).filter(pl.col("degree") > 1).select(*KEY)


def _degrees_of(moved: pl.LazyFrame, addresses: pl.DataFrame) -> pl.DataFrame:
    """Count the counterparties of some addresses in all transfers, without collecting these."""
    known = addresses.lazy()
    ways: Sequence[pl.LazyFrame] = [
        moved.select("chain", address=own, other=other).join(known, on=KEY, how="semi")
        for own, other in (("sender", "receiver"), ("receiver", "sender"))
    ]
    counted = pl.concat(ways).group_by(*KEY).agg(pl.col("other").n_unique().cast(pl.Int64))
    return counted.rename({"other": "degree"}).collect()
