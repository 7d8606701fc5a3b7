"""Requests: whose histories are wanted, until when, and through which legs each is seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import numpy as np
import polars as pl

from data.errors import Refused
from data.schema import LEGS, TIME, leg_set, leg_text
from data.transfers import Transfers
from features.compilation import keep_compiled, kernel
from features.loading import numbers

_SLICE_ROWS = 1 << 18
_NEVER = np.iinfo(np.int64).max


def requested(transfers: Transfers, requests: pl.DataFrame | None, as_of: datetime) -> pl.DataFrame:
    """Return ``chain``, ``address`` and ``as_of`` of each request; None asks for all covered ones.

    Under `assume_complete` those are not known before the transfers are read: there are none then.

    Raises
    ------
    Refused
        All are wanted and there is no coverage table.
    """
    if requests is None:
        coverage = None if transfers.assume_complete else transfers.coverage
        if coverage is None and not transfers.assume_complete:
            raise Refused(
                "the transfers have no coverage table beside them, so it is not known whose "
                "histories they hold.",
                hint="Pass --assume-complete if they hold every transfer of every address.",
            )
        requests = (
            pl.DataFrame(schema={"chain": pl.String, "address": pl.String})
            if coverage is None
            else coverage.select("chain", "address").unique().sort("chain", "address")
        )
    if "as_of" not in requests.columns:
        requests = requests.with_columns(as_of=pl.lit(None, dtype=TIME))
    common = pl.lit(as_of, dtype=TIME)
    return requests.select("chain", "address", pl.col("as_of").cast(TIME).fill_null(common))


class Occurring:
    """Which addresses the transfers name, and when first; looks at them part after part.

    Attributes
    ----------
    earliest
        int64 microseconds by address code, and a last one for no code; far in the future where no
        transfer names it.
    """

    def __init__(self, addresses: int) -> None:
        keep_compiled(_first_moments)
        self.earliest = np.full(addresses + 1, _NEVER)

    def see(self, table: np.ndarray) -> None:
        """Look at further transfers (`features.events.EVENT`)."""
        _first_moments(table, self.earliest)

    def codes(self) -> np.ndarray:
        """Return the codes of those that are named (int32), ascending."""
        return np.flatnonzero(self.earliest[:-1] < _NEVER).astype(np.int32)


def named_in(table: np.ndarray, addresses: int) -> np.ndarray:
    """Return the codes (int32, ascending) that transfers name, of so many that there are."""
    keep_compiled(_mark_named)
    named = np.zeros(addresses, dtype=np.bool_)
    _mark_named(table, named)
    return np.flatnonzero(named).astype(np.int32)


def everybody(addresses: pl.DataFrame, codes: np.ndarray, as_of: datetime) -> pl.DataFrame:
    """Return requests for addresses that occur.

    Parameters
    ----------
    addresses
        Their ``chain`` and ``address``, in order of both (as codes are).
    """
    return addresses.select(
        "chain",
        "address",
        code=pl.Series(codes, dtype=pl.Int32),
        occurs=pl.lit(True),
        as_of=pl.lit(as_of, dtype=TIME),
    )


def with_codes(
    asked: pl.DataFrame, listed: Iterable[tuple[int, pl.DataFrame]], earliest: np.ndarray
) -> pl.DataFrame:
    """Add each address's code, -1 for none, and whether a transfer before its cut names it.

    Parameters
    ----------
    listed
        All addresses by code, in parts: the first code of a part, and its ``chain`` and
        ``address``.
    earliest
        As in `Occurring`.
    """
    codes = np.full(asked.height, -1, dtype=np.int32)
    names = asked.select("chain", "address").with_row_index("_at")
    for first, part in listed:
        coded = part.with_row_index("code", offset=first)
        found = names.join(coded, on=["chain", "address"], how="inner")
        codes[found["_at"].to_numpy()] = found["code"].to_numpy()
    occurs = earliest[codes] < numbers(asked["as_of"])
    return asked.with_columns(code=pl.Series(codes), occurs=pl.Series(occurs))


class Legs:
    """What the coverage shows of each address, as far as it is looked at.

    Parameters
    ----------
    legs
        Look at these legs only; None: all that the coverage shows.
    """

    def __init__(self, transfers: Transfers, legs: Iterable[str] | None) -> None:
        allowed = frozenset(LEGS) if legs is None else leg_set(",".join(legs))
        self._every = leg_text(allowed) if transfers.assume_complete else None
        if self._every is None:
            self._merged = _merged(transfers.coverage, allowed)

    def of(self, asked: pl.DataFrame) -> pl.DataFrame:
        """Join the coverage: whether covered, complete, and the legs in force."""
        if self._every is not None:
            return asked.with_columns(
                covered=pl.lit(True),
                complete=pl.lit(True),
                legs=pl.lit(self._every, dtype=pl.String),
            )
        return asked.join(
            self._merged, on=["chain", "address"], how="left", maintain_order="left"
        ).select(
            "chain",
            "address",
            "code",
            "as_of",
            "occurs",
            pl.col("covered").fill_null(False),
            pl.col("complete").fill_null(False),
            pl.col("legs").fill_null(""),
        )

    def of_everybody(self, addresses: pl.DataFrame) -> np.ndarray:
        """Return the legs in force of addresses, given by code, as bits."""
        everybody = addresses.with_columns(
            code=pl.int_range(pl.len(), dtype=pl.Int32),
            as_of=pl.lit(None, dtype=TIME),
            occurs=pl.lit(True),
        )
        return leg_masks(self.of(everybody)["legs"])


def _merged(coverage: pl.DataFrame | None, allowed: frozenset[str]) -> pl.DataFrame:
    """Return one row for each covered address."""
    if coverage is None:
        coverage = pl.DataFrame(
            schema={"chain": pl.String, "address": pl.String, "complete": pl.Boolean,
                    "legs": pl.String}
        )  # fmt: skip
    merged = (
        coverage.group_by("chain", "address", maintain_order=True)
        .agg(pl.col("complete").all(), pl.col("legs").str.join(","))
        .with_columns(covered=pl.lit(True))
    )
    in_force = {
        text: leg_text(leg_set(text) & allowed) for text in merged["legs"].unique().to_list()
    }
    return merged.with_columns(
        pl.col("legs").replace_strict(in_force, default="", return_dtype=pl.String)
    )


def leg_masks(legs: pl.Series) -> np.ndarray:
    """Return the legs in force as bits, in the order of `LEGS`."""
    masks = {
        text: sum(1 << k for k, leg in enumerate(LEGS) if leg in leg_set(text))
        for text in legs.unique().to_list()
    }
    coded = legs.replace_strict(masks, return_dtype=pl.UInt8)
    return numbers(coded.cast(pl.UInt8))  # the type of nothing replaced is not the one asked for


def in_slices(addresses: pl.LazyFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    """Read a dictionary of addresses in parts, as `with_codes` wants them."""
    done = 0
    for part in addresses.collect_batches(chunk_size=_SLICE_ROWS, maintain_order=True):
        yield done, part
        done += part.height


@kernel
def _first_moments(table: np.ndarray, earliest: np.ndarray) -> None:  # pragma: no cover (compiled)
    for event in table:
        earliest[event.sender] = min(earliest[event.sender], event.time)
        earliest[event.receiver] = min(earliest[event.receiver], event.time)


@kernel
def _mark_named(table: np.ndarray, named: np.ndarray) -> None:  # pragma: no cover (compiled)
    for event in table:
        named[event.sender] = True
        named[event.receiver] = True
