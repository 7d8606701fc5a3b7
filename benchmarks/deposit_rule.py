"""The rule on exchanges' deposit addresses against the truth of worlds: whom it takes for one.

    python -m benchmarks.deposit_rule --seeds 31 32 33 --addresses 15000 --prevalence 0.1

The rule (`models.deposit_address`) is asked in two places. An **alert** asks it of the explained
address, of the transfers before its own moment and by the list as it stood then. A **trace**, and
an alert of its counterparties, asks it of everybody who occurs, of all transfers and by the whole
list. No list has a world's deposit addresses. It has every hot wallet of its exchanges, which no
real one does: so the rule is asked with half of them too, drawn by lot. A world dates its list on
its last day, before which no alert may know it; here it is known from the first.

Who is no account of a world is nobody there, in truth neither one nor none: such addresses are
counted apart. Intervals are 95 % Wilson intervals, every address of a world counted once.
`models.deposit_address` keeps the first row, for alerts to tell.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.across_seeds import services_of
from benchmarks.worlds import asked_for
from data.services import Services
from data.transfers import open_transfers
from features.catalogue import catalogue
from models.deposit_address import looks_like_deposit_address
from models.markdown import counted_share
from models.tracing.limits import End
from models.tracing.parties import ENDS
from models.tracing.tracing import Tracer
from pipelines.engines import local
from pipelines.inputs import read_requests

KEY = ["chain", "address"]
LISTS = {"every hot wallet": 1.0, "half of the hot wallets": 0.5}
SENT = ((1, 4), (5, 9), (10, None))
"""Transfers sent, from the first number up to the second: what a rule may rest on."""

_ALERT, _TRACE = "an alert", "a trace"
_POPULATION = "exchange_deposit"
_BESIDE = ("supplied", "fed")


def main() -> None:
    """Make the worlds, ask the rule, and print Markdown tables."""
    with asked_for(__doc__, seeds=[31, 32, 33], addresses=15_000, prevalence=0.1) as worlds:
        print(report(pl.concat([answered(world) for world in worlds])))


def answered(world: Path) -> pl.DataFrame:
    """Ask the rule of a world in both places, by each list.

    Returns
    -------
    polars.DataFrame
        A row per address, place and list: ``place``, ``list``, ``population`` (null: no account of
        the world), ``sent`` (transfers that it had sent by then, null where nothing shows them),
        ``called`` (whether the rule takes it for a deposit address). Of traces also ``supplied``
        (whether its own payments were) and ``fed`` (whether most transfers to it came from hot
        wallets). Of those who are no accounts only the called ones.
    """
    who = pl.read_parquet(world / "truth.parquet").select(*KEY, "population")
    whole, rows = services_of(world, from_start=True), []
    for name, kept in LISTS.items():
        known = some_of(whole, kept)
        for place, found in ((_ALERT, by_alerts(world, known)), (_TRACE, by_traces(world, known))):
            both = who.join(found, on=KEY, how="full", coalesce=True)
            both = both.with_columns(pl.col("called").fill_null(False))
            both = both.filter(pl.col("population").is_not_null() | pl.col("called"))
            rows.append(
                both.select(
                    pl.lit(place).alias("place"),
                    pl.lit(name).alias("list"),
                    "population",
                    pl.col("sent").cast(pl.Int64),
                    "called",
                    *(name for name in _BESIDE if name in both.columns),
                )
            )
    return pl.concat(rows, how="diagonal")


def some_of(services: Services, share: float) -> Services:
    """Return services with a share of the hot wallets of exchanges, drawn by lot."""
    hot = services.table.filter(category="exchange_hot")
    left_out = hot.sample(hot.height - round(share * hot.height), seed=1).select(KEY)
    return replace(services, table=services.table.join(left_out, on=KEY, how="anti"))


def by_alerts(world: Path, known: Services) -> pl.DataFrame:
    """Ask of each account at its own moment, as an alert does.

    Returns
    -------
    polars.DataFrame
        `KEY`, ``called``, ``sent``.
    """
    transfers = open_transfers(world)
    assert transfers.as_of is not None
    asked = read_requests(world / "addresses.csv", transfers).requests
    needed = {"exchange_out_share", "receivers"}
    families = [f for f in catalogue().families if needed & {signal.name for signal in f.signals}]
    signals = local.measure(
        transfers, asked, as_of=transfers.as_of, basis="usd", services=known, families=families
    ).signals
    return signals.select(*KEY, called=looks_like_deposit_address(), sent="transfers_out")


def by_traces(world: Path, known: Services) -> pl.DataFrame:
    """Ask of everybody who occurs up to the end, as a trace does; columns as in `answered`."""
    transfers = open_transfers(world)
    assert transfers.as_of is not None
    tracer = Tracer(transfers, known, before=transfers.as_of)
    parties, sender, receiver = tracer.parties, tracer.events.sender, tracer.events.receiver
    nodes, hot = parties.addresses.height, parties.ends == ENDS.index(End.EXCHANGE_HOT)
    got = np.bincount(receiver, minlength=nodes)
    from_hot = np.bincount(receiver[hot[sender]], minlength=nodes)
    return parties.addresses.select(KEY).with_columns(
        called=pl.Series(parties.ends == ENDS.index(End.EXCHANGE_DEPOSIT)),
        sent=pl.Series(np.bincount(sender, minlength=nodes)),
        supplied=pl.Series(parties.supplied["out", "native"] | parties.supplied["out", "token"]),
        fed=pl.Series(2 * from_hot > got),
    )


def report(rows: pl.DataFrame) -> str:
    """Return the Markdown."""
    return "\n\n".join([_by_place(rows), _by_transfers(rows), _false_ones(rows), _beside(rows)])


def counted(rows: pl.DataFrame) -> tuple[int, int, int, int]:
    """Count accounts called one, of them right, deposit addresses that had sent, of them found."""
    one = pl.col("population") == _POPULATION
    called = rows.filter("called", pl.col("population").is_not_null())
    could = rows.filter(one, pl.col("sent") > 0)
    return called.height, called.filter(one).height, could.height, int(could["called"].sum())


def _by_place(rows: pl.DataFrame) -> str:
    lines = [
        "| asked by | exchanges listed | called one | are one | share right | deposit addresses "
        "that had sent | found | share found | called, but nobody in the world |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for place in (_ALERT, _TRACE):
        for name in LISTS:
            asked = rows.filter(place=place, list=name)
            nobody = asked.filter("called", pl.col("population").is_null()).height
            lines.append(f"| {place} | {name} | {_cells(asked)} | {nobody:,} |")
    return "\n".join(lines)


def _by_transfers(rows: pl.DataFrame) -> str:
    """Return what alerts say by how many transfers they can rest on."""
    lines = [
        "| had sent | called one | are one | share right | deposit addresses | found "
        "| share found |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    asked = rows.filter(place=_ALERT, list=next(iter(LISTS)))
    for least, most in SENT:
        inside = pl.col("sent") >= least
        inside &= pl.lit(True) if most is None else pl.col("sent") <= most
        name = f"{least} or more" if most is None else f"{least} to {most}"
        lines.append(f"| {name} | {_cells(asked.filter(inside))} |")
    return "\n".join(lines)


def _false_ones(rows: pl.DataFrame) -> str:
    """Return who was called one and is none, of how many of that population."""
    lines = ["| called one, but is | asked by | exchanges listed | called | of |"]
    lines.append("|---|---|---|---:|---:|")
    others = rows.filter(pl.col("population").is_not_null(), pl.col("population") != _POPULATION)
    per = others.group_by("population", "place", "list", maintain_order=True).agg(
        pl.col("called").sum(), of=pl.len()
    )
    told = per.filter(pl.col("called") > 0).sort("population", maintain_order=True)
    for population, place, name, called, of in told.iter_rows():
        lines.append(f"| `{population}` | {place} | {name} | {called:,} | {of:,} |")
    return "\n".join(lines)


def _beside(rows: pl.DataFrame) -> str:
    """Say what else is seen of those whom a trace calls one."""
    called = rows.filter("called", place=_TRACE, list=next(iter(LISTS)))
    nobody = called.filter(pl.col("population").is_null())
    one = called.filter(population=_POPULATION)
    others = called.filter(pl.col("population") != _POPULATION)
    return (
        f"Of {nobody.height:,} called by a trace that are nobody, the exports show what "
        f"{nobody['supplied'].sum():,} paid. Hot wallets made most transfers to "
        f"{one['fed'].sum():,} of {one.height:,} deposit addresses so called, and to "
        f"{others['fed'].sum():,} of {others.height:,} other accounts."
    )


def _cells(rows: pl.DataFrame) -> str:
    called, right, could, found = counted(rows)
    return (
        f"{called:,} | {right:,} | {counted_share(right, called, digits=1)} "
        f"| {could:,} | {found:,} | {counted_share(found, could, digits=1)}"
    )


if __name__ == "__main__":
    main()
