"""Links: what ties alerts, each with the transfers it rests on.

Each kind says of the ground which transfers of which alerts speak for it, as rows of one form; what
holds for all of them, who may stand between and how much must have moved, stands once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from data.addresses import EVM_CHAINS
from models.cases.crossed import crossed
from models.cases.ground import KEY, Ground, Subjects
from models.cases.limits import Kind, Limits, Reason
from models.cases.weighing import Totals, material, totals_of

Key = tuple[str, str]

_NEEDED = {"native": ("native_in", "native_out"), "token": ("token_in", "token_out")}
_NO_PAIR = ""


@dataclass(frozen=True)
class Link:
    """What ties some alerts.

    Attributes
    ----------
    kind
        How.
    alerts
        Who is tied, in order.
    via
        Through whom; None where the alerts deal with each other.
    rows
        The transfers that it rests on, by row.
    """

    kind: Kind
    alerts: tuple[Key, ...]
    via: Key | None = None
    rows: tuple[int, ...] = ()


@dataclass(frozen=True, order=True)
class Withheld:
    """What several alerts have in common, and ties them none the less not.

    Attributes
    ----------
    reason
        Why not.
    via
        The third address; the alert itself, where that is what deals with too many.
    alerts
        Who would be tied.
    kinds
        How, where it was looked at.
    degree
        Counterparties of `via` in the supplied transfers.
    """

    reason: Reason
    via: Key
    alerts: tuple[Key, ...]
    kinds: tuple[Kind, ...]
    degree: int


@dataclass(frozen=True)
class Found:
    """Links, and links withheld, each in order."""

    links: tuple[Link, ...]
    withheld: tuple[Withheld, ...]


def find_links(ground: Ground, subjects: Subjects, limits: Limits) -> Found:
    """Find what ties the alerts.

    The answer depends on neither the order of the transfers nor that of the alerts.
    """
    near = _without(ground.own, ground.hubs)
    quiet = near.filter(~pl.col("service"))
    totals = totals_of(ground.own)
    made = [
        *_direct(quiet, totals, limits),
        *_same_address(ground, subjects),
        *_over_bridges(near, subjects.crossings, totals, limits),
    ]
    few = ground.thirds.filter(pl.col("degree") <= limits.max_shared).select(*KEY)
    said = [*_through_thirds(quiet, few, ground, totals, limits), _gas(ground.own, quiet, few)]
    victims, legs = set(subjects.victims.select(*KEY).iter_rows()), _legs(subjects)
    withheld: dict[tuple[Reason, Key], list[Link]] = {}
    for link, needed in _linked(pl.concat(said)):
        assert link.via is not None
        reason = None
        if link.via in victims and link.kind is not Kind.SHARED_PAYER:
            reason = Reason.POSSIBLE_VICTIM
        elif legs is not None and not needed <= legs.get(link.via, frozenset()):
            reason = Reason.NOT_SUPPLIED
        if reason is None:
            made.append(link)
        else:
            withheld.setdefault((reason, link.via), []).append(link)
    told = [*_told(withheld, ground.thirds), *_busy(quiet, ground, limits)]
    return Found(tuple(sorted(made, key=_order)), tuple(sorted(told)))


def _order(link: Link) -> tuple[str, Key, tuple[Key, ...]]:
    return link.kind, link.via or ("", ""), link.alerts


def _without(own: pl.DataFrame, hubs: pl.DataFrame) -> pl.DataFrame:
    for side in ("sender", "receiver"):
        own = own.join(hubs, left_on=["chain", side], right_on=list(KEY), how="anti")
    return own.sort("row")


# --- the kinds ------------------------------------------------------------------------------------


def _direct(quiet: pl.DataFrame, totals: Totals, limits: Limits) -> Iterator[Link]:
    """One alert paid the other."""
    between = quiet.filter("from_alert", "to_alert")
    kept = material(between, ["sender", "receiver"], totals, limits.least_share)
    low, high = pl.min_horizontal("sender", "receiver"), pl.max_horizontal("sender", "receiver")
    for key, rows in kept.group_by("chain", low.alias("low"), high.alias("high")):
        chain, one, other = (str(part) for part in key)
        evidence = tuple(rows["row"].sort().to_list())
        yield Link(Kind.DIRECT_FLOW, ((chain, one), (chain, other)), None, evidence)


def _same_address(ground: Ground, subjects: Subjects) -> Iterator[Link]:
    """One key signs for the same address on every chain of the EVM family."""
    evm = subjects.alerts.filter(pl.col("chain").is_in(EVM_CHAINS)).select(*KEY).unique()
    for others in (ground.hubs, subjects.services):
        evm = evm.join(others, on=list(KEY), how="anti")
    for (address,), rows in evm.sort("chain").group_by("address", maintain_order=True):
        if rows.height > 1:
            alerts = tuple((chain, str(address)) for chain in rows["chain"].to_list())
            yield Link(Kind.SAME_ADDRESS, alerts)


def _over_bridges(
    near: pl.DataFrame, crossings: pl.DataFrame, totals: Totals, limits: Limits
) -> Iterator[Link]:
    """What one alert paid into a bridge came out of it for the other, on another chain."""
    for alerts, rows in crossed(near, crossings, totals, limits):
        yield Link(Kind.BRIDGE_CROSSING, alerts, None, rows)


def _through_thirds(
    quiet: pl.DataFrame,
    few: pl.DataFrame,
    ground: Ground,
    totals: Totals,
    limits: Limits,
) -> list[pl.DataFrame]:
    """Say who paid the same third, was paid by it, or got what another alert paid it."""
    known, least = few.rename({"address": "via"}), limits.least_share
    into = quiet.filter("from_alert", ~pl.col("to_alert"))
    out = quiet.filter("to_alert", ~pl.col("from_alert"))
    into = into.rename({"receiver": "via", "sender": "alert"})
    out = out.rename({"sender": "via", "receiver": "alert"})
    into, out = (side.join(known, on=["chain", "via"], how="semi") for side in (into, out))
    theirs = totals_of(ground.around)
    exits = material(into, ["alert", "via"], {"alert": totals["sender"]}, least)
    payers = material(out, ["alert", "via"], {"via": theirs["sender"]}, least)
    return [
        _said(exits, Kind.SHARED_EXIT),
        _said(payers, Kind.SHARED_PAYER),
        *_relays(into, out, totals, limits),
    ]


def _relays(
    into: pl.DataFrame, out: pl.DataFrame, totals: Totals, limits: Limits
) -> Iterator[pl.DataFrame]:
    """What a third got from one alert it passed on to another within minutes, nearly whole."""
    facts = ("chain", "via", "asset", "alert", "row", "block_time", "kind", "unit", "value")
    into, out = (
        side.select(*facts, amount=pl.col("amount_raw").cast(pl.Float64)) for side in (into, out)
    )
    later = pl.col("block_time_out") - pl.col("block_time")
    passed = into.join(out, on=["chain", "via", "asset"], suffix="_out").filter(
        pl.col("alert") != pl.col("alert_out"),
        later >= pl.duration(),
        later <= limits.relay,
        pl.col("amount_out") <= pl.col("amount"),
        pl.col("amount_out") >= limits.least_passed * pl.col("amount"),
    )
    pair = pl.concat_str("alert", pl.lit(">"), "alert_out")
    sides = [
        passed.select(
            "chain",
            "via",
            pair.alias("pair"),
            *(pl.col(name + end).alias(name) for name in ("alert", "row", "kind", "unit", "value")),
        ).unique(["via", "pair", "row"])
        for end in ("", "_out")
    ]
    kept = [
        material(side, ["via", "pair", "alert"], {"alert": totals[name]}, limits.least_share)
        for side, name in zip(sides, ("sender", "receiver"), strict=True)
    ]
    both = ["chain", "via", "pair"]
    for side, other in (kept, kept[::-1]):
        yield _said(side.join(other, on=both, how="semi"), Kind.RELAY)


def _gas(own: pl.DataFrame, quiet: pl.DataFrame, few: pl.DataFrame) -> pl.DataFrame:
    """Say who got their first native coins, which fees are paid in, from the same third."""
    coins = own.filter("to_alert", pl.col("kind").is_in(["native", "internal"]))
    first = coins.sort("block_time", "row").unique(["chain", "receiver"], keep="first")
    kept = first.join(quiet.select("row"), on="row", how="semi").filter(~pl.col("from_alert"))
    named = kept.rename({"sender": "via", "receiver": "alert"})
    known = few.rename({"address": "via"})
    return _said(named.join(known, on=["chain", "via"], how="semi"), Kind.GAS_FUNDER)


def _said(found: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Put what was found into the one form: who speaks for which link, by which transfer."""
    if "pair" not in found.columns:
        found = found.with_columns(pair=pl.lit(_NO_PAIR))
    is_coin = pl.col("kind").is_in(["native", "internal"])
    return found.select(
        "chain",
        "via",
        "pair",
        "alert",
        "row",
        leg=pl.when(is_coin).then(pl.lit("native")).otherwise(pl.lit("token")),
        kind=pl.lit(kind.value),
    )


