"""What a trace comes to, in sentences whose every number stands in the alert."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from models.saying import count, joined, lasting, listed, on, share, tell, worth
from models.sentences import Number, Sentence
from pipelines.tracing.end_names import END_NAMES
from pipelines.tracing.spoken import spoken

MOST_KINDS = 2
CONVENTIONS = {"fifo": "FIFO", "haircut": "haircut"}


def trace_said(block: Mapping[str, Any], as_of: datetime, subject: str) -> list[dict[str, Any]]:
    """Say where value went and came from, how fast freezable coins left, and what it still holds.

    Parameters
    ----------
    block
        The trace block of an alert.
    as_of
        Its moment.
    subject
        The address.

    Returns
    -------
    list of dict
        ``kind`` (``exits``, ``sources``, ``crossings``, ``speed``, ``held``), ``sentence`` and
        ``numbers``.
    """
    if not block["made"]:
        return []
    told: list[tuple[str, Sentence | None]] = [
        ("exits", _kinds(block, "forward", "Of {usd} traced forward", "to")),
        ("sources", _kinds(block, "backward", "Of {usd} traced back", "from")),
        ("crossings", _crossings(block)),
    ]
    told += [("speed", _speed(own)) for own in block["freezability"]["own_speed"]]
    told += [
        ("held", _held(row, as_of))
        for row in block["freezability"]["holders"]
        if row["address"] == subject and row["net_of_supplied"] is not None
    ]
    return [{"kind": kind, **spoken(said)} for kind, said in told if said is not None]


def _kinds(block: Mapping[str, Any], way: str, opening: str, word: str) -> Sentence | None:
    """Name the largest kinds of ends by both conventions: by dollars, else by transfers."""
    sides = block["directions"][way]
    priced = any(sides[name]["usd"] for name in CONVENTIONS)
    told: dict[str, list[tuple[Number, str]]] = {}
    for name in CONVENTIONS:
        kinds = [k for k in sides[name]["kinds"] if (k["usd"] if priced else k["n_transfers"])]
        numbers = [share(k["share"]) if priced else _transfers(k) for k in kinds[:MOST_KINDS]]
        words = [f" {word} {END_NAMES[k['end']]}" for k in kinds[:MOST_KINDS]]
        told[name] = list(zip(numbers, words, strict=True))
    if not any(told.values()):
        return None
    fields = {f"{n}{k}": number for n, of in told.items() for k, (number, _) in enumerate(of)}
    parts = []
    for name, words_ in CONVENTIONS.items():
        places = [f"{{{name}{k}}}{where}" for k, (_, where) in enumerate(told[name])]
        if places:
            parts.append(f"under {words_} {' and '.join(places)}")
    if _alike(*told.values()):
        parts = [parts[0].replace("under FIFO", "under FIFO as under haircut", 1)]
    unpriced = max(sum(k["n_unpriced"] for k in sides[name]["kinds"]) for name in CONVENTIONS)
    if priced:
        fields["usd"] = worth(sides["fifo"]["usd"] or sides["haircut"]["usd"])
        said = tell(f"{opening}, {'; '.join(parts)}.", **fields)
    else:
        direction = opening.removeprefix("Of {usd} ")
        said = tell(f"Nothing {direction} has a dollar value; {'; '.join(parts)}.", **fields)
    if not priced or not unpriced:
        return said
    more = tell("Not counted: {n} without a dollar value.", n=count(unpriced, "transfer"))
    return joined([said, more])


def _crossings(block: Mapping[str, Any]) -> Sentence | None:
    """Say how sure the least sure crossing is that value was followed over."""
    least = block["least_sure"]
    if least is None:
        return None
    n = sum(block["crossings"].get(name, 0) for name in ("followed", "ambiguous_followed"))
    proven = least["proven"]
    opening = "Value was followed over {n}"
    opening += ", matched by coin, amount and time with a chance of {p}" if n == 1 else (
        ", each matched by coin, amount and time, the least sure with a chance of {p}"
    )  # fmt: skip
    return tell(
        f"{opening}. Of {{matches}} on synthetic worlds with a chance between {{low}} and "
        "{high}, {right} were right; few of those had a rival.",
        n=count(n, "bridge crossing"), p=share(least["probability"]),
        matches=count(proven["n"], "match", "matches"),
        low=share(proven["above"]), high=share(proven["up_to"]), right=_plain(proven["right"]),
    )  # fmt: skip


def _transfers(kind: Mapping[str, Any]) -> Number:
    return count(kind["n_transfers"], "transfer")


def _alike(fifo: list[tuple[Number, str]], haircut: list[tuple[Number, str]]) -> bool:
    """Say whether two conventions read the same."""
    return [(n.shown, w) for n, w in fifo] == [(n.shown, w) for n, w in haircut]


def _speed(own: Mapping[str, Any]) -> Sentence:
    coin = _coin(own)
    if own["median_seconds"] is None:
        return tell(f"None of the {coin} that came to it has left again, by FIFO.")
    return tell(
        f"Of the {coin} that came to it, by FIFO {{left}} has left again, half of that within "
        "{wait}, {day} within 24 hours.",
        left=share(own["left_share"]), wait=lasting(own["median_seconds"]),
        day=share(own["within_day"]),
    )  # fmt: skip


def _held(row: Mapping[str, Any], as_of: datetime) -> Sentence:
    coin = _coin(row)
    opening = (
        f"Net of the supplied transfers it held {{net}} {coin}, which its issuer can freeze, at "
        "{moment}"
    )
    net, lower = _units(row["net_of_supplied"]), _units(row["lower"])
    if row["net_of_supplied"] == row["lower"] == row["upper"]:
        return tell(f"{opening}; its exports are whole.", net=net, moment=on(as_of))
    if row["upper"] is None:
        bounds = "; with what the exports do not show at least {lower}, at most not known."
        return tell(opening + bounds, net=net, moment=on(as_of), lower=lower)
    bounds = "; with what the exports do not show at least {lower}, at most {upper}."
    return tell(
        opening + bounds, net=net, moment=on(as_of), lower=lower, upper=_units(row["upper"])
    )


def _units(amount: str) -> Number:
    """Write an exact amount of coins, its digits grouped, cut to two decimals."""
    sign, digits = ("-", amount[1:]) if amount.startswith("-") else ("", amount)
    whole, _, fraction = digits.partition(".")
    cut = fraction[:2].rstrip("0")
    return Number(f"{sign}{int(whole):,}" + (f".{cut}" if cut else ""), amount, "coins")


def _coin(row: Mapping[str, Any]) -> str:
    """Name a coin by its registered symbol, if that holds no figure."""
    symbol = row["symbol"] or ""
    return symbol if re.fullmatch(r"[A-Za-z.]+", symbol) else "coins"


# --- what was not seen ---


def gaps(block: Mapping[str, Any], history: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Say what the exports could not see, the widest gap first.

    Parameters
    ----------
    block
        The trace block of an alert.
    history
        Its `history`.
    """
    told = [
        ("legs", _legs(history["legs_missing"])),
        ("untraced", None if block["made"] else _untraced(block)),
        ("counterparties", _unseen(block, ("not_supplied",))),
        ("incomplete", _incomplete(block)),
        ("before", _before(block)),
        ("caps", _unseen(block, ("beyond_hops", "beyond_degree", "below_value"))),
        ("unpriced", _unpriced(history["left_out"])),
        ("elsewhere", tell("Other addresses of the same owner were not looked for.")),
    ]
    return [{"kind": kind, **spoken(said)} for kind, said in told if said is not None]


