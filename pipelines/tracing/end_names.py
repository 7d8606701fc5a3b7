"""Names of the ways in which a trace ends, as pages and sentences write them."""

from __future__ import annotations

END_NAMES = {
    "exchange_deposit": "exchange deposit addresses",
    "exchange_hot": "exchange hot wallets",
    "bridge": "bridges, without a match",
    "otc": "OTC desks",
    "mixer": "mixers",
    "guarantee_marketplace": "guarantee marketplaces",
    "other_service": "other services",
    "unspent": "addresses that still hold it, as far as supplied",
    "returned": "the address itself, coming back",
    "not_supplied": "addresses whose transfers were not supplied",
    "unseen": "what came before the supplied transfers",
    "swap_party": "other parties of swaps",
    "beyond_hops": "addresses beyond the hop cap",
    "beyond_degree": "hubs above the degree cap",
    "below_value": "payments below the value cap",
}
"""Kinds of ends as they stand after "to" or "from"."""

SHORT_NAMES = {
    "exchange_deposit": "exchange deposit",
    "exchange_hot": "exchange hot wallet",
    "bridge": "bridge, no match",
    "otc": "OTC desk",
    "mixer": "mixer",
    "guarantee_marketplace": "guarantee marketplace",
    "other_service": "other service",
    "unspent": "unspent",
    "returned": "back to itself",
    "not_supplied": "not supplied",
    "unseen": "before the data",
    "swap_party": "party of a swap",
    "beyond_hops": "beyond hop cap",
    "beyond_degree": "hub, degree cap",
    "below_value": "below value cap",
}
"""The same, as short as a label."""
