"""The `prepare` job: what lists need of a store, found once for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from data.errors import Refused
from data.leftovers import removed_at_the_end
from data.locks import sole_writer
from data.services import load_services
from data.transfers import open_transfers
from features.budget import Sizes
from features.passes import Means, Question
from features.spill import spill as spilling
from pipelines.console import progress
from pipelines.inputs import leg_names, resolved_as_of, resolved_basis, service_notes
from pipelines.prepared.making import FOLDER, prepare_folder

_SIZES = Sizes(piece=1 << 18, bucket=1 << 40, pairs=1 << 23, history=1 << 40)


@dataclass(frozen=True)
class PrepareResult:
    """What the job did.

    Attributes
    ----------
    store
        The store.
    addresses
        That can be asked for.
    entries
        Transfers in the histories of all of them; most stand in two.
    prepared_bytes
        On disk.
    """

    store: Path
    addresses: int
    entries: int
    prepared_bytes: int
    as_of: datetime
    basis: str
    notes: tuple[str, ...]
    exit_code: int


def prepare(
    store: str | Path,
    *,
    bundle: str | Path | None = None,
    as_of: datetime | None = None,
    basis: str | None = None,
    legs: str | Iterable[str] | None = None,
    services: str | Path | Sequence[str | Path] | None = None,
    assume_complete: bool = False,
    spill: str | Path | None = None,
) -> PrepareResult:
    """Prepare a store for lists of addresses: `signals` and `score` then read little of it.

    All transfers are read once, and what they tell of counterparties is kept address by address,
    in a folder of the store. Lists that are asked about with the same options, and the same or an
    earlier moment, read their own addresses alone, with the same result to the byte. Anything
    else, and a store that has changed since, is read as if it had not been prepared.

    Parameters
    ----------
    store
        The store.
    bundle
        For scores of this model: its basis and its legs are taken.
    as_of, basis, legs, services, assume_complete
        As they will be given to `signals` or `score`. The basis is ``usd`` by default.
    spill
        The folder for what memory has no room for while it works; default: the store.

    Raises
    ------
    Refused
        It is no store, a file of it was changed, another prepares it now, the disk is full, or
        a basis or legs are given beside a bundle. Nothing has changed then.
    """
    store = Path(store)
    opened = open_transfers(store, assume_complete=assume_complete)
    if opened.store is None or not store.is_dir():
        raise Refused(
            f"{store} is no store.",
            expected="a folder that `unrinse ingest` wrote",
            hint="Ingest the transfers first.",
        )
    known = load_services(services)
    asked = Question(
        as_of=resolved_as_of(opened, as_of),
        **_measured(bundle, basis, legs),
        services=known,
        neighbours=True,
    )
    with (
        sole_writer(store / FOLDER),
        spilling(store if spill is None else Path(spill)) as spilled,
        removed_at_the_end(spilled.folder),
    ):
        means = Means(0, spilled, progress, sizes=_SIZES)
        made = prepare_folder(store, opened, asked, means)
    return PrepareResult(
        store=store,
        addresses=made["addresses"],
        entries=made["entries"],
        prepared_bytes=made["bytes"],
        as_of=asked.as_of,
        basis=asked.basis,
        notes=service_notes(known),
        exit_code=0,
    )


def _measured(
    bundle: str | Path | None, basis: str | None, legs: str | Iterable[str] | None
) -> dict[str, Any]:
    """Return the basis and legs that histories are measured in."""
    if bundle is None:
        shown = leg_names(legs)
        return {
            "basis": resolved_basis(basis or "usd"),
            "legs": None if shown is None else tuple(shown),
        }
    if basis is not None or legs is not None:
        raise Refused(
            "a bundle is given beside a basis or legs; it has its own.",
            expected="--bundle alone, or --basis and --legs",
        )
    from models.bundle import Bundle

    facts = Bundle.load(Path(bundle)).facts
    return {"basis": facts.basis, "legs": facts.legs}
