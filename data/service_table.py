"""The one table of services and listed parties: its columns, and the words that stand in them.

Columns
-------
chain, address, name, category (`CATEGORIES`), licit (boolean), source, date (of the source or of
reading it), confidence (`CONFIDENCES`: GraphSense's names), verified (boolean: the address was
read in the source), origin (`registry` or `user`).
"""

from __future__ import annotations

import polars as pl

CATEGORIES = (
    "exchange_hot",
    "exchange_deposit",
    "bridge",
    "dex_router",
    "payment_processor",
    "custodian",
    "mixer",
    "guarantee_marketplace",
    "sanctioned",
    "otc_desk",
    "token_issuer",
    "issuer_blocked",
    "reported_abuse",
)
"""`issuer_blocked`: frozen by the issuer of a token. `reported_abuse`: named by somebody for a
scam, a theft or another crime. Both come from label lists, and are not licit there."""

CONFIDENCES = (
    "ledger_immanent",
    "ownership",
    "manual_transaction",
    "service_api",
    "authority_data",
    "trusted_provider",
    "service_data",
    "forensic",
    "untrusted_transaction",
    "web_crawl",
    "heuristic",
    "unknown",
)
"""How an attribution is known, from what the ledger itself shows down to unknown."""

SERVICES: dict[str, pl.DataType] = {
    "chain": pl.String(),
    "address": pl.String(),
    "name": pl.String(),
    "category": pl.String(),
    "licit": pl.Boolean(),
    "source": pl.String(),
    "date": pl.String(),
    "confidence": pl.String(),
    "verified": pl.Boolean(),
    "origin": pl.String(),
}
