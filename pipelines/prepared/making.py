"""Preparing a store for lists: the passes over all transfers, kept address by address.

What is kept stands in a folder of the store, beside its files and not among those its manifest
names: it can be made again at any time, and a store without it is the same store. The folder has a
manifest of its own, which says what it was made of; whoever finds that something else is asked
reads the store itself. It appears whole or not at all (`data.storage.whole_directory`), so a run
that is killed leaves the store as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from data.blocks import BlockWriter
from data.identity import checked_address_ids
from data.storage import MANIFEST, hashes_of, sealed_manifest, whole_directory
from data.transfers import Transfers
from features.history import microseconds
from features.loading import readable
from features.parties import Parties
from features.passes import Means, Passed, Passes, Question
from features.requests import Legs, in_slices
from features.roll import Roll
from features.spill import refuse_small_disk
from pipelines.prepared import shared
from pipelines.prepared.entries import ENTRY_BYTES, KEY, AddressFiles
from pipelines.prepared.question import rests_on

FOLDER = "prepared"
"""Below the store."""

ENTRIES, NAMES = "entries.blocks", "names.blocks"
ID = "id"
"""The key of the table of names: the first of two hashes of an address (`data.identity`)."""

_COVERED = ("covered", "complete", "legs")
_NOBODY = pl.DataFrame(schema={"chain": pl.String, "address": pl.String})


class _PassesForAll(Passes[AddressFiles]):
    """Passes that share what they find out to all addresses, whoever will be asked for."""

    def __init__(self, transfers: Transfers, question: Question, means: Means) -> None:
        super().__init__(transfers, _NOBODY, question, means, lambda *_: self._for_all())

    def _for_all(self) -> AddressFiles:
        return AddressFiles(self._means.spilled, self._source.known, len(self._file))

    def _files(self, roll: Roll) -> AddressFiles:
        return self._for_all()  # without counting for whom

    def _exposed(self, roll: Roll, parties: Parties, files: AddressFiles) -> dict[int, np.ndarray]:
        question = self._question
        if not (question.summable and any(parties.begins.values())):
            return {}
        return {epoch_at(parties, microseconds(question.as_of)): np.array([True])}

    def _refuse_small_disk(self, files: AddressFiles, epochs: int) -> None:
        refuse_small_disk(self._means.spilled.folder, 2 * len(self._file) * ENTRY_BYTES)


def epoch_at(parties: Parties, moment: int) -> int:
    """Return the state of the registry at a moment, as `features.meeting.Epochs` numbers them."""
    return int(np.searchsorted(parties.dates, moment, side="right"))


def prepare_folder(
    store: Path, transfers: Transfers, asked: Question, means: Means
) -> dict[str, int]:
    """Make the folder; returns how many addresses and entries it has, and its bytes.

    Raises
    ------
    Refused
        The transfers are no store, or the disk is too small.
    """
    with readable():
        passed = _PassesForAll(transfers, asked, means).make()
        with whole_directory(store / FOLDER) as folder:
            entries = _write_entries(folder, passed, means)
            addresses, chains = _write_names(folder, transfers, asked.legs, means)
            facts = {
                "rests_on": rests_on(transfers, asked),
                "as_of": asked.as_of.isoformat(),
                "epochs": passed.epochs,
                "chains": chains,
                "shared": shared.write(folder, passed),
                "legs_of_all": _legs_of_all(transfers, asked.legs),
            }
            small = [p for p in sorted(folder.iterdir()) if p.name not in (ENTRIES, NAMES)]
            files = {p.name: hashes_of(p) for p in small}
            manifest = sealed_manifest("prepared", facts, files)
            (folder / MANIFEST).write_text(manifest, encoding="utf-8")
    size = sum(file.stat().st_size for file in (store / FOLDER).iterdir())
    return {"addresses": addresses, "entries": entries, "bytes": size}


def _write_entries(folder: Path, passed: Passed[AddressFiles], means: Means) -> int:
    written = 0
    with (
        means.step("Putting transfers in order of addresses", passed.files.entries) as done,
        BlockWriter(folder / ENTRIES, KEY) as file,
    ):
        for part in passed.files.parts():
            file.write(part)
            written += part.height
            done(part.height)
    return written


def _write_names(
    folder: Path, transfers: Transfers, legs: Iterable[str] | None, means: Means
) -> tuple[int, list[str]]:
    """Write which address has which code and which coverage; returns how many, and the chains.

    Of an address two hashes stand for its chain and its name: 128 bits, which no two share.
    """
    parts = list(_named(transfers, Legs(transfers, legs)))
    table = pl.concat([part.drop("chain") for part in parts], rechunk=True).sort(ID, "code")
    chains = pl.concat([part.select("chain").unique() for part in parts])["chain"].unique().sort()
    with (
        means.step("Writing the addresses", table.height) as done,
        BlockWriter(folder / NAMES, ID) as file,
    ):
        file.write(table)
        done(table.height)
    return table.height, chains.to_list()


def _named(transfers: Transfers, in_force: Legs) -> Iterator[pl.DataFrame]:
    names = transfers.scan_addresses()
    assert names is not None
    for first, part in in_slices(names):
        codes = pl.int_range(first, first + pl.len(), dtype=pl.Int32).alias("code")
        yield _described(part.select("chain", "address", codes), in_force)
    covered = _NOBODY if transfers.coverage is None else transfers.coverage
    pair = ["chain", "address"]
    others = covered.select(pair).unique().lazy().join(names, on=pair, how="anti").collect()
    nowhere = pl.lit(-1, dtype=pl.Int32).alias("code")  # covered, and no transfer names it
    yield _described(others.select("chain", "address", nowhere), in_force)


def _described(part: pl.DataFrame, in_force: Legs) -> pl.DataFrame:
    asked = part.with_columns(as_of=pl.lit(None, dtype=pl.Datetime("us", "UTC")), occurs=True)
    ids, checks = checked_address_ids(part["chain"], part["address"])
    return in_force.of(asked).select(
        "chain", pl.Series(ID, ids), pl.Series("check", checks), "code", *_COVERED
    )


def _legs_of_all(transfers: Transfers, legs: Iterable[str] | None) -> str | None:
    """Return the legs that every address shows, known or not; None where its coverage says it."""
    if not transfers.assume_complete:
        return None
    anybody = pl.DataFrame({"chain": [""]})
    return str(Legs(transfers, legs).of(anybody)["legs"].item())
