"""What `bundle.json` says: one typed object, one way to write it, one strict way to read it.

The file is JSON in one canonical form, so that equal facts are equal bytes, and reading accepts
that form only: every key, no other key, each value of its type, and a checksum over the rest.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NoReturn, Protocol

from data.errors import Refused
from data.schema import LEGS
from features.signal import Signal
from models.bands import FALSE_POSITIVE_RATES
from models.by_score import ByScore, Cut, Step
from models.calibration import Calibration
from models.percentiles import N_QUANTILES, Population
from models.roles.settling import RoleFacts, role_facts

FORMAT_VERSION = 3
BASES = ("usd", "native", "relative")

TRAINING_BASES = ("synthetic", "research", "reviewed")
"""Where the labels came from. Only ``reviewed`` labels of the user's own can allow decisions."""

_HASHED_FILES = ("evaluation.json", "model.txt", "model_card.md")
_ROLE_FILES = ("kinds.txt", "parts.txt")


class SignalCatalogue(Protocol):
    """What the models need of a catalogue: the declared signals and a hash over them."""

    @property
    def signals(self) -> Sequence[Signal]:
        """All signals, in their order."""
        ...

    def hash(self) -> str:
        """Return a hash that changes with any declaration."""
        ...


def running_catalogue() -> SignalCatalogue:
    """Return the catalogue of the running code. Loading it loads the kernels, so only on demand."""
    from features.catalogue import catalogue

    return catalogue()


@dataclass(frozen=True)
class ThresholdPopulation:
    """The negatives that the bands' false-positive rates were counted on.

    Attributes
    ----------
    name : str
        As it is shown.
    n : int
        Negatives in it.
    date : str
        ISO date of its latest `as_of`.
    rates : mapping
        Band to false-positive rate.
    """

    name: str
    n: int
    date: str
    rates: Mapping[str, float]


@dataclass(frozen=True)
class BundleFacts:
    """Everything a score depends on beside the trees.

    Attributes
    ----------
    signals : tuple of str
        The model's inputs, in order.
    signal_hashes : mapping
        Every signal of the catalogue at training, with the SHA-256 of its declaration.
    catalogue_hash : str
        Hash of the whole catalogue, code included.
    basis : str
        Value basis: one of `BASES`.
    legs : tuple of str
        The leg profile of the training histories; coverage must reach it.
    min_transfers : int
        Shorter histories are not scored.
    calibration : Calibration
        From raw log-odds to the score.
    thresholds : mapping
        Least log-odds of each band; None where the population cannot show the band's rate.
    threshold_population : ThresholdPopulation
        What the thresholds were counted on.
    by_score : ByScore, optional
        What validation shows by score; None where it has too few rows.
    population, look_alikes : Population
        All training addresses, and those of label 0: what values are compared with.
    roles : RoleFacts, optional
        The role model's limit and parts; None where the labels named too few victims.
    training : mapping
        Facts about the training: counts, hashes, seed, parameters.
    training_basis : str
        One of `TRAINING_BASES`.
    decision_use : bool
        Whether anybody may act on the scores; true only for ``reviewed``.
    versions : mapping
        Software that made the bundle.
    files : mapping
        SHA-256 of every other file of the bundle.
    """

    signals: tuple[str, ...]
    signal_hashes: Mapping[str, str]
    catalogue_hash: str
    basis: str
    legs: tuple[str, ...]
    min_transfers: int
    calibration: Calibration
    thresholds: Mapping[str, float | None]
    threshold_population: ThresholdPopulation
    by_score: ByScore | None
    population: Population
    look_alikes: Population
    roles: RoleFacts | None
    training: Mapping[str, Any]
    training_basis: str
    decision_use: bool
    versions: Mapping[str, str]
    files: Mapping[str, str]

    def __post_init__(self) -> None:
        fault = next((words for words, fine in _rules(self) if not fine), None)
        if fault:
            raise ValueError(f"A bundle's {fault}.")

    @property
    def learned_until(self) -> str:
        """ISO date of the latest `as_of` that training, calibration or bands rest on."""
        return max(self.population.date, self.threshold_population.date)

    def to_json(self, *, files: Mapping[str, str]) -> bytes:
        """Write the facts in their canonical form, with the hashes of the other files."""
        content = _plain(replace(self, files=dict(files)))
        content["format_version"] = FORMAT_VERSION
        return canonical_json({**content, "checksum": _checksum(content)})


def canonical_json(content: Mapping[str, Any]) -> bytes:
    """Write JSON in one form: sorted keys, two spaces, floats in shortest round-trip form.

    >>> canonical_json({"b": 0.1, "a": None})
    b'{\\n  "a": null,\\n  "b": 0.1\\n}\\n'
    """
    text = json.dumps(content, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8")


def signal_hashes(signals: Iterable[Signal]) -> dict[str, str]:
    """Return the SHA-256 of each signal's declaration, by name."""
    return {
        signal.name: hashlib.sha256(canonical_json(signal.facts())).hexdigest()
        for signal in signals
    }


def facts_from_json(content: bytes, where: str) -> BundleFacts:
    """Read `bundle.json`, accepting exactly what `BundleFacts.to_json` writes.

    Parameters
    ----------
    content
        The bytes of the file.
    where
        Its path, for messages.

    Raises
    ------
    Refused
        It is not such a file; the message says what is wrong first.
    """

    def refuse(why: str) -> NoReturn:
        raise Refused(
            f"{where} is not a bundle description of this version ({why})",
            hint="Train again, or fetch the bundle again from where it was made.",
        )

    try:
        read = json.loads(content.decode("utf-8"))
        if not isinstance(read, dict) or canonical_json(read) != content:
            refuse("it was changed after it was written")
    except (ValueError, RecursionError) as error:
        refuse(f"not readable as JSON: {error}")
    if read.get("format_version") != FORMAT_VERSION:
        refuse(f"format {read.get('format_version')!r}; this version reads {FORMAT_VERSION}")
    checksum = read.pop("checksum", None)
    if checksum != _checksum(read):
        refuse("its checksum does not match")
    del read["format_version"]
    try:
        return _build(read)
    except (ValueError, TypeError, KeyError) as error:
        refuse(str(error))


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(content)).hexdigest()


