"""The registry: which model is the champion, which was it before, and its bytes.

A registered model has numbered versions; each is one bundle, wrapped so that `mlflow models serve`
can answer with it. Aliases say what a version is now:

| alias | version |
|---|---|
| `champion` | the one that scores |
| `challenger` | the one that is looked at beside it |
| `previous` | the champion before: where a rollback leads |

The tag `champions` of the registered model lists all champions in their order, so that one can go
back further than once. Nothing is ever loaded out of the registry by MLflow: `fetch` writes a
version's bundle out, byte for byte, and compares it with the hash under which it was registered.

Models that are for decisions about nobody live under a name that says so (`RESEARCH`), apart from
those that are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from data.errors import Refused
from data.storage import whole_directory
from models.bundle import FACTS, Bundle
from models.tracking import Run, Store, open_store, quietly, record_in

NAME, RESEARCH = "unrinse", "unrinse-research"
CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"

BUNDLE_IN_MODEL = "artifacts/bundle"
"""Where the bundle lies in what MLflow calls a model."""

_CHAMPIONS = "champions"
_LONGEST_TAG = 4000
_HINT = "Name the folder or the server with --registry; `unrinse train` says where it recorded."


@dataclass(frozen=True)
class Version:
    """One registered bundle.

    Attributes
    ----------
    name, number
        Of the registered model, and of the version in it.
    bundle_sha256 : str
        The hash under which it was registered.
    source : str
        Where its files lie.
    run_id : str
        The training run.
    """

    name: str
    number: str
    bundle_sha256: str
    source: str
    run_id: str


@dataclass(frozen=True)
class Registry:
    """An open registry, with one of its two registered models.

    Attributes
    ----------
    store : Store
        Where it is.
    name : str
        `NAME` or `RESEARCH`.
    """

    store: Store
    name: str

    def at(self, alias: str) -> Version | None:
        """Return the version that has an alias; None where there is none."""
        with _speaking():
            aliases = self._aliases()
            return self._version(aliases[alias]) if alias in aliases else None

    def add(self, bundle: Path, sha256: str, *, code: Path, config: Mapping[str, Any]) -> Version:
        """Register a bundle, if it is not registered already.

        Parameters
        ----------
        bundle
            Verified.
        sha256
            Its hash; the copy that is registered is compared with it.
        code
            The models-from-code script that answers for it.
        config
            What the script is told beside the bundle.
        """
        with _speaking():
            if (known := self._registered(sha256)) is not None:
                return known
            run_id = self._run(bundle, sha256)
            with TemporaryDirectory() as folder:
                made = _packed(bundle, sha256, Path(folder), code, config)
                self.store.client.log_artifacts(run_id, str(made), artifact_path="model")
            if self._model() is None:
                self.store.client.create_registered_model(self.name, description=_ABOUT[self.name])
            uri = self.store.client.get_run(run_id).info.artifact_uri
            made_version = self.store.client.create_model_version(
                self.name,
                source=f"{uri}/model",
                run_id=run_id,
                tags={"bundle_sha256": sha256},
                description=f"Bundle {sha256}.",
            )
            return _version(made_version)

    def point(self, alias: str, version: Version) -> None:
        """Give an alias to a version."""
        with _speaking():
            self.store.client.set_registered_model_alias(self.name, alias, version.number)

    def crown(self, version: Version, decision: Mapping[str, Any]) -> None:
        """Make a version the champion, and keep the decision beside it.

        The decision is written first: there is never a champion without one.
        """
        with _speaking():
            client = self.store.client
            moment = str(decision.get("decided_at", "")).replace(":", "")
            file = f"decisions/{self.name}-{version.number}-{moment}.json"
            client.log_dict(version.run_id, dict(decision), file)
            for key in ("outcome", "approver", "reason", "decided_at", "labels_sha256"):
                if decision.get(key):
                    text = str(decision[key])[:_LONGEST_TAG]
                    client.set_model_version_tag(self.name, version.number, key, text)
            before = self._champions()
            client.set_registered_model_alias(self.name, CHAMPION, version.number)
            self._set_champions([*before, version.number])
            if self._aliases().get(CHALLENGER) == version.number:
                client.delete_registered_model_alias(self.name, CHALLENGER)

    def roll_back(self, told: Mapping[str, str]) -> tuple[Version, Version]:
        """Make the champion before the champion again.

        Parameters
        ----------
        told
            Tags for the version that is left: when, who, why.

        Returns
        -------
        (Version, Version)
            The champion that was, and the one that is now.

        Raises
        ------
        Refused
            There is no champion, or none before it.
        """
        with _speaking():
            now = self._aliases().get(CHAMPION)
            line = self._champions()
            # A promotion that was broken off may have set the alias and not the line, so the line
            # counts only up to where the champion stands in it.
            before = line[: _last(line, now)] if now in line else line
            if now is None or not before:
                raise Refused(
                    f"{self.name} has no champion before the present one",
                    expected="two promotions at least",
                    hint=_HINT if now is None else None,
                )
            client = self.store.client
            for key, value in told.items():
                client.set_model_version_tag(self.name, now, f"rolled_back_{key}", value)
            client.set_registered_model_alias(self.name, CHAMPION, before[-1])
            self._set_champions(before)
            return self._version(now), self._version(before[-1])

    def fetch(self, version: Version, out: Path) -> str:
        """Write a version's bundle out, byte for byte; return its hash.

        Raises
        ------
        Refused
            It is not the bundle that was registered, or its files cannot be reached.
        """
        import mlflow.artifacts

        with TemporaryDirectory() as folder:
            with _speaking():
                got = mlflow.artifacts.download_artifacts(
                    artifact_uri=f"{version.source}/{BUNDLE_IN_MODEL}",
                    dst_path=folder,
                    tracking_uri=self.store.uri,
                )
            _verify(Path(got), version)
            with whole_directory(out, mark=FACTS) as directory:
                for file in sorted(Path(got).iterdir()):
                    shutil.copyfile(file, directory / file.name)
        return version.bundle_sha256

    def _model(self) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            return self.store.client.get_registered_model(self.name)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def _aliases(self) -> dict[str, str]:
        model = self._model()
        return {} if model is None else {k: str(v) for k, v in model.aliases.items()}

    def _version(self, number: str) -> Version:
        return _version(self.store.client.get_model_version(self.name, number))

    def _registered(self, sha256: str) -> Version | None:
        found = self.store.client.search_model_versions(f"name = '{self.name}'")
        return next((_version(v) for v in found if v.tags.get("bundle_sha256") == sha256), None)

    def _run(self, bundle: Path, sha256: str) -> str:
        """Return the run that trained a bundle; one of another store is recorded here first."""
        found = self.store.client.search_runs(
            [self.store.experiment], filter_string=f"tags.bundle_sha256 = '{sha256}'"
        )
        if found:
            return str(found[0].info.run_id)
        catalogue_hash = json.loads((bundle / FACTS).read_bytes())["catalogue_hash"]
        return record_in(self.store, Run(bundle, sha256, catalogue_hash))

    def _champions(self) -> list[str]:
        model = self._model()
        line = (model.tags.get(_CHAMPIONS) or "") if model is not None else ""
        return [number for number in line.split(",") if number]

    def _set_champions(self, line: list[str]) -> None:
        """Keep the line of champions, and the alias of the last but one."""
        client = self.store.client
        client.set_registered_model_tag(self.name, _CHAMPIONS, ",".join(line))
        if len(line) > 1:
            client.set_registered_model_alias(self.name, PREVIOUS, line[-2])
        elif PREVIOUS in self._aliases():
            client.delete_registered_model_alias(self.name, PREVIOUS)


def open_registry(where: str | Path, *, research: bool = False) -> Registry:
    """Open a registry.

    Parameters
    ----------
    where
        A folder with ``mlflow.db`` (as `unrinse train` leaves one beside the bundle; a new one is
        made), or the URI of a server or database.
    research
        The registered model for decisions about nobody.
    """
    uri = str(where) if "://" in str(where) else None
    with _speaking():
        return Registry(open_store(uri, Path(where).absolute()), RESEARCH if research else NAME)


_ABOUT = {
    NAME: "Scores of blockchain addresses for pig-butchering laundering. The alias champion is the "
    "model in use.",
    RESEARCH: "Models trained on synthetic or research labels: for decisions about nobody.",
}


@contextmanager
def _speaking() -> Iterator[None]:
    """Talk to MLflow quietly, and turn what goes wrong there into a refusal."""
    try:
        with quietly():
            yield
    except Refused:
        raise
    except Exception as error:
        # Several layers raise here: MLflow, the database, the connection.
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise Refused(f"the registry cannot be used: {said}", hint=_HINT) from error


def _version(found: Any) -> Version:
    return Version(
        found.name,
        str(found.version),
        found.tags.get("bundle_sha256", ""),
        found.source,
        found.run_id or "",
    )


def _last(line: list[str], number: str | None) -> int:
    return max(at for at, value in enumerate(line) if value == number)


def _packed(bundle: Path, sha256: str, folder: Path, code: Path, config: Mapping[str, Any]) -> Path:
    """Wrap a bundle as a model that MLflow can serve, from code and without pickle."""
    import mlflow.pyfunc

    copied = folder / "bundle"
    shutil.copytree(bundle, copied)
    Bundle.load(copied, expected_sha256=sha256)
    mlflow.pyfunc.save_model(
        path=str(folder / "model"),
        python_model=str(code),
        artifacts={"bundle": str(copied)},
        # Named, or MLflow would start the model to find out; Unrinse brings everything else.
        pip_requirements=["mlflow", "unrinse"],
        model_config={**config, "bundle_sha256": sha256},
        metadata={"bundle_sha256": sha256},
    )
    return folder / "model"


def _verify(got: Path, version: Version) -> None:
    """Compare a fetched bundle with the hash it was registered under, and its files with it."""
    facts = got / FACTS
    content = facts.read_bytes() if facts.is_file() else b""
    intact = hashlib.sha256(content).hexdigest() == version.bundle_sha256
    files = json.loads(content)["files"] if intact else {}
    wrong = [name for name, digest in files.items() if _digest(got / name) != digest]
    extra = {p.name for p in got.iterdir()} - {FACTS, *files} if intact else set()
    if not intact or wrong or extra:
        named = ", ".join([*([] if intact else [FACTS]), *wrong, *sorted(extra)])
        raise Refused(
            f"version {version.number} of {version.name} is not the bundle that was registered "
            f"({named})",
            expected=f"the bundle {version.bundle_sha256}",
            hint="Its files were changed in the registry. Promote the bundle again from where it "
            "was made, or roll back.",
        )


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
