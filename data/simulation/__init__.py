"""A synthetic world of stablecoin payments in which the truth is known.

`world.build` plays scam cases and ordinary business on two chains and returns canonical tables, the
truth behind them and the imperfect labels a compliance team would hold. Read the files in the order
of the story: `parameters` (what is drawn), `populations` (who behaves how), `clock` (when), `flows`
(how much goes where), `criminal` and `benign` (the plays), `noise`, `labels`, `ledger` (the books).
"""
