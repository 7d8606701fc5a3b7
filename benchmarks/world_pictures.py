"""The pictures of docs/world.md.

    python -m benchmarks.world_pictures --realism DIR/WORLD/realism.json --out docs/images

A case is drawn from a world that is made for it; the distributions are those of a report of
`unrinse realism` (`python -m benchmarks.realism` writes one for the real sets' calibration part).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import case_picture, spread_picture
from data.simulation.world import World, build


def main() -> None:
    """Draw both pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--realism", type=Path, help="realism.json; absent: no distributions")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--seed", type=int, default=3)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "case.svg").write_text(
        case(build(seed=asked.seed, addresses=3000, prevalence=0.15))
    )
    if asked.realism:
        report: dict[str, Any] = json.loads(asked.realism.read_text())
        (asked.out / "realism.svg").write_text(spread_picture.draw(report))


def case(world: World) -> str:
    """Draw the most telling case of a world."""
    name = case_picture.telling_case(world.transfers, world.truth)
    flows = case_picture.case_flows(world.transfers, world.truth, name)
    mine = world.truth.filter(case_id=name)
    typology = mine["typology"].drop_nulls()[0].replace("_", " ")
    chains = ", ".join(sorted(mine["chain"].unique()))
    return case_picture.draw(flows, f"A simulated case: {typology}, on {chains}")


if __name__ == "__main__":
    main()
