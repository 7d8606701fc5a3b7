"""Reading the list of addresses that a job is asked about.

A list is plain text (one address a line), CSV or Parquet with a column `address` and, where known,
`chain` and `as_of` (score as things stood then). A typo must not cost the answers for the other
addresses, nor may it pass unseen: lines that hold no valid address are returned beside the
requests, and the job ends with exit code 3 and says which they are.

Where the chain is not given it is told from the form. An EVM address has the same form on seven
chains: it is requested on each one on which the loaded transfers know it.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     path = Path(folder) / "list.txt"
...     _ = path.write_text("# the suspects\\nTR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t\\n0x12\\n")
...     wanted = read_address_list(path)
>>> wanted.requests.select("chain", "address").rows()
[('tron', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t')]
>>> wanted.problems[0].line, wanted.problems[0].text
(3, '0x12')
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import polars as pl

from data.addresses import EVM_CHAINS, OTHER_CHAINS, canonical_address, guess_chains
from data.errors import Refused
from data.moments import read_moment
from data.schema import TIME
from data.small_tables import data_lines, read_small_table, read_text

REQUESTS: dict[str, pl.DataType] = {
    "line": pl.Int64(),
    "chain": pl.String(),
    "address": pl.String(),
    "as_of": TIME,
}
"""`line`: where it was first asked for. `as_of` null: the job's own."""

_WHAT = "an address list (plain text, CSV or Parquet with a column address)"
_COLUMNS = ("address", "chain", "as_of")
_LONGEST_SHOWN = 80
Occurring = pl.DataFrame | pl.LazyFrame | Callable[[Sequence[tuple[str, str]]], pl.DataFrame] | None
_Line = tuple[int, str, str | None, str | None]  # number, address, chain, as_of


@dataclass(frozen=True)
class Problem:
    """A line that holds no usable request.

    Attributes
    ----------
    line
        Line of a text or CSV file, row of a Parquet file, from 1.
    text
        What stands there, cut to 80 characters. It came from outside: escape it where it is shown.
    reason
        What is wrong with it.
    """

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class AddressList:
    """What a list asks for.

    Attributes
    ----------
    requests
        `REQUESTS`, each chain, address and as_of once, in the order first asked for.
    problems
        The lines that could not be used.
    ignored_columns
        Columns of the file that no job reads.
    """

    requests: pl.DataFrame
    problems: tuple[Problem, ...] = ()
    ignored_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class KnownAddresses:
    """What the loaded transfers know of the texts in a list, to tell the chain of each.

    Attributes
    ----------
    pairs
        (chain, address), canonical, of the listed addresses that occur.
    default_chain
        The chain of an EVM address that occurs nowhere; `generic`: any text is an id of the
        loaded ledger.
    """

    pairs: Collection[tuple[str, str]] = field(default_factory=frozenset)
    default_chain: str = "ethereum"

    @classmethod
    def among(
        cls,
        texts: Iterable[str],
        occurring: Occurring,
        default_chain: str | None = None,
    ) -> KnownAddresses:
        """Look the texts of a list up in a frame with the columns chain and address.

        Without a `default_chain` it is `ethereum` if the frame has that chain, else its first
        EVM chain, else `generic` if it has that alone, else `ethereum`.
        """
        if occurring is None:
            return cls(default_chain=default_chain or "ethereum")
        if not isinstance(occurring, pl.DataFrame | pl.LazyFrame):
            occurring = occurring(sorted({pair for text in texts for pair in _spellings(text)}))
        frame = occurring.lazy().select("chain", "address")
        chains = set(frame.select(pl.col("chain").unique()).collect()["chain"])
        evm = [c for c in EVM_CHAINS if c in chains]
        alone = "generic" if chains == {"generic"} else "ethereum"
        # Only what the list asks for is kept: a ledger has millions of addresses.
        spelled = pl.LazyFrame(
            {"address": sorted({a for t in texts for _, a in _spellings(t)})},
            schema={"address": pl.String},  # an empty list would have no type
        )
        found = frame.join(spelled, on="address", how="semi").unique().collect()
        return cls(frozenset(found.iter_rows()), default_chain or (evm[0] if evm else alone))

    def resolve(self, text: str, chain: str | None = None) -> list[tuple[str, str]]:
        """Return the (chain, address) pairs that a text asks for.

        Raises
        ------
        ValueError
            The text is no valid address of the chain, or of any chain.

        Examples
        --------
        >>> known = KnownAddresses({("bsc", "0x" + "1" * 40), ("base", "0x" + "1" * 40)})
        >>> [chain for chain, _ in known.resolve("0x" + "1" * 40)]
        ['bsc', 'base']
        """
        if chain:
            form = "generic" if chain in OTHER_CHAINS else chain
            return [(chain, canonical_address(form, text))]
        found = [pair for pair in _spellings(text) if pair in self.pairs]
        if found:
            return found
        if self.default_chain == "generic":
            return [("generic", canonical_address("generic", text))]
        forms = guess_chains(text)
        if not forms:
            raise ValueError("this is no address of a chain known here")
        chosen = forms[0] if len(forms) == 1 else self.default_chain
        return [(chosen, canonical_address(chosen, text))]


