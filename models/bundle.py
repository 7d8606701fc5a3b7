"""The model on disk: a directory that is verified byte for byte before anything in it is parsed.

    model.txt         LightGBM's own text
    bundle.json       everything else a score depends on, and the SHA-256 of the other files
    model_card.md     what it is for, what it was trained on, what it cannot do
    evaluation.json   how good it was, with intervals
    kinds.txt         LightGBM's text: victim, launderer or neither  } where the labels
    parts.txt         LightGBM's text: which part a launderer plays  } named victims

There is no pickle. LightGBM crashes on damaged text, or reads it as another model without a word,
so `Bundle.load` reads each file once, compares the hash of exactly those bytes, and only then
parses them. `bundle.json` carries a checksum of itself against damage. That is no signature:
somebody who rewrites it can rewrite the checksum. Its own SHA-256, `bundle_sha256`, stands in
every score and alert; give it as `expected_sha256` where a bundle comes from elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import Refused
from data.storage import whole_directory
from features.signal import Signal
from models.facts import (
    BundleFacts,
    SignalCatalogue,
    canonical_json,
    facts_from_json,
    running_catalogue,
    signal_hashes,
)
from models.roles.settling import RoleModel

if TYPE_CHECKING:
    import lightgbm

    from models.treeshap import TreeShap

MODEL, FACTS, CARD, EVALUATION = "model.txt", "bundle.json", "model_card.md", "evaluation.json"
KINDS, PARTS = "kinds.txt", "parts.txt"

LARGEST = {MODEL: 1 << 28, FACTS: 1 << 25, CARD: 1 << 20, EVALUATION: 1 << 25}
"""The most bytes of each file that are read; a bundle holds these files, and perhaps `OF_ROLES`."""

OF_ROLES = {KINDS: 1 << 28, PARTS: 1 << 28}
"""The same of the role model, which is there whole or not at all."""


@dataclass(frozen=True)
class Bundle:
    """A verified model.

    Attributes
    ----------
    facts : BundleFacts
        Everything `bundle.json` says.
    sha256 : str
        SHA-256 of `bundle.json`: the identity of the model.
    model : str
        LightGBM text.
    inputs : tuple of Signal
        The declared signals behind the model's columns, in order.
    roles : RoleModel, optional
        What tells victims and the parts of launderers, where the labels named enough of them.
    """

    facts: BundleFacts
    sha256: str
    model: str
    inputs: tuple[Signal, ...]
    roles: RoleModel | None = None

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        catalogue: SignalCatalogue | None = None,
        expected_sha256: str | None = None,
    ) -> Bundle:
        """Verify a bundle, then read it.

        Parameters
        ----------
        path
            The bundle directory.
        catalogue
            The signals to compare with; default: those of the running code.
        expected_sha256
            The `bundle_sha256` that was recorded when the bundle was made or approved.

        Raises
        ------
        Refused
            A file is missing, extra, a link, too large, or not the one that was written; the JSON
            is not exactly what this version writes; the bundle is not the expected one; or its
            signals are not those of the running code (each difference is named).
        """
        contents = _read_all(Path(path))
        sha256 = hashlib.sha256(contents[FACTS]).hexdigest()
        if expected_sha256 is not None and sha256 != expected_sha256.lower():
            raise Refused(
                f"the bundle {path} has the SHA-256 {sha256}",
                expected=f"{expected_sha256}, as given",
            )
        facts = facts_from_json(contents[FACTS], str(Path(path) / FACTS))
        if set(facts.files) | {FACTS} != set(contents):
            raise Refused(
                f"the bundle {path} holds {', '.join(sorted(contents))}",
                expected=f"{', '.join(sorted({*facts.files, FACTS}))}, as bundle.json says",
            )
        for name, recorded in facts.files.items():
            if hashlib.sha256(contents[name]).hexdigest() != recorded:
                raise Refused(
                    f"{Path(path) / name} is not the file that was written: "
                    "its SHA-256 differs from the one in bundle.json",
                    hint="Train again, or fetch the bundle again from where it was made.",
                )
        of_code = catalogue or running_catalogue()
        _refuse_other_signals(facts, of_code, str(path))
        declared = {signal.name: signal for signal in of_code.signals}
        inputs = tuple(declared[name] for name in facts.signals)
        roles = None
        if facts.roles is not None:
            texts = [contents[name].decode("utf-8") for name in OF_ROLES]
            roles = RoleModel(facts.roles, *texts)
        return cls(facts, sha256, contents[MODEL].decode("utf-8"), inputs, roles)

    @cached_property
    def booster(self) -> lightgbm.Booster:
        """The trees. The text was verified when the bundle was loaded."""
        import lightgbm

        return lightgbm.Booster(model_str=self.model)

    @cached_property
    def treeshap(self) -> TreeShap:
        """What takes the raw log-odds apart."""
        from models.treeshap import TreeShap

        return TreeShap(self.booster)

    def log_odds(self, inputs: np.ndarray, *, threads: int = 1) -> np.ndarray:
        """Return calibrated log-odds.

        Parameters
        ----------
        inputs
            float64, one column per signal in the order of `facts.signals`, NaN for null.
        threads
            Changes the time it takes, never a bit of the result.
        """
        if not len(inputs):
            return np.empty(0)
        raw = self.booster.predict(inputs, raw_score=True, num_threads=threads)
        return self.facts.calibration.log_odds(np.asarray(raw, dtype=np.float64))

    def with_thresholds_of(self, other: Bundle) -> Bundle:
        """Return this model with another's stated base rate and thresholds: what if they held.

        Only for comparisons: no such bundle stands on disk, and its `sha256` is this model's.
        """
        calibration = self.facts.calibration.restated(other.facts.calibration.stated)
        changed = replace(
            self.facts,
            calibration=calibration,
            thresholds=dict(other.facts.thresholds),
            by_score=None,  # its scale is the old one
        )
        mixed = replace(self, facts=changed)
        vars(mixed).update(booster=self.booster, treeshap=self.treeshap)  # the trees are the same
        return mixed

    def check_use(self, *, real: bool, research_use: bool) -> None:
        """Refuse to score real transfers with a model that no one may act on.

        Parameters
        ----------
        real
            Whether the transfers are real: their store does not say that they are synthetic.
        research_use
            Whether the user asked for `--research-use`.

        Raises
        ------
        Refused
            `decision_use` is false, the transfers are real, and research use was not asked for.
        """
        if real and not self.facts.decision_use and not research_use:
            raise Refused(
                f"this model was trained on {self.facts.training_basis} labels and is not for "
                "decisions (decision_use is false), and the transfers are real",
                hint="Add --research-use to look at scores all the same (every row will say so), "
                "or train, calibrate and test on reviewed labels of your own.",
            )


def recorded_evaluation(path: str | Path, facts: BundleFacts) -> dict[str, Any]:
    """Read what a bundle's `evaluation.json` says; `facts` are those it was verified with."""
    content = (Path(path) / EVALUATION).read_bytes()
    if hashlib.sha256(content).hexdigest() != facts.files[EVALUATION]:
        raise RuntimeError(f"{Path(path) / EVALUATION} changed while it was used.")
    read: dict[str, Any] = json.loads(content)
    return read


