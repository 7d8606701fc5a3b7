"""The `models` jobs: list, show and verify bundles on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.errors import Refused
from models.bundle import CARD, FACTS, Bundle


def list_models(folder: str | Path) -> list[dict[str, Any]]:
    """Describe the bundles below a folder, by path; one that fails its checks says why.

    The copies that MLflow keeps beside its database are left out.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise Refused(f"{folder} is not a folder.", expected="a folder with bundles below it")
    recorded = {database.parent for database in folder.rglob("mlflow.db")}
    found = [path.parent for path in sorted(folder.rglob(FACTS))]
    return [_described(path) for path in found if recorded.isdisjoint(path.parents)]


def show_model(bundle: str | Path) -> str:
    """Return the model card of a verified bundle."""
    loaded = Bundle.load(bundle)
    card = (Path(bundle) / CARD).read_text(encoding="utf-8")
    return f"{card.rstrip()}\n\nbundle_sha256: {loaded.sha256}\n"


def verify_model(bundle: str | Path, *, sha256: str | None = None) -> dict[str, Any]:
    """Verify a bundle: every file against its hash, its signals against this version's."""
    return {**_facts(Bundle.load(bundle, expected_sha256=sha256)), "verified": True}


def _described(path: Path) -> dict[str, Any]:
    try:
        return {"path": str(path), **_facts(Bundle.load(path))}
    except Refused as error:
        return {"path": str(path), "refused": str(error)}


def _facts(bundle: Bundle) -> dict[str, Any]:
    facts = bundle.facts
    return {
        "bundle_sha256": bundle.sha256,
        "basis": facts.basis,
        "legs": ",".join(facts.legs),
        "signals": len(facts.signals),
        "base_rate": facts.calibration.base_rate,
        "training_basis": facts.training_basis,
        "decision_use": facts.decision_use,
    }
