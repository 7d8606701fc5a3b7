"""The column mapping of the format `table`: which source column holds what, in which unit.

A mapping is a set of names, each with a source column, or with a constant that begins with ``=``.
It comes as ``name=source`` texts (``sender=From``, ``asset==native``), as a TOML file of the same
names, or as a Python mapping.

| name | meaning | default |
|---|---|---|
| `block_time`, `sender`, `receiver`, `amount_raw` | as in the transfers table | required |
| `tx_id` | transaction id | required; chain `generic`: file and row |
| `chain` | one chain, or a column of chain names | the chain of the command |
| `asset` | contract, or ``=native`` | ``=native`` |
| `kind` | ``native``, ``internal``, ``token``, ``fee`` | ``native`` or ``token`` by `asset` |
| `block_number`, `tx_index`, `log_index` | position in the chain | null |
| `initiator`, `tx_to`, `method` | who sent the transaction, and what it called | null |
| `token_symbol`, `token_type` | what the export calls the token | null |
| `failed`, `confirmed` | true or false | not failed; not said |
| `account` | whose export a row stands in; gives coverage | no coverage |

| setting | values | default |
|---|---|---|
| `time_unit` | ``s``, ``ms``, ``us``, ``iso``, or a format in UTC (``%d.%m.%Y %H:%M``) | needed |
| `amount_unit` | ``base``, ``decimal`` (whole coins), ``usd`` (chain `generic` only) | required |
| `decimals` | places of a whole coin, or ``registry``: look each asset up | ``registry`` |
| `legs` | what the export shows, as ``native_in,native_out`` | from `kind` |
| `complete` | ``true`` where every account's history is whole | ``false`` |

A column of a time type needs no `time_unit`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import Refused, did_you_mean
from data.importers.times import UNITS

REQUIRED = ("block_time", "sender", "receiver", "amount_raw")
COLUMNS = (
    *REQUIRED,
    "tx_id",
    "chain",
    "asset",
    "kind",
    "block_number",
    "tx_index",
    "log_index",
    "initiator",
    "tx_to",
    "method",
    "token_symbol",
    "token_type",
    "failed",
    "confirmed",
    "account",
)
SETTINGS = ("time_unit", "amount_unit", "decimals", "legs", "complete")
AMOUNT_UNITS = ("base", "decimal", "usd")
REGISTRY_DECIMALS = "registry"

_MOST_DECIMALS = 77


@dataclass(frozen=True)
class TableMapping:
    """A checked mapping.

    Attributes
    ----------
    columns
        Canonical name to source column.
    constants
        Canonical name to the one value of all rows.
    time_unit, amount_unit
        As in the module's table; an empty ``time_unit`` means a column of a time type.
    decimals
        Places of a whole coin; None: look them up in the asset registry.
    legs
        Comma-joined; None: follow the kind.
    complete
        Whether the user declares that every account's history is whole.
    """

    columns: dict[str, str]
    constants: dict[str, str]
    time_unit: str
    amount_unit: str
    decimals: int | None
    legs: str | None
    complete: bool


def read_mapping(given: Mapping[str, Any] | Sequence[str] | Path | None) -> TableMapping:
    """Read and check a mapping in any of its forms.

    Raises
    ------
    Refused
        It cannot be read, has an unknown name or value, or lacks a required one.

    Examples
    --------
    >>> m = read_mapping(["sender=From", "receiver=To", "block_time=When", "amount_raw=Value",
    ...                   "tx_id=Hash", "asset==native", "time_unit=s", "amount_unit=base"])
    >>> m.columns["sender"], m.constants
    ('From', {'asset': 'native'})
    """
    entries = _entries(given)
    _refuse_unknown(entries)
    if missing := [name for name in REQUIRED if name not in entries]:
        raise Refused(
            f"the mapping lacks {', '.join(missing)}",
            expected=f"a source column for each of {', '.join(REQUIRED)}",
            hint="For example --map sender=From, or the same in a TOML file.",
        )
    sources = {k: v for k, v in entries.items() if k in COLUMNS}
    return TableMapping(
        columns={k: v for k, v in sources.items() if not v.startswith("=")},
        constants={k: v[1:] for k, v in sources.items() if v.startswith("=")},
        time_unit=_time_unit(entries),
        amount_unit=_choice(entries, "amount_unit", AMOUNT_UNITS),
        decimals=_decimals(entries),
        legs=entries.get("legs"),
        complete=_choice({"complete": "false", **entries}, "complete", ("true", "false")) == "true",
    )


def _entries(given: Mapping[str, Any] | Sequence[str] | Path | None) -> dict[str, str]:
    if given is None:
        raise Refused(
            "the format 'table' needs a column mapping",
            expected="--map name=column for each column, or --mapping FILE.toml",
        )
    if isinstance(given, Path):
        try:
            given = tomllib.loads(given.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Refused(f"the mapping {str(given)!r} cannot be read as TOML ({error})") from error
    if isinstance(given, Mapping):
        return {str(k): _text(v) for k, v in given.items()}
    entries: dict[str, str] = {}
    for part in given:
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise Refused(f"the mapping {part!r} has no '='", expected="name=column")
        if name.strip() in entries:
            raise Refused(f"the mapping names {name.strip()!r} twice")
        entries[name.strip()] = value
    return entries


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refuse_unknown(entries: Mapping[str, str]) -> None:
    for name in entries:
        if name not in (*COLUMNS, *SETTINGS):
            raise Refused(
                f"the mapping has the unknown name {name!r}",
                expected=f"columns {', '.join(COLUMNS)}; settings {', '.join(SETTINGS)}",
                hint=did_you_mean(name, (*COLUMNS, *SETTINGS)),
            )


def _time_unit(entries: Mapping[str, str]) -> str:
    unit = entries.get("time_unit", "")
    if unit and unit not in (*UNITS, "iso") and "%" not in unit:
        raise Refused(
            f"the time_unit {unit!r} is not known",
            expected=f"{', '.join(UNITS)}, iso, or a format such as '%d.%m.%Y %H:%M'",
        )
    return unit


def _choice(entries: Mapping[str, str], name: str, values: Sequence[str]) -> str:
    value = entries.get(name, "")
    if value not in values:
        came = f"is {value!r}" if value else "is missing"
        raise Refused(f"the mapping's {name} {came}", expected=f"one of {', '.join(values)}")
    return value


def _decimals(entries: Mapping[str, str]) -> int | None:
    text = entries.get("decimals", REGISTRY_DECIMALS)
    if text == REGISTRY_DECIMALS:
        return None
    if not text.isdecimal() or int(text) > _MOST_DECIMALS:
        raise Refused(
            f"the mapping's decimals are {text!r}",
            expected=f"{REGISTRY_DECIMALS}, or a whole number up to {_MOST_DECIMALS}",
        )
    return int(text)
