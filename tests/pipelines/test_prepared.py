"""Lists out of what was prepared of a store: the same to the bit as out of the store."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import blocks
from data.errors import Refused
from data.services import load_services
from data.storage import MANIFEST, read_manifest
from data.transfers import Transfers
from features.budget import Sizes
from features.catalogue import catalogue
from features.computing import compute_signals
from features.passes import Means, Question
from features.spill import spill
from pipelines.compact import compact
from pipelines.ingest import ingest
from pipelines.inputs import read_requests
from pipelines.prepare import prepare
from pipelines.prepared import lists
from pipelines.prepared.lists import Few, few_histories, open_for_list
from pipelines.prepared.making import ENTRIES, FOLDER, prepare_folder
from pipelines.score import score
from pipelines.signals import signals
from tests.data.canonical import AS_OF, START, A, B, C, covered, store
from tests.features import test_bridges as bridges
from tests.features.test_histories import as_frame, coverages, requests_drawn, worlds
from tests.features.test_neighbours import listings, services
from tests.features.test_out_of_core import BY_HISTORY, hub_and_others, in_memory, silent, told
from tests.generated import cases
from tests.pipelines.test_append import CHAIN_SAMPLES, deliveries

NOT_USED = "The store was read, not what was prepared of it for lists: "


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    """Read blocks of a few transfers, however many of them a list needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_ROWS", 3)
        patch.setattr(lists, "MOST_SHARE", 2.0)
        yield


def made(folder: Path, question: Question, *, assume_complete: bool = False) -> None:
    transfers, _ = open_for_list(folder, assume_complete=assume_complete)
    with spill(folder.parent) as spilled:
        means = Means(0, spilled, silent, Sizes(7, 1 << 40, 5, 1 << 40))
        prepare_folder(folder, transfers, question, means)


def few(
    folder: Path, requests: pl.DataFrame, question: Question, *, assume_complete: bool = False
) -> tuple[Transfers, Few]:
    transfers, prepared = open_for_list(folder, assume_complete=assume_complete)
    return transfers, few_histories(prepared, transfers, requests, BY_HISTORY, question)


def compare(transfers: Transfers, found: Few, requests: pl.DataFrame, question: Question) -> None:
    """Hold every cell of the signals, and what they rest on, to the histories in memory."""
    whole = in_memory(transfers, requests, question)
    assert found.histories is not None
    [histories] = list(found.histories)
    expected = compute_signals(whole, BY_HISTORY)
    assert compute_signals(histories, BY_HISTORY).equals(expected, null_equal=True)
    assert compute_signals(histories, BY_HISTORY).columns == expected.columns
    assert told(histories) == told(whole)
    assert found.histories.notes == whole.notes
    assert found.histories.transfers == whole.counts.sum()
    assert len(found.histories) == len(whole)


def epoch(listed: Sequence[tuple[str, str, str, datetime]], cut: datetime) -> int:
    """Return how many of the listed parties were known at a cut."""
    return sum(since + timedelta(days=1) <= cut for *_, since in listed)


@settings(max_examples=cases(8))
@given(
    rows=worlds(placed=True) | worlds(),
    coverage=coverages(),
    requests=requests_drawn,
    listed=listings,
    basis=st.sampled_from(["usd", "usd", "native", "relative"]),
    legs=st.sampled_from([None, "native_in,native_out,token_out"]),
    everybody=st.booleans(),
)
def test_a_list_gives_the_histories_of_memory(
    tmp_path_factory, rows, coverage, requests, listed, basis, legs, everybody
):
    folder = store(tmp_path_factory.mktemp("prepared") / "store", rows, coverage)
    question = Question(
        AS_OF, basis, None if legs is None else tuple(legs.split(",")), services(listed), True
    )
    made(folder, question, assume_complete=everybody)
    transfers, found = few(folder, as_frame(requests), question, assume_complete=everybody)
    if found.histories is None:  # the registry was in another state at some cut
        assert found.notes[0].startswith(NOT_USED + "services or listed parties became known")
        assert {epoch(listed, cut) for *_, cut in requests} != {epoch(listed, AS_OF)}
        return
    compare(transfers, found, as_frame(requests), question)


@settings(max_examples=cases(4))
@given(rows=bridges.tables(), basis=st.sampled_from(["usd", "relative"]))
def test_crossings_are_matched_among_all_transfers(tmp_path_factory, rows, basis):
    folder = tmp_path_factory.mktemp("bridges")
    known = load_services(bridges.services_file(folder))
    people = [covered(A, B, C, bridges.BRIDGE, chain=chain) for chain in bridges.USDT_ON]
    made_of = store(folder / "store", rows, pl.concat(people))
    question = Question(AS_OF, basis, services=known, neighbours=True)
    made(made_of, question)
    transfers, found = few(made_of, as_frame(bridges.REQUESTS), question)
    if found.histories is not None:
        compare(transfers, found, as_frame(bridges.REQUESTS), question)


