"""Finding the inputs of an earlier run again, by what they hold.

A run records its inputs as hashes (`pipelines.recorded`). Whoever wants to look at it again
says where inputs lie today, in any order and more than one of a kind where that helps; each
recorded input is looked for among them. What is not there is named: which input, the hash that was
recorded, the hashes of what was given, and what to do. Nothing is taken for an input because it has
its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from data.errors import Refused
from data.moments import read_moment
from data.services import Services, load_services
from data.storage import sha256_file
from data.transfers import Transfers, open_transfers
from models.bundle import FACTS, Bundle
from pipelines.recorded import coverage_sha256, registry_sha256

Given = str | Path | Sequence[str | Path]
"""A path, or several."""


@dataclass(frozen=True)
class Places:
    """Where inputs lie today; several of a kind may be given."""

    bundles: Sequence[Path]
    transfers: Sequence[Path]
    services: Sequence[Path] = ()

    @classmethod
    def of(cls, bundle: Given, transfers: Given, services: Given | None) -> Places:
        """Take what a job was given: a path, or several."""
        return cls(*([*_paths(given)] for given in (bundle, transfers, services)))


@dataclass(frozen=True)
class Recorded:
    """What a run recorded of its inputs.

    Attributes
    ----------
    bundle, transfers
        Their hashes.
    as_of
        The moment of rows without one.
    inputs
        As `recorded_inputs` returned it.
    """

    bundle: str
    transfers: str
    as_of: datetime
    inputs: Mapping[str, Any]

    @classmethod
    def of(cls, facts: Mapping[str, Any], where: str) -> Recorded:
        """Read it out of an alert or of a manifest.

        Raises
        ------
        Refused
            It names no inputs, or not as this version does.
        """
        inputs = facts.get("inputs")
        if inputs is None:
            raise Refused(
                f"{where} does not say what it rests on: it comes from a version that did not "
                "record its inputs",
                hint="Make it again with this version; from then on it can be looked at again.",
            )
        try:
            bundle, transfers = str(facts["bundle_sha256"]), str(facts["transfers_sha256"])
            as_of = read_moment(inputs["as_of"])
            for name in ("assume_complete", "synthetic"):
                if not isinstance(inputs[name], bool):
                    raise TypeError(f"{name} is {inputs[name]!r}")
            for name in ("addresses_sha256", "program_sha256"):
                if not isinstance(inputs[name], str):
                    raise TypeError(f"{name} is {inputs[name]!r}")
            _ = inputs["coverage_sha256"], list(inputs["services_sha256"])
            _ = dict(inputs["registry_sha256"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Refused(
                f"{where} does not name its inputs as this version does "
                f"({type(error).__name__}: {error})",
                expected="what `unrinse score` or `unrinse explain` wrote",
            ) from None
        return cls(bundle, transfers, as_of, inputs)


@dataclass(frozen=True)
class Missing:
    """An input that is not there.

    Attributes
    ----------
    what
        Which: "the bundle".
    wanted
        The hash, or the fact, that was recorded.
    given
        What is there instead.
    do
        What to do.
    """

    what: str
    wanted: str
    given: str
    do: str

    def __str__(self) -> str:
        what = self.what[:1].upper() + self.what[1:]
        return f"{what}: recorded {self.wanted}, given {self.given}. {self.do}"


@dataclass(frozen=True)
class Originals:
    """The inputs of a run, found again."""

    bundle: Bundle
    transfers: Transfers
    services: Services
    as_of: datetime


def originals(recorded: Recorded, places: Places) -> Originals | list[Missing]:
    """Find the inputs of a run, or say what is missing.

    Raises
    ------
    Refused
        A place holds nothing that can be read, or the bundle that was found is not for this
        version of the program.
    """
    inputs = recorded.inputs
    missing: list[Missing] = []
    bundle = _among(
        "the bundle", recorded.bundle, _bundles(places.bundles), "Name its folder in --bundle."
    )
    opened = {path: open_transfers(path) for path in places.transfers}
    # The same transfers may lie there twice, once without their coverage.
    whole_first = sorted(opened, key=lambda path: len(_beside(opened[path], inputs)))
    transfers = _among(
        "the transfers",
        recorded.transfers,
        {path: opened[path].sha256 for path in whole_first},
        "Name the store or the files in --transfers; a store that was ingested again since is "
        "another one.",
    )
    services: list[Path] = []
    listed = {path: sha256_file(path) for path in places.services if _is_file(path)}
    for number, wanted in enumerate(inputs["services_sha256"], start=1):
        what = f"file {number} of {len(inputs['services_sha256'])} of services or labels"
        found = _among(what, wanted, listed, "Name the file in --services.")
        services.append(found) if isinstance(found, Path) else missing.append(found)
    missing += [found for found in (bundle, transfers) if isinstance(found, Missing)]
    missing += _of_program(inputs["registry_sha256"])
    if isinstance(transfers, Path):
        missing += _beside(opened[transfers], inputs)
    if missing or isinstance(bundle, Missing) or isinstance(transfers, Missing):
        return missing
    return Originals(
        Bundle.load(bundle),
        open_transfers(transfers, assume_complete=inputs["assume_complete"]),
        load_services(services),
        recorded.as_of,
    )


def _paths(given: Given | None) -> list[Path]:
    if given is None:
        return []
    return [Path(given)] if isinstance(given, str | Path) else [Path(path) for path in given]


def _among(what: str, wanted: str, given: Mapping[Path, str], do: str) -> Path | Missing:
    for path, found in given.items():
        if found == wanted:
            return path
    told = ", ".join(f"{path} with {found}" for path, found in given.items())
    return Missing(what, f"SHA-256 {wanted}", told or "nothing", do)


def _bundles(paths: Sequence[Path]) -> dict[Path, str]:
    """Return each bundle's identity; what is found by it is verified when it is loaded."""
    for path in paths:
        if not (path / FACTS).is_file():
            raise Refused(f"there is no bundle at {path}", expected=f"a folder with {FACTS}")
    return {path: sha256_file(path / FACTS) for path in paths}


def _is_file(path: Path) -> bool:
    if not path.is_file():
        raise Refused(f"there is no file {path}", expected="a file of services or labels")
    return True


def _of_program(registries: Mapping[str, str]) -> list[Missing]:
    """Compare the built-in tables, which come with the program."""
    now = registry_sha256()
    return [
        Missing(
            f"the built-in table {name}",
            f"SHA-256 {wanted}",
            f"{now[name]} in this program" if name in now else "none in this program",
            "Use the version of the program that made it.",
        )
        for name, wanted in registries.items()
        if now.get(name) != wanted
    ]


def _beside(transfers: Transfers, inputs: Mapping[str, Any]) -> list[Missing]:
    """Compare what lies beside the transfers: the coverage table and the manifest's word."""
    missing = []
    wanted, found = inputs["coverage_sha256"], coverage_sha256(transfers)
    if wanted != found:
        missing.append(
            Missing(
                "the coverage table beside the transfers",
                "none" if wanted is None else f"SHA-256 {wanted}",
                "none" if found is None else found,
                f"Put the one of then beside {transfers.files[0].name}, or name the whole store "
                "in --transfers.",
            )
        )
    if inputs["synthetic"] != transfers.synthetic:
        words = {True: "made by a simulation", False: "real"}
        missing.append(
            Missing(
                "what the transfers say of themselves",
                words[inputs["synthetic"]],
                words[transfers.synthetic],
                "Name the store with its manifest.json in --transfers.",
            )
        )
    return missing
