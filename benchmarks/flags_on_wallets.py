"""Which red flags the wallets of real cases raise, and by which transfers.

    UNRINSE_REAL_DATA=/path/to/real python -m benchmarks.flags_on_wallets --world FOLDER

reads the DFPI scam wallets (calibration part) and the 40 Tron wallets of one exchange house (those
of its own and its deposit addresses at exchanges apart), and says for each red flag of the registry
in how many of them a signal that cites it is unusual (`flag_rules`), against whom (`flag_sights`),
and how often ordinary accounts raise it by the same rule; then the same wallet by wallet
(`flag_list`). ``--out`` gets the transfers behind the flags of the wallets that raise most, to be
read: the real sets are not part of this repository, so nothing of that file may go into it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from benchmarks import real_split, real_wallets
from benchmarks.cuts import NATIVE, TOKENS, WHOLE
from benchmarks.flag_evidence import pages
from benchmarks.flag_list import by_wallet
from benchmarks.flag_rules import citations, fired, seen
from benchmarks.flag_sights import Sight, Wallets, sights
from benchmarks.openings import log_figures
from benchmarks.real_data import folder
from benchmarks.real_signals import real_signals
from data.errors import Refused
from features.catalogue import catalogue
from models.intervals import wilson
from pipelines.alerting.red_flags import red_flags
from pipelines.ingest import ingest

HOUSE_LEGS = "token_in,token_out"
TAGGED = 0.95
"""Share of what a wallet pays that goes to tagged exchanges, from which it is a deposit address."""
MOST = 3
"""Signals named in a row of the table."""


def table(wallets: Wallets, seen_in: Sequence[Sight]) -> str:
    """Say how often each flag fires, in Markdown.

    Parameters
    ----------
    seen_in
        As `flag_sights.sights` returns them.
    """
    lines = [
        f"### {wallets.name}\n",
        "| red flag | ordinary are | wallets [95 %] | ordinary accounts | signals that raise it |",
        "|---|---|---|---|---|",
    ]
    rows = [row for sight in seen_in for row in _rows(sight)]
    order = {flag: k for k, flag in enumerate(red_flags())}
    lines += [line for _, _, line in sorted(rows, key=lambda row: (order[row[0]], row[1]))]
    silent = [flag for flag in order if flag not in {row[0] for row in rows}]
    if silent:
        lines.append(f"\nNo signal that these exports show cites: {', '.join(silent)}.")
    return "\n".join(lines) + "\n"


def _rows(sight: Sight) -> list[tuple[str, str, str]]:
    ours, ordinary = sight.long_enough()
    fires, usual = (fired(some, ordinary, sight.cited) for some in (ours, ordinary))
    able, able_usual = (seen(some, ordinary, sight.cited) for some in (ours, ordinary))
    rows = []
    for flag, n in able.items():
        raising = fires.filter(flag=flag)
        hits = raising["address"].n_unique()
        share = usual.filter(flag=flag)["address"].n_unique() / max(1, able_usual[flag])
        low, high = wilson(hits, n)
        rate = f"{hits} of {n} ({hits / n:.0%} [{low:.0%}, {high:.0%}])" if n else "0 of 0"
        named = (
            raising["signal"]
            .value_counts(sort=True)
            .sort("count", "signal", descending=[True, False])
        )
        told = ", ".join(f"`{name}` {k}" for name, k in named.head(MOST).iter_rows())
        line = f"| {flag} | {sight.population} | {rate} | {share:.0%} | {told or '–'} |"
        rows.append((flag, sight.population, line))
    return rows


def dfpi(out: Path, cache: Path, part: str, why: str | None) -> tuple[Wallets, pl.DataFrame]:
    """Return one part of the DFPI wallets, and the real normals of the calibration part."""
    real = real_signals(cache)["native", WHOLE]
    chosen = real_split.addresses(part, real, why=why).filter(set="dfpi")
    normals = real_split.addresses(real_split.CALIBRATION, real).filter(set="normal")
    store = real_wallets.wallets(out)
    name = f"DFPI scam wallets, {part} part"
    named = tuple(chosen["address"].sort())
    return Wallets(name, store, "ethereum", named, NATIVE, TOKENS), normals


def exchange_house(out: Path) -> tuple[Wallets, Wallets]:
    """Return the wallets of the exchange house: its own, and those an exchange empties for it.

    Most addresses on the seizure order are deposit addresses: they pay nobody but what the set
    itself tags as an exchange. When those empty is the exchange's doing, not the house's.
    """
    source = folder() / "tron_exchange_house" / "trc20_transfers.csv"
    ingest("tronscan", [source], out / "exchange_house", chain="tron")
    rows = pl.read_csv(source, infer_schema_length=0)
    paid = rows.filter(pl.col("from_address") == pl.col("wallet"))
    value = pl.col("amount").cast(pl.Float64)
    tagged = value.filter(pl.col("to_tag").is_not_null()).sum() / value.sum()
    share = paid.group_by("wallet").agg(tagged=tagged)
    emptied = set(share.filter(pl.col("tagged") >= TAGGED)["wallet"])
    own = set(rows["wallet"]) - emptied

    def named(name: str, addresses: set[str]) -> Wallets:
        chosen = tuple(sorted(addresses))
        return Wallets(name, out / "exchange_house", "tron", chosen, HOUSE_LEGS, HOUSE_LEGS)

    return (
        named(f"Tron exchange house: {len(own)} wallets of its own", own),
        named(f"Tron exchange house: {len(emptied)} deposit addresses at exchanges", emptied),
    )


def main() -> None:
    """Print the tables, and write the evidence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", type=Path, required=True, help="a simulated world")
    parser.add_argument("--part", choices=real_split.PARTS, default=real_split.CALIBRATION)
    parser.add_argument("--open-test", metavar="WHY", help="the reason to open the test part")
    parser.add_argument("--cache", type=Path, default=Path("runs/worth"))
    parser.add_argument("--out", type=Path, default=Path("runs/flags"))
    parser.add_argument("--examples", type=int, default=3, help="wallets of each set to show")
    options = parser.parse_args()
    try:
        print(_report(options))
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        raise SystemExit(2) from None


def _report(options: argparse.Namespace) -> str:
    options.out.mkdir(parents=True, exist_ok=True)
    scam, normals = dfpi(options.out, options.cache, options.part, options.open_test)
    cited = citations(catalogue().signals)
    texts = []
    for number, wallets in enumerate((scam, *exchange_house(options.out))):
        seen_in = sights(wallets, normals, options.world, cited)
        texts.append(f"{table(wallets, seen_in)}\n{by_wallet(seen_in)}")
        evidence = pages(seen_in, options.examples)
        (options.out / f"evidence-{number + 1}.md").write_text(evidence, encoding="utf-8")
    if options.part == real_split.TEST:
        log_figures(texts[0])
    return "\n".join(texts)


if __name__ == "__main__":
    main()
