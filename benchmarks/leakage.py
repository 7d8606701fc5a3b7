"""What the leakage audit measures where nothing leaks: the clean synthetic world, over seeds.

    python -m benchmarks.leakage --seeds 1 2 3 4 5 6 7 8 9 10

simulates a world for each seed, measures the labels of each as `unrinse train` does, and audits
them with limits that nothing keeps, so that every check tells its number. The table puts what clean
worlds show beside what the audit lets pass: a limit near it would cry wolf, one far above it lets
leaks through. With ``UNRINSE_REAL_DATA`` the real Ethereum accounts, which do leak, stand beside.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks import real_data
from data.errors import Refused
from data.services import load_services
from data.transfers import open_transfers
from models.leakage import CHECKS, Limits, Subject, Surroundings, audit
from models.leakage.finding import Finding
from models.preparing import subject_of
from models.settings import MIN_TRANSFERS, Settings
from pipelines.labelling.labelled import measure_labelled, read_labels
from pipelines.labelling.other_futures import Measuring, replay
from pipelines.simulate import simulate
from pipelines.train import candidates

Told = dict[str, Finding]
"""By check: what it measured, found or not."""


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description="The leakage audit on clean worlds")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--addresses", type=int, default=5000)
    parser.add_argument("--prevalence", type=float, default=0.1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clean = [
            world(folder / str(seed), seed, arguments.addresses, arguments.prevalence)
            for seed in arguments.seeds
        ]
        print(table(clean))
        for basis in ("native", "relative"):
            try:
                print(f"\nReal accounts, whole histories, basis `{basis}`: {real(folder, basis)}.")
            except Refused as error:
                print(f"\nReal accounts were not looked at: {error}")
                break


def world(store: Path, seed: int, addresses: int, prevalence: float) -> tuple[Told, Told]:
    """Return what every check measures on one world, and what the audit finds there."""
    simulate(store, seed=seed, addresses=addresses, prevalence=prevalence)
    seen = subject(store, store / "labels.csv", store / "services.csv", basis="usd", legs=None)
    return told(replace(seen, limits=Limits.none())), told(seen)


def real(folder: Path, basis: str) -> str:
    """Say what the audit finds in the real accounts."""
    accounts = real_data.accounts(folder / f"real-{basis}")
    legs = ("native_in", "native_out")
    seen = subject(accounts.store, accounts.labels["whole"], None, basis=basis, legs=legs)
    return "; ".join(f"`{kind}` ({_number(found)})" for kind, found in told(seen).items())


def subject(
    store: Path, labels: Path, services: Path | None, *, basis: str, legs: Sequence[str] | None
) -> Subject:
    """Return what `unrinse train` would audit."""
    transfers, known = open_transfers(store), load_services(services)
    names = candidates(exposure=not transfers.synthetic, also=())
    asked = read_labels(labels, transfers, None)
    measured = measure_labelled(
        asked, transfers, basis=basis, legs=legs, threads=2, services=known, names=names
    )
    how = Measuring(basis, measured.legs, names, known)
    around = Surroundings(measured.ties, replay(measured.labels, transfers, how))
    settings = Settings(
        basis, measured.legs, MIN_TRANSFERS if legs is None else 1,
        exposure=not transfers.synthetic,
    )  # fmt: skip
    return subject_of(measured.signals, measured.labels, settings, around)


def told(seen: Subject) -> Told:
    """Return the findings by check."""
    return {found.kind: found for found in audit(seen).findings}


def table(clean: Sequence[tuple[Told, Told]]) -> str:
    """Put what clean worlds show beside the limits."""
    lines = [
        f"| check, {len(clean)} clean worlds | measured in | median | most | lower ends, most "
        "| lets pass | findings |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for kind in CHECKS:
        numbers = [m for all_of, _ in clean if kind in all_of and (m := all_of[kind].measured)]
        found = [at[kind] for _, at in clean if kind in at]
        if not numbers:
            lines.append(f"| {kind} | – | – | – | – | nothing | {len(found)} |")
            continue
        values = [m.value for m in numbers]
        low = max(m.value if m.low is None else m.low for m in numbers)
        lines.append(
            f"| {kind} | {len(numbers)} | {median(values):.3f} | {max(values):.3f} | {low:.3f} "
            f"| {_limit(kind)} | {len(found)} |"
        )
    return "\n".join(lines)


def _limit(kind: str) -> str:
    held = Limits()
    return {
        "linked_across_parts": f"{held.linked}",
        "shared_rare_counterparty": f"{held.sharing}",
        "near_duplicate_history": f"{held.copies}",
        "parts_out_of_order": f"{held.early}",
        "missing_dates": f"{held.missing}",
        "one_sided_cut": f"{held.cut}, pause {held.pause}",
        "era": f"{held.era}",
        "single_signal": f"{held.single}",
        "coverage_alone": f"{held.coverage}",
        "history_length_alone": f"{held.length}",
        "nulls_alone": f"{held.nulls}",
        "amounts_alone": f"{held.amounts}",
        "chain_alone": f"{held.chain}",
        "same_case_exposure": f"{held.beside_listed}",
    }[kind]


def _number(found: Finding) -> str:
    return "a fault" if found.measured is None else f"{found.measured.value:.2f}"


if __name__ == "__main__":
    main()
