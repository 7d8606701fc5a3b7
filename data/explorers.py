"""Public explorers: where a reader can look up a transaction or an address for themselves.

Whoever follows such a link tells a third party what they are looking at, which may be the subject
of an investigation. So nothing here asks anybody anything: links are made, and a reader decides.
`registry/explorers.csv` has one explorer a chain; a file of the user's own replaces rows of it,
with an explorer inside the house for instance.

A link is made from an id that has exactly the form of its chain and from a pattern that passed
`read_explorers`; any other text, and every id of the chain ``generic``, gets none.

>>> found = load_explorers().transaction("ethereum", "0x" + "ab" * 32)
>>> found.host, found.href[:33]
('etherscan.io', 'https://etherscan.io/tx/0xabababa')
>>> load_explorers().transaction("ethereum", "javascript:alert(1)") is None
True
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from data.addresses import CHAINS, canonical_address, chain_family
from data.assets import REGISTRY
from data.small_tables import (
    read_small_table,
    refuse_faulty_lines,
    refuse_unknown_columns,
)

PLACE = "{id}"
"""Where a pattern takes the id."""

_REQUIRED = ("chain", "transaction", "address")
_COLUMNS = ("chain", "name", "transaction", "address", "source", "date", "verified")
_WHAT = f"a table of explorers (chain, transaction, address: https links with one {PLACE})"
_LINKED = tuple(chain for chain in CHAINS if chain != "generic")
_PATTERN = re.compile(
    r"https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?/"
    r"[A-Za-z0-9._~/#?&=%+!:,;-]*\{id\}[A-Za-z0-9._~/#?&=%+!:,;-]*",
    re.ASCII,
)
_TRANSACTION = {
    "evm": re.compile(r"0x[0-9a-f]{64}", re.ASCII),
    "tron": re.compile(r"[0-9a-f]{64}", re.ASCII),
    "bitcoin": re.compile(r"[0-9a-f]{64}", re.ASCII),
}
"""The whole form of a transaction's id, by family of chains."""


@dataclass(frozen=True)
class Link:
    """One link.

    Attributes
    ----------
    href
        Where it leads.
    host
        Who learns of it when somebody follows it.
    """

    href: str
    host: str


@dataclass(frozen=True)
class Explorers:
    """The explorers in force; without any, nothing has a link.

    Attributes
    ----------
    patterns
        By chain: the patterns for a transaction and for an address.
    """

    patterns: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def told(self) -> dict[str, list[str]]:
        """Return the patterns as a manifest may hold them."""
        return {chain: list(pair) for chain, pair in sorted(self.patterns.items())}

    def transaction(self, chain: str, tx_id: str) -> Link | None:
        """Return where a transaction can be looked up; None where its id has not the form."""
        pattern = self.patterns.get(chain)
        if pattern is None or not _TRANSACTION[chain_family(chain)].fullmatch(tx_id):
            return None
        return _link(pattern[0], tx_id)

    def address(self, chain: str, address: str) -> Link | None:
        """Return where an address can be looked up; None where it is none of its chain."""
        pattern = self.patterns.get(chain)
        canonical = None if pattern is None else _canonical(chain, address)
        return None if pattern is None or canonical is None else _link(pattern[1], canonical)


NO_EXPLORERS = Explorers()
"""None: nothing has a link."""


def load_explorers(extra: str | Path | None = None) -> Explorers:
    """Return the registry's explorers, with the user's own in their place.

    Parameters
    ----------
    extra
        A CSV or Parquet table with chain, transaction and address.

    Raises
    ------
    Refused
        The file cannot be read, or a line is no explorer; the first such lines are shown.
    """
    own = {} if extra is None else read_explorers(Path(extra))
    return Explorers(_registry() | own)


def read_explorers(path: Path) -> dict[str, tuple[str, str]]:
    """Return the patterns of a table of explorers by chain.

    Raises
    ------
    Refused
        The file cannot be read; a chain is unknown, has no form of its own or stands twice; a
        pattern is no https address with one ``{id}`` behind its host.
    """
    table = read_small_table(path, _WHAT)
    refuse_unknown_columns(path, table.columns, _COLUMNS, _REQUIRED)
    found: dict[str, tuple[str, str]] = {}
    faults = []
    for row in table.iter_rows(named=True):
        patterns = tuple(row[name] or "" for name in ("transaction", "address"))
        wrong = [pattern for pattern in patterns if not _PATTERN.fullmatch(pattern)]
        if row["chain"] not in _LINKED:
            faults.append(f"line {row['line']}: {row['chain']!r} is none of {', '.join(_LINKED)}")
        elif row["chain"] in found:
            faults.append(f"line {row['line']}: {row['chain']} stands twice")
        elif wrong:
            faults.append(
                f"line {row['line']}: {wrong[0]!r} is not https://host/...{PLACE}..., "
                f"with {PLACE} once and nothing that needs an escape"
            )
        else:
            found[row["chain"]] = (patterns[0], patterns[1])
    refuse_faulty_lines(path, faults, _WHAT)
    return found


@lru_cache(maxsize=1)
def _registry() -> dict[str, tuple[str, str]]:
    return read_explorers(REGISTRY / "explorers.csv")


def _link(pattern: str, text: str) -> Link:
    # No chain's form has a character that would need an escape.
    href = pattern.replace(PLACE, text)
    return Link(href, urlsplit(href).netloc)


@lru_cache(maxsize=4096)
def _canonical(chain: str, address: str) -> str | None:
    try:
        return canonical_address(chain, address)
    except ValueError:
        return None
