"""Every traced step as a row: transactions, times, amounts, and by which convention."""

from __future__ import annotations

import polars as pl

from data.schema import TIME
from models.tracing.moves import Kind
from models.tracing.tracing import Trace
from models.tracing.worth import Worth

FLOWS: dict[str, pl.DataType] = {
    "direction": pl.String(),
    "convention": pl.String(),
    "step": pl.Int64(),
    "kind": pl.String(),
    "hops": pl.Int32(),
    "over_bridge": pl.Boolean(),
    "chain": pl.String(),
    "block_time": TIME,
    "tx_id": pl.String(),
    "log_index": pl.Int32(),
    "sender": pl.String(),
    "receiver": pl.String(),
    "asset": pl.String(),
    "whole_raw": pl.String(),
    "traced_raw": pl.String(),
    "usd_micros": pl.Int64(),
    "other_chain": pl.String(),
    "other_time": TIME,
    "other_tx_id": pl.String(),
    "other_log_index": pl.Int32(),
    "other_asset": pl.String(),
    "end": pl.String(),
    "holder_chain": pl.String(),
    "holder": pl.String(),
}
"""One row for each step of each direction and convention, in the order of tracing.

Chain to asset are those of the leg at which the trace arrives (going back: from which it came);
`other_…` is the other leg of a swap or a crossing. `whole_raw` and `traced_raw` are base units of
that asset: all of the step, and its traced part. `end` says why the part goes no farther; null
where it does. Rows of the kind ``rest`` have no transfer: they are what stays with `holder`."""


def flows_table(trace: Trace) -> pl.DataFrame:
    """Write out every step of a trace."""
    parts = [_side(trace, *key) for key in trace.results]
    return pl.concat([pl.DataFrame(schema=FLOWS), *parts])


def _side(trace: Trace, direction: str, convention: str) -> pl.DataFrame:
    steps = _steps(trace, direction, convention)
    written, addresses = _written(trace), trace.parties.addresses
    legs = written.select(pl.all().gather(steps["leg"]))
    others = written.select("chain", "block_time", "tx_id", "log_index", "asset").select(
        pl.all().gather(steps["other"])
    )
    holders = addresses.select(pl.all().gather(steps["holder"]))
    return pl.concat(
        [
            steps.drop("leg", "other", "holder"),
            legs,
            others.rename(
                {name: f"other_{name.removeprefix('block_')}" for name in others.columns}
            ),
            holders.select(holder_chain="chain", holder="address"),
        ],
        how="horizontal",
    ).select(
        pl.coalesce("asset", "rest_asset").alias(name)
        if name == "asset"
        else pl.col(name).cast(kind)
        for name, kind in FLOWS.items()
    )


def _steps(trace: Trace, direction: str, convention: str) -> pl.DataFrame:
    """Return flows and rests, with the places of their legs and the codes of their holders."""
    traced, forward = trace.results[direction, convention], direction == "forward"
    worth, rows = Worth(trace), []
    for flow in traced.flows:
        move = trace.books.moves[flow.move]
        here, there = (move.received, move.sent) if forward else (move.sent, move.received)
        rows.append(
            {
                "kind": move.kind.value,
                "hops": flow.hops,
                "over_bridge": flow.crossed,
                "whole_raw": str(flow.whole),
                "traced_raw": str(flow.amount),
                "usd_micros": worth.of_flow(flow),
                "end": flow.end,
                "leg": here,
                "other": None if move.kind is Kind.PAYMENT else there,
                "holder": _held_by(trace, worth.far_pot(flow, forward=forward)),
                "rest_asset": None,
            }
        )
    for rest in traced.rests:
        rows.append(
            {
                "kind": "rest",
                "hops": rest.hops,
                "over_bridge": rest.crossed,
                "whole_raw": str(rest.amount),
                "traced_raw": str(rest.amount),
                "usd_micros": worth.of_rest(rest),
                "end": rest.end,
                "leg": None,
                "other": None,
                "holder": _held_by(trace, rest.pot),
                "rest_asset": trace.assets[trace.laid.asset[rest.pot]][1],
            }
        )
    return pl.DataFrame(rows, schema=_STEPS).select(
        pl.lit(direction).alias("direction"),
        pl.lit(convention).alias("convention"),
        pl.int_range(pl.len()).alias("step"),
        pl.all(),
    )


_STEPS: dict[str, pl.DataType] = {
    **{name: FLOWS[name] for name in ("kind", "hops", "over_bridge", "whole_raw", "traced_raw")},
    **{name: FLOWS[name] for name in ("usd_micros", "end")},
    **{name: pl.UInt32() for name in ("leg", "other", "holder")},
    "rest_asset": pl.String(),
}


def _held_by(trace: Trace, pot: int) -> int | None:
    """Return the code of a pot's holder; None while value is on its way over a bridge."""
    holder = trace.laid.holder[pot]
    return holder if holder >= 0 else None


def _written(trace: Trace) -> pl.DataFrame:
    """Return the transfers with their parties' addresses."""
    names = trace.parties.addresses["address"]
    return trace.rows.select(
        "chain", "block_time", "tx_id", "log_index", "asset",
        sender=names.gather(trace.rows["sender"]),
        receiver=names.gather(trace.rows["receiver"]),
    )  # fmt: skip
