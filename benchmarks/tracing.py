"""Tracing against the truth of worlds: how much of what reaches a case's exits is found.

    python -m benchmarks.tracing --seeds 1 2 --addresses 5000

For every scam case of the worlds its collectors, on the chain on which victims paid them, are
traced forward as one, as `unrinse trace` would, and then its victims' own wallets are; what ends at
exchanges is held against the truth. By truth the exits of a case are its cash-out deposit
addresses: no list has them, the trace must find them by behaviour.

* **precision**: of the dollars that ended at exchanges (deposit addresses and hot wallets), the
  share that ended at the exits of the case itself.
* **inside**: of the dollars that came to accounts of the world, on the way or at the end, the share
  that came to accounts of the case.
* **recall**: of the origins' dollars that members of the case paid into its exits, the share that
  the trace brings there. Members also take payments of outsiders, and coins carry no names in the
  world either. So a member's payments are the origins' by the share of the origins in all that it
  took in over its whole life, through member after member, whatever the order. That is an estimate
  which knows the members, as the trace does not; it may be exceeded.
* **per case**: the mean of the recalls of cases, each at most one, so that the largest do not
  decide.

The others are sums over cases; intervals are bootstraps over cases. Without swaps or without
bridges value stops at the router or the bridge. CPU seconds are of tracing alone, forward and
backward, by both conventions.
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
from models.tracing.ends import ends_of
from models.tracing.following import CONVENTIONS
from models.tracing.limits import End, Limits
from models.tracing.moves import Kind
from models.tracing.parties import ENDS
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
_ROUNDS = 30


@dataclass
class Case:
    """Micro-dollars of one case.

    Parameters
    ----------
    own
        What its members paid into its exits and is, by truth, the origins'.
    right, exchanges, traced
        What one run found at the case's exits, at all exchanges, and in all.
    arrived, inside
        What came to accounts of the world, and of that to accounts of the case.
    """

    own: int = 0
    right: int = 0
    exchanges: int = 0
    arrived: int = 0
    inside: int = 0
    traced: int = 0


@dataclass
class Found:
    """The cases of one run by one convention, and the CPU seconds of its traces."""

    cases: list[Case] = field(default_factory=list)
    seconds: float = 0.0


def main() -> None:
    """Make the worlds, trace, and print a Markdown table."""
    parser = argparse.ArgumentParser(description="precision and recall of traces, by value")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--addresses", type=int, default=5_000)
    parser.add_argument("--prevalence", type=float, default=0.07)
    arguments = parser.parse_args()
    found: dict[tuple[str, str, str], Found] = defaultdict(Found)
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


@dataclass(frozen=True)
class Truth:
    """A case to trace: whose funds, as codes, the exits, all its accounts, and what is theirs."""

    start: str
    origins: list[int]
    exits: set[int]
    accounts: set[int]
    own: int


def measure(world: Path, found: dict[tuple[str, str, str], Found]) -> None:
    """Trace every case of a world with every run, and add what was found."""
    transfers = open_transfers(world)
    assert transfers.as_of is not None
    tracer = Tracer(transfers, load_services(world / "services.csv"), before=transfers.as_of)
    truth = pl.read_parquet(world / "truth.parquet")
    coded = tracer.events.addresses.with_row_index("code").join(truth, on=["chain", "address"])
    everybody = set(coded["code"])
    for case in cases_of(tracer, coded, pl.read_parquet(world / "truth_flows.parquet")):
        for name, limits in RUNS.items():
            start = time.process_time()
            trace = tracer.trace(case.origins, limits)
            seconds = time.process_time() - start
            for convention in CONVENTIONS:
                one = found[case.start, name, convention]
                one.seconds += seconds / len(CONVENTIONS)
                one.cases.append(_case(trace, convention, case, everybody))


def cases_of(tracer: Tracer, coded: pl.DataFrame, flows: pl.DataFrame) -> Iterator[Truth]:
    """Yield each case twice: traced from its collectors, and from its victims' own wallets."""
    events = tracer.events
    owner = events.addresses["address"].rank("dense").to_numpy().astype(np.int64)
    known = coded.filter(pl.col("case_id").is_not_null())
    for (case_id,), case in sorted(known.group_by("case_id"), key=lambda item: str(item[0])):
        members = case.filter(pl.col("role").is_in(CRIMINAL_ROLES))["code"].to_numpy()
        exits = case.filter(pl.col("role") == _EXIT_ROLE)["code"].to_list()
        into = np.isin(events.receiver, exits) & np.isin(events.sender, members)
        paid = events.amount[into].clip(min=0)
        told = flows.filter(pl.col("case_id") == case_id)
        sides = {"collectors": told, "victims": told.filter(~pl.col("from_exchange"))}
        for start, payments in sides.items():
            column = start.removesuffix("s")
            origins = tracer.codes_of(payments.select("chain", column).unique().rows())
            shares = _shares(tracer, owner, members, np.array(origins, dtype=np.int64))
            own = int((paid * shares[owner[events.sender[into]]]).sum())
            if own:
                yield Truth(start, origins, set(exits), set(case["code"]), own)


