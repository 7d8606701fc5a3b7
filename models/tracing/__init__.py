"""Tracing: where an address's money went on to, and where it came from, by stated conventions.

Coins of one kind in one place cannot be told apart, so which of them left first is a convention and
never a fact. Two are computed, side by side: **FIFO** (the coins that came first leave first) and
**haircut** (each payment takes from everything held in proportion). Neither follows "the same
money", and where they disagree the data do not say which holds.

The story in order: `moves` (transfers become moves between pots), `books` (what each pot held),
`fifo` and `haircut` (the conventions), `following` (one pass over the moves), `reach` (whose
histories are needed), `parties` (where it stops), `laying` (swaps, bridges), `tracing` (all of it).
"""