def _legs(missing: list[str]) -> Sentence | None:
    if not missing:
        return None
    return tell(
        f"{listed([LEG_WORDS[leg] for leg in missing]).capitalize()} were not supplied: nothing "
        "is known of them."
    )


def _untraced(block: Mapping[str, Any]) -> Sentence:
    return tell(
        "It was not traced: its own transfers alone are {n}, above the cap of {most}.",
        n=_plain(block["n_transfers"]), most=_plain(block["limits"]["max_transfers"]),
    )  # fmt: skip


def _unseen(block: Mapping[str, Any], ends: tuple[str, ...]) -> Sentence | None:
    """Say how much of the traced value goes on where nobody looked."""
    if not block["made"]:
        return None
    sides = block["directions"]["forward"]
    shares, holders = {}, 0
    for name in CONVENTIONS:
        kinds = [kind for kind in sides[name]["kinds"] if kind["end"] in ends and kind["share"]]
        shares[name] = sum(kind["share"] for kind in kinds)
        holders = max(holders, sum(kind["n_addresses"] for kind in kinds))
    if not holders:
        return None
    where = "whose own transfers were not supplied; what became of it there is not known"
    if ends != ("not_supplied",):
        where = "beyond the caps of the trace, where nobody looked"
    fifo, haircut = (share(min(shares[name], 1.0)) for name in CONVENTIONS)
    under = "{fifo} under FIFO, and {haircut} under haircut,"
    if fifo.shown == haircut.shown:
        under = "{fifo} under FIFO, as under haircut,"
    return tell(
        f"Of the dollars traced forward, {under} came to {{who}} {where}.",
        fifo=fifo, haircut=haircut, who=count(holders, "address", "addresses"),
    )  # fmt: skip


def _incomplete(block: Mapping[str, Any]) -> Sentence | None:
    if block["coverage"] is None or block["coverage"]["complete"]:
        return None
    return tell("The exports of this address may be cut off, or end before the moment scored.")


def _before(block: Mapping[str, Any]) -> Sentence | None:
    """Say how much of what it paid had come before the supplied transfers, or in ways not shown."""
    if not block["made"]:
        return None
    kinds = block["directions"]["backward"]["fifo"]["kinds"]
    unseen = sum(kind["share"] or 0.0 for kind in kinds if kind["end"] == "unseen")
    if unseen < _LEAST_UNSEEN:
        return None
    return tell(
        "Of the dollars traced back, under FIFO {part} came from nowhere that the transfers "
        "supplied show.",
        part=share(unseen),
    )


def _unpriced(left_out: Mapping[str, int]) -> Sentence | None:
    n = sum(left_out.get(reason, 0) for reason in ("unpriced", "no_value"))
    if not n:
        return None
    return tell(
        "Without a trusted price, {n} left out.", n=count(n, "transfer is", "transfers are")
    )


def _plain(n: int) -> Number:
    return Number(f"{n:,}", n, "count")


_LEAST_UNSEEN = 0.01
LEG_WORDS = {
    f"{kind}_{side}": f"{name} {way}"
    for kind, name in (
        ("native", "transfers of the chain's coin"),
        ("internal", "internal transfers"),
        ("token", "token transfers"),
    )
    for side, way in (("in", "received"), ("out", "sent"))
}
"""Kinds of transfers, as they stand in a sentence."""
