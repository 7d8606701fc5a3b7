"""A store that grows: as if made at once, whole for every reader, and one writer at a time."""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.content import content_sha256, day_hashes
from data.errors import Refused
from data.importers.importer import MADE, Imported
from data.importers.source import FAULTS
from data.importers.text import ROW
from data.schema import COVERAGE, TRANSFERS, empty, sort_transfers
from data.storage import read_manifest
from data.store_files import RUNS
from data.transfers import open_transfers
from pipelines import ingest as ingesting
from pipelines.compact import compact
from pipelines.ingest import ingest
from pipelines.signals import signals
from pipelines.simulate import simulate
from tests.data.canonical import USDT, A, B, C, row
from tests.data.importers.samples import SAMPLES, Sample
from tests.generated import cases

CHAIN_SAMPLES = [s for s in SAMPLES if s.format != "table"]
Seen = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, str]


def everything(store: Path) -> Seen:
    """Return what a reader sees: transfers with derived columns, addresses, coverage, hash."""
    opened = open_transfers(store)
    addresses, coverage = opened.addresses(), opened.coverage
    assert addresses is not None
    assert coverage is not None
    return opened.scan().collect(), addresses, coverage, opened.sha256


def assert_alike(one: Path, other: Path) -> None:
    """Check that readers of two stores see the same."""
    assert_same(everything(one), everything(other))


def assert_same(one: Seen, other: Seen) -> None:
    """Check that two looks at a store were at the same."""
    for a, b in zip(one[:3], other[:3], strict=True):
        assert isinstance(a, pl.DataFrame)
        assert isinstance(b, pl.DataFrame)
        assert a.equals(b)
    assert one[3] == other[3]


def deliveries(one: Sample, folder: Path) -> tuple[list[Path], list[Path]]:
    """Write an export as two pages that overlap by a row."""
    cut = next(i for i in range(1, len(one.rows)) if one.rows[i] != one.rows[i - 1])
    parts = []
    for name, rows in (("1", one.rows[: cut + 1]), ("2", one.rows[cut:])):
        (folder / name).mkdir(parents=True)
        for other in one.beside:
            (folder / name / other.file).write_bytes(other.content())
        path = folder / name / f"{name}-{one.file}"
        path.write_bytes(one.content(rows))
        parts.append([folder / name])
    return parts[0], parts[1]


@pytest.mark.parametrize("one", CHAIN_SAMPLES, ids=lambda s: s.file[:20])
def test_two_pages_one_after_the_other_are_as_both_at_once(one: Sample, tmp_path: Path) -> None:
    first, second = deliveries(one, tmp_path / "in")
    ingest("auto", [*first, *second], tmp_path / "once")
    for order in ((first, second), (second, first)):
        grown = tmp_path / f"grown-{order[0][0].name}"
        ingest("auto", order[0], grown)
        result = ingest("auto", order[1], grown, append=True)
        assert_alike(tmp_path / "once", grown)
        for account in result.files.values():
            account.check("a file")


def test_every_format_one_after_the_other(tmp_path: Path) -> None:
    paths = []
    for one in CHAIN_SAMPLES:
        paths.append(tmp_path / "in" / one.file)
        paths[-1].parent.mkdir(exist_ok=True)
        paths[-1].write_bytes(one.content())
    told = {other.file for one in CHAIN_SAMPLES for other in one.beside}
    alone = [p for p in paths if p.name not in told]
    random.Random(7).shuffle(alone)
    beside = [p for p in paths if p.name in told]
    ingest("auto", paths, tmp_path / "once")
    ingest("auto", [alone[0], *beside], tmp_path / "grown")
    for path in alone[1:]:
        ingest("auto", [path, *beside], tmp_path / "grown", append=True)
    assert_alike(tmp_path / "once", tmp_path / "grown")
    compact(tmp_path / "grown")
    assert_alike(tmp_path / "once", tmp_path / "grown")


# Drawn exports: few transactions, so that copies, contradictions and better rows meet.


@st.composite
def exports(draw: st.DrawFn) -> list[pl.DataFrame]:
    """Draw the rows of a few exports (`MADE`)."""
    return [
        pl.DataFrame([draw(export_rows(i)) for i in range(draw(st.integers(1, 6)))], schema=MADE)
        for _ in range(draw(st.integers(2, 4)))
    ]


@st.composite
def export_rows(draw: st.DrawFn, number: int) -> dict[str, Any]:
    chain = draw(st.sampled_from(["ethereum", "bsc"]))
    at, kind = draw(st.integers(0, 4)), draw(st.sampled_from(["token", "native", "fee"]))
    log_index = {"native": -1, "fee": -2}.get(kind, draw(st.sampled_from([None, -3, 0, 1])))
    late = draw(st.sampled_from([0, 0, 0, 1]))  # an export that has another moment: a contradiction
    sender, receiver = draw(st.sampled_from([(A, B), (B, A), (A, C)]))
    exact = draw(st.sampled_from([True, True, False]))
    return row(
        at,
        chain=chain,
        tx_id=f"0x{at:064x}",
        block_time=row(1440 * at + late)["block_time"],
        block_number=draw(st.sampled_from([None, 1000 + at])),
        tx_index=draw(st.sampled_from([None, 3])),
        log_index=log_index,
        kind=kind,
        sender=sender,
        receiver="" if kind == "fee" else receiver,
        asset="native" if kind != "token" else USDT,
        amount_raw=draw(st.sampled_from(["1000000", "5000000", "0"])),
        initiator=draw(st.sampled_from([None, A])),
        account=A,
        exact=exact,
        status=draw(st.sampled_from([None, None, "failed"])),
        confirmed=draw(st.sampled_from([None, None, False])),
        token_symbol=draw(st.sampled_from([None, "USDT"])),
        token_type=None,
        **{ROW: number + 1},
    )