def _shares(
    tracer: Tracer, owner: np.ndarray, members: np.ndarray, origins: np.ndarray
) -> np.ndarray:
    """Return by owner (one address on all chains) the origins' share in all that it took in.

    What comes back from swaps and over bridges is not counted as taken in.
    """
    events, ends = tracer.events, tracer.parties.ends
    sender, receiver = owner[events.sender], owner[events.receiver]
    back = np.isin(ends, [ENDS.index(End.OTHER_SERVICE), ENDS.index(End.BRIDGE)])
    plain = ~back[events.sender] & (sender != receiver) & (events.amount > 0)
    plain &= np.isin(receiver, owner[members])
    sender, receiver, amount = sender[plain], receiver[plain], events.amount[plain].astype(float)
    size = int(owner.max()) + 1
    taken = np.maximum(np.bincount(receiver, amount, size), 1.0)
    shares = np.zeros(size)
    for _ in range(_ROUNDS):
        shares[owner[origins]] = 1.0
        shares = np.bincount(receiver, amount * shares[sender], size) / taken
    shares[owner[origins]] = 1.0
    return shares


def _case(trace: Trace, convention: str, case: Truth, everybody: set[int]) -> Case:
    worth = Worth(trace)
    ends = ends_of(trace, "forward", convention, worth)
    at_exchanges = [one for one in ends if one.end in _EXCHANGES]
    found = Case(
        own=case.own,
        right=sum(one.sum.usd for one in at_exchanges if one.holder in case.exits),
        exchanges=sum(one.sum.usd for one in at_exchanges),
        traced=sum(one.sum.usd for one in ends),
    )
    for flow in trace.results["forward", convention].flows:
        holder = trace.laid.holder[worth.far_pot(flow, forward=True)]
        if holder in everybody and trace.books.moves[flow.move].kind is not Kind.SWAP:
            usd = worth.of_flow(flow) or 0
            found.arrived += usd
            found.inside += usd if holder in case.accounts else 0
    return found


def report(found: dict[tuple[str, str, str], Found]) -> str:
    """Render the table."""
    lines = [
        "| traced from | followed | convention | cases | precision [95 %] | inside | "
        "recall [95 %] | per case | ended at exchanges | CPU s |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for (start, name, convention), one in sorted(found.items(), key=lambda item: item[0][0]):
        cases = one.cases
        precision = _ratio(cases, "right", "exchanges")
        recall = _ratio(cases, "right", "own")
        mean = np.mean([min(1.0, c.right / c.own) for c in cases if c.own])
        inside = _share(cases, "inside", "arrived")
        ended = _share(cases, "exchanges", "traced")
        lines.append(
            f"| {start} | {name} | {convention} | {len(cases)} | {precision} | {inside:.3f} | "
            f"{recall} | {mean:.3f} | {ended:.3f} | {one.seconds:.1f} |"
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
