"""Histories, compared row by row with a slow second opinion in plain Python."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.assets import asset_registry
from data.content_hash import content_hash
from data.errors import Refused
from data.schema import LEGS, TIME, sort_transfers
from data.transfers import open_transfers
from features.building import build_histories
from features.computing import compute_signals, signal_parts
from features.history import FREEZABLE, NATIVE, STABLECOIN, Histories, microseconds
from tests.data.canonical import (
    AS_OF,
    DAI,
    START,
    UNLISTED,
    USDC,
    USDT,
    A,
    B,
    C,
    D,
    E,
    covered,
    plain,
    row,
    store,
    table,
)
from tests.generated import cases

Row = dict[str, Any]
LEG_KINDS = {"native": "native", "internal": "internal", "token": "token", "mint": "token",
             "burn": "token"}  # fmt: skip
REGISTRY = {(r["chain"], r["address"]): r for r in asset_registry().iter_rows(named=True)}


def is_stable(row: Row) -> bool:
    listed = REGISTRY.get((row["chain"], row["asset"]))
    return listed is not None and listed["class"] == "stablecoin"


def before_scaling(row: Row, basis: str) -> float | None:
    """Return the amount of a row in a basis, None where it has none."""
    if basis == "usd":
        value = row["usd_micros"]
    elif basis == "native":
        own = row["kind"] in ("native", "internal")
        value = int(row["amount_raw"]) // (10**9 if row["chain"] == "ethereum" else 1)  # gwei, sun
        value = value if own and value < 2**63 else None
    elif is_stable(row) and row["usd_micros"] is not None:
        value = float(row["usd_micros"])
    else:
        value = float(row["amount_raw"])
    return value if value is not None and value > 0 else None


def expected(
    rows: Sequence[Row],
    request: tuple[str, str, datetime],
    basis: str,
    legs: set[str],
) -> tuple[list[Row], int]:
    """Return the events of one history in order, and how many have no value."""
    chain, address, as_of = request
    events, unvalued = [], 0
    for number, r in enumerate(rows):
        seen = r["chain"] == chain and r["screened"] is None and r["kind"] != "fee"
        if not seen or r["block_time"] >= as_of:
            continue
        for way, own, other in (("in", "receiver", "sender"), ("out", "sender", "receiver")):
            kind = LEG_KINDS[r["kind"]]
            if r[own] != address or f"{kind}_{way}" not in legs:
                continue
            amount = before_scaling(r, basis)
            if amount is None:
                unvalued += 1
                continue
            events.append(
                r
                | {
                    "row": number,
                    "incoming": way == "in",
                    "other": r[other],
                    "value": amount,
                    "two_sided": {f"{kind}_in", f"{kind}_out"} <= legs,
                }
            )
    events.sort(key=in_block)
    ordered = []
    for moment in sorted({e["block_time"] for e in events}):
        run = [e for e in events if e["block_time"] == moment]
        if any(e["block_number"] is None or e["tx_index"] is None for e in run):
            run.sort(key=lambda e: not e["incoming"])
        ordered += run
    return scaled(ordered, basis), unvalued


def in_block(event: Row) -> tuple[Any, ...]:
    def unknown_first(value: int | None) -> int:
        return -1 if value is None else value

    place = unknown_first(event["block_number"]), unknown_first(event["tx_index"])
    return event["block_time"], *place, event["tx_id"], event["log_index"]


def scaled(events: list[Row], basis: str) -> list[Row]:
    if basis != "relative":
        return events
    classes: dict[str, list[float]] = {}
    for e in events:
        classes.setdefault("dollars" if is_stable(e) else e["asset"], []).append(e["value"])
    middles = {name: median(values) for name, values in classes.items()}
    return [
        e | {"value": min(2**53, max(1, round(
            e["value"] / middles["dollars" if is_stable(e) else e["asset"]] * 1_000_000)))}
        for e in events
    ]  # fmt: skip


def in_force(coverage: Sequence[Row], request: tuple[str, str, datetime], allowed: set[str]) -> Row:
    own = [c for c in coverage if (c["chain"], c["address"]) == request[:2]]
    legs = {leg for c in own for leg in c["legs"].split(",") if leg} & allowed
    return {
        "covered": bool(own),
        "complete": bool(own) and all(c["complete"] for c in own),
        "legs": legs,
    }


def check(
    histories: Histories,
    rows: Sequence[Row],
    coverage: Sequence[Row] | None,
    requests: Sequence[tuple[str, str, datetime]],
    basis: str,
    allowed: set[str],
) -> None:
    """Compare everything a history holds with the second opinion."""
    assert len(histories) == len(requests)
    named: dict[tuple[str, int], set[str]] = {}
    codes: dict[tuple[str, str], set[int]] = {}
    for i, request in enumerate(requests):
        force: Row = (
            {"covered": True, "complete": True, "legs": allowed}
            if coverage is None
            else in_force(coverage, request, allowed)
        )
        events, unvalued = expected(rows, request, basis, force["legs"])
        key = histories.keys.row(i, named=True)
        assert (key["chain"], key["address"], key["as_of"]) == request
        assert (key["covered"], key["complete"]) == (force["covered"], force["complete"])
        assert key["legs"] == ",".join(leg for leg in LEGS if leg in force["legs"])
        assert key["n_unvalued"] == unvalued
        h = histories[i]
        assert h.as_of == microseconds(request[2])
        assert h.scale == (1e9 if basis == "native" and request[0] == "ethereum" else 1e6)
        assert histories.rows_of(i).tolist() == [e["row"] for e in events]
        assert h.time.tolist() == [microseconds(e["block_time"]) for e in events]
        assert h.value.tolist() == [e["value"] for e in events]
        assert h.incoming.tolist() == [e["incoming"] for e in events]
        assert h.two_sided.tolist() == [e["two_sided"] for e in events]
        assert same_partition(h.tx.tolist(), [e["tx_id"] for e in events])
        for code, e in zip(h.counterparty.tolist(), events, strict=True):
            named.setdefault((e["chain"], code), set()).add(e["other"])
            codes.setdefault((e["chain"], e["other"]), set()).add(code)
        check_assets(h, events)
    assert all(len(people) == 1 for people in named.values())
    assert all(len(numbers) == 1 for numbers in codes.values())


def check_assets(h: Any, events: Sequence[Row]) -> None:
    assert same_partition(h.asset.tolist(), [e["asset"] for e in events])
    groups = [
        (REGISTRY.get((e["chain"], e["asset"])) or {}).get("asset_group") or e["asset"]
        for e in events
    ]
    assert same_partition(h.asset_group[h.asset].tolist(), groups)
    for bits, e in zip(h.asset_kind[h.asset].tolist(), events, strict=True):
        listed: Mapping[str, Any] = REGISTRY.get((e["chain"], e["asset"])) or {}
        assert bool(bits & STABLECOIN) == is_stable(e)
        assert bool(bits & FREEZABLE) == (listed.get("freezable") == "true")
        own = listed.get("class") in ("native", "wrapped_native") or e["asset"] == "native"
        assert bool(bits & NATIVE) == own


def same_partition(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return len(set(a)) == len(set(b)) == len(set(zip(a, b, strict=True)))


# --- drawn worlds ---------------------------------------------------------------------------------

PEOPLE = (A, B, C, D)
MOMENTS = [START + timedelta(seconds=s) for s in (0, 0, 12, 12, 24, 86_400, 5_000_000)]


@st.composite
def worlds(draw: st.DrawFn, *, placed: bool | None = None) -> list[Row]:
    """Draw transactions with rows in them; `placed`: every position known, or as it comes."""
    rows: list[Row] = []
    for n in range(draw(st.integers(0, 14))):
        moment = draw(st.sampled_from(MOMENTS))
        block = int(moment.timestamp()) * 2 + draw(st.integers(0, 1))
        known = placed if placed is not None else draw(st.booleans())
        transaction = {
            "chain": draw(st.sampled_from(["ethereum", "ethereum", "tron"])),
            "block_time": moment,
            "block_number": block if known or draw(st.booleans()) else None,
            "tx_index": n if known else None,
            "tx_id": f"0x{draw(st.integers(0, 99)):02x}{n:02x}",
        }
        for k in range(draw(st.integers(1, 3))):
            rows.append(draw(rows_of(transaction, k)))
    return rows


@st.composite
def rows_of(draw: st.DrawFn, transaction: Row, log_index: int) -> Row:
    asset = draw(st.sampled_from([USDT, DAI, UNLISTED, "native"]))
    amount = draw(st.sampled_from([0, 1, 999, 10**6, 3 * 10**9, 10**18, 2**64, 2**200]))
    stable = asset in (USDT, DAI) and transaction["chain"] == "ethereum"
    usd = draw(st.sampled_from([0, 5, 10**6, 10**9]))
    return row(
        0,
        **transaction,
        log_index=log_index,
        kind=draw(st.sampled_from(["native", "internal", "fee"]))
        if asset == "native"
        else draw(st.sampled_from(["token", "token", "mint", "burn"])),
        sender=draw(st.sampled_from(PEOPLE)),
        receiver=draw(st.sampled_from(PEOPLE)),
        asset=asset,
        amount_raw=str(amount),
        usd_micros=usd if stable or draw(st.booleans()) else None,
        screened=draw(st.sampled_from([None, None, None, "dust"])),
        initiator=draw(st.sampled_from([None, *PEOPLE])),
    )


LEG_SETS = [",".join(LEGS), "native_in,native_out", "token_in", "token_in,token_out,native_out", ""]


@st.composite
def coverages(draw: st.DrawFn) -> pl.DataFrame:
    parts = [
        covered(
            draw(st.sampled_from(PEOPLE)),
            chain=draw(st.sampled_from(["ethereum", "tron"])),
            legs=draw(st.sampled_from(LEG_SETS)),
            complete=draw(st.booleans()),
        )
        for _ in range(draw(st.integers(1, 5)))
    ]
    return pl.concat(parts)


requests_drawn = st.lists(
    st.tuples(
        st.sampled_from(["ethereum", "tron"]),
        st.sampled_from([*PEOPLE, E]),
        st.sampled_from([AS_OF, MOMENTS[2], MOMENTS[-1], START]),
    ),
    max_size=8,
)


def as_frame(requests: Sequence[tuple[str, str, datetime]]) -> pl.DataFrame:
    return pl.DataFrame(
        requests, schema={"chain": pl.String, "address": pl.String, "as_of": TIME}, orient="row"
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("histories")


@settings(max_examples=cases(120))
@given(
    rows=worlds(),
    coverage=coverages(),
    requests=requests_drawn,
    basis=st.sampled_from(["usd", "native", "relative"]),
    legs=st.sampled_from([None, "native_in,native_out,token_out", "token_in"]),
)
def test_histories_are_those_of_the_second_opinion(folder, rows, coverage, requests, basis, legs):
    allowed = set(legs.split(",")) if legs else set(LEGS)
    transfers = plain(folder, rows, coverage)
    built = build_histories(
        transfers,
        as_frame(requests),
        as_of=AS_OF,
        basis=basis,
        legs=legs.split(",") if legs else None,
    )
    check(built, rows, coverage.to_dicts(), requests, basis, allowed)


@settings(max_examples=cases(40))
@given(rows=worlds(), coverage=coverages(), basis=st.sampled_from(["usd", "relative"]))
def test_without_a_list_it_is_every_covered_address(folder, rows, coverage, basis):
    built = build_histories(plain(folder, rows, coverage), None, as_of=AS_OF, basis=basis)
    asked = sorted(set(coverage.select("chain", "address").iter_rows()))
    requests = [(*pair, AS_OF) for pair in asked]
    check(built, rows, coverage.to_dicts(), requests, basis, set(LEGS))


@settings(max_examples=cases(15))
@given(
    rows=worlds(),
    seed=st.randoms(use_true_random=False),
    basis=st.sampled_from(["usd", "native", "relative"]),
    moment=st.sampled_from([AS_OF, MOMENTS[2]]),
)
def test_a_store_and_a_shuffled_file_give_the_same_signals(rows, seed, basis, moment):
    requests = as_frame([("ethereum", p, at) for p in PEOPLE for at in (moment, AS_OF)])
    coverage = covered(*PEOPLE)
    shuffled = list(rows)
    seed.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as name:
        kept = open_transfers(store(Path(name) / "store", rows, coverage))
        found = [
            content_hash(
                compute_signals(
                    build_histories(transfers, requests, as_of=AS_OF, basis=basis, network=True)
                )
            )
            for transfers in (kept, plain(Path(name), shuffled, coverage))
        ]
    assert found[0] == found[1]


@settings(max_examples=cases(30))
@given(rows=worlds(), others=worlds())
def test_rows_of_other_people_change_nothing(folder, rows, others):
    strangers = {p: f"0x{k:040x}" for k, p in enumerate(PEOPLE)}
    more = [
        r | {"sender": strangers[r["sender"]], "receiver": strangers[r["receiver"]],
             "tx_id": f"other {r['tx_id']}"}
        for r in others
    ]  # fmt: skip
    requests = as_frame([("ethereum", p, AS_OF) for p in PEOPLE])
    found = [
        compute_signals(
            build_histories(
                plain(folder, some, covered(*PEOPLE)), requests, as_of=AS_OF, network=True
            )
        )
        for some in (rows, [*more, *rows])
    ]
    assert content_hash(found[0]) == content_hash(found[1])


# --- by hand --------------------------------------------------------------------------------------


def one(folder: Path, rows: Sequence[Row], **options: Any) -> Any:
    coverage = options.pop("coverage", covered(A))
    built = build_histories(plain(folder, rows, coverage), as_of=AS_OF, **options)
    return built


def test_within_a_second_the_block_decides_where_it_is_known(folder):
    out = {"sender": A, "receiver": B, "block_time": START}
    rows = [
        row(1, **out, block_number=7, tx_index=2, tx_id="0xa"),
        row(2, block_time=START, block_number=7, tx_index=3, tx_id="0xb"),
        row(3, **out, block_number=6, tx_index=9, tx_id="0xc"),
    ]
    assert one(folder, rows)[0].incoming.tolist() == [False, False, True]
    rows[2] = rows[2] | {"tx_index": None}
    assert one(folder, rows)[0].incoming.tolist() == [True, False, False]
    assert one(folder, rows).rows_of(0).tolist() == [1, 2, 0]


def test_an_unplaced_row_disturbs_only_its_own_second(folder):
    rows = [
        row(1, sender=A, receiver=B, block_time=START),
        row(2, block_time=START),
        row(3, sender=A, receiver=B, block_time=START + timedelta(seconds=1), tx_index=None),
        row(4, block_time=START + timedelta(seconds=1)),
    ]
    assert one(folder, rows)[0].incoming.tolist() == [False, True, True, False]


@pytest.mark.parametrize("block", [1, None])
def test_who_wants_no_evidence_gets_the_same_signals_and_no_rows(folder, block):
    rows = [row(n, block_number=block and n) for n in range(3)]
    whole, lean = (one(folder, rows, evidence=wanted) for wanted in (True, False))
    assert content_hash(compute_signals(lean)) == content_hash(compute_signals(whole))
    assert whole.rows_of(0).tolist() == [0, 1, 2]
    if block:
        with pytest.raises(ValueError, match="without evidence"):
            lean.rows_of(0)


def test_the_cut_is_before_the_moment_and_each_request_has_its_own(folder):
    rows = [row(n) for n in range(3)]
    asked = [("ethereum", A, START + timedelta(minutes=m)) for m in (1, 3, 0, 1)]
    built = one(folder, rows, requests=as_frame(asked))
    assert built.counts.tolist() == [1, 3, 0, 1]


def test_a_request_without_a_moment_takes_the_common_one(folder):
    asked = pl.DataFrame({"chain": ["ethereum"] * 2, "address": [A, A]}).with_columns(
        as_of=pl.Series([None, START], dtype=TIME)
    )
    built = one(folder, [row(0)], requests=asked)
    assert built.keys["as_of"].to_list() == [AS_OF, START]
    assert built.counts.tolist() == [1, 0]


def test_a_one_sided_kind_is_marked_so_and_fabricates_nothing(folder):
    rows = [
        row(1, kind="native", asset="native"),
        row(2, kind="native", asset="native", sender=A, receiver=C),
        row(3, sender=A, receiver=C),
        row(4),
    ]
    legs = "native_in,native_out,token_out"
    h = one(folder, rows, coverage=covered(A, legs=legs))[0]
    assert h.two_sided.tolist() == [True, True, False]
    assert h.incoming.tolist() == [True, False, False]


def test_relative_values_are_shares_of_the_median_of_their_class(folder):
    def pay(n: int, asset: str, amount: int, usd: int | None) -> Row:
        return row(n, asset=asset, amount_raw=str(amount), usd_micros=usd)

    rows = [
        pay(1, USDT, 2 * 10**6, 2 * 10**6),
        pay(2, DAI, 4 * 10**18, 4 * 10**6),
        pay(3, USDC, 8 * 10**6, 8 * 10**6),
        pay(4, UNLISTED, 10**30, None),
        pay(5, UNLISTED, 3 * 10**30, None),
    ]
    values = one(folder, rows, basis="relative")[0].value.tolist()
    assert values == [500_000, 1_000_000, 2_000_000, 500_000, 1_500_000]
    # What comes after the cut has no part in the median.
    cut = as_frame([("ethereum", A, rows[2]["block_time"])])
    values = one(folder, rows, basis="relative", requests=cut)[0].value.tolist()
    assert values == [666_667, 1_333_333]


def test_a_history_whose_values_overflow_is_left_out_and_said_so(folder):
    rows = [row(1, usd_micros=2**62), row(2, usd_micros=2**62), row(3, receiver=C)]
    built = one(folder, rows, coverage=covered(A, C))
    assert built.counts.tolist() == [0, 1]
    assert built.keys["n_unvalued"].to_list() == [2, 0]
    [note] = built.notes
    assert A in note
    assert "62 bits" in note


def test_no_coverage_and_no_word_for_it_is_refused(folder):
    transfers = plain(folder, [row(0)], covered(A))
    bare = replace(transfers, sidecar=None)
    with pytest.raises(Refused, match="--assume-complete"):
        build_histories(bare, None, as_of=AS_OF)
    built = build_histories(bare, as_frame([("ethereum", A, AS_OF)]), as_of=AS_OF)
    assert built.keys.select("covered", "complete", "legs").row(0) == (False, False, "")
    assert built.counts.tolist() == [0]


@pytest.mark.parametrize("stored", [False, True])
def test_a_counterparty_occurs_from_its_first_transfer_on(folder, stored):
    rows = [row(0), row(1, sender=C, receiver=D, screened="dust")]
    written = store(folder / "store", rows, covered(A)) if stored else folder
    opened = open_transfers(written) if stored else plain(folder, rows, covered(A))
    asked = [("ethereum", B, AS_OF), ("ethereum", B, START), ("ethereum", D, AS_OF)]
    built = build_histories(opened, as_frame(asked), as_of=AS_OF)
    assert built.keys["occurs"].to_list() == [True, False, False]
    assert built.keys["covered"].to_list() == [False] * 3


def test_assume_complete_covers_everybody_who_occurs(folder):
    rows = [row(0), row(1, sender=C, receiver=D)]
    built = build_histories(plain(folder, rows, None), None, as_of=AS_OF)
    assert built.keys["address"].to_list() == [A, B, C, D]
    assert built.keys["legs"].unique().to_list() == [",".join(LEGS)]


def test_an_unknown_basis_is_refused(folder):
    with pytest.raises((Refused, ValueError), match="usd, native, relative"):
        one(folder, [row(0)], basis="eur")


def test_large_and_busy_with_any_number_of_threads(folder):
    """A few thousand rows, shuffled: several tasks, several requests an address, one answer."""
    chance = random.Random(5)
    people = [f"0x{k:040x}" for k in range(40)]
    rows = [
        row(
            n,
            block_time=START + timedelta(seconds=chance.randrange(4000)),
            block_number=None,
            tx_id=f"0x{n % 3000:08x}",
            log_index=n,
            sender=chance.choice(people),
            receiver=chance.choice(people[:5]),
            usd_micros=chance.randrange(1, 10**9),
        )
        for n in range(4000)
    ]
    coverage = covered(*people)
    asked = [("ethereum", p, START + timedelta(seconds=s)) for p in people for s in (4000, 2000)]
    built = build_histories(
        plain(folder, rows, coverage), as_frame(asked), as_of=AS_OF, network=True
    )
    check(built, rows, coverage.to_dicts(), asked, "usd", set(LEGS))
    hashes = {content_hash(compute_signals(built, threads=threads)) for threads in (1, 2, 4)}
    for size in (1, 7, 80, 1000):
        hashes.add(content_hash(pl.concat(signal_parts(built, threads=2, rows=size))))
    chance.shuffle(rows)
    again = build_histories(
        plain(folder, rows, coverage), as_frame(asked), as_of=AS_OF, network=True
    )
    hashes.add(content_hash(compute_signals(again, threads=2)))
    assert len(hashes) == 1
    assert sort_transfers(table(rows)).height == 4000
