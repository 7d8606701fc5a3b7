"""The main job on real input: one command from genuine files to figures.

    UNRINSE_REAL_DATA=/path/to/real python -m benchmarks.real_input [--open-test "why"] [--out DIR]

Without ``--open-test`` everything is measured on the validation part. With it the test part of the
Ethereum accounts is scored, once, and the opening is logged in ``benchmarks/test_openings.md``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

from benchmarks import real_accounts, real_wallets
from benchmarks.openings import log_figures, log_opening
from benchmarks.real_data import Accounts, accounts
from models.bootstrap import PairedDifference
from pipelines.simulate import simulate
from pipelines.train import train

NATIVE = "native_in,native_out"
WITH_TOKENS = "native_in,native_out,token_out"
WORLD = {"seed": 1, "addresses": 12_000}
NAMES = {"roc_auc": "ROC-AUC", "pr_auc": "PR-AUC", "recall_at_fpr_0.01": "recall at 1 % FPR"}


def main() -> None:
    """Run the benchmark and print its Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/real"))
    parser.add_argument("--open-test", metavar="WHY", help="score the test part, and log it")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    part = "test" if options.open_test else "validation"
    if options.open_test:
        log_opening(options.open_test)
    imported = accounts(options.out)
    contests = {v: real_accounts.contest(imported, v, options.out) for v in imported.labels}
    text = _accounts(contests, part)
    text += _wallets(imported, contests["whole"], part, options.out)
    text += _house(imported, options.out)
    print(text)
    if options.open_test:
        log_figures(_accounts(contests, part))


def _accounts(contests: dict[str, real_accounts.Contest], part: str) -> str:
    lines = [
        f"### Real Ethereum accounts, {part} part\n",
        "| history | metric | Unrinse | plain baseline | difference [95 %] |",
        "|---|---|---|---|---|",
    ]
    for variant, held in contests.items():
        here = held.part == part
        lines[0] += f"\n{variant}: {here.sum()} accounts, {held.label[here].sum()} phishing. "
        for name, found in real_accounts.compare(held, part).items():
            d = found["difference"]
            assert isinstance(d, PairedDifference)
            lines.append(
                f"| {variant} | {NAMES[name]} | {found['ours']:.3f} | {found['plain']:.3f} "
                f"| {d.difference:+.3f} [{d.low:+.3f}, {d.high:+.3f}] |"
            )
    lines[0] += "\n"
    return "\n".join(lines) + "\n\n"


def _wallets(imported: Accounts, contest: real_accounts.Contest, part: str, out: Path) -> str:
    """Score the DFPI wallets with the real and the synthetic models."""
    store = real_wallets.wallets(out)
    world = simulate(out / "world", **WORLD).out
    unseen, everyone = _normals(imported, out, part)
    declared = accounts(out, legs=WITH_TOKENS).store
    listed = out / "dfpi.txt"
    rows = [
        real_wallets.flag(
            "real accounts, native legs", contest.bundles[0], (store, imported.store),
            (listed, unseen),
        )
    ]  # fmt: skip
    for legs, normals in ((NATIVE, imported.store), (WITH_TOKENS, declared)):
        bundle = out / f"bundle-synthetic-{legs.count(',') + 1}-legs"
        train(
            world,
            world / "labels.csv",
            bundle,
            basis="relative",
            legs=legs,
            base_rate=real_accounts.BASE_RATE,
        )
        name = "native legs" if legs == NATIVE else "native and outgoing token legs"
        rows.append(
            real_wallets.flag(
                f"synthetic world, {name}", bundle, (store, normals), (listed, everyone)
            )
        )
        real_wallets.alerts(bundle, store, listed, out / f"alerts-{legs.count(',') + 1}-legs")
    real_wallets.alerts(contest.bundles[0], store, listed, out / "alerts-real")
    head = (
        "### DFPI scam wallets (35 files)\n\nFlagged: above the score that 1 % of the scored real "
        "normals exceed. An address without a score counts as not flagged.\n\n"
        "| model | statuses | flagged | flagged, 10 or more transfers | normals |\n"
        "|---|---|---|---|---|\n"
    )
    return head + "\n".join(row.row() for row in rows) + "\n\n"


def _normals(imported: Accounts, out: Path, part: str) -> tuple[Path, Path]:
    """List the normals no model of the contest was trained on, and all of them."""
    table = pl.read_parquet(imported.labels["whole"]).filter(pl.col("label") == 0)
    parts = ["validation", part]
    unseen = table.filter(pl.col("split").is_in(parts))
    paths = out / "normals-unseen.txt", out / "normals.txt"
    for path, rows in zip(paths, (unseen, table), strict=True):
        path.write_text("\n".join(rows["address"]) + "\n", encoding="utf-8")
    return paths


def _house(imported: Accounts, out: Path) -> str:
    compared = real_wallets.exchange_house(out, imported.store, out / "normals.txt")
    lines = [
        "### Tron exchange house (40 wallets) against the real normals\n",
        "Wallets in dollars, normals in their own medians; only scale-free signals compare.",
        "A dash: the normals do not have the signal (they hold no tokens).\n",
        "| family | signal | wallets, median | normals, median | ROC-AUC | wallets / normals |",
        "|---|---|---|---|---|---|",
    ]
    for row in compared.sort("family", "signal").iter_rows(named=True):
        lines.append(
            f"| {row['family']} | {row['signal']} | {_number(row['house'])} "
            f"| {_number(row['normals'])} | {_number(row['roc_auc'])} "
            f"| {row['n_house']} / {row['n_normals']} |"
        )
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    main()
