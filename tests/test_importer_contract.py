"""What every importer promises, held against every sample and every hostile variant that applies.

A registered format without a sample fails here, so no importer escapes. The hostile inputs are the
numbered ones of the robustness list; each is applied to every format that has the field it bends.
"""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from data.addresses import canonical_address
from data.errors import Refused
from data.importers import AUTO, FORMATS, importer_named, recognise
from data.importers.importer import MADE, Context, Imported, told_by
from data.importers.source import open_source
from data.importers.text import ROW
from pipelines.ingest import ingest
from tests.data.importers.samples import SAMPLES, Sample, write_samples

UINT256_MAX = 2**256 - 1


PAGED = ("etherscan_txlist", "etherscan_tokentx", "tronscan")
"""Formats of services that hand out pages; a file of many wallets is doubted wallet by wallet."""


def read(sample: Sample, content: bytes, folder: Path, name: str | None = None) -> Imported:
    """Read changed content under the sample's format."""
    path = folder / (name or sample.file)
    path.write_bytes(content)
    importer = importer_named(sample.format)
    chain = sample.chain if sample.format == "table" else None
    context = Context(chain=chain, mapping=sample.mapping)
    sources = [open_source(p) for p in (path, *beside(sample, folder))]
    told = told_by(importer.facts(s, context) for s in sources)
    return importer.read(sources[0], replace(context, beside=told))


def beside(sample: Sample, folder: Path) -> list[Path]:
    """Write the files without which the sample cannot be read."""
    paths = []
    for other in sample.beside:
        paths.append(folder / other.file)
        paths[-1].write_bytes(other.content())
    return paths


def facts(imported: Imported) -> pl.DataFrame:
    """Return what the rows say, without where they stood."""
    return imported.transfers.drop(ROW).sort(pl.all())


def having(*roles: str) -> list[Sample]:
    """Return the samples whose format has these fields."""
    return [s for s in SAMPLES if all(r in s.roles for r in roles)]


def named(samples: list[Sample] | tuple[Sample, ...]) -> pytest.MarkDecorator:
    """Parametrise a test over samples."""
    return pytest.mark.parametrize("sample", samples, ids=[s.file[:24] for s in samples])


every_sample = named(SAMPLES)
text_samples = named([s for s in SAMPLES if s.is_text])


def test_every_format_has_a_sample() -> None:
    assert {s.format for s in SAMPLES} == set(FORMATS)


def test_committed_samples_are_what_the_generator_writes(tmp_path: Path, repository: Path) -> None:
    write_samples(tmp_path)
    for file in tmp_path.iterdir():
        assert (repository / "data" / "sample" / file.name).read_bytes() == file.read_bytes()


@every_sample
def test_only_its_own_importer_recognises_it(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / sample.file).write_bytes(sample.content())
    source = open_source(tmp_path / sample.file)
    if sample.format == "table":
        with pytest.raises(Refused, match="no known export's.*format 'table'"):
            recognise(source)
        return
    assert recognise(source).name == sample.format
    assert [n for n in FORMATS if importer_named(n).recognises(source)] == [sample.format]


@every_sample
def test_the_sample_becomes_canonical_rows(sample: Sample, tmp_path: Path) -> None:
    result = read(sample, sample.content(), tmp_path)
    rows = result.transfers
    assert rows.schema == pl.Schema(MADE)
    assert result.quarantine.is_empty()
    assert result.rows == len(sample.rows)
    assert rows["chain"].unique().to_list() == [sample.chain]
    for column in ("sender", "receiver"):
        for address in rows.filter(pl.col("kind") != "fee")[column].unique().to_list():
            assert canonical_address(sample.chain, address) == address
    assert rows["amount_raw"].str.contains(r"^(0|[1-9][0-9]*)$").all()
    assert rows["block_time"].dt.year().unique().to_list() == [2024]
    assert result.coverage.height >= 1
    assert result.coverage["complete"].all()


@every_sample
def test_reading_twice_gives_the_same(sample: Sample, tmp_path: Path) -> None:
    once, twice = (read(sample, sample.content(), tmp_path) for _ in range(2))
    assert once.transfers.equals(twice.transfers)
    assert once.coverage.equals(twice.coverage)


@every_sample
def test_the_order_of_rows_changes_nothing(sample: Sample, tmp_path: Path) -> None:
    straight = read(sample, sample.content(), tmp_path)
    turned = read(sample, sample.content(list(sample.rows)[::-1]), tmp_path)
    assert facts(straight).equals(facts(turned))
    assert straight.coverage.equals(turned.coverage)


