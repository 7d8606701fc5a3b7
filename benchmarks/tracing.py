"""Tracing against the truth of worlds: how much of what reaches a case's exits is found.

    python -m benchmarks.tracing --seeds 1 2 3 --addresses 6000

For every scam case of the worlds the case's collectors are traced forward as one, as
`unrinse trace` would, and what ends at exchanges is held against the truth. By truth the exits of a
case are its cash-out deposit addresses: no list has them, the trace must find them by behaviour.

* **precision**: of the dollars that ended at exchanges (deposit addresses and hot wallets), the
  share that ended at the exits of the case itself.
* **recall**: of the case's own dollars that its members paid into its exits, the share that the
  trace brings there. Members also take payments of outsiders, and coins carry no names in the world
  either. So a member's payments are the case's by the share of the case in all that it took in over
  its whole life, from collectors (all of it the case's) through member to member, whatever the
  order. That is an estimate which knows the members, as the trace does not; it may be exceeded.
* **per case**: the mean of the recalls of cases, each at most one, so that the largest do not
  decide.
* **deposits**: of the dollars that ended at a deposit address by behaviour, the share where it is
  one by truth, of whichever customer.

Both are sums over cases; intervals are bootstraps over cases. Without swaps or without bridges
value stops at the router or the bridge. CPU seconds are of tracing alone, forward and backward, by
both conventions.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from data.services import load_services
from data.simulation.populations import CRIMINAL_ROLES
from data.transfers import open_transfers
from models.tracing.ends import Ended, ends_of
from models.tracing.following import CONVENTIONS
from models.tracing.limits import End, Limits
from models.tracing.tracing import Trace, Tracer
from models.tracing.worth import Worth
from pipelines.simulate import simulate

RUNS = {
    "all": Limits(),
    "without swaps": Limits(swaps=False),
    "without bridges": Limits(bridges=False),
    "without both": Limits(swaps=False, bridges=False),
}
_EXIT_ROLE = "cash_out_deposit"
_EXCHANGES = (End.EXCHANGE_DEPOSIT, End.EXCHANGE_HOT)
_SAMPLES = 2_000


@dataclass
class Case:
    """Micro-dollars of one case.

    Parameters
    ----------
    paid, own
        What its members paid into its exits, and what of that is the case's by truth.
    right, exchanges, traced
        What one run found at the case's exits, at all exchanges, and in all.
    deposits, true_deposits
        What it found at deposit addresses by behaviour, and of that at true ones.
    """

    paid: int = 0
    own: int = 0
    right: int = 0
    exchanges: int = 0
    deposits: int = 0
    true_deposits: int = 0
    traced: int = 0


@dataclass
class Found:
    """The cases of one run by one convention, and the CPU seconds of its traces."""

    cases: list[Case] = field(default_factory=list)
    seconds: float = 0.0


def main() -> None:
    """Make the worlds, trace, and print a Markdown table."""
    parser = argparse.ArgumentParser(description="precision and recall of traces, by value")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--addresses", type=int, default=6_000)
    parser.add_argument("--prevalence", type=float, default=0.07)
    arguments = parser.parse_args()
    found: dict[tuple[str, str], Found] = defaultdict(Found)
    with tempfile.TemporaryDirectory() as folder:
        for seed in arguments.seeds:
            world = simulate(
                Path(folder) / str(seed),
                seed=seed,
                addresses=arguments.addresses,
                prevalence=arguments.prevalence,
            ).out
            measure(world, found)
    print(report(found))


def measure(world: Path, found: dict[tuple[str, str], Found]) -> None:
    """Trace every case of a world with every run, and add what was found."""
    transfers = open_transfers(world)
    assert transfers.as_of is not None
    tracer = Tracer(transfers, load_services(world / "services.csv"), before=transfers.as_of)
    truth = pl.read_parquet(world / "truth.parquet")
    coded = tracer.events.addresses.with_row_index("code").join(truth, on=["chain", "address"])
    is_deposit = (pl.col("role") == _EXIT_ROLE) | (pl.col("population") == "exchange_deposit")
    deposits = set(coded.filter(is_deposit)["code"])
    for collectors, exits, paid, own in cases_of(tracer, coded):
        for name, limits in RUNS.items():
            start = time.process_time()
            trace = tracer.trace(collectors, limits)
            seconds = time.process_time() - start
            for convention in CONVENTIONS:
                one = found[name, convention]
                one.seconds += seconds / len(CONVENTIONS)
                case = _case(trace, convention, exits, deposits)
                case.paid, case.own = paid, own
                one.cases.append(case)


def cases_of(tracer: Tracer, coded: pl.DataFrame) -> Iterator[tuple[list[int], set[int], int, int]]:
    """Yield of each case its collectors, its exits, what members paid into them, and its own."""
    events = tracer.events
    owner = events.addresses["address"].rank("dense").to_numpy().astype(np.int64)
    known = coded.filter(pl.col("case_id").is_not_null())
    for _, case in sorted(known.group_by("case_id"), key=lambda item: str(item[0])):
        members = case.filter(pl.col("role").is_in(CRIMINAL_ROLES))
        collectors = case.filter(pl.col("role") == "collector")["code"].sort().to_list()
        exits = case.filter(pl.col("role") == _EXIT_ROLE)["code"].to_list()
        into = np.isin(events.receiver, exits) & np.isin(events.sender, members["code"].to_numpy())
        paid = events.amount[into].clip(min=0)
        if collectors and paid.sum():
            shares = _shares(tracer, owner, members["code"].to_numpy(), np.array(collectors))
            own = (paid * shares[owner[events.sender[into]]]).sum()
            yield collectors, set(exits), int(paid.sum()), int(own)


def _shares(
    tracer: Tracer, owner: np.ndarray, members: np.ndarray, collectors: np.ndarray
) -> np.ndarray:
    """Return by owner (one address on all chains) the case's share in all that it took in."""
    events = tracer.events
    sender, receiver = owner[events.sender], owner[events.receiver]
    plain = (tracer.parties.ends[events.sender] < 0) & (sender != receiver) & (events.amount > 0)
    plain &= np.isin(receiver, owner[members])
    sender, receiver, amount = sender[plain], receiver[plain], events.amount[plain].astype(float)
    size = int(owner.max()) + 1
    taken = np.maximum(np.bincount(receiver, amount, size), 1.0)
    shares = np.zeros(size)
    for _ in range(30):
        shares[owner[collectors]] = 1.0
        shares = np.bincount(receiver, amount * shares[sender], size) / taken
    shares[owner[collectors]] = 1.0
    return shares


