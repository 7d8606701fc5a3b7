"""Roles on worlds of other seeds: victims shown as suspects, what sparing them costs, who is whom.

    python -m benchmarks.roles --train 11 12 13 --test 14 15 16 17

A model is trained on the labels that some worlds hand out, as `unrinse train` would, and every
account of fresh worlds is scored with it. By the truth: how many victims would be *presented as
suspects* (scored, with a band above the lowest) where nobody asks for roles, where the rule of
thumb of `models.status` does, and where the role model does (`models.roles`); how many launderers
are still presented; how many innocents. Then what other limits for victims would let through and
keep; which part the role model tells of the launderers that are presented, against the truth, how
often an answer is right beside what the bundle says of it, and at each confidence. Intervals of
shares are 95 % Wilson intervals; upper limits for victims are one-sided 95 % Clopper-Pearson
limits, as the promotion gate has them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import polars as pl

from benchmarks.across_seeds import Measured, measured, train
from benchmarks.cuts import WHOLE
from benchmarks.worlds import KEY, make, truth
from data.transfers import open_transfers
from models.bands import LOWEST, bands
from models.bundle import Bundle
from models.intervals import upper_limit
from models.markdown import counted_share
from models.material import matrix
from models.roles import LAUNDERERS, NOT_CLEAR, VICTIM
from models.scoring import score_frame
from models.status import SCORED, Requirements, statuses

WAYS = ("nobody asks", "rule of thumb", "role model")


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--test", type=int, nargs="+", default=[14, 15, 16, 17])
    parser.add_argument("--addresses", type=int, default=8000)
    parser.add_argument("--prevalence", type=float, default=0.1)
    parser.add_argument("--worlds", type=Path, help="folder that keeps the worlds between runs")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.worlds or Path(scratch)
        size = (asked.addresses, asked.prevalence)
        ours = measured(make(folder, asked.train, *size))
        bundle = train(ours, Path(scratch) / "bundle")
        worlds = make(folder, asked.test, *size)
        theirs = measured(worlds, ",".join(ours.legs))
        print(report(bundle, theirs, worlds))


def report(bundle: Bundle, fresh: Measured, worlds: Sequence[Path]) -> str:
    """Return the Markdown."""
    signals = fresh.pooled.signals[WHOLE]
    who = signals.select(*KEY).join(truth(worlds), on=KEY, how="left", maintain_order="left")
    who = who.join(dealings(worlds), on=KEY, how="left", maintain_order="left").with_columns(
        pl.col("paid", "induced").fill_null(0)
    )
    scores = {way: scored(bundle, fresh, way) for way in WAYS}
    assert bundle.facts.roles is not None
    counts = ", ".join(f"{n:,} {role}" for role, n in bundle.facts.roles.counts.items())
    return "\n\n".join(
        [
            f"Roles learnt from {counts}.",
            _victims(who, scores),
            _kept(who, scores),
            _trade_off(bundle, signals, who, scores["nobody asks"]),
            _confusion(who, scores["role model"]),
            _answers(bundle, signals, who, scores["role model"]),
            _reliability(who, scores["role model"]),
        ]
    )


def scored(bundle: Bundle, fresh: Measured, way: str) -> pl.DataFrame:
    """Score every account, settling victims in one of `WAYS`; with ``presented``."""
    signals, facts = fresh.pooled.signals[WHOLE], bundle.facts
    if way != "nobody asks":
        asked = bundle if way == "role model" else replace(bundle, roles=None)
        found = score_frame(asked, signals, fresh.services, threads=2)
    else:
        needs = Requirements(facts.legs, facts.min_transfers)
        status = statuses(signals, needs, fresh.services, victims_by_rule=False)
        log_odds = bundle.log_odds(matrix(signals, facts.signals), threads=2)
        named = pl.Series("band", bands(log_odds, facts.thresholds), dtype=pl.String)
        found = pl.DataFrame([status, named]).with_columns(
            band=pl.when(status == SCORED).then("band"), role=pl.lit(None, pl.String)
        )
    shown = pl.col("band").is_not_null() & (pl.col("band") != LOWEST)
    return found.with_columns(presented=shown)


def dealings(worlds: Sequence[Path]) -> pl.DataFrame:
    """Count what victims paid launderers, and what those paid back: an inducement, to go on.

    Returns
    -------
    polars.DataFrame
        ``chain``, ``address``, ``paid`` and ``induced``; victims without either are left out.
    """
    frames = []
    for world in worlds:
        known = pl.read_parquet(world / "truth.parquet").select(*KEY, "role")
        moved = open_transfers(world).followed().select("chain", "sender", "receiver").collect()
        robbed = known.filter(pl.col("role") == VICTIM)
        launder = known.filter(pl.col("role").is_in(["collector", "consolidator", "mule"]))
        for name, own, other in (("paid", "sender", "receiver"), ("induced", "receiver", "sender")):
            found = moved.join(robbed, left_on=["chain", own], right_on=KEY, how="semi").join(
                launder, left_on=["chain", other], right_on=KEY, how="semi"
            )
            address = pl.lit(f"{world.name}/") + pl.col(own)
            frames.append(found.select("chain", address=address, what=pl.lit(name)))
    counted = pl.concat(frames).group_by(*KEY, "what").len()
    return counted.pivot("what", index=KEY, values="len").with_columns(
        pl.col("paid", "induced").fill_null(0)
    )


def _victims(who: pl.DataFrame, scores: dict[str, pl.DataFrame]) -> str:
    """Return how many victims are presented, of all and of each kind."""
    victim = pl.col("role") == VICTIM
    kinds = {
        "all victims": victim,
        "paid the scam from a wallet of long standing": victim & (pl.col("population") == "victim"),
        "opened the wallet for it": victim & (pl.col("population") == "fresh_victim"),
        "paid a recovery fraud too": victim & (pl.col("population") == "recovery_victim"),
        "paid launderers once": victim & (pl.col("paid") == 1),
        "paid launderers more than once": victim & (pl.col("paid") > 1),
        "got an inducement": victim & (pl.col("induced") > 0),
    }
    lines = [f"| victims | n | {' | '.join(WAYS)} |", f"|---|---:|{'---:|' * len(WAYS)}"]
    for kind, chosen in kinds.items():
        rows = who.select(chosen).to_series()
        cells = []
        for way in WAYS:
            shown = int(scores[way].filter(rows)["presented"].sum())
            cells.append(f"{shown:,} (up to {upper_limit(shown, int(rows.sum())):.2%})")
        lines.append(f"| {kind} | {int(rows.sum()):,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _kept(who: pl.DataFrame, scores: dict[str, pl.DataFrame]) -> str:
    """Return how many launderers and innocents are presented, by band."""
    lines = [f"| presented | of | {' | '.join(WAYS)} |", f"|---|---:|{'---:|' * len(WAYS)}"]
    chosen = {
        "launderers": who["criminal"].fill_null(False),
        "innocents that are no victims": who["benign"].fill_null(False),
    }
    for name, rows in chosen.items():
        for above in ("medium", "high", "severe"):
            cells, n = [], int(rows.sum())
            for way in WAYS:
                found = scores[way].filter(rows)
                shown = int((found["presented"] & _at_least(found, above)).sum())
                cells.append(counted_share(shown, n, digits=1))
            lines.append(f"| {name}, {above} or above | {n:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _at_least(found: pl.DataFrame, band: str) -> pl.Series:
    order = ("medium", "high", "severe")
    return found["band"].is_in(order[order.index(band) :]).fill_null(False)


def _trade_off(
    bundle: Bundle, signals: pl.DataFrame, who: pl.DataFrame, unasked: pl.DataFrame
) -> str:
    """Return how many launderers are presented if the limit let so many victims through.

    The limits are chosen on these very worlds, so a row says what is possible, not what is reached.
    """
    assert bundle.roles is not None
    odds = bundle.roles.odds_of_victim(matrix(signals, bundle.facts.signals), threads=2)
    rows = who.with_columns(unasked["presented"], odds=pl.Series(odds))
    victims, criminals = (pl.col("role") == VICTIM).fill_null(False), pl.col("criminal")
    spared = rows.filter(victims & pl.col("presented"))["odds"].sort()
    of = rows.filter(criminals.fill_null(False))
    n = rows.filter(victims).height
    lines = ["| limit | victims presented | launderers presented |", "|---:|---:|---:|"]
    for through in (k for k in (0, 1, 2, 3, 6, 12, 25, 50) if k < spared.len()):
        kept = of.filter(pl.col("presented") & (pl.col("odds") < spared[through])).height
        lines.append(
            f"| {spared[through]:.2f} | {through} (up to {upper_limit(through, n):.2%}) | "
            f"{counted_share(kept, of.height, digits=1)} |"
        )
    return "\n".join(lines)


def _confusion(who: pl.DataFrame, scores: pl.DataFrame) -> str:
    """Return which role was said of whom, among launderers presented."""
    pairs = pl.DataFrame({"true": who["role"], "said": scores["role"]}).filter(
        who["criminal"].fill_null(False) & scores["presented"]
    )
    said = sorted(pairs["said"].drop_nulls().unique())
    lines = [
        f"| truly | n | {' | '.join(said)} | right, of those told a part |",
        f"|---|---:|{'---:|' * len(said)}---:|",
    ]
    for (true,), rows in sorted(pairs.group_by("true")):
        told = rows.filter(pl.col("said") != NOT_CLEAR)
        cells = [f"{int((rows['said'] == role).sum()):,}" for role in said]
        share = counted_share(int((told["said"] == true).sum()), told.height)
        lines.append(f"| {true} | {rows.height:,} | {' | '.join(cells)} | {share} |")
    return "\n".join(lines)


def _answers(bundle: Bundle, signals: pl.DataFrame, who: pl.DataFrame, scores: pl.DataFrame) -> str:
    """Return how often an answer was right, of launderers and of all, and what the bundle says."""
    assert bundle.roles is not None
    facts = bundle.roles.facts
    chance = bundle.roles.part_chances(matrix(signals, bundle.facts.signals), threads=2)
    likeliest = pl.Series([facts.parts[k] for k in chance.argmax(axis=1).tolist()])
    rows = scores.with_columns(
        true=who["role"], likeliest=likeliest, launders=who["criminal"].fill_null(False)
    ).filter(scores["presented"] & scores["role"].is_not_null())
    lines = [
        "| answer | launderers | right | with innocents | right | in the bundle |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for clear, kept in ((True, facts.told), (False, facts.unclear)):
        for part in facts.parts:
            some = rows.filter((pl.col("role") != NOT_CLEAR) == clear, pl.col("likeliest") == part)
            counts = kept.get(part, {})
            if some.height or counts:
                n, right = int(some["launders"].sum()), int((some["true"] == part).sum())
                of_all, of_told = counted_share(right, n), counted_share(right, some.height)
                shares = f"{of_all} | {some.height:,} | {of_told}"
                there = counted_share(counts.get(part, 0), sum(counts.values()))
                name = part if clear else f"not clear, likeliest {part}"
                lines.append(f"| {name} | {n:,} | {shares} | {there} |")
    return "\n".join(lines)


def _reliability(who: pl.DataFrame, scores: pl.DataFrame) -> str:
    """Return how often a part that was told was right at each confidence."""
    rows = scores.with_columns(true=who["role"]).filter(
        who["criminal"].fill_null(False) & scores["presented"] & scores["role"].is_in(LAUNDERERS)
    )
    lines = ["| confidence | told | right |", "|---|---:|---:|"]
    for least, most in pairwise((0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)):
        inside = pl.col("role_confidence").is_between(
            least, most, closed="both" if most == 1 else "left"
        )
        found = rows.filter(inside)
        if found.height:
            right = int((found["role"] == found["true"]).sum())
            share = counted_share(right, found.height)
            lines.append(f"| {least:.1f} to {most:.1f} | {found.height:,} | {share} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