@pytest.mark.parametrize("who", [[A], [C], [A, B, C, f"0x{7:040x}"]])
def test_a_hub_is_read_in_blocks_of_its_own(tmp_path, monkeypatch, who):
    monkeypatch.setattr(blocks, "_MOST_ROWS", 40)
    folder = store(tmp_path / "store", hub_and_others())
    known = services([("ethereum", B, "hot", START - timedelta(days=5)),
                      ("ethereum", f"0x{7:040x}", "mixer", START - timedelta(days=5))])  # fmt: skip
    question = Question(AS_OF, services=known, neighbours=True)
    made(folder, question, assume_complete=True)
    asked = as_frame([("ethereum", address, AS_OF) for address in who])
    transfers, found = few(folder, asked, question, assume_complete=True)
    compare(transfers, found, asked, question)


@pytest.fixture(scope="module")
def ready(world, tmp_path_factory) -> Path:
    """The small world, prepared."""
    folder = tmp_path_factory.mktemp("ready") / "store"
    shutil.copytree(world.store, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_ROWS", 200)
        found = prepare(folder)
    assert (
        found.addresses
        >= world.transfers.select(pl.concat_list("sender", "receiver").explode().n_unique()).item()
    )
    return folder


def asked_of(world, tmp_path: Path, n: int) -> Path:
    """Write a list of covered addresses, busy ones first, strangers, and a line that is none."""
    busy = world.transfers.group_by("chain", "sender").len().sort("len", "sender", descending=True)
    names = pl.read_csv(world.addresses)["address"].to_list()[: n // 2]
    names += busy["sender"].to_list()[: n - len(names)]
    path = tmp_path / f"list-{n}.txt"
    path.write_text("\n".join([*names, "0x" + "77" * 20, "nobody's", names[0]]) + "\n")
    return path


@pytest.mark.parametrize("n", [1, 10, 1000])
def test_signals_of_a_list_are_the_same_file_and_read_less(world, ready, tmp_path, n):
    listed = asked_of(world, tmp_path, n)
    whole = signals(world.store, tmp_path / "whole.csv", addresses=listed)
    found = signals(ready, tmp_path / "few.csv", addresses=listed)
    assert (tmp_path / "few.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert (found.transfers, found.addresses) == (whole.transfers, whole.addresses)
    assert (found.notes, found.exit_code) == (whole.notes, whole.exit_code)
    assert whole.read_bytes is whole.read_share is None
    assert found.read_share is not None
    named = read_manifest(world.store)["files"]
    size = sum((world.store / name).stat().st_size for name in named)
    assert found.read_bytes == pytest.approx(found.read_share * size, rel=0.05)
    assert n > 10 or found.read_share < 0.2


def test_scores_of_a_list_are_the_same_file(world, ready, bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 200)
    folder = tmp_path / "store"
    shutil.copytree(ready, folder)
    prepare(folder, bundle=bundle)
    whole = score(bundle, world.store, world.addresses, tmp_path / "whole.parquet", reasons=5)
    found = score(bundle, folder, world.addresses, tmp_path / "few.parquet", reasons=5)
    assert found.read_bytes is not None
    assert (tmp_path / "few.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert found.statuses == whole.statuses
    with pytest.raises(Refused, match="beside a basis or legs"):
        prepare(folder, bundle=bundle, basis="usd")


@pytest.mark.parametrize(
    "options, why",
    [
        ({"basis": "native"}, "it was prepared with another --basis"),
        ({"legs": "token_in,token_out"}, "it was prepared with other --legs"),
        ({"assume_complete": True}, "it was prepared with another --assume-complete"),
        ({"as_of": AS_OF + timedelta(days=9000)}, "it was prepared with an earlier --as-of"),
    ],
)
def test_what_was_not_prepared_is_read_from_the_store(world, ready, tmp_path, options, why):
    listed = asked_of(world, tmp_path, 10)
    whole = signals(world.store, tmp_path / "whole.csv", addresses=listed, **options)
    found = signals(ready, tmp_path / "few.csv", addresses=listed, **options)
    assert (tmp_path / "few.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert found.read_bytes is None
    assert found.notes == (*whole.notes, f"{NOT_USED}{why}.")


def test_what_memory_has_no_room_for_is_read_from_the_store(world, ready, tmp_path):
    opened, prepared = open_for_list(ready)
    asked = read_requests(asked_of(world, tmp_path, 10), opened, prepared).requests
    assert opened.as_of is not None
    question = Question(opened.as_of, services=load_services(None))
    for memory, notes in (
        (1 << 20, (NOT_USED + "the list needs more of it than --memory has room for.",)),
        (1 << 40, ()),
    ):
        found = few_histories(prepared, opened, asked, BY_HISTORY, question, memory=memory)
        assert found.notes == notes
        assert (found.histories is None) == bool(notes)
    found = few_histories(prepared, opened, asked, catalogue().families, question)
    assert found.notes == (NOT_USED + "motifs follows money through all transfers.",)


def test_everybody_and_long_lists_are_read_from_the_store(world, ready, tmp_path, monkeypatch):
    found = signals(ready, tmp_path / "all.csv")
    assert found.read_bytes is None
    assert not found.notes
    monkeypatch.setattr(lists, "MOST_SHARE", 0.25)
    found = signals(ready, tmp_path / "few.csv", addresses=world.addresses)
    assert found.read_bytes is None
    assert found.notes[-1].endswith("of it, which is more than 25%.")


def test_what_is_read_is_checked_and_what_is_not_is_not(world, ready, tmp_path):
    folder, listed = tmp_path / "store", asked_of(world, tmp_path, 10)
    shutil.copytree(ready, folder)
    whole = bytearray((folder / "transfers.parquet").read_bytes())
    whole[len(whole) // 2] ^= 1
    (folder / "transfers.parquet").write_bytes(whole)
    assert signals(folder, tmp_path / "few.csv", addresses=listed).read_bytes is not None
    with pytest.raises(Refused, match=r"transfers\.parquet is not the file that was written"):
        signals(folder, tmp_path / "all.csv")
    for name, said in ((ENTRIES, "the hash of a block"), (MANIFEST, "checksum differs")):
        file = folder / FOLDER / name
        held = file.read_bytes()
        at = held.index(b'"prepared"') + 1 if name == MANIFEST else len(held) // 2
        file.write_bytes(held[:at] + bytes([held[at] ^ 1]) + held[at + 1 :])
        with pytest.raises(Refused, match=said):
            signals(folder, tmp_path / "few.csv", addresses=world.addresses)
        file.write_bytes(held)


def test_a_store_that_changed_since_is_read_until_it_is_prepared_again(tmp_path):
    folder, listed = tmp_path / "store", tmp_path / "list.txt"
    first, second = deliveries(CHAIN_SAMPLES[0], tmp_path / "in")

    def both(again: bool) -> None:
        hidden = folder.with_name("hidden")
        found = signals(folder, tmp_path / "few.csv", addresses=listed, assume_complete=True)
        (folder / FOLDER).rename(hidden)
        signals(folder, tmp_path / "whole.csv", addresses=listed, assume_complete=True)
        hidden.rename(folder / FOLDER)
        assert (tmp_path / "few.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
        assert (found.read_bytes is not None) == again
        changed = f"{NOT_USED}it was prepared with other transfers: the store has changed since."
        assert (changed in found.notes) == (not again)

    ingest("auto", first, folder)
    names = pl.read_parquet(folder / "addresses.parquet")["address"].to_list()
    listed.write_text("\n".join([*names, "0x" + "77" * 20]) + "\n")
    prepare(folder, assume_complete=True)
    both(True)
    ingest("auto", second, folder, append=True)
    both(False)
    prepare(folder, assume_complete=True)
    both(True)
    compact(folder)
    both(True)  # the content is the same, however many files it is in


def test_a_full_disk_leaves_what_was_there(ready, tmp_path, monkeypatch):
    folder = tmp_path / "store"
    shutil.copytree(ready, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(blocks.BlockWriter, "write", full)
    with pytest.raises(Refused, match="No space left on device"):
        prepare(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_only_stores_are_prepared(world, tmp_path):
    plain = world.shuffled(tmp_path / "plain", 1)
    for path in (plain, world.store / "transfers.parquet"):
        with pytest.raises(Refused, match="is no store"):
            prepare(path)
    assert not (plain / FOLDER).exists()


def test_the_manifest_says_what_it_was_made_of(ready):
    told = json.loads((ready / FOLDER / "manifest.json").read_text(encoding="utf-8"))
    assert told["kind"] == "prepared"
    assert set(told["rests_on"]) >= {"transfers", "coverage", "basis", "legs", "services"}
    assert ENTRIES not in told["files"]  # its blocks are checked one by one