def _case(trace: Trace, convention: str, exits: set[int], deposits: set[int]) -> Case:
    ends = ends_of(trace, "forward", convention, Worth(trace))

    def dollars(some: Iterator[Ended]) -> int:
        return sum(one.sum.usd for one in some)

    guessed = [
        e for e in ends if e.end is End.EXCHANGE_DEPOSIT and e.holder not in trace.parties.tags
    ]
    return Case(
        right=dollars(e for e in ends if e.end in _EXCHANGES and e.holder in exits),
        exchanges=dollars(e for e in ends if e.end in _EXCHANGES),
        deposits=dollars(e for e in guessed),
        true_deposits=dollars(e for e in guessed if e.holder in deposits),
        traced=dollars(iter(ends)),
    )


def report(found: dict[tuple[str, str], Found]) -> str:
    """Render the table."""
    lines = [
        "| followed | convention | cases | precision [95 %] | recall [95 %] | per case | "
        "deposits | ended at exchanges | CPU s |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for (name, convention), one in found.items():
        cases = one.cases
        precision = _ratio(cases, "right", "exchanges")
        recall = _ratio(cases, "right", "own")
        mean = np.mean([min(1.0, c.right / c.own) for c in cases if c.own])
        deposits = _share(cases, "true_deposits", "deposits")
        ended = _share(cases, "exchanges", "traced")
        lines.append(
            f"| {name} | {convention} | {len(cases)} | {precision} | {recall} | {mean:.3f} | "
            f"{deposits:.3f} | {ended:.3f} | {one.seconds:.1f} |"
        )
    return "\n".join(lines) + "\n"


def _ratio(cases: Sequence[Case], above: str, below: str) -> str:
    """Write a ratio of sums with its bootstrap interval over cases."""
    values = np.array([(getattr(c, above), getattr(c, below)) for c in cases], dtype=np.float64)
    drawn = np.random.default_rng(0).integers(0, len(values), (_SAMPLES, len(values)))
    sums = values[drawn].sum(axis=1)
    low, high = np.quantile(sums[:, 0] / np.maximum(sums[:, 1], 1), [0.025, 0.975])
    return f"{_share(cases, above, below):.3f} [{low:.3f}, {high:.3f}]"


def _share(cases: Sequence[Case], above: str, below: str) -> float:
    return sum(getattr(c, above) for c in cases) / max(1, sum(getattr(c, below) for c in cases))


if __name__ == "__main__":
    main()