def read_address_list(
    path: Path,
    occurring: Occurring = None,
    default_chain: str | None = None,
) -> AddressList:
    """Read an address list.

    Parameters
    ----------
    path
        Plain text, CSV or Parquet.
    occurring
        The (chain, address) pairs of the loaded transfers; repeated pairs do no harm. Or a
        function that returns those of some pairs that occur, and every chain that there is with
        the address null.
    default_chain
        The chain of EVM addresses that occur nowhere; by default told from `occurring`, see
        `KnownAddresses.among`.

    Raises
    ------
    Refused
        The file cannot be read as a list, has no column `address`, or holds no valid address.
    """
    path = Path(path)
    lines, ignored = _lines(path)
    texts = [text for _, text, chain, _ in lines if not chain]
    known = KnownAddresses.among(texts, occurring, default_chain)
    rows: dict[tuple[object, ...], int] = {}
    problems: list[Problem] = []
    for number, text, chain, as_of in lines:
        try:
            moment = read_moment(as_of) if as_of else None
            pairs = known.resolve(text, chain)
        except ValueError as error:
            problems.append(Problem(number, text[:_LONGEST_SHOWN], str(error)))
            continue
        for pair in pairs:
            rows.setdefault((*pair, moment), number)
    if not rows:
        first = problems[0] if problems else None
        why = f"; line {first.line} is {first.text!r}: {first.reason}" if first else ""
        raise Refused(f"{path} holds no valid address{why}", expected=_WHAT)
    table = [(number, *key) for key, number in rows.items()]
    requests = pl.DataFrame(table, schema=REQUESTS, orient="row")
    return AddressList(requests, tuple(problems), ignored)


def _spellings(text: str) -> list[tuple[str, str]]:
    """Return every (chain, address) that a text can mean, in the order of the chains."""
    forms = guess_chains(text)
    try:
        # One form is enough to check the spelling: the EVM chains share theirs.
        address = canonical_address(forms[0], text) if forms else ""
    except ValueError:
        forms = ()
    return [*((chain, address) for chain in forms), ("generic", text.strip())]


def _lines(path: Path) -> tuple[list[_Line], tuple[str, ...]]:
    if _is_plain_text(path):
        return list(_plain_lines(path)), ()
    table = read_small_table(path, _WHAT)
    others = [c for c in table.columns if c not in (*_COLUMNS, "line")]
    missing = [c for c in _COLUMNS if c not in table.columns]
    mistyped = [(c, m) for c in others for m in get_close_matches(c, missing, n=1, cutoff=0.75)]
    if mistyped or "address" in missing:
        raise Refused(
            f"{path} has the columns {', '.join(c for c in table.columns if c != 'line')}",
            expected="a column address and, where known, chain and as_of",
            hint="; ".join(f"is {c!r} meant to be {m!r}?" for c, m in mistyped) or None,
        )
    return list(_table_lines(table)), tuple(others)


def _is_plain_text(path: Path) -> bool:
    """Tell a list without a header from a table: the first line of a table names `address`."""
    if path.is_file() and path.read_bytes()[:4] == b"PAR1":
        return False
    lines = data_lines(read_text(path, _WHAT))
    first = lines[0][1] if lines else ""
    return not any("address" in cell.lower() for cell in re.split("[,;\t]", first))


def _plain_lines(path: Path) -> Iterator[_Line]:
    for number, line in data_lines(read_text(path, _WHAT)):
        yield number, re.sub(r"\s+#.*", "", line).strip(), None, None


def _table_lines(table: pl.DataFrame) -> Iterator[_Line]:
    for row in table.iter_rows(named=True):
        yield row["line"], row["address"] or "", row.get("chain"), row.get("as_of")
