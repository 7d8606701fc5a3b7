"""Which chain a list means: by a ticker, by the chain's name, or by the address's own form.

Lists name the coin, the token or the network. A native coin or a network is one chain. A stablecoin
is issued on many, so the address says more: the form of Tron or Bitcoin decides, and one of
`0x…` is taken to be on Ethereum, where these lists have theirs from.

>>> chain_meant("XBT", ""), chain_meant("Matic", "")
('bitcoin', 'polygon')
>>> chain_meant("USDT", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")
'tron'
>>> chain_meant("LTC", "")
Traceback (most recent call last):
    ...
ValueError: the chain 'LTC' is not supported
"""

from __future__ import annotations

from data.addresses import CHAINS, chain_family, guess_chains

_NAMED = {
    "btc": "bitcoin",
    "xbt": "bitcoin",
    "eth": "ethereum",
    "trx": "tron",
    "bnb": "bsc",
    "bep20": "bsc",
    "bnb smart chain": "bsc",
    "binance smart chain": "bsc",
    "matic": "polygon",
    "pol": "polygon",
    "arb": "arbitrum",
    "arbitrum one": "arbitrum",
    "op": "optimism",
    "avax": "avalanche",
    **{chain: chain for chain in CHAINS if chain != "generic"},
}
_TOKENS = ("usdt", "usdc", "dai", "busd", "tusd")


def chain_meant(word: str | None, address: str) -> str:
    """Return the chain that a list's word and an address mean.

    Raises
    ------
    ValueError
        No word, or a chain whose addresses cannot be read.
    """
    if word is None:
        raise ValueError("it names no chain")
    known = word.strip().casefold()
    if known in _TOKENS:
        fitting = guess_chains(address)
        return fitting[0] if fitting and chain_family(fitting[0]) != "evm" else "ethereum"
    if known not in _NAMED:
        raise ValueError(f"the chain {word[:40]!r} is not supported")
    return _NAMED[known]
