"""Signals and scores under a cap on memory: the same files to the byte, and nothing left behind."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from data.errors import Refused
from features import budget, passes
from features.budget import Sizes
from features.spill import Spill
from pipelines.cli import app
from pipelines.memory import Cap, read_size, resolved_cap
from pipelines.score import score
from pipelines.signals import signals
from tests.generated import NIGHTLY

AMPLE = "8GiB"
SIZES = [
    Sizes(500, 900, 4000, 1 << 40),
    Sizes(1 << 20, 5000, 1 << 20, 1 << 40),
    Sizes(1 << 20, 300, 1 << 20, 1 << 40, 300),
]
"""The last one lays a few histories on disk."""


@pytest.fixture
def forced(monkeypatch):
    """Take given sizes in place of those that follow from the cap."""

    def force(sizes: Sizes) -> None:
        monkeypatch.setattr(passes, "divided", lambda memory, size: sizes)

    return force


@pytest.fixture(scope="module")
def early(world, tmp_path_factory) -> Path:
    """Services of the world dated before it begins, so that they count; and some busy parties."""
    path = tmp_path_factory.mktemp("services") / "services.csv"
    known = pl.read_csv(world.services).select("chain", "address", "category", "licit")
    sent = world.transfers.filter(pl.col("screened").is_null()).group_by("chain", "sender").len()
    busy = sent.sort("len", "chain", "sender", descending=True)[5:45]
    listed = busy.select("chain", address="sender", category=pl.lit("mixer"), licit=False)
    both = pl.concat([known, listed]).unique(["chain", "address"], maintain_order=True)
    both.with_columns(date=pl.lit("2015-01-01")).write_csv(path)
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def whole(world, early, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    for suffix in ("parquet", "csv", "jsonl"):
        signals(world.store, folder / f"signals.{suffix}", services=early)
    return folder


@pytest.mark.unwatched
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("threads", [1, 2])
def test_signals_are_the_same_files(world, early, whole, forced, tmp_path, sizes, threads):
    forced(sizes)
    # Text is written from the same table: it is compared once, and by the nightly job every time.
    each = NIGHTLY or (threads, sizes) == (1, SIZES[0])
    suffixes = ("parquet", "csv", "jsonl") if each else ("parquet",)
    for suffix in suffixes:
        found = signals(
            world.store,
            tmp_path / f"signals.{suffix}",
            services=early,
            threads=threads,
            memory=AMPLE,
        )
        assert found.exit_code == 0
        assert found.spilled_bytes is not None
        assert found.spilled_bytes > 36 * world.transfers.height
        for name in (f"signals.{suffix}", f"signals.{suffix}.manifest.json"):
            assert (tmp_path / name).read_bytes() == (whole / name).read_bytes(), name
    assert len(files(tmp_path)) == 2 * len(suffixes)


def test_the_world_has_what_the_passes_look_at(whole):
    found = pl.read_parquet(whole / "signals.parquet")
    for name in ("young_sender_share", "listed_in_2_hops", "exchange_out_2_hops"):
        assert (found[name] > 0).any(), name
    crossed = [c for c in found.columns if "cross" in c or "bridge" in c]
    assert any((found[c].is_not_null() & (found[c] > 0)).any() for c in crossed)


@pytest.mark.unwatched
@pytest.mark.parametrize("basis", ["native", "relative"])
def test_a_list_with_cuts_legs_and_another_basis(world, early, forced, tmp_path, basis):
    lines = Path(world.addresses).read_text(encoding="utf-8").splitlines()
    asked = tmp_path / "asked.csv"
    shuffled = np.random.default_rng(3).permutation(lines[1:]).tolist()
    asked.write_text("\n".join([lines[0], *shuffled[:150], *shuffled[:9]]) + "\n", "utf-8")
    given: dict[str, Any] = {
        "addresses": asked, "basis": basis, "services": early,
        "legs": "native_in,native_out,token_out",
    }  # fmt: skip
    in_memory = signals(world.store, tmp_path / "whole.parquet", **given)
    forced(SIZES[0])
    capped = signals(world.store, tmp_path / "capped.parquet", **given, memory=AMPLE)
    assert capped.content_sha256 == in_memory.content_sha256
    assert capped.notes == in_memory.notes
    assert capped.transfers == in_memory.transfers > 0
    assert (tmp_path / "capped.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.unwatched
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_scores_are_the_same_files(world, bundle, early, forced, tmp_path, suffix):
    for name, memory in (("whole", None), ("capped", AMPLE)):
        if memory:
            forced(SIZES[0])
        (tmp_path / name).mkdir()
        found = score(
            bundle,
            world.store,
            world.addresses,
            tmp_path / name / f"scores.{suffix}",
            services=early,
            reasons=7,
            memory=memory,
        )
        assert found.statuses["scored"] > 100
    assert files(tmp_path / "whole") == files(tmp_path / "capped")
    assert len(files(tmp_path / "capped")) == 2


# --- what is left behind --------------------------------------------------------------------------


class Stopped(Exception):
    pass


@pytest.mark.parametrize("error", [Stopped, KeyboardInterrupt, OSError(28, "No space left")])
@pytest.mark.parametrize("after", [0, 2, 9, 30])
def test_nothing_is_left_where_it_ends_early(world, forced, tmp_path, monkeypatch, error, after):
    forced(SIZES[0])
    written, append = [], Spill.append

    def failing(self: Spill, name: str, records: np.ndarray) -> None:
        written.append(name)
        if len(written) > after:
            raise error
        append(self, name, records)

    monkeypatch.setattr(Spill, "append", failing)
    ends = Refused if isinstance(error, OSError) else error
    with pytest.raises(ends):
        signals(world.store, tmp_path / "signals.parquet", memory=AMPLE)
    assert len(written) == after + 1
    assert not list(tmp_path.iterdir())


def test_a_folder_to_spill_to_is_used_and_left_empty(world, tmp_path, monkeypatch):
    seen, append = set(), Spill.append

    def watching(self: Spill, name: str, records: np.ndarray) -> None:
        seen.add(self.folder.parent)
        append(self, name, records)

    monkeypatch.setattr(Spill, "append", watching)
    out, spilled = tmp_path / "out" / "signals.parquet", tmp_path / "spill"
    signals(world.store, out, memory=AMPLE, spill=spilled)
    assert seen == {spilled}
    assert not list(spilled.iterdir())


# --- refusals -------------------------------------------------------------------------------------


def test_a_cap_that_is_too_small_is_refused_with_what_is_needed(world, tmp_path):
    with pytest.raises(Refused, match=r"Expected: [\d,]+ MiB or more"):
        signals(world.store, tmp_path / "signals.parquet", memory="20MB")
    assert not list(tmp_path.iterdir())


def test_the_cap_that_was_named_is_enough(world, tmp_path, monkeypatch):
    held = budget.resident()
    monkeypatch.setattr(budget, "resident", lambda: held)
    with pytest.raises(Refused) as refused:
        signals(world.store, tmp_path / "signals.parquet", memory=1)
    named = re.search(r"Expected: ([\d,]+) MiB", str(refused.value))
    assert named is not None
    least = f"{named[1].replace(',', '')}MiB"
    assert signals(world.store, tmp_path / "signals.parquet", memory=least).addresses > 500


@pytest.mark.parametrize("memory", [None, AMPLE])
def test_without_a_list_every_covered_address_is_scored(world, bundle, forced, tmp_path, memory):
    forced(SIZES[0])
    covered = pl.read_parquet(world.store / "coverage.parquet").select("chain", "address").unique()
    listed = tmp_path / "list.csv"
    covered.sample(fraction=1, shuffle=True, seed=3).write_csv(listed)
    given = {"services": world.services, "reasons": 5, "memory": memory}
    by_list = score(bundle, world.store, listed, tmp_path / "list.parquet", **given)
    by_all = score(bundle, world.store, None, tmp_path / "all.parquet", **given)
    assert by_all.statuses == by_list.statuses
    assert by_all.addresses == covered.height
    order = ["chain", "address"]
    found = pl.read_parquet(by_all.out)
    assert found.equals(pl.read_parquet(by_list.out).sort(order))
    assert found.select(order).equals(covered.sort(order))
    told = json.loads((tmp_path / "all.parquet.manifest.json").read_text())
    assert told["inputs"]["addresses_sha256"] is None


def test_motifs_under_a_cap_are_those_without(world, tmp_path):
    files = [tmp_path / "whole.parquet", tmp_path / "capped.parquet"]
    for file, cap in zip(files, (None, AMPLE), strict=True):
        signals(world.store, file, also=["motifs"], memory=cap)
    whole, capped = (file.read_bytes() for file in files)
    assert whole == capped
    found = pl.read_parquet(files[0])
    assert found["scatter_gather_targets_24h"].sum() > 0


def test_plain_tables_are_refused_with_what_to_do(world, tmp_path):
    table, moment = world.shuffled(tmp_path / "plain", seed=1), datetime.fromisoformat(world.as_of)
    with pytest.raises(Refused, match="for a store only"):
        signals(table, tmp_path / "signals.parquet", as_of=moment, memory=AMPLE)


def test_a_folder_alone_is_refused(world, tmp_path):
    with pytest.raises(Refused, match="--spill"):
        signals(world.store, tmp_path / "signals.parquet", spill=tmp_path)


@pytest.mark.parametrize(
    "text", ["", "2", "two GiB", "-1GB", "0GiB", "2GiBs", "1e3MB", "GiB", "2 XB"]
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(Refused, match="no size of memory"):
        read_size(text)


@pytest.mark.parametrize(
    "text, size",
    [
        ("1KiB", 1024),
        ("1kb", 1000),
        (" 3 g ", 3 << 30),
        ("0.5TiB", 1 << 39),
        ("800MB", 800 * 10**6),
    ],
)
def test_sizes(text, size):
    assert read_size(text) == size


def test_the_default_folder_is_that_of_the_result():
    assert resolved_cap("1GiB", None, Path("runs/x.csv")) == Cap(1 << 30, Path("runs"))
    assert resolved_cap(5, "elsewhere", Path("runs/x.csv")) == Cap(5, Path("elsewhere"))
    assert resolved_cap(None, None, Path("runs/x.csv")) is None


def test_the_command_takes_both_options(world, tmp_path):
    out = tmp_path / "signals.parquet"
    command = ["signals", str(world.store), "--out", str(out), "--memory", "4GiB", "--spill"]
    done = CliRunner().invoke(app, [*command, str(tmp_path / "spill")])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["addresses"] > 500
    refused = CliRunner().invoke(app, [*command[:-3], "--memory", "lots"])
    assert refused.exit_code == 2
