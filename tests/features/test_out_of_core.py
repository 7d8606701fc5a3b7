"""Histories in buckets, compared with those in memory: the same to the bit, whatever the sizes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import Refused
from data.services import load_services
from data.transfers import Transfers, open_transfers
from features import out_of_core
from features.budget import Following, Size, Sizes, followed, resident
from features.building import build_histories
from features.catalogue import catalogue
from features.computing import compute_signals, signal_parts
from features.history import Histories
from features.hubs import hub_history
from features.mapped import Mapped
from features.out_of_core import SpilledHistories, spilled_histories
from features.passes import Means, Question
from features.signal import GraphFamily
from features.spill import spill
from tests.data.canonical import AS_OF, START, A, B, C, D, E, covered, plain, row, store
from tests.features import test_bridges as bridges
from tests.features.test_histories import (
    Row,
    as_frame,
    coverages,
    requests_drawn,
    worlds,
)
from tests.features.test_neighbours import listings, services
from tests.generated import cases

FAMILIES = catalogue().families
GRAPHS = tuple(family for family in FAMILIES if isinstance(family, GraphFamily))
BY_HISTORY = tuple(family for family in FAMILIES if family not in GRAPHS)
"""Families that look at one history at a time."""
LONG = 1 << 40


@contextlib.contextmanager
def silent(what: str, total: int) -> Iterator[Callable[[int], None]]:
    yield lambda units: None


def sizes(piece: int, bucket: int, pairs: int, history: int = LONG, whole: int = LONG) -> Sizes:
    return Sizes(piece, bucket, pairs, history, whole)


sizes_drawn = st.builds(
    sizes,
    piece=st.sampled_from([1, 2, 7, 10_000]),
    bucket=st.sampled_from([1, 3, 12, 10_000]),
    pairs=st.sampled_from([1, 5, 10_000]),
    whole=st.sampled_from([0, 2, 5, LONG]),
)


def opened(folder: Path, *, assume_complete: bool = False) -> Transfers:
    return open_transfers(folder, assume_complete=assume_complete)


def in_memory(transfers: Transfers, requests: pl.DataFrame | None, question: Question) -> Histories:
    return build_histories(
        transfers,
        requests,
        as_of=question.as_of,
        basis=question.basis,
        legs=question.legs,
        services=question.services,
        neighbours=question.neighbours,
        network=bool(question.graphs),
    )


def told(histories: Histories) -> list[list[int]]:
    """Return the rows behind each history, and behind the other legs of its crossings."""
    return [
        [*histories.rows_of(i).tolist(), *histories[i].crossing.other.tolist()]
        for i in range(len(histories))
    ]


def compare(
    transfers: Transfers,
    requests: pl.DataFrame | None,
    question: Question,
    some: Sizes,
    folder: Path,
    threads: int = 1,
    following: Following | None = None,
) -> SpilledHistories:
    """Hold every cell of the signals, and what they rest on, to the histories in memory."""
    whole = in_memory(transfers, requests, question)
    with spill(folder) as spilled:
        means = Means(0, spilled, silent, some, following=following)
        found = spilled_histories(transfers, requests, question, means)
        parts, rows = [], []
        for histories in found:
            parts += list(signal_parts(histories, FAMILIES, threads=threads))
            rows += told(histories)
    assert pl.concat(parts).equals(compute_signals(whole, FAMILIES), null_equal=True)
    assert pl.concat(parts).columns == compute_signals(whole, FAMILIES).columns
    assert rows == told(whole)
    assert len(found) == len(whole)
    assert found.notes == whole.notes
    assert found.transfers == whole.counts.sum()
    assert not list(folder.glob(".unrinse-spill-*"))
    return found


@pytest.mark.unwatched
@settings(max_examples=cases(80))
@given(
    rows=worlds(placed=True) | worlds(),
    coverage=coverages(),
    requests=requests_drawn | st.none(),
    listed=listings,
    basis=st.sampled_from(["usd", "usd", "native", "relative"]),
    legs=st.sampled_from([None, "native_in,native_out,token_out"]),
    everybody=st.booleans(),
    some=sizes_drawn,
    threads=st.sampled_from([1, 2]),
    at_once=st.sampled_from([1, 2, 10_000]),
)
def test_every_size_gives_the_histories_of_memory(
    tmp_path_factory,
    rows,
    coverage,
    requests,
    listed,
    basis,
    legs,
    everybody,
    some,
    threads,
    at_once,
):
    folder = tmp_path_factory.mktemp("spilled")
    transfers = opened(store(folder / "store", rows, coverage), assume_complete=everybody)
    question = Question(
        AS_OF,
        basis,
        None if legs is None else tuple(legs.split(",")),
        services(listed),
        neighbours=True,
        graphs=GRAPHS,
    )
    asked = None if requests is None else as_frame(requests)
    compare(transfers, asked, question, some, folder, threads, Following(threads, at_once))


@settings(max_examples=cases(40))
@given(rows=bridges.tables(), basis=st.sampled_from(["usd", "relative"]), some=sizes_drawn)
def test_crossings_are_matched_among_all_transfers(tmp_path_factory, rows, basis, some):
    folder = tmp_path_factory.mktemp("bridges")
    known = load_services(bridges.services_file(folder))
    people = [covered(A, B, C, bridges.BRIDGE, chain=chain) for chain in bridges.USDT_ON]
    transfers = opened(store(folder / "store", rows, pl.concat(people)))
    question = Question(AS_OF, basis, services=known, neighbours=True)
    compare(transfers, as_frame(bridges.REQUESTS), question, some, folder)


def paid(n: int, sender: str, receiver: str, days: float, **more: Any) -> Row:
    moment = START + timedelta(days=days)
    return row(n, block_time=moment, block_number=1000 + n, sender=sender, receiver=receiver,
               **more)  # fmt: skip


def hub_and_others() -> list[Row]:
    """Return a hub among small histories: hundreds pay it in one moment, and it pays on."""
    crowd = [f"0x{n:040x}" for n in range(1, 200)]
    into = [paid(n, who, C, 1) for n, who in enumerate(crowd)]
    on = [paid(500 + n, C, A, 1 + n / 1000) for n in range(300)]
    return [*into, *on, paid(900, A, D, 3), paid(901, D, B, 3.1)]


@pytest.fixture
def hubs(monkeypatch) -> list[int]:
    """Lay histories on disk in slices of a few transfers, and note how many each has."""
    found = []

    def noted(slices: Iterable[Histories], transfers: int, memory: Mapped) -> Histories:
        parts = list(slices)
        found.append(len(parts))
        return hub_history(parts, transfers, memory)

    monkeypatch.setattr(out_of_core, "SLICE", 64)
    monkeypatch.setattr(out_of_core, "hub_history", noted)
    return found


@pytest.mark.parametrize("basis", ["usd", "relative", "native"])
def test_a_hub_that_memory_has_no_room_for_is_laid_on_disk_in_slices(tmp_path, hubs, basis):
    transfers = opened(store(tmp_path / "store", hub_and_others()), assume_complete=True)
    known = services([("ethereum", B, "hot", START - timedelta(days=5)),
                      ("ethereum", f"0x{7:040x}", "mixer", START - timedelta(days=5))])  # fmt: skip
    question = Question(AS_OF, basis, services=known, neighbours=True)
    compare(transfers, None, question, sizes(100, 60, 100, whole=60), tmp_path)
    # A has 301, from C and to D; 199 came to C at one moment, which is one slice. Without a value
    # in the basis they count nonetheless.
    assert hubs == [5, 6]


def test_whoever_stops_at_a_hub_leaves_nothing(tmp_path, hubs):
    transfers = opened(store(tmp_path / "store", hub_and_others()), assume_complete=True)
    with spill(tmp_path) as spilled:
        means = Means(0, spilled, silent, sizes(100, 60, 100, whole=60))
        found = iter(spilled_histories(transfers, None, Question(AS_OF), means))
        for _ in found:
            if hubs:
                break
        watching = [thread for thread in threading.enumerate() if "mapped" in thread.name]
        assert len(watching) == 1
        assert (spilled.folder / "mapped").exists()
        found.close()  # type: ignore[attr-defined]  # a generator
        assert not watching[0].is_alive()
        assert not (spilled.folder / "mapped").exists()


@pytest.mark.parametrize("basis", ["usd", "relative"])
def test_a_hub_on_bridges_knows_its_crossings(tmp_path, hubs, basis):
    bridge, tron = bridges.BRIDGE, bridges.TRON_BRIDGE
    rows = [bridges.paid(0, "ethereum", A, bridge, 1000, n=n) for n in range(2)]
    rows += [bridges.paid(1, "tron", tron, bridges.ON_TRON, 1000, n=9000 + n) for n in range(300)]
    for n in range(150):
        minute, coins = 1440 + 30 * n, 500 + 9 * n
        rows += [bridges.paid(minute, "ethereum", A, bridge, coins)]
        rows += [bridges.paid(minute + 9, "arbitrum", bridge, A, 0.999 * coins)] * (n % 3 > 0)
    known = load_services(bridges.services_file(tmp_path))
    transfers = opened(store(tmp_path / "store", rows, covered(A, bridge)))
    question = Question(AS_OF, basis, services=known, neighbours=True)
    asked = as_frame([("ethereum", A, AS_OF), ("ethereum", A, START + timedelta(days=2.5))])
    found = compare(transfers, asked, question, sizes(10, 1, 100, whole=60), tmp_path)
    assert hubs == [3, 2]
    assert found._told[0].crowd == (2, 2)
    assert len(found.notes) == 1


@pytest.mark.unwatched
@pytest.mark.parametrize("bucket", [1, 50, 700, 100_000])
@pytest.mark.parametrize("piece", [1, 64, 100_000])
def test_a_hub_larger_than_a_bucket_is_alone_in_one(tmp_path, bucket, piece):
    transfers = opened(store(tmp_path / "store", hub_and_others()), assume_complete=True)
    known = services([("ethereum", B, "hot", START - timedelta(days=5)),
                      ("ethereum", f"0x{7:040x}", "mixer", START - timedelta(days=5))])  # fmt: skip
    question = Question(AS_OF, services=known, neighbours=True)
    found = compare(transfers, None, question, sizes(piece, bucket, 100), tmp_path)
    held = found._passed.files.buckets
    assert (len(held) == 1) == (bucket == 100_000)
    hub = held.of_request[found._passed.roll.keys(0, len(found))["address"].to_list().index(C)]
    assert (held.of_request == hub).sum() == 1 or bucket >= 700


CUTS = [START + timedelta(days=days) for days in (0.5, 1.05, 2, 50)]


@pytest.mark.parametrize(
    "some", [sizes(5, 20, 9), sizes(5, 20, 9, whole=20), sizes(1000, 1, 1), sizes(64, 5000, 64)]
)
def test_registries_of_many_dates_and_cuts_at_many_moments(tmp_path, some):
    transfers = opened(store(tmp_path / "store", hub_and_others(), covered(A, B, C, D)))
    known = services(
        [("ethereum", f"0x{n:040x}", "mixer", START + timedelta(days=n / 9)) for n in range(1, 40)]
    )
    asked = as_frame([("ethereum", who, cut) for cut in CUTS for who in (A, C, D, E, A)])
    compare(transfers, asked, Question(AS_OF, services=known, neighbours=True), some, tmp_path)


@pytest.mark.parametrize("neighbours", [True, False])
@pytest.mark.parametrize("asked", [None, as_frame([]), as_frame([("ethereum", E, AS_OF)] * 3)])
@pytest.mark.parametrize("rows", [[], [row(0)], [row(0, screened="dust")]])
def test_next_to_nothing(tmp_path, rows, asked, neighbours):
    transfers = opened(store(tmp_path / "store", rows), assume_complete=True)
    question = Question(AS_OF, neighbours=neighbours)
    compare(transfers, asked, question, sizes(1, 1, 1), tmp_path)
    compare(transfers, asked, question, sizes(1, 1, 1, whole=0), tmp_path)


@pytest.mark.parametrize("whole", [LONG, 0])
def test_sums_beyond_62_bits_are_told_once_for_all_buckets(tmp_path, whole):
    large = {"kind": "native", "asset": "native", "amount_raw": str((2**63 - 5) * 10**9)}
    rows = [paid(n, *pair, n, **large) for n, pair in enumerate([(B, A), (C, A), (A, D), (C, D)])]
    transfers = opened(store(tmp_path / "store", rows), assume_complete=True)
    some = sizes(1, 1, 1, whole=whole)
    found = compare(transfers, None, Question(AS_OF, "native"), some, tmp_path)
    assert len(found.notes) == 1
    assert "4 histories" in found.notes[0]


def shapes() -> list[Row]:
    """Return coins scattered by one and gathered by another, on two chains of other units."""
    through = [f"0x{n:040x}" for n in range(1, 6)]
    out = [(A, who, 1 + n / 500) for n, who in enumerate(through)]
    back = [(who, C, 1.02 + n / 500) for n, who in enumerate(through)]
    moved = [*out, *back, (C, A, 1.04), (A, D, 1.05), (D, B, 1.06)]
    coin: dict[str, Any] = {"kind": "native", "asset": "native"}
    return [
        paid(100 * on + n, *step, chain=chain, amount_raw=str(10**digits), **coin)
        for on, (chain, digits) in enumerate((("ethereum", 18), ("tron", 9)))
        for n, step in enumerate(moved)
    ]


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_money_is_followed_before_histories_are_laid(tmp_path, at_once):
    transfers = opened(store(tmp_path / "store", shapes()), assume_complete=True)
    known = services([("ethereum", f"0x{2:040x}", "mixer", START + timedelta(days=2))])
    asked = as_frame(
        [
            (chain, who, cut)
            for who in (A, C, D, E, A)
            for chain in ("tron", "ethereum")
            for cut in (CUTS[1], AS_OF)
        ]
    )
    question = Question(AS_OF, "native", services=known, graphs=GRAPHS)
    compare(transfers, asked, question, sizes(3, 4, 9), tmp_path, following=Following(1, at_once))
    signals = compute_signals(in_memory(transfers, asked, question), GRAPHS)
    values = signals["scatter_gather_value_24h"].to_list()
    # Four of five ways remain where the registry knows one of them as a mixer.
    assert values[:4] == [5000.0, 5000.0, 5.0, 4.0]
    assert values[-4:] == values[:4]


def test_a_graph_that_does_not_fit_is_refused_with_what_would_do():
    size = Size(addresses=10_000, requests=10, kept=0, named=0, transfers=10**8, neighbours=False)
    held = resident()
    with pytest.raises(Refused, match="too small for motifs") as refused:
        followed(held + (1 << 30), size, 2)
    named = int(str(refused.value).split("Expected: ")[1].split(" MiB")[0].replace(",", ""))
    assert followed((named + 16) << 20, size, 2).threads >= 1
    assert followed(1 << 40, size, 2) == Following(2, 1 << 20)
    small = Size(addresses=1 << 20, requests=10, kept=0, named=0, transfers=10, neighbours=False)
    tight = held + small.while_followed(1) + (100 << 20)
    assert followed(tight, small, 8).threads < 8


def test_only_a_store_can_be_spilled(tmp_path):
    transfers = plain(tmp_path, [row(0)], covered(A))
    with pytest.raises(Refused, match="for a store only"), spill(tmp_path) as spilled:
        spilled_histories(
            transfers, None, Question(AS_OF), Means(0, spilled, silent, sizes(1, 1, 1))
        )


def test_a_history_that_alone_is_too_large_is_refused_by_name(tmp_path):
    transfers = opened(store(tmp_path / "store", hub_and_others()), assume_complete=True)
    limits = sizes(100, 400, 100, history=400, whole=400)
    complaint = rf"history of {C} has 499 transfers, too many.*Expected: 1 MiB or more"
    with spill(tmp_path) as spilled, pytest.raises(Refused, match=complaint):
        spilled_histories(transfers, None, Question(AS_OF), Means(0, spilled, silent, limits))