def _plain(value: Any) -> Any:
    """Turn dataclasses, mappings and tuples into what JSON knows."""
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _build(read: dict[str, Any]) -> BundleFacts:
    _keys(read, BundleFacts)
    return BundleFacts(
        **{
            **read,
            "signals": tuple(read["signals"]),
            "legs": tuple(read["legs"]),
            "calibration": _calibration(read["calibration"]),
            "threshold_population": _part(ThresholdPopulation, read["threshold_population"]),
            "by_score": None if read["by_score"] is None else _by_score(read["by_score"]),
            "population": _population(read["population"]),
            "look_alikes": _population(read["look_alikes"]),
            "roles": None if read["roles"] is None else _roles(read["roles"]),
        }
    )


def _roles(read: dict[str, Any]) -> RoleFacts:
    _keys(read, RoleFacts)
    return role_facts(read)


def _by_score(read: dict[str, Any]) -> ByScore:
    _keys(read, ByScore)
    steps = tuple(_part(Step, step) for step in read["steps"])
    cuts = tuple(_part(Cut, cut) for cut in read["cuts"])
    return ByScore(read["n"], read["n_positive"], steps, cuts)


def _calibration(read: dict[str, Any]) -> Calibration:
    _keys(read, Calibration)
    return Calibration(**{**read, "lines": tuple(tuple(line) for line in read["lines"])})


def _population(read: dict[str, Any]) -> Population:
    grids = {
        name: None if grid is None else tuple(grid) for name, grid in read["quantiles"].items()
    }
    return _part(Population, {**read, "quantiles": grids})


def _part(kind: type[Any], read: dict[str, Any]) -> Any:
    _keys(read, kind)
    return kind(**read)


def _keys(read: Mapping[str, Any], kind: type[Any]) -> None:
    expected = {field.name for field in fields(kind)}
    if set(read) != expected:
        missing, unknown = sorted(expected - set(read)), sorted(set(read) - expected)
        raise ValueError(f"keys missing: {missing}, unknown: {unknown}")


def _rules(facts: BundleFacts) -> list[tuple[str, bool]]:
    """Return what must hold, each with the words for where it does not."""
    inputs, calibration = set(facts.signals), facts.calibration
    numbers = [calibration.slope, calibration.intercept, calibration.prior_shift]
    limits = [t for t in facts.thresholds.values() if t is not None]
    grids = [*facts.population.quantiles.values(), *facts.look_alikes.quantiles.values()]
    return [
        ("signals are not unique", len(inputs) == len(facts.signals) > 0),
        ("signals are not all in its catalogue", inputs <= set(facts.signal_hashes)),
        (f"basis is not one of {', '.join(BASES)}", facts.basis in BASES),
        ("legs are not legs in their order", facts.legs == _ordered(facts.legs)),
        ("min_transfers is below 1", facts.min_transfers >= 1),
        ("calibration is not finite", all(_finite(number) for number in numbers)),
        ("slope is not positive", _finite(calibration.slope) and calibration.slope > 0),
        (
            "calibration's lines are not slopes and intercepts",
            all(map(_line, calibration.lines)),
        ),
        ("base rate is not between 0 and 1", 0 < calibration.base_rate < 1),
        ("thresholds do not name the bands", set(facts.thresholds) == set(FALSE_POSITIVE_RATES)),
        ("thresholds are not finite", all(_finite(limit) for limit in limits)),
        (
            "quantiles are not 101 numbers for each signal",
            all(grid is None or len(grid) == N_QUANTILES for grid in grids)
            and inputs == set(facts.population.quantiles) == set(facts.look_alikes.quantiles),
        ),
        (
            f"training_basis is not one of {', '.join(TRAINING_BASES)}",
            facts.training_basis in TRAINING_BASES,
        ),
        (
            "decision_use is true without reviewed labels",
            facts.decision_use in (False, facts.training_basis == "reviewed"),
        ),
        ("files are not those of a bundle", set(facts.files) in (_files(facts), set())),
        (
            "limit for victims is not finite",
            facts.roles is None or _finite(facts.roles.ruled_out_below),
        ),
        ("parts do not each have a limit", facts.roles is None or _parts_limited(facts.roles)),
        ("steps by score do not rise", facts.by_score is None or facts.by_score.rises()),
    ]


def _parts_limited(roles: RoleFacts) -> bool:
    limits = roles.told_from
    return set(limits) == set(roles.parts) and all(
        limit is None or (_finite(limit) and 0 <= limit <= 1) for limit in limits.values()
    )


def _files(facts: BundleFacts) -> set[str]:
    return {*_HASHED_FILES, *(() if facts.roles is None else _ROLE_FILES)}


def _ordered(legs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(leg for leg in LEGS if leg in legs)


def _line(line: Sequence[object]) -> bool:
    return len(line) == 2 and all(map(_finite, line))


def _finite(number: object) -> bool:
    return isinstance(number, int | float) and math.isfinite(number)
