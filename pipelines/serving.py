"""Answering a request for scores: transfers and addresses in, what `unrinse score` writes out.

A request is one JSON object:

| field | |
|---|---|
| `transfers` | rows of the canonical table, moments as ISO 8601 text |
| `addresses` | texts, or objects with `address` and perhaps `chain` and `as_of` |
| `coverage` | rows of the coverage table; else `assume_complete` |
| `services` | rows of a services table, beside the built-in registry |
| `as_of` | the moment that the transfers speak for |
| `reasons` | explain so many of the highest; 10 where nothing is said |
| `assume_complete`, `research_use` | as the options of `unrinse score` |

The rows go through the same files and the same job as on the command line, so the answer is the
same to the last bit: one object for each address, in the order requested, with the columns of a
scores file. Files of the server are never named by a request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from data.errors import Refused, did_you_mean
from data.moments import read_moment
from data.schema import COVERAGE, TIME, TRANSFERS
from data.service_table import SERVICES
from pipelines.outputs import write_rows
from pipelines.score import score_addresses

FIELDS = (
    "transfers",
    "addresses",
    "coverage",
    "services",
    "as_of",
    "reasons",
    "assume_complete",
    "research_use",
)

REASONS = 10
"""How many of the highest are explained where a request does not say."""

_ADDRESSES = {"chain": pl.String(), "address": pl.String(), "as_of": pl.String()}


def answer(bundle: str | Path, asked: Any) -> list[dict[str, Any]]:
    """Score the addresses of a request.

    Parameters
    ----------
    bundle
        The bundle directory; it is verified for every request.
    asked
        The request: an object, a list of one, or a table of one row (which is how MLflow's server
        hands over ``dataframe_records``).

    Raises
    ------
    Refused
        The request is not as described, or the job refuses it.
    """
    request = _request(asked)
    with TemporaryDirectory(prefix="unrinse-") as folder:
        try:
            return _answer(bundle, request, Path(folder))
        except Refused as refused:
            # Where the server keeps its files is nothing that a client needs to know.
            said = refused.message.replace(f"{folder}/", "")
            raise Refused(said, expected=refused.expected, hint=refused.hint) from refused


def _answer(bundle: str | Path, request: Mapping[str, Any], made: Path) -> list[dict[str, Any]]:
    """Write the request's tables to files, and run the job on them."""
    tables = {"transfers": TRANSFERS, "coverage": COVERAGE}
    for name, kinds in tables.items():
        if request.get(name) is not None:
            _table(request[name], name, kinds).write_parquet(made / f"{name}.parquet")
    services = None
    if request.get("services"):
        services = made / "services.csv"
        kinds = {column: kind for column, kind in SERVICES.items() if column != "origin"}
        _table(request["services"], "services", kinds).write_csv(services)
    named = [one if isinstance(one, Mapping) else {"address": one} for one in request["addresses"]]
    _table(named, "addresses", _ADDRESSES).write_csv(made / "addresses.csv")
    run = score_addresses(
        bundle,
        made / "transfers.parquet",
        made / "addresses.csv",
        as_of=_moment(request.get("as_of")),
        reasons=_whole(request.get("reasons", REASONS)),
        research_use=_yes(request, "research_use"),
        services=services,
        assume_complete=_yes(request, "assume_complete"),
    )
    write_rows(run.scores, made / "scores.jsonl")
    lines = (made / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _request(asked: Any) -> Mapping[str, Any]:
    """Take the request out of what the server hands over, and look at its fields."""
    if hasattr(asked, "to_dict") and not isinstance(asked, Mapping):
        asked = asked.to_dict("records")  # a pandas table; pandas itself is not needed
    if isinstance(asked, list) and len(asked) == 1:
        asked = asked[0]
    if not isinstance(asked, Mapping):
        raise Refused(
            f"the request is {type(asked).__name__}",
            expected="one object with transfers and addresses, as `dataframe_records` of one row",
        )
    given = {str(key): value for key, value in asked.items()}
    if unknown := sorted(set(given) - set(FIELDS)):
        raise Refused(
            f"the request has the field {unknown[0]!r}",
            expected=f"some of {', '.join(FIELDS)}",
            hint=did_you_mean(unknown[0], FIELDS),
        )
    for name in ("transfers", "addresses"):
        if not isinstance(given.get(name), list) or not given[name]:
            raise Refused(f"the request has no {name}", expected=f"{name}: a list, not empty")
    return given


def _table(rows: Any, name: str, kinds: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Turn the objects of a request into a table; nothing is guessed and nothing cast loosely."""
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise Refused(f"{name} of the request is no list of objects", expected="[{...}, ...]")
    named = {key for row in rows for key in row}
    if unknown := sorted(named - set(kinds)):
        raise Refused(
            f"{name} of the request has the column {unknown[0]!r}",
            expected=f"some of {', '.join(kinds)}",
            hint=did_you_mean(unknown[0], kinds),
        )
    columns = [column for column in kinds if column in named]
    try:
        series = [
            pl.Series(
                column,
                [_cell(row.get(column), kinds[column]) for row in rows],
                dtype=kinds[column],
                strict=True,
            )
            for column in columns
        ]
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise Refused(
            f"{name} of the request cannot be read ({str(error).splitlines()[0]})",
            expected=", ".join(f"{column} {kinds[column]}" for column in columns),
        ) from error
    return pl.DataFrame(series)


def _cell(value: Any, kind: pl.DataType) -> Any:
    return read_moment(value) if kind == TIME and value is not None else value


def _moment(text: Any) -> datetime | None:
    if text is None:
        return None
    try:
        return read_moment(text)
    except (ValueError, AttributeError) as error:
        raise Refused(f"as_of of the request is {text!r}", expected="ISO 8601") from error


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Refused(f"reasons of the request is {value!r}", expected="a whole number, 0 or more")
    return value


def _yes(request: Mapping[str, Any], name: str) -> bool:
    value = request.get(name, False)
    if not isinstance(value, bool):
        raise Refused(f"{name} of the request is {value!r}", expected="true or false")
    return value
