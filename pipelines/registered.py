"""The jobs of the registry: put a challenger in, take the champion out, go back to the last one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from data.errors import Refused
from data.storage import refuse_foreign
from models.bundle import FACTS, Bundle
from models.registry import CHALLENGER, CHAMPION, Registry, Version, open_registry

ALIASES = (CHAMPION, CHALLENGER, "previous")


@dataclass(frozen=True)
class Registered:
    """A version of the registry, and what was done with it."""

    model: str
    version: str
    alias: str
    bundle_sha256: str
    out: Path | None = None
    left: str | None = None
    notes: tuple[str, ...] = ()
    exit_code: int = 0


def register(
    bundle: str | Path, *, registry: str | Path | None = None, research_use: bool = False
) -> Registered:
    """Register a bundle as the challenger: it can be served and watched, and decides nothing.

    Raises
    ------
    Refused
        The bundle is not for decisions and `research_use` is not given; it is the champion.
    """
    loaded = Bundle.load(bundle)
    if not loaded.facts.decision_use and not research_use:
        raise Refused(
            "the bundle says decision_use false",
            hint="Add --research-use to register it among the research models.",
        )
    home = open_registry(registry_beside(bundle, registry), research=research_use)
    champion = home.at(CHAMPION)
    if champion is not None and champion.bundle_sha256 == loaded.sha256:
        raise Refused("this bundle is the champion", expected="another one, as its challenger")
    config = {"decision_use": loaded.facts.decision_use}
    version = home.add(Path(bundle), loaded.sha256, code=serving_code(), config=config)
    home.point(CHALLENGER, version)
    return _told(version, CHALLENGER)


def fetch(
    out: str | Path,
    *,
    registry: str | Path = Path("runs/mlflow"),
    alias: str = CHAMPION,
    research_use: bool = False,
) -> Registered:
    """Write the champion's bundle out, byte for byte as it was registered.

    Parameters
    ----------
    out
        The bundle directory to write.
    registry
        A folder or the URI of an MLflow server or database.
    alias
        One of `ALIASES`.
    research_use
        The champion of the research models.

    Raises
    ------
    Refused
        There is no such version, or its files are not those that were registered.
    """
    if alias not in ALIASES:
        raise Refused(f"there is no alias {alias!r}", expected=f"one of {', '.join(ALIASES)}")
    refuse_foreign(Path(out), mark=FACTS)
    home = _existing(registry, research_use)
    version = home.at(alias)
    if version is None:
        raise Refused(
            f"{home.name} has no {alias}",
            expected="a registry into which a model was promoted",
            hint="`unrinse models promote` makes a champion, `unrinse models register` a "
            "challenger; research models need --research-use here too.",
        )
    home.fetch(version, Path(out))
    return _told(version, alias, out=Path(out))


def rollback(
    *,
    registry: str | Path = Path("runs/mlflow"),
    by: str | None = None,
    reason: str | None = None,
    at: datetime | None = None,
    research_use: bool = False,
) -> Registered:
    """Make the champion before the present one the champion again.

    Parameters
    ----------
    registry
        A folder or the URI of an MLflow server or database.
    by, reason, at
        Who goes back, why, and when (default: now); kept with the version that is left.

    Raises
    ------
    Refused
        There is nothing to go back to.
    """
    home = _existing(registry, research_use)
    told = {"at": (at or datetime.now(UTC)).isoformat(), "by": by or "", "reason": reason or ""}
    left, now = home.roll_back({key: value for key, value in told.items() if value})
    return _told(now, CHAMPION, left=left.number)


def registry_beside(bundle: str | Path, given: str | Path | None) -> str | Path:
    """Return where the registry is: as given, else where `train` recorded the bundle."""
    return given if given is not None else Path(bundle).absolute().parent / "mlflow"


def is_registry(where: str | Path) -> bool:
    """Return whether a registry is there; of a server one only learns by asking."""
    return "://" in str(where) or (Path(where) / "mlflow.db").exists()


def serving_code() -> Path:
    """Return the script that `mlflow models serve` runs."""
    return Path(__file__).with_name("served_model.py")


def _existing(registry: str | Path, research: bool) -> Registry:
    """Open a registry that is there; a mistyped folder must not become a new one."""
    if not is_registry(registry):
        raise Refused(
            f"there is no registry in {registry}",
            expected="a folder with mlflow.db, or the URI of a server",
            hint="Name it with --registry; `unrinse train` makes one beside the bundle.",
        )
    return open_registry(registry, research=research)


def _told(
    version: Version, alias: str, *, out: Path | None = None, left: str | None = None
) -> Registered:
    return Registered(version.name, version.number, alias, version.bundle_sha256, out, left)
