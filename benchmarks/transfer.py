"""Transfer: models that saw synthetic worlds alone, on real accounts.

    python -m benchmarks.transfer --seeds 1 2 3 4 5 --addresses 15000
    python -m benchmarks.transfer --worlds FOLDER... --bundles-out DIR
    python -m benchmarks.transfer --bundles before=DIR after=DIR --part test --open-test "why"
    python -m benchmarks.transfer --worlds FOLDER... --diagnose

The real sets are found through `UNRINSE_REAL_DATA`. Without ``--part test`` the calibration part is
looked at, by which the worlds may be tuned. Each opening of the test part is logged.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import polars as pl

from benchmarks import disagreement, openings, real_split
from benchmarks.cuts import LEGS, VARIANTS
from benchmarks.real_signals import real_signals
from benchmarks.transfer_models import CUTS, Models, held_out, load_models, train_models
from benchmarks.transfer_report import (
    FLAGGING_HEAD,
    RANKING_HEAD,
    drivers,
    flagging,
    judge,
    ranking,
)
from benchmarks.worlds import make, pool
from data.errors import Refused
from models.settings import MIN_TRANSFERS


def main() -> None:
    """Train or load models, and print what they are worth on the chosen part."""
    options = _options()
    try:
        print(_diagnosed(options) if options.diagnose else _measured(options))
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        raise SystemExit(2) from None


def _measured(options: argparse.Namespace) -> str:
    sets = {name: load_models(Path(folder)) for name, folder in _named(options.bundles).items()}
    real_signals(options.cache)  # refuses before anything is trained
    text = ""
    if worlds := _worlds(options):
        out = options.bundles_out or options.cache / "bundles"
        models = train_models(
            worlds, out, cuts=options.cuts, min_transfers=options.min_transfers, seed=options.seed
        )
        sets[out.name] = models
        text = "ROC-AUC on the worlds' own test part: " + "; ".join(
            f"{name} {found}" for name, found in held_out(models, out).items()
        )
    if not sets:
        raise Refused("there are no models.", expected="--worlds, --seeds or --bundles")
    text += "\n\n" + report(sets, options.cache, options.part, options.open_test)
    return text


def report(sets: dict[str, Models], cache: Path, part: str, why: str | None) -> str:
    """Measure sets of models on one part of the real accounts, and log it if it is the test part.

    Parameters
    ----------
    sets
        Name to models.
    cache
        Folder of the real signals.
    part, why
        As in `real_split.addresses`.
    """
    real = real_signals(cache)
    chosen = real_split.addresses(part, next(iter(real.values())), why=why)
    ours = chosen["address"].implode()
    judged = {
        name: {
            (legs, cut): judge(
                models[legs, cut], real[legs, cut].filter(pl.col("address").is_in(ours))
            )
            for legs in LEGS
            for cut in VARIANTS
        }
        for name, models in sets.items()
    }
    ranks = [line for name, held in judged.items() for line in ranking(held, name)]
    flags = [line for name, held in judged.items() for line in flagging(held, name)]
    text = "\n".join(
        [
            f"### Real phishing accounts above real normals, {part} part\n", RANKING_HEAD, *ranks,
            f"\n### DFPI wallets flagged, {part} part\n", FLAGGING_HEAD, *flags, "",
        ]
    )  # fmt: skip
    if part == real_split.TEST:
        openings.log_figures(text)
    return text + "".join(drivers(held, name) for name, held in judged.items())


def _diagnosed(options: argparse.Namespace) -> str:
    """Compare worlds and real accounts, signal by signal, on the calibration part alone."""
    worlds = _worlds(options)
    if not worlds:
        raise Refused("there are no worlds to diagnose.", expected="--worlds or --seeds")
    real = real_signals(options.cache)
    pooled = pool(worlds, LEGS[options.legs], unlabelled=True)
    text = ""
    for cut in VARIANTS:
        here = real_split.addresses(real_split.CALIBRATION, real[options.legs, cut])
        rows = disagreement.classes(worlds, pooled, here, cut, options.min_transfers)
        table = disagreement.disagreements(rows, options.legs)
        file = options.cache / f"diagnosis-{options.legs}-{cut}.csv"
        table.write_csv(file)
        sizes = ", ".join(f"{name} {frame.height:,}" for name, frame in rows.items())
        text += f"### {options.legs} legs, {cut}\n\n{sizes}. As CSV: {file}\n\n"
        text += disagreement.markdown(table) + "\n"
    return text


def _worlds(options: argparse.Namespace) -> list[Path]:
    made = make(options.cache / "worlds", options.seeds, options.addresses, options.prevalence)
    return [*options.worlds, *made]


def _named(given: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    return {name: folder for name, _, folder in pairs if folder} | {
        Path(name).name: name for name, _, folder in pairs if not folder
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=Path, nargs="+", default=[], metavar="FOLDER")
    parser.add_argument("--seeds", type=int, nargs="+", default=[], help="make these worlds")
    parser.add_argument("--addresses", type=int, default=15_000, help="of each world made")
    parser.add_argument("--prevalence", type=float, help="of criminals in each world made")
    parser.add_argument("--bundles", nargs="+", default=[], metavar="[NAME=]DIR")
    parser.add_argument("--bundles-out", type=Path, metavar="DIR")
    parser.add_argument("--cuts", choices=list(CUTS), default="matched", help="of training rows")
    parser.add_argument("--min-transfers", type=int, default=MIN_TRANSFERS)
    parser.add_argument("--seed", type=int, default=1, help="of training")
    parser.add_argument("--part", choices=real_split.PARTS, default=real_split.CALIBRATION)
    parser.add_argument("--open-test", metavar="WHY", help="the reason to open the test part")
    parser.add_argument("--cache", type=Path, default=Path("runs/transfer"))
    parser.add_argument("--diagnose", action="store_true", help="signal by signal, no model")
    parser.add_argument("--legs", choices=list(LEGS), default="native", help="with --diagnose")
    return parser.parse_args()


if __name__ == "__main__":
    main()
