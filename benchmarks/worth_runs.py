"""What the measurements of worth share on the command line: which study, and whether to open it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.openings import log_figures, log_opening
from benchmarks.worlds import make
from benchmarks.worth_studies import SEEDS, Study, imported_accounts, real_study, world_study
from data.errors import Refused

VARIANTS = ("whole", "first_30_days")


def study_options(description: str) -> argparse.ArgumentParser:
    """Return a parser that knows which studies there are."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("on", choices=["worlds", "real"])
    parser.add_argument("--cache", type=Path, default=Path("runs/worth"))
    parser.add_argument("--worlds", type=Path, help="folder that has the worlds, or gets them")
    parser.add_argument("--train", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="seeds")
    parser.add_argument("--test", type=int, nargs="+", default=[6, 7, 8, 9, 10], help="seeds")
    parser.add_argument("--addresses", type=int, default=15_000, help="of each world")
    parser.add_argument("--prevalence", type=float, help="default: that of `simulate`")
    parser.add_argument(
        "--services-from-start", action="store_true", help="worlds: whoever is a service is known"
    )
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--fits", type=int, default=len(SEEDS), help="LightGBM seeds averaged")
    parser.add_argument("--open-test", metavar="WHY", help="judge the real test part, and log it")
    return parser


def report_on(options: argparse.Namespace, report: Callable[[Study], str]) -> None:
    """Print a report on each study; log those of the test part."""
    try:
        if options.on == "real" and options.open_test:
            log_opening(options.open_test)
        for study in _studies(options):
            text = report(replace(study, seeds=tuple(range(1, options.fits + 1))))
            print(text, flush=True)
            if options.on == "real" and options.open_test:
                log_figures(text)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        raise SystemExit(2) from None


def _studies(options: argparse.Namespace) -> Iterator[Study]:
    """Make the studies that were asked for, one after another."""
    if options.on == "worlds":
        folder = options.worlds or options.cache / "worlds"
        paths = [
            make(folder, seeds, options.addresses, options.prevalence)
            for seeds in (options.train, options.test)
        ]
        known = options.services_from_start
        yield world_study(paths[0], paths[1], options.cache, from_start=known)
        return
    imported = imported_accounts(options.cache)
    part = "test" if options.open_test else "validation"
    for variant in options.variants:
        yield real_study(imported, variant, part, options.cache)
