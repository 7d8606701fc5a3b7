"""What traced units are worth in dollars, where that is known.

A transfer's dollars are those of its own moment, and a traced part has its share of them, rounded
down. What rests unspent has no transfer of its own: it is valued at the rate of the last supplied
transfer of its asset that has dollars.
"""

from __future__ import annotations

import numpy as np

from models.tracing.following import Flow, Rest
from models.tracing.tracing import Trace


class Worth:
    """Micro-dollars of flows and rests of one trace; None where nobody knows."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._rates: dict[int, tuple[int, int]] = {}
        for move in trace.books.moves:
            if move.usd >= 0:
                self._rates[trace.laid.asset[move.target]] = move.usd, move.into
        time = trace.rows["block_time"].to_physical().to_numpy()
        self._time = time.astype(np.int64)

    def of_flow(self, flow: Flow) -> int | None:
        """Return what a flow is worth."""
        usd = self._trace.books.moves[flow.move].usd
        return usd * flow.amount // flow.whole if usd >= 0 else None

    def of_rest(self, rest: Rest) -> int | None:
        """Return what is left in a pot, at its asset's last rate."""
        return self.of_units(self._trace.laid.asset[rest.pot], rest.amount)

    def of_units(self, asset: int, amount: int) -> int | None:
        """Return units of an asset at its last rate."""
        usd, units = self._rates.get(asset, (0, 0))
        return usd * amount // units if units else None

    def moment(self, flow: Flow, *, forward: bool) -> int:
        """Return when a flow arrived, or going back when it left, in microseconds."""
        move = self._trace.books.moves[flow.move]
        return int(self._time[move.received if forward else move.sent])

    def far_pot(self, flow: Flow, *, forward: bool) -> int:
        """Return the pot that a flow came to, in the direction of the trace."""
        move = self._trace.books.moves[flow.move]
        return move.target if forward else move.source
