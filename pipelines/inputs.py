"""What several jobs are given: transfers, a list of addresses, a moment, an engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from data.address_lists import AddressList, Occurring, Problem, read_address_list
from data.coverage import legs_text
from data.errors import Refused
from data.explorers import NO_EXPLORERS, Explorers, load_explorers
from data.services import Services
from data.transfers import Transfers
from features.basis import BASES
from pipelines.prepared.lists import Prepared

_MOST_NOTES = 20


@dataclass(frozen=True)
class Asked:
    """The addresses a job is asked about, and the lines of the list that name none."""

    requests: pl.DataFrame
    problems: tuple[Problem, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence per line that could not be used, and for how many more there are."""
        shown = [f"line {p.line}: {p.text!r}: {p.reason}" for p in self.problems[:5]]
        more = len(self.problems) - len(shown)
        return (*shown, *((f"and {more} more such lines",) if more else ()))


def service_notes(services: Services) -> tuple[str, ...]:
    """Say what of the services was not taken as it came: the first sentences, and how many more."""
    more = len(services.notes) - _MOST_NOTES
    rest = (f"and {more:,} more notes on the services",) if more > 0 else ()
    return (*services.notes[:_MOST_NOTES], *rest)


def explorers_of(transfers: Transfers, table: str | Path | None, *, linked: bool) -> Explorers:
    """Return the explorers that pages link to: none for transfers that are made up.

    Parameters
    ----------
    transfers
        Of the run.
    table
        The user's own table of explorers.
    linked
        Whether there shall be links at all.

    Raises
    ------
    Refused
        The table is unusable, or given where nothing is linked.
    """
    if table is not None and not linked:
        raise Refused(
            f"a table of explorers ({table}) and no links to explorers were asked for",
            expected="one or the other",
        )
    found = load_explorers(table) if linked else NO_EXPLORERS
    return NO_EXPLORERS if transfers.synthetic else found


class Capped:
    """Counts for how many addresses busy others were not looked through to the end."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def seen(self, signals: pl.DataFrame) -> pl.DataFrame:
        """Look at some rows of signals, and return them."""
        for column in (c for c in signals.columns if c.endswith("_capped")):
            some = int((signals[column] > 0).sum())
            self._counts[column] = self._counts.get(column, 0) + some
        return signals

    def notes(self) -> tuple[str, ...]:
        """Say it."""
        return tuple(
            f"{column.removesuffix('_capped').capitalize()} of {some:,} addresses may be too low: "
            f"busy addresses around them were looked through in part only ({column} says how "
            "often)."
            for column, some in self._counts.items()
            if some
        )


def read_requests(path: Path, transfers: Transfers, prepared: Prepared | None = None) -> Asked:
    """Read an address list, telling chains by what the transfers hold.

    Parameters
    ----------
    prepared
        What was prepared of them, if anything was: it is quicker to ask.
    """
    known: Occurring
    if prepared is not None and prepared.is_of(transfers):
        known = prepared.occurring
    else:
        known = known_addresses(transfers)
    listed: AddressList = read_address_list(path, known)
    return Asked(listed.requests.select("chain", "address", "as_of"), listed.problems)


def known_addresses(transfers: Transfers) -> pl.LazyFrame:
    """Return every (chain, address) the transfers or their coverage know, repeats included."""
    dictionary = transfers.addresses()
    if dictionary is not None:
        sides = [dictionary.lazy().select("chain", "address")]
    else:
        scan = transfers.scan()
        sides = [scan.select("chain", address=pl.col(side)) for side in ("sender", "receiver")]
    if transfers.coverage is not None:
        sides.append(transfers.coverage.lazy().select("chain", "address"))
    return pl.concat(sides)


def resolved_as_of(transfers: Transfers, given: datetime | None) -> datetime:
    """Return the moment of a job: the one given, else the one recorded at ingest.

    Raises
    ------
    Refused
        Neither is known. It is never filled with today's date or the last transfer's.
    """
    if given is not None:
        return given
    if transfers.as_of is None:
        raise Refused(
            "nothing records for what moment these transfers speak.",
            expected="a store made by `unrinse ingest`, or --as-of",
            hint="Pass --as-of, for example --as-of 2024-06-01.",
        )
    return transfers.as_of


def unscored_exit(statuses: Mapping[str, int], problems: int, most: float | None) -> int:
    """Return 3 where lines of the list were unusable, or too many addresses have no score.

    Parameters
    ----------
    statuses
        How many addresses have each.
    most
        Largest share of requested addresses without a score that is still in order; None: any.
    """
    asked = sum(statuses.values()) + problems
    unscored = asked - statuses.get("scored", 0)
    too_many = most is not None and asked > 0 and unscored / asked > most
    return 3 if problems or too_many else 0


def counts(values: pl.Series) -> dict[str, int]:
    """Count values, most frequent first, ties by name; null is none.

    >>> counts(pl.Series(["b", None, "a", "c", "c"]))
    {'c': 2, 'a': 1, 'b': 1}
    """
    tally = Tally()
    tally.see(values)
    return tally.counts


class Tally:
    """Counts values that come in parts."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def see(self, values: pl.Series) -> None:
        """Count further values; null is none."""
        self._seen.update(dict(values.drop_nulls().value_counts().iter_rows()))

    @property
    def counts(self) -> dict[str, int]:
        """All so far, most frequent first, ties by name."""
        return dict(sorted(self._seen.items(), key=lambda item: (-item[1], item[0])))


def leg_names(legs: str | Iterable[str] | None) -> list[str] | None:
    """Read legs given as text or as names, into their one order.

    Raises
    ------
    Refused
        A name that is no leg.
    """
    if legs is None:
        return None
    return legs_text(legs if isinstance(legs, str) else ",".join(legs)).split(",")


def resolved_basis(name: str) -> str:
    """Check the name of a value basis."""
    if name not in BASES:
        raise Refused(f"the value basis {name!r} is unknown", expected=f"one of {', '.join(BASES)}")
    return name