def coverage_of(n: int) -> pl.DataFrame:
    """Return what the n-th export covers."""
    rows = {"chain": "ethereum", "address": [A, B, C][n % 3], "complete": n % 2 == 0}
    more = {"legs": "token_in" if n % 2 else "token_in,native_out", "source": f"drawn{n}"}
    return pl.DataFrame([rows | more], schema=COVERAGE)


def deliver(tables: list[pl.DataFrame], first: int, out: Path, *, append: bool) -> None:
    """Ingest drawn tables as if importers had read them."""
    read = []
    for n, made in enumerate(tables, first):
        path = out.parent / f"{n}.csv"
        path.write_text(f"{n}")
        source = SimpleNamespace(
            path=path, raw=lambda rows: pl.Series("raw", ["?"] * len(rows), dtype=pl.String)
        )
        imported = Imported(made, coverage_of(n), empty(FAULTS), made.height)
        read.append(ingesting._Read(path.name, "drawn", source, imported))  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingesting, "_read_all", lambda *_: read)
        patch.setattr(ingesting, "_named", lambda *_: [])
        ingest("auto", [], out, append=append)


@pytest.mark.slow
@settings(max_examples=cases(60))
@given(exports(), st.data())
def test_any_deliveries_are_as_all_at_once(tables: list[pl.DataFrame], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            deliver(tables, 0, folder / "once", append=False)
        except Refused:
            return
        try:
            deliver(tables[:1], 0, folder / "grown", append=False)
        except Refused:  # nothing of the first can be used
            return
        for n in range(1, len(tables)):
            if data.draw(st.booleans()):
                compact(folder / "grown")
            try:
                deliver(tables[n : n + 1], n, folder / "grown", append=True)
            except Refused:
                return
        assert_alike(folder / "once", folder / "grown")
        once, grown = quarantined(folder / "once"), quarantined(folder / "grown")
        assert once == grown


def quarantined(store: Path) -> list[tuple[str, int]]:
    manifest = read_manifest(store)
    table = pl.read_parquet(store / manifest.get("folder", "") / "quarantine.parquet")
    return sorted(set(table.select("file", "row").iter_rows()))


# Readers and writers.


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A simulated world at once, and its first half with the rest appended in three pieces."""
    folder = tmp_path_factory.mktemp("grown")
    simulate(folder / "world", seed=3, addresses=400)
    rows = pl.read_parquet(folder / "world" / "transfers.parquet").select(
        pl.col(c).to_physical() for c in TRANSFERS if c != "screened"
    )
    cuts = [0, rows.height // 2, rows.height * 3 // 4, rows.height * 9 // 10, rows.height]
    files = []
    for n in range(4):
        part = rows[cuts[n] : cuts[n + 1]]
        files.append(folder / f"day-{n}.csv")
        if n == 1:  # some of it comes late
            part, late = part[::2], part[1::2]
        elif n == 3:
            part = pl.concat([part, late])
        part.sample(fraction=1.0, shuffle=True, seed=n).write_csv(files[-1])
    mapping = [f"{c}={c}" for c in rows.columns if c != "usd_micros"]
    mapping += ["amount_unit=base", "time_unit=us"]
    ingest("table", files, folder / "once", mapping=mapping)
    ingest("table", files[:1], folder / "grown", mapping=mapping)
    for file in files[1:]:
        ingest("table", [file], folder / "grown", mapping=mapping, append=True)
    return folder / "once", folder / "grown"


def test_signals_of_a_store_that_grew_are_the_same_to_the_byte(
    grown: tuple[Path, Path], tmp_path: Path
) -> None:
    assert_alike(*grown)
    assert len(read_manifest(grown[1])[RUNS]) > 2
    assert read_manifest(grown[0])["content_sha256"] == open_transfers(grown[1]).sha256
    written = []
    for store in grown:
        for memory in (None, "3GiB"):
            out = tmp_path / f"{store.name}-{memory}.parquet"
            signals(store, out, assume_complete=True, memory=memory)
            written.append(out.read_bytes())
    assert len(set(written)) == 1


def test_compaction_writes_the_file_of_one_ingest(grown: tuple[Path, Path], tmp_path: Path) -> None:
    once, store = grown[0], tmp_path / "store"
    shutil.copytree(grown[1], store)
    assert compact(store).runs > 2
    assert_alike(once, store)
    kept = store / read_manifest(store)["folder"]
    for name in ("transfers.parquet", "addresses.parquet", "origins.parquet"):
        assert (kept / name).read_bytes() == (once / name).read_bytes()
    assert compact(store).runs == 1
    assert [p.name for p in store.glob("commit-*")] == [kept.name]
    assert not (store / "transfers.parquet").exists()


def test_a_reader_keeps_the_commit_it_opened(grown: tuple[Path, Path], tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(grown[1], store)
    reader = open_transfers(store)
    before = reader.scan().collect()
    with patched_reading(lambda: compact(store)):  # while another is about to read the manifest
        later = open_transfers(store)
    assert later.scan().collect().equals(before)
    del later
    assert reader.scan().collect().equals(before)
    assert (store / "transfers.parquet").exists()
    del reader
    compact(store)
    assert not (store / "transfers.parquet").exists()
    assert open_transfers(store).scan().collect().equals(before)


@contextlib.contextmanager
def patched_reading(first: Callable[[], object]) -> Iterator[None]:
    """Do something once, between holding a commit and reading it."""
    calls = iter([first])

    def reading(store: Path, *, files: bool) -> dict[str, Any]:
        next(calls, lambda: None)()
        return read_manifest(store, files=files)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("data.transfers.read_manifest", reading)
        yield


def test_one_writer_at_a_time_and_a_killed_one_leaves_no_lock(
    grown: tuple[Path, Path], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(grown[1], store)
    code = (
        "import sys, time; from pathlib import Path; from data.locks import sole_writer\n"
        "with sole_writer(Path(sys.argv[1])): print('in', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(store)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        with pytest.raises(Refused, match="is being written by another run"):
            compact(store)
        other.kill()
    assert compact(store).runs > 2


def test_a_damaged_manifest_costs_a_store_no_file(grown: tuple[Path, Path], tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(grown[1], store)
    manifest = store / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"commit-", b"commix-"))
    before = sorted(path for path in store.rglob("*") if path.is_file())
    with pytest.raises(Refused, match="checksum differs"):
        compact(store)
    assert sorted(path for path in store.rglob("*") if path.is_file()) == before


@pytest.mark.parametrize("at", ["data.appending.with_derived_columns", "data.commits.flush"])
def test_an_append_that_fails_changes_nothing(at: str, tmp_path: Path) -> None:
    first, second = deliveries(CHAIN_SAMPLES[0], tmp_path / "in")
    ingest("auto", first, tmp_path / "store")
    before = everything(tmp_path / "store")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at, fail)
        with pytest.raises(Refused, match="No space left"):
            ingest("auto", second, tmp_path / "store", append=True)
    assert_same(before, everything(tmp_path / "store"))
    ingest("auto", second, tmp_path / "store", append=True)
    ingest("auto", [*first, *second], tmp_path / "once")
    assert_alike(tmp_path / "once", tmp_path / "store")
    assert not list((tmp_path / "store").glob(".commit-*"))


@pytest.mark.slow
def test_a_simulated_store_can_grow(tmp_path: Path) -> None:
    simulate(tmp_path / "store", seed=4, addresses=300)
    before = open_transfers(tmp_path / "store").scan().select(list(TRANSFERS)).collect()
    first, _ = deliveries(CHAIN_SAMPLES[0], tmp_path / "in")
    ingest("auto", first, tmp_path / "store", append=True)
    ingest("auto", first, tmp_path / "alone")
    alone = open_transfers(tmp_path / "alone").scan().select(list(TRANSFERS)).collect()
    opened = open_transfers(tmp_path / "store")
    together = sort_transfers(pl.concat([before, alone]))
    assert opened.scan().select(list(TRANSFERS)).collect().equals(together)
    assert opened.sha256 == content_sha256(day_hashes([together]))
    assert opened.synthetic
    assert (tmp_path / "store" / "truth.parquet").exists()


def test_what_cannot_be_appended_to_is_refused(tmp_path: Path) -> None:
    first, second = deliveries(CHAIN_SAMPLES[0], tmp_path / "in")
    with pytest.raises(Refused, match="There is no store"):
        ingest("auto", first, tmp_path / "store", append=True)
    ingest("auto", first, tmp_path / "store")
    ingest("auto", second, tmp_path / "store", append=True)
    with pytest.raises(Refused, match="is a part of the store"):
        open_transfers(tmp_path / "store" / "transfers.parquet")
    run = tmp_path / "store" / "commit-2" / "transfers.parquet"
    run.write_bytes(run.read_bytes()[:-1] + b"x")
    for change in (lambda: compact(tmp_path / "store"), lambda: open_transfers(tmp_path / "store")):
        with pytest.raises(Refused, match="hash differs"):
            change()


def test_nothing_added_to_nothing_is_a_store_of_nothing(tmp_path: Path) -> None:
    page = tmp_path / "txlist.json"
    page.write_text('{"status":"0","message":"No transactions found","result":[]}')
    account = "0x" + "1" * 40
    for append in (False, True):
        ingest("auto", [page], tmp_path / "store", chain="ethereum", account=account, append=append)
    assert open_transfers(tmp_path / "store").scan().collect().height == 0
    assert compact(tmp_path / "store").transfers == 0
