"""Damaged exports: refused, or every row accounted for; never a traceback, never a lost row."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

from data.errors import Refused
from data.importers import AUTO
from pipelines.ingest import ingest
from tests.data.importers.samples import SAMPLES


def mutated(content: bytes, draw: random.Random) -> bytes:
    """Damage an export as disks, editors and scripts do."""
    data = bytearray(content)
    for _ in range(draw.choice([1, 1, 1, 2, 5])):
        at, kind = draw.randrange(len(data) or 1), draw.randrange(8)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del data[at : at + draw.choice([1, 5, 60])]
        elif kind == 2:
            data[at:at] = bytes(draw.choice([b'"', b",", b"\n", b"\0", b"\r", b"\xff", b"{", b"]"]))
        elif kind == 3:
            data = data[: max(at, 1)]
        elif kind == 4:
            data[at:at] = data[at : at + 300]
        elif kind == 5:
            data[at : at + 4] = draw.choice([b"1e99", b"null", b"-1,0", b"9999", b"\xef\xbb\xbf "])
        elif kind == 6:
            lines = bytes(data).split(b"\n")
            draw.shuffle(lines)
            data = bytearray(b"\n".join(lines))
        else:
            data[at : at + 8] = draw.randbytes(8)
    return bytes(data)


def _survives(seed: int, folder: Path) -> None:
    """Ingest one damaged export: refused, or every row accounted for."""
    draw = random.Random(seed)
    sample = SAMPLES[seed % len(SAMPLES)]
    content = mutated(sample.content(), draw)
    path = folder / sample.file
    path.write_bytes(content)
    files = [path]
    for other in sample.beside:
        files.append(folder / other.file)
        files[-1].write_bytes(other.content())
    format = AUTO if draw.random() < 0.3 else sample.format
    chain = sample.chain if sample.format == "table" else None
    try:
        result = ingest(format, files, folder / "out", chain=chain, mapping=sample.mapping)
    except Refused:
        return
    for account in result.files.values():
        ends = (account.kept, account.duplicates, account.superseded, account.ignored)
        assert sum(ends) + account.quarantined == account.rows
    quarantined = sum(a.quarantined for a in result.files.values())
    assert pl.read_parquet(folder / "out" / "quarantine.parquet").height == quarantined
    assert sum(a.transfers for a in result.files.values()) == result.transfers
    account = result.files[sample.file]
    if sample.is_text and b'"' not in content and not content.startswith((b"\xef", b"\xff")):
        text = content.replace(b"\r\n", b"\n")
        lines = text.split(b"\n") if b"\n" in text else text.split(b"\r")
        while not lines[0].strip():
            lines.pop(0)
        assert account.rows == sum(line != b"" for line in lines) - 1


@pytest.mark.parametrize("batch", range(10))
def test_fuzz(batch: int, tmp_path: Path) -> None:
    for seed in range(batch * 20, batch * 20 + 20):
        _survives(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(20))
def test_fuzz_at_length(batch: int, tmp_path: Path) -> None:
    for seed in range(1_000 + batch * 100, 1_100 + batch * 100):
        _survives(seed, tmp_path)
