"""Address lists: what is asked for, what is reported, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from data.address_lists import REQUESTS, KnownAddresses, read_address_list
from data.errors import Refused

A = "0x52908400098527886E0F7030069857D2E4169EE7"
B = "0x8617E340B3D01FA5F11F306F4090FD50E238070D"
MIXED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
BITCOIN = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"


def write(tmp_path, content, name="list.txt"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def pairs(wanted):
    return wanted.requests.select("chain", "address").rows()


def test_plain_text_with_everything_in_it(tmp_path):
    text = (
        f"\ufeff# suspects\r\n\r\n{A}\r\n {TRON}  # the collector\r\n{BITCOIN.upper()}\r\n{A}\r\n"
    )
    wanted = read_address_list(write(tmp_path, text))
    assert dict(wanted.requests.schema) == REQUESTS
    assert pairs(wanted) == [("ethereum", A.lower()), ("tron", TRON), ("bitcoin", BITCOIN)]
    assert wanted.requests["line"].to_list() == [3, 4, 5]
    assert wanted.problems == ()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_with_chain_and_as_of(tmp_path, delimiter):
    rows = [
        ["Address", "chain", "as_of", "note"],
        [A, "bsc", "2024-05-01", "x"],
        [A, "bsc", "1714521600", "the same moment"],
        [A, "bsc", "", "now"],
        [TRON, "", "2024-05-01T10:00:00+02:00", ""],
    ]
    text = "\n".join(delimiter.join(row) for row in rows)
    wanted = read_address_list(write(tmp_path, text, "list.csv"))
    assert wanted.ignored_columns == ("note",)
    assert wanted.requests.rows() == [
        (2, "bsc", A.lower(), datetime(2024, 5, 1, tzinfo=UTC)),
        (4, "bsc", A.lower(), None),
        (5, "tron", TRON, datetime(2024, 5, 1, 8, tzinfo=UTC)),
    ]


def test_parquet(tmp_path):
    path = tmp_path / "list.parquet"
    moment = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)
    frame = pl.DataFrame({"address": [A, None, TRON], "as_of": [moment, None, moment]})
    frame.write_parquet(path)
    wanted = read_address_list(path)
    assert pairs(wanted) == [("ethereum", A.lower()), ("tron", TRON)]
    assert wanted.requests["as_of"].to_list() == [moment, moment]
    assert [p.line for p in wanted.problems] == [2]


def test_a_typo_does_not_cost_the_others(tmp_path):
    typo = MIXED[:-1] + "D"
    wanted = read_address_list(
        write(tmp_path, f"{MIXED}\n{typo}\n{TRON[:-1]}u\nhello\n{A},{B}\n{TRON}\n")
    )
    assert pairs(wanted) == [("ethereum", MIXED.lower()), ("tron", TRON)]
    assert [p.line for p in wanted.problems] == [2, 3, 4, 5]
    assert wanted.problems[0].text == typo
    assert "EIP-55" in wanted.problems[0].reason
    assert "checksum" in wanted.problems[1].reason


def test_an_unknown_chain_and_a_bad_moment_are_problems(tmp_path):
    text = (
        f"address,chain,as_of\n{A},etherium,\n{A},bsc,yesterday\n{A},bsc,1714521600000\n{A},bsc,\n"
    )
    wanted = read_address_list(write(tmp_path, text, "list.csv"))
    assert [p.line for p in wanted.problems] == [2, 3, 4]
    assert "Did you mean 'ethereum'" in wanted.problems[0].reason
    assert pairs(wanted) == [("bsc", A.lower())]


OCCURRING = pl.DataFrame(
    {
        "chain": ["bsc", "polygon", "polygon", "generic", "tron"],
        "address": [A.lower(), A.lower(), B.lower(), "acct-9", TRON],
    }
)


def test_an_evm_address_is_asked_for_on_every_chain_that_knows_it(tmp_path):
    path = write(tmp_path, f"{A}\n{B}\n{MIXED}\nacct-9\nacct-10\n")
    wanted = read_address_list(path, OCCURRING)
    assert pairs(wanted) == [
        ("bsc", A.lower()),
        ("polygon", A.lower()),
        ("polygon", B.lower()),
        ("bsc", MIXED.lower()),  # nowhere: the first EVM chain of the transfers
        ("generic", "acct-9"),
    ]
    assert [p.text for p in wanted.problems] == ["acct-10"]
    chosen = read_address_list(path, OCCURRING.lazy(), default_chain="base")
    assert ("base", MIXED.lower()) in pairs(chosen)


def test_a_generic_ledger_takes_any_id(tmp_path):
    known = pl.DataFrame({"chain": ["generic"], "address": [A.lower()]})
    path = write(tmp_path, f"{A.lower()}\nwhatever\n{TRON[:-1]}u\n")
    wanted = read_address_list(path, known)
    assert wanted.problems == ()
    assert {c for c, _ in pairs(wanted)} == {"generic"}


def test_ethereum_comes_first_when_nothing_is_known():
    known = KnownAddresses.among(
        [A],
        OCCURRING.vstack(
            OCCURRING.head(1).with_columns(chain=pl.lit("ethereum"), address=pl.lit(B.lower()))
        ),
    )
    assert known.resolve(MIXED) == [("ethereum", MIXED.lower())]
    assert KnownAddresses().resolve(A) == [("ethereum", A.lower())]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty"),
        (b"\n \n", "nothing but blanks"),
        (b"# nothing\n", "no valid address"),
        (b"hello\nworld\n", "no valid address; line 1 is 'hello'"),
        (b"address,chain\n", "no rows"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(128, 256)), "not UTF-8"),
        ("address\n0x\n".encode("utf-16"), "not UTF-8"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b'{"status":"0","message":"NOTOK","result":"Max rate limit reached"}', "NOTOK"),
        (b"address,chian\n0x,bsc\n", "is 'chian' meant to be 'chain'"),
        (b"address,asof\n0x,\n", "meant to be 'as_of'"),
        (b"address,address\n0x,0x\n", "twice"),
        (b'address,chain\n"0x,bsc\n', "broken CSV"),
        (b"address,chain\n0x\n", "1 cells, the header 2"),
        (b"PAR1 and then nothing PAR1", "broken Parquet"),
    ],
)
def test_files_that_are_no_list(tmp_path, content, message):
    with pytest.raises(Refused, match=message):
        read_address_list(write(tmp_path, content))


def test_an_absent_file_and_a_truncated_parquet(tmp_path):
    with pytest.raises(Refused, match="no file"):
        read_address_list(tmp_path / "absent.txt")
    path = tmp_path / "list.parquet"
    pl.DataFrame({"address": [A] * 1000}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(Refused, match="broken Parquet"):
        read_address_list(path)


def test_a_chain_known_by_name_only_is_asked_for_as_it_is_written(tmp_path):
    text = f"address,chain\n 9xQeWvG816bUx9EPjHmaT23yvVM2ZWbr ,solana\n{A},\n"
    wanted = read_address_list(write(tmp_path, text, "list.csv"))
    assert pairs(wanted) == [
        ("solana", "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbr"),
        ("ethereum", A.lower()),
    ]
    assert wanted.problems == ()


def test_a_list_whose_every_row_names_its_chain_needs_no_looking_up(tmp_path):
    path = write(tmp_path, f"address,chain\n{A},bsc\n{TRON},tron\n", "list.csv")
    occurring = pl.DataFrame({"chain": ["bsc"], "address": [A.lower()]})
    assert pairs(read_address_list(path, occurring)) == [("bsc", A.lower()), ("tron", TRON)]