def write_bundle(
    out: str | Path,
    facts: BundleFacts,
    *,
    model: str,
    card: str,
    evaluation: Mapping[str, Any],
    roles: RoleModel | None = None,
) -> str:
    """Write a bundle, whole or not at all.

    Parameters
    ----------
    out
        The directory to make. An earlier bundle there is replaced.
    facts
        `files` is filled in here.
    model, card, evaluation
        Contents of `model.txt`, `model_card.md` and `evaluation.json`.
    roles
        The role model behind `facts.roles`, if there is one.

    Returns
    -------
    str
        The `bundle_sha256`.
    """
    contents = {
        MODEL: model.encode("utf-8"),
        CARD: card.encode("utf-8"),
        EVALUATION: canonical_json(evaluation),
    }
    if roles is not None:
        contents |= {KINDS: roles.kinds.encode("utf-8"), PARTS: roles.parts.encode("utf-8")}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    contents[FACTS] = facts.to_json(files=hashes)
    with whole_directory(Path(out), mark=FACTS) as directory:
        for name, content in contents.items():
            (directory / name).write_bytes(content)
    return hashlib.sha256(contents[FACTS]).hexdigest()


def _read_all(path: Path) -> dict[str, bytes]:
    """Read the files of a bundle, and refuse anything else in the directory."""
    try:
        found = {entry.name for entry in os.scandir(path)}
    except OSError as error:
        raise Refused(
            f"the bundle {path} cannot be opened ({error.strerror})",
            expected=f"a directory with {', '.join(sorted(LARGEST))}",
        ) from error
    allowed = LARGEST | (OF_ROLES if found >= set(OF_ROLES) else {})
    if found != set(allowed):
        extra, missing = sorted(found - set(allowed)), sorted(set(allowed) - found)
        came = [f"lacks {', '.join(missing)}"] if missing else []
        came += [f"holds {', '.join(map(repr, extra))} besides"] if extra else []
        raise Refused(
            f"the bundle {path} {' and '.join(came)}",
            expected=f"{', '.join(sorted(LARGEST))}, perhaps {' and '.join(OF_ROLES)}, and "
            "nothing else",
        )
    return {name: _read_file(path / name, largest) for name, largest in allowed.items()}


def _read_file(path: Path, largest: int) -> bytes:
    """Read a regular file, never through a link, and never more than its cap."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        handle = os.open(path, flags)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise Refused(f"{path} is not a regular file", expected="a file, not a link to one")
            content = file.read(largest + 1)
    except OSError as error:
        raise Refused(
            f"{path} cannot be read ({error.strerror})", expected="a file, not a link to one"
        ) from error
    if len(content) > largest:
        raise Refused(f"{path} is larger than {largest:,} bytes", expected="a bundle of Unrinse")
    return content


def _refuse_other_signals(facts: BundleFacts, catalogue: SignalCatalogue, path: str) -> None:
    """Refuse a bundle whose signals are not exactly those of the code, naming the differences."""
    recorded, current = facts.signal_hashes, signal_hashes(catalogue.signals)
    differences = {
        "only in the code": sorted(set(current) - set(recorded)),
        "only in the bundle": sorted(set(recorded) - set(current)),
        "changed": sorted(n for n in set(recorded) & set(current) if recorded[n] != current[n]),
    }
    named = "; ".join(f"{how}: {', '.join(names)}" for how, names in differences.items() if names)
    if not named and facts.catalogue_hash != catalogue.hash():
        named = "their declarations are the same but the code that computes them has changed"
    if named:
        raise Refused(
            f"the bundle {path} was made with other signals ({named})",
            expected=f"the catalogue {catalogue.hash()[:12]}; the bundle has "
            f"{facts.catalogue_hash[:12]}",
            hint="Train again with this version, or score with the version that made the bundle.",
        )
