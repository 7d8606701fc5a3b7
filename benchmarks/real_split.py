"""The real sets cut in two, once: a part to calibrate the synthetic world by, and a part to test.

    UNRINSE_REAL_DATA=/path/to/real python -m benchmarks.real_split

counts both parts. Priors, the two-sample test and every choice see the calibration part alone; the
test part is opened for a stated reason, which is logged (`benchmarks.openings`).

What belongs together stays together: the accounts of both sets (phishing and normal accounts, DFPI
wallets) that have a transfer with each other, however they chain up, are one **group** (the largest
holds 31). The group's smallest address decides by its SHA-256, so that no list, order or new
address elsewhere moves it:

>>> [side(a) for a in ("0x00", "0x01", "0x02", "0x03")]
['calibration', 'test', 'calibration', 'test']
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import polars as pl

from benchmarks.openings import log_opening
from benchmarks.real_data import Accounts, accounts
from benchmarks.real_wallets import wallets
from data.errors import Refused
from models.components import components

CALIBRATION, TEST = "calibration", "test"
PARTS = (CALIBRATION, TEST)


def addresses(part: str, split: pl.DataFrame, *, why: str | None = None) -> pl.DataFrame:
    """Return the rows of one part of a `split_real`.

    Parameters
    ----------
    part
        ``calibration`` or ``test``.
    split
        As `split_real` returns it.
    why
        The reason to open the test part; it is logged at once.

    Raises
    ------
    Refused
        There is no such part, or the test part is asked for without a reason.
    """
    if part not in PARTS:
        raise Refused(f"there is no part {part!r}.", expected=" or ".join(PARTS))
    if part == TEST:
        log_opening(why)
    return split.filter(pl.col("part") == part)


def split_real(imported: Accounts, dfpi: Path) -> pl.DataFrame:
    """Give every real account its group and its part.

    Parameters
    ----------
    imported, dfpi
        The stores that `real_data.accounts` and `real_wallets.wallets` made.

    Returns
    -------
    polars.DataFrame
        ``set`` (``phishing``, ``normal`` or ``dfpi``), ``address``, ``group``, ``part``; by set and
        address.
    """
    labels = pl.read_parquet(imported.labels["whole"])
    named = pl.when(pl.col("label") == 1).then(pl.lit("phishing")).otherwise(pl.lit("normal"))
    ours = dfpi.with_name("dfpi.txt").read_text(encoding="utf-8").split()
    listed = pl.concat(
        [
            labels.select(named.alias("set"), "address"),
            pl.DataFrame({"address": ours}).select(pl.lit("dfpi").alias("set"), "address"),
        ]
    )
    stores = (imported.store, dfpi)
    pairs = pl.concat([_pairs(store, listed["address"]) for store in stores])
    group = components(listed["address"], pairs.iter_rows())
    return listed.with_columns(
        group=pl.col("address").replace_strict(group),
        part=pl.col("address").replace_strict({a: side(g) for a, g in group.items()}),
    ).sort("set", "address")


def side(group: str) -> str:
    """Return the part of a group, by its name alone."""
    return PARTS[hashlib.sha256(group.encode()).digest()[0] % 2]


def _pairs(store: Path, listed: pl.Series) -> pl.DataFrame:
    """Return who of the listed accounts paid whom of them."""
    known = listed.unique().implode()
    return (
        pl.scan_parquet(store / "transfers.parquet")
        .filter(pl.col("sender").is_in(known), pl.col("receiver").is_in(known))
        .select("sender", "receiver")
        .unique()
        .collect()
    )


def main() -> None:
    """Count the parts; this opens neither."""
    with tempfile.TemporaryDirectory() as folder:
        split = split_real(accounts(Path(folder)), wallets(Path(folder)))
    counted = split.group_by("set", "part").agg(pl.len(), groups=pl.col("group").n_unique())
    for row in counted.sort("set", "part").iter_rows():
        print(*row)


if __name__ == "__main__":
    main()
