"""Opening transfers: every shape they may have, and one clear refusal for each that is unusable."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from data.errors import Refused
from data.schema import LARGEST_USD_MICROS, OPTIONAL_TRANSFER_COLUMNS, TRANSFERS
from data.storage import write_parquet
from data.transfers import open_transfers
from data.transfers_check import faults_in
from tests.data.canonical import AS_OF, A, C, covered, row, store, table

ROWS = [row(n) for n in range(6)]


def write(path: Path, frame: pl.DataFrame | None = None) -> Path:
    write_parquet(table(ROWS) if frame is None else frame, path)
    return path


def test_a_store_is_trusted_with_all_that_it_says(tmp_path):
    path = store(tmp_path / "store", ROWS, covered(A, C), synthetic=True)
    opened = open_transfers(path)
    assert (opened.trusted, opened.synthetic, opened.has_codes) == (True, True, True)
    assert opened.as_of == AS_OF
    assert opened.coverage is not None and opened.coverage["address"].to_list() == [A, C]
    frame = opened.scan().collect()
    assert frame.select(list(TRANSFERS)).equals(table(ROWS))
    assert frame["row"].to_list() == list(range(6))
    dictionary = opened.addresses()
    assert dictionary is not None and dictionary.height == 2
    inside = open_transfers(path / "transfers.parquet")
    assert (inside.trusted, inside.sha256) == (True, opened.sha256)


def test_a_plain_file_is_read_but_vouches_for_nothing(tmp_path):
    opened = open_transfers(write(tmp_path / "a.parquet"), assume_complete=True)
    assert (opened.trusted, opened.synthetic, opened.has_codes) == (False, False, False)
    assert (opened.as_of, opened.coverage, opened.addresses()) == (None, None, None)
    assert opened.assume_complete
    assert opened.scan().collect().drop("row").equals(table(ROWS))


def test_a_folder_and_a_glob_are_their_files_in_order_of_name(tmp_path):
    for name, rows in (("b", ROWS[3:]), ("a", ROWS[:3]), ("c", [])):
        write(tmp_path / f"{name}.parquet", table(rows))
    write(tmp_path / "coverage.parquet", covered(A))
    by_folder, by_glob = open_transfers(tmp_path), open_transfers(tmp_path / "[ab].parquet")
    for opened in (by_folder, by_glob):
        frame = opened.scan().collect()
        assert frame.drop("row").equals(table(ROWS))
        assert frame["row"].to_list() == list(range(6))
        assert opened.coverage is not None
    assert [f.name for f in by_folder.files] == ["a.parquet", "b.parquet", "c.parquet"]
    assert by_folder.sha256 != by_glob.sha256


def test_each_file_may_leave_out_nullable_columns_and_bring_others(untried, tmp_path):
    bare = table(ROWS[:2]).drop(OPTIONAL_TRANSFER_COLUMNS)
    write(tmp_path / "a.parquet", bare.with_columns(memo=pl.lit("x")))
    write(tmp_path / "b.parquet", table(ROWS[2:]).reverse().select(sorted(TRANSFERS)))
    frame = open_transfers(tmp_path).scan().collect()
    assert frame.columns == ["row", *TRANSFERS]
    assert frame["usd_micros"].null_count() == 2
    assert frame.height == 6


def test_ids_in_a_plain_file_are_not_believed(tmp_path):
    forged = table(ROWS).with_columns(sender_code=pl.lit(7), receiver_code=pl.lit(7))
    opened = open_transfers(write(tmp_path / "a.parquet", forged))
    assert "sender_code" not in opened.scan().collect_schema().names()


def test_types_near_enough_are_cast(untried, tmp_path):
    near = table(ROWS).with_columns(
        pl.col("block_time").dt.cast_time_unit("ms").dt.replace_time_zone(None),
        pl.col("log_index").cast(pl.Int64),
        pl.col("chain", "asset").cast(pl.Categorical),
    )
    opened = open_transfers(write(tmp_path / "a.parquet", near))
    assert opened.scan().collect().drop("row").equals(table(ROWS))


@pytest.fixture
def untried(monkeypatch):
    """Leave out the child process that tries a strange file, and ask its question here."""

    def here(asked: Sequence[Path], question: str, *_: object) -> list[dict[str, object]]:
        assert question == "data.transfers_check:faults_in"
        return [faults_in(str(file)) for file in asked]

    monkeypatch.setattr("data.transfers_check.answers_on", here)


# --- refusals -------------------------------------------------------------------------------------


def refusal(path: Path) -> str:
    with pytest.raises(Refused) as caught:
        open_transfers(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    return message


def test_nothing_there(tmp_path):
    assert "no transfers" in refusal(tmp_path / "missing.parquet").lower()
    assert "no transfers" in refusal(tmp_path).lower()
    assert "no transfers" in refusal(tmp_path / "*.parquet").lower()


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "is empty"),
        (b"hash,from,to,value\n0x1,a,b,1\n", "is not a Parquet file"),
        (b'{"status": "0", "message": "NOTOK"}', "is not a Parquet file"),
        (b"PAR1", "broken Parquet"),
        (b"PAR1" + bytes(500) + b"PAR1", "broken Parquet"),
    ],
)
def test_what_is_no_parquet(tmp_path, content, said):
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    message = refusal(path)
    assert said in message
    assert "a.parquet" in message


@pytest.mark.parametrize("share", [0.3, 0.999])
def test_a_truncated_file_among_whole_ones_is_named(tmp_path, share):
    write(tmp_path / "a.parquet")
    content = write(tmp_path / "b.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(content[: int(len(content) * share)])
    write(tmp_path / "c.parquet")
    message = refusal(tmp_path)
    assert "b.parquet is a broken Parquet file" in message
    assert "Expected: " in message


def test_flipped_bits_never_end_the_process(tmp_path):
    content = write(tmp_path / "a.parquet", table([row(n) for n in range(300)])).read_bytes()
    chance = random.Random(3)
    for k in range(6):
        damaged = bytearray(content)
        for _ in range(5):
            damaged[chance.randrange(4, len(damaged))] ^= 1 << chance.randrange(8)
        path = tmp_path / f"damaged{k}.parquet"
        path.write_bytes(damaged)
        # Some damage reads as other values; nothing but a refusal may come of the rest.
        with contextlib.suppress(Refused):
            open_transfers(path, assume_complete=True).scan().collect()


def test_missing_columns_are_named(untried, tmp_path):
    message = refusal(write(tmp_path / "a.parquet", table(ROWS).drop("tx_id", "asset")))
    assert "'tx_id', 'asset'" in message
    assert "unrinse ingest table" in message


FAULTS: dict[str, tuple[str, object, str]] = {
    "no sender": ("sender", None, "sender or receiver is missing"),
    "an amount with a point": ("amount_raw", "1.5", "whole number of base units"),
    "a leading zero": ("amount_raw", "01", "whole number of base units"),
    "a negative amount": ("amount_raw", "-1", "whole number of base units"),
    "an unknown kind": ("kind", "gift", "kind is none of"),
    "an unknown reason": ("screened", "ugly", "screened is none of"),
    "before any chain": ("block_time", datetime(2008, 1, 1, tzinfo=UTC), "before the first block"),
    "the future": ("block_time", datetime.now(UTC) + timedelta(days=9), "in the future"),
    "negative dollars": ("usd_micros", -1, "usd_micros is negative"),
    "too many dollars": ("usd_micros", LARGEST_USD_MICROS + 1, "above 2^53"),
    "no log index": ("log_index", None, "log_index is missing"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_rows_are_named_and_counted(untried, tmp_path, fault):
    column, value, said = FAULTS[fault]
    rows = [*ROWS, *(row(n, **{column: value}) for n in (7, 8))]
    message = refusal(write(tmp_path / "a.parquet", table(rows)))
    assert said in message
    assert "(2 rows)" in message
    assert "quarantine" in message


def test_values_of_another_type_are_refused(untried, tmp_path):
    for name, wrong in (
        ("text for a number", table(ROWS).with_columns(usd_micros=pl.lit("a lot"))),
        ("a list", table(ROWS).with_columns(sender=pl.lit([["x"]]))),
        ("a number too large", table(ROWS).with_columns(log_index=pl.lit(2**40))),
    ):
        assert "does not hold transfers" in refusal(write(tmp_path / f"{name}.parquet", wrong))


COVERAGES: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "a column less": lambda c: c.drop("legs"),
    "an unknown leg": lambda c: c.with_columns(legs=pl.lit("sideways")),
    "no address": lambda c: c.with_columns(address=pl.lit(None, dtype=pl.String)),
    "no moment": lambda c: c.with_columns(to=pl.lit("yesterday")),
}


@pytest.mark.parametrize("fault", COVERAGES)
def test_a_coverage_table_that_says_nothing_usable(untried, tmp_path, fault):
    path = write(tmp_path / "a.parquet")
    write(tmp_path / "coverage.parquet", COVERAGES[fault](covered(A)))
    assert "coverage.parquet" in refusal(path)


def test_a_broken_coverage_file(tmp_path):
    path = write(tmp_path / "a.parquet")
    content = write(tmp_path / "coverage.parquet", covered(A)).read_bytes()
    (tmp_path / "coverage.parquet").write_bytes(content[:-9])
    assert "coverage.parquet is a broken Parquet file" in refusal(path)


def test_a_changed_store_is_refused(tmp_path):
    path = store(tmp_path / "store", ROWS)
    write(path / "transfers.parquet", table(ROWS[:5]))
    assert "hash differs" in refusal(path)
    assert "hash differs" in refusal(path / "transfers.parquet")


def test_a_store_that_lost_a_file_is_refused(tmp_path):
    path = store(tmp_path / "store", ROWS)
    (path / "addresses.parquet").unlink()
    assert "is missing" in refusal(path)


def test_a_file_laid_beside_a_store_gets_none_of_its_trust(tmp_path):
    path = store(tmp_path / "store", ROWS, synthetic=True)
    opened = open_transfers(write(path / "more.parquet"))
    assert (opened.trusted, opened.synthetic, opened.as_of) == (False, False, None)


def test_a_store_does_not_vouch_for_a_namesake_in_another_folder(tmp_path):
    store(tmp_path / "a", ROWS[:3], covered(A, C))
    (tmp_path / "b").mkdir()
    write(tmp_path / "b" / "transfers.parquet", table(ROWS[3:]))
    opened = open_transfers(tmp_path / "*" / "transfers.parquet", assume_complete=True)
    assert (len(opened.files), opened.trusted, opened.has_codes) == (2, False, False)
    assert opened.scan().collect().drop("row").equals(table(ROWS))


def test_rows_are_checked_by_the_process_that_tries_the_file(tmp_path):
    """The same refusals through the child, over several files and beside a coverage table."""
    rows = [*ROWS[:2], row(7, amount_raw="1.5")]
    for name in ("a", "b"):
        write(tmp_path / f"{name}.parquet", table(rows))
    write(tmp_path / "coverage.parquet", covered(A))
    message = refusal(tmp_path)
    assert "amount_raw is not a whole number of base units (2 rows)" in message
    write(tmp_path / "b.parquet", table(ROWS).drop("tx_id"))
    (tmp_path / "a.parquet").unlink()
    assert "'tx_id'" in refusal(tmp_path)
    write(tmp_path / "b.parquet", table(ROWS).with_columns(usd_micros=pl.lit("a lot")))
    assert "does not hold transfers" in refusal(tmp_path)