@text_samples
@pytest.mark.parametrize(
    "rewritten",
    [
        pytest.param(lambda b: gzip.compress(b, mtime=0), id="gzip"),
        pytest.param(lambda b: b"\xef\xbb\xbf" + b, id="byte-order mark"),
        pytest.param(lambda b: b.decode().encode("utf-16"), id="utf-16 with its mark"),
        pytest.param(lambda b: b.replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param(lambda b: b.replace(b"\n", b"\r"), id="cr only"),
        pytest.param(lambda b: b.rstrip(b"\n"), id="no last line end"),
        pytest.param(lambda b: b.replace(b"\n", b"\n\n"), id="blank lines"),
        pytest.param(lambda b: b.replace(b" ", "\u00a0".encode(), 1), id="nbsp"),
    ],
)
def test_25_the_container_changes_nothing(sample: Sample, rewritten, tmp_path: Path) -> None:
    straight = read(sample, sample.content(), tmp_path)
    other = read(sample, rewritten(sample.content()), tmp_path)
    assert facts(straight).equals(facts(other))


@every_sample
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\n\n  \n", id="blank"),
        pytest.param(b"<!DOCTYPE html><html>Just a moment...</html>", id="24 web page"),
        pytest.param(
            b'{"status":"0","message":"NOTOK","result":"Max rate limit reached"}', id="24 error"
        ),
        pytest.param(b'{"success":false,"error":"exceeds the frequency limit"}', id="24 error 2"),
        pytest.param(b'{"Error":"ApiKey not exists"}', id="24 error 3"),
        pytest.param(b'{"status":"1","result":[{"hash":"0x', id="cut-off json"),
        pytest.param(b"PAR1" + b"\0" * 100, id="broken parquet"),
        pytest.param(b"PK\x03\x04" + b"\0" * 100, id="workbook"),
        pytest.param(b"\x1f\x8b\x08\x00broken", id="broken gzip"),
        pytest.param("a,b\n1,2\n".encode("utf-16-le"), id="utf-16 without its mark"),
        pytest.param(b"date,what\n2024-01-01,coffee\n", id="another table"),
        pytest.param(b"[" * 100_000, id="deep json"),
    ],
)
def test_what_is_no_export_is_refused(sample: Sample, content: bytes, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        read(sample, content, tmp_path)


@every_sample
def test_a_gzip_bomb_is_refused(sample: Sample, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="200 times"):
        read(sample, gzip.compress(b"0" * (80 << 20), 9), tmp_path)


def test_3_an_unknown_header_is_refused_with_its_columns_and_the_formats(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("date,what\n2024-01-01,coffee\n")
    with pytest.raises(Refused) as refusal:
        recognise(open_source(path))
    assert "['date', 'what']" in str(refusal.value)
    for name in FORMATS:
        assert name in str(refusal.value)


@named([s for s in SAMPLES if s.is_text and s.format not in ("tronscan", "table")])
def test_a_header_without_rows_is_an_empty_history(sample: Sample, tmp_path: Path) -> None:
    wallet = SAMPLES[0].value("from")
    result = read(sample, sample.content([]), tmp_path, f"export-{wallet}.csv")
    assert (result.rows, result.transfers.height) == (0, 0)
    assert result.coverage["address"].to_list() == [wallet]


@named([s for s in SAMPLES if s.written == "etherscan json"])
def test_no_transactions_found_is_an_empty_history(sample: Sample, tmp_path: Path) -> None:
    answer = b'{"status":"0","message":"No transactions found","result":[]}'
    assert read(sample, answer, tmp_path).rows == 0


def _quarantined(sample: Sample, content: bytes, folder: Path, at: int = 1) -> Imported:
    """Expect exactly one row to be set aside, and the others untouched."""
    result = read(sample, content, folder)
    assert result.quarantine[ROW].to_list() == [at + 1]
    assert result.quarantine["raw"][0]
    others = [r for i, r in enumerate(sample.rows) if i != at]
    want = read(sample, sample.content(others), folder)
    columns = ["tx_id", "kind", "sender", "receiver", "asset", "amount_raw", "block_time"]
    assert facts(result).select(columns).equals(facts(want).select(columns))
    return result


@named(having("amount"))
@pytest.mark.parametrize(
    "amount",
    ["1.5e0x", "-1", "abc", "1,99,9000", "0x10", "", str(UINT256_MAX + 1), "1e400", "NaN", "٣"],
)
def test_1_4_6_an_amount_that_is_not_exact_is_quarantined(
    sample: Sample, amount: str, tmp_path: Path
) -> None:
    _quarantined(sample, sample.edited("amount", amount), tmp_path)


@named([s for s in having("amount") if "page" not in s.file and s.format != "table"])
@pytest.mark.parametrize("amount", ["1,999,000", "1.5", "1.5e0"])
def test_1_6_base_units_have_neither_separators_nor_fractions(
    sample: Sample, amount: str, tmp_path: Path
) -> None:
    _quarantined(sample, sample.edited("amount", amount), tmp_path)


@named([s for s in having("amount") if "page" not in s.file and s.format != "table"])
@pytest.mark.parametrize(
    "amount, exact", [("1.5e+18", 15 * 10**17), (str(UINT256_MAX), UINT256_MAX), ("007", 7)]
)
def test_4_6_an_exact_amount_is_read_exactly(
    sample: Sample, amount: str, exact: int, tmp_path: Path
) -> None:
    result = read(sample, sample.edited("amount", amount), tmp_path)
    assert result.quarantine.is_empty()
    assert str(exact) in result.transfers["amount_raw"].to_list()


@named(having("date"))
def test_2_the_timestamp_decides_and_a_contradiction_is_quarantined(
    sample: Sample, tmp_path: Path
) -> None:
    straight = read(sample, sample.content(), tmp_path)
    moment = straight.transfers.filter(pl.col(ROW) == 2)["block_time"][0]
    agreeing = f"{moment.month}/{moment.day}/{moment:%y} {moment.hour}:{moment:%M}"
    same = read(sample, sample.edited("date", agreeing), tmp_path)
    assert facts(same).equals(facts(straight))
    _quarantined(sample, sample.edited("date", "11/16/21 4:07"), tmp_path)


@named(having("date"))
def test_3_the_known_header_variants_read_alike(sample: Sample, tmp_path: Path) -> None:
    straight = read(sample, sample.content(), tmp_path)
    text = sample.content().decode()
    for old, new in (
        ("Transaction Hash", "Txhash"),
        ("DateTime (UTC)", "DateTime"),
        ("DateTime (UTC)", "DateTime\u00a0(UTC)"),
        ("@ $2500.5/Eth", "@ $1.17/Eth"),
    ):
        varied = read(sample, text.replace(old, new).encode(), tmp_path)
        assert facts(varied).equals(facts(straight)), new


@named([s for s in having("date") if s.format != "etherscan_page_erc20"])
def test_3_another_coin_is_another_chain(sample: Sample, tmp_path: Path) -> None:
    result = read(sample, sample.content().replace(b"(ETH)", b"(BNB)"), tmp_path)
    assert result.transfers["chain"].unique().to_list() == ["bsc"]
    with pytest.raises(Refused, match="counts in XYZ"):
        read(sample, sample.content().replace(b"(ETH)", b"(XYZ)"), tmp_path)


@named([s for s in having("date") if s.format != "etherscan_page_internal"])
def test_5_an_nft_page_is_refused(sample: Sample, tmp_path: Path) -> None:
    content = sample.content().replace(b'"Blockno"', b'"Blockno","TokenId"', 1)
    path = tmp_path / "nft.csv"
    path.write_bytes(content.replace(b'"200', b'"7","200'))
    with pytest.raises(Refused):
        ingest(AUTO, [path], tmp_path / "out")


@named(having("decimals"))
@pytest.mark.parametrize("decimals", ["", "0", "255", "-1", "x" * 64])
def test_7_the_decimals_of_an_export_are_not_believed(
    sample: Sample, decimals: str, tmp_path: Path
) -> None:
    straight = read(sample, sample.content(), tmp_path)
    assert facts(read(sample, sample.edited("decimals", decimals), tmp_path)).equals(
        facts(straight)
    )


HOSTILE_SYMBOLS = [
    "USD\u0422",
    "U\u200bSDT",
    "\u202eTDSU",
    "visit example.org to claim",
    "<img src=x onerror=alert(1)>",
    '=HYPERLINK("http://example.org","x")',
    "@SUM(1+1)",
    "\tUSDT",
    "\nUSDT",
    "a,b;c|d",
    '"',
    "{{7*7}}",
    "x" * 5_000,
]


@named(having("symbol"))
@pytest.mark.parametrize("symbol", HOSTILE_SYMBOLS, ids=range(len(HOSTILE_SYMBOLS)))
def test_9_12_a_symbol_is_inert_text(sample: Sample, symbol: str, tmp_path: Path) -> None:
    straight = read(sample, sample.content(), tmp_path)
    result = read(sample, sample.edited("symbol", symbol), tmp_path)
    assert result.quarantine.is_empty()
    plain = [i.transfers.drop(ROW, "token_symbol").sort(pl.all()) for i in (result, straight)]
    assert plain[0].equals(plain[1])
    seen = result.transfers.filter(pl.col(ROW) == 2)["token_symbol"][0]
    assert seen.strip() == symbol.strip()


@named(having("from"))
@pytest.mark.parametrize(
    "address",
    ["", "0x123", "0x" + "g" * 40, "T" + "1" * 33, "'; DROP TABLE", "NULL", "0X", "\u0430" * 42],
)
def test_19_what_is_no_address_is_quarantined(sample: Sample, address: str, tmp_path: Path) -> None:
    _quarantined(sample, sample.edited("from", address), tmp_path)


@named([s for s in having("from") if s.chain == "ethereum"])
def test_19_evm_spellings(sample: Sample, tmp_path: Path) -> None:
    straight = read(sample, sample.content(), tmp_path)
    address = sample.value("from")
    upper = "0x" + address[2:].upper()
    assert facts(read(sample, sample.edited("from", upper), tmp_path)).equals(facts(straight))
    letters = [i for i, c in enumerate(address) if c in "abcdef"]
    spelt = "".join(c.upper() if i in letters[::2] else c for i, c in enumerate(address))
    _quarantined(sample, sample.edited("from", spelt), tmp_path)  # an EIP-55 checksum, and wrong


@named([s for s in having("from") if s.chain == "tron"])
def test_19_tron_spellings(sample: Sample, tmp_path: Path) -> None:
    straight = read(sample, sample.content(), tmp_path)
    address = sample.value("from")
    digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number = 0
    for character in address:
        number = number * 58 + digits.index(character)
    hexed = f"{number >> 32:042x}"
    assert facts(read(sample, sample.edited("from", hexed), tmp_path)).equals(facts(straight))
    swapped = address[:-1] + ("a" if address[-1] != "a" else "b")
    _quarantined(sample, sample.edited("from", swapped), tmp_path)


@named(having("time"))
@pytest.mark.parametrize("stamp", ["", "x", "-5", "1e30", "99999999999999999999", "1.5"])
def test_20_what_is_no_moment_is_quarantined(sample: Sample, stamp: str, tmp_path: Path) -> None:
    _quarantined(sample, sample.edited("time", stamp), tmp_path)


@named([s for s in having("time") if s.format not in ("tronscan", "trongrid_trc20")])
def test_20_milliseconds_where_seconds_are_declared(sample: Sample, tmp_path: Path) -> None:
    stamp = sample.value("time") + "000"
    _quarantined(sample, sample.edited("time", stamp), tmp_path)


@named(having("time"))
@pytest.mark.parametrize("year", [1970, 2090])
def test_20_a_moment_before_the_chain_or_in_the_future_is_quarantined(
    sample: Sample, year: int, tmp_path: Path
) -> None:
    seconds = (year - 1970) * 31_557_600
    unit = 1000 if sample.format in ("tronscan", "trongrid_trc20") else 1
    rows = [dict(r) for r in sample.rows]
    rows[1][sample.roles["time"]] = str(seconds * unit)
    if "date" in sample.roles:
        rows[1][sample.roles["date"]] = ""
    path = tmp_path / sample.file
    path.write_bytes(sample.content(rows))
    chain = sample.chain if sample.format == "table" else None
    files = [path, *beside(sample, tmp_path)]
    result = ingest(sample.format, files, tmp_path / "out", chain=chain, mapping=sample.mapping)
    assert (result.quarantined, result.exit_code) == (1, 3)


@named([s for s in having("amount") if s.format in PAGED and "wallet" not in s.rows[0]])
@pytest.mark.parametrize("rows", [20, 200, 1_000, 5_000, 10_000])
def test_18_an_export_as_long_as_a_page_is_not_complete(
    sample: Sample, rows: int, tmp_path: Path
) -> None:
    many = [dict(sample.rows[0]) for _ in range(rows)]
    result = read(sample, sample.content(many), tmp_path, f"export-{SAMPLES[0].value('from')}.x")
    assert result.coverage["complete"].to_list() == [False] * result.coverage.height
    assert result.coverage["from"].null_count() == 0
    longer = read(sample, sample.content([*many, many[0]]), tmp_path, "longer.x")
    assert longer.coverage["complete"].all()


@named([s for s in SAMPLES if s.is_text])
def test_25_damaged_lines_are_quarantined_and_the_rest_is_read(
    sample: Sample, tmp_path: Path
) -> None:
    lines = sample.content().split(b"\n")
    straight = read(sample, sample.content(), tmp_path)
    rest = facts_without(straight, 2)
    half = lines[2][: len(lines[2]) // 2]
    for damaged in (
        half,
        lines[2] + b",1,2",
        b'"' + lines[2],
        lines[2].replace(b"0", b"\x00", 1),
        lines[2].replace(b"0", b"\xff", 1),
        b'"' + lines[2].replace(b'"', b""),
    ):
        changed = read(sample, b"\n".join([*lines[:2], damaged, *lines[3:]]), tmp_path)
        assert changed.quarantine[ROW].to_list() == [2], damaged
        assert facts_without(changed, 2).equals(rest), damaged


def facts_without(imported: Imported, row: int) -> pl.DataFrame:
    """Return the facts of all rows but one."""
    kept = imported.transfers.filter(pl.col(ROW) != row)
    return kept.drop("account", "confirmed").sort(ROW, "log_index", "kind")