def _linked(said: pl.DataFrame) -> Iterator[tuple[Link, frozenset[str]]]:
    """Make one link of all that speaks for it, if it ties two; with the legs it rests on."""
    groups = said.group_by("kind", "chain", "via", "pair")
    for key, rows in sorted(groups, key=lambda group: [str(part) for part in group[0]]):
        kind, chain, via, _ = (str(part) for part in key)
        alerts = tuple((chain, name) for name in rows["alert"].unique().sort().to_list())
        if len(alerts) > 1:
            evidence = tuple(rows["row"].unique().sort().to_list())
            needed = {leg for used in rows["leg"].unique() for leg in _NEEDED[used]}
            yield Link(Kind(kind), alerts, (chain, via), evidence), frozenset(needed)


# --- what ties nobody -----------------------------------------------------------------------------


def _legs(subjects: Subjects) -> dict[Key, frozenset[str]] | None:
    """Return what was supplied of each address whose export is whole; None: everything."""
    if subjects.supplied is None:
        return None
    rows = subjects.supplied.select(*KEY, "legs").iter_rows()
    return {(chain, address): frozenset(text.split(",")) for chain, address, text in rows}


def _told(
    withheld: dict[tuple[Reason, Key], list[Link]], thirds: pl.DataFrame
) -> Iterator[Withheld]:
    degrees = {(chain, address): n for chain, address, n in thirds.iter_rows()}
    for (reason, via), links in withheld.items():
        alerts = sorted({alert for link in links for alert in link.alerts})
        kinds = tuple(sorted({link.kind for link in links}))
        yield Withheld(reason, via, tuple(alerts), kinds, degrees[via])


def _busy(quiet: pl.DataFrame, ground: Ground, limits: Limits) -> Iterator[Withheld]:
    """Name the thirds, and the alerts, that deal with too many."""
    busy = ground.thirds.filter(pl.col("degree") > limits.max_shared)
    out = quiet.filter("to_alert", ~pl.col("from_alert"))
    into = quiet.filter("from_alert", ~pl.col("to_alert"))
    met = pl.concat(
        [
            out.select("chain", via="sender", alert="receiver"),
            into.select("chain", via="receiver", alert="sender"),
        ]
    ).unique()
    named = met.join(busy.rename({"address": "via"}), on=["chain", "via"])
    for key, rows in named.group_by("chain", "via", "degree"):
        chain, via, degree = str(key[0]), str(key[1]), int(str(key[2]))
        alerts = tuple((chain, name) for name in rows["alert"].sort().to_list())
        yield Withheld(Reason.BUSY, (chain, via), alerts, (), degree)
    for chain, address, degree in ground.hubs.iter_rows():
        yield Withheld(Reason.BUSY, (chain, address), ((chain, address),), (), degree)
