"""The pictures of docs/world.md.

    python -m benchmarks.world_pictures --realism DIR/WORLD/realism.json

Both go to `docs/images`. The case is looked for in small worlds that are made for it; the
distributions are those of a report of `python -m benchmarks.realism` (calibration part of the real
sets). Without `--realism` that picture is left as it is.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks import case_picture, spread_picture
from benchmarks.case_flows import CaseFlows, telling_case, worth_telling
from data.simulation.world import build

ADDRESSES, PREVALENCE = 3000, 0.2
"""Of a world in which a case is looked for: cases do not know how many others there are."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--realism", type=Path, help="a realism.json; absent: draw the case alone")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(1, 9)))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    asked = parser.parse_args(arguments)
    (asked.out / "case.svg").write_text(case_picture.draw(_case(asked.seeds)), encoding="utf-8")
    if asked.realism:
        report = json.loads(asked.realism.read_text(encoding="utf-8"))
        (asked.out / "realism.svg").write_text(spread_picture.draw(report), encoding="utf-8")


def _case(seeds: Sequence[int]) -> CaseFlows:
    """Return the case of these worlds that shows most (see `telling_case`)."""
    found = []
    for seed in seeds:
        world = build(seed=seed, addresses=ADDRESSES, prevalence=PREVALENCE)
        found += [case for case in [telling_case(world, seed)] if case is not None]
    return max(found, key=worth_telling)


if __name__ == "__main__":
    main()
