"""Every signal, over the accounts of a world and over real wallets: value, evidence, sentence.

The contract tests draw histories; here they are what people will have: a simulated store read from
disk, with counterparties, bridges and motifs, and (where there are any) genuine exports.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.services import Services, load_services
from data.transfers import open_transfers
from features.catalogue import catalogue
from features.computing import explain_signal
from features.history import Histories
from features.recomputation import recompute
from features.signal import Signal
from models.bundle import Bundle
from models.explanation import explain_rows
from models.sentences import Scene, sentence
from pipelines.engines import local
from pipelines.engines.local import Measured
from pipelines.ingest import ingest
from tests.features.test_signal_contract import agree

EACH = 4
"""Accounts that a signal is looked at in, and as many in which it is null: definitions are plain
Python."""


@pytest.fixture(scope="module")
def of_a_world(world) -> Measured:
    """The accounts of a world whose services were known all along, two of its busiest listed."""
    known = load_services(world.services)
    asked = pl.read_csv(world.addresses).select("chain", "address")
    table = pl.concat([known.table, _listed(world.store, asked, known)], how="diagonal")
    known = replace(known, table=table.with_columns(date=pl.lit("2010-01-01")))
    return _measured(world.store, asked, "usd", known)


def _listed(store: Path, asked: pl.DataFrame, known: Services) -> pl.DataFrame:
    """List the accounts with the most partners on both sides as a marketplace and as frozen."""
    rows = open_transfers(store).scan().select("chain", "sender", "receiver").collect()
    partners = [
        rows.group_by("chain", pl.col(own).alias("address")).agg(pl.col(other).n_unique())
        for own, other in (("sender", "receiver"), ("receiver", "sender"))
    ]
    key = ["chain", "address"]
    busy = partners[0].join(partners[1], on=key).join(asked, on=key, how="semi")
    busy = busy.join(known.table, on=key, how="anti")
    busiest = busy.sort(pl.min_horizontal("sender", "receiver"), *key, descending=True).head(2)
    return busiest.select(
        *key, category=pl.Series(["guarantee_marketplace", "issuer_blocked"]), licit=False
    )


@pytest.fixture(scope="module")
def of_real_wallets(real_data, tmp_path_factory) -> Measured:
    """Wallets of a public scam tracker, as an explorer exports them."""
    out = tmp_path_factory.mktemp("wallets") / "store"
    files = sorted((real_data / "dfpi_scam_wallets" / "txlist").glob("*.csv"))
    ingest("etherscan_txlist", files, out, chain="ethereum")
    asked = pl.DataFrame({"chain": "ethereum", "address": [f.stem.lower() for f in files]})
    return _measured(out, asked, "native", load_services())


def _measured(store: Path, asked: pl.DataFrame, basis: str, known: Services) -> Measured:
    transfers = open_transfers(store)
    as_of = transfers.as_of
    assert as_of is not None
    return local.measure(transfers, asked, as_of=as_of, basis=basis, services=known)


@pytest.mark.unwatched
def test_on_a_world(of_a_world):
    seen = _each_value_is_shown(of_a_world)
    every = {signal.name for signal in catalogue().signals}
    assert every - set(+seen) == set(), "signals that no account of the world has"


@pytest.mark.unwatched
@pytest.mark.real
def test_on_real_wallets(of_real_wallets):
    # In coins, and without incoming tokens: what rests on dollars or on both sides is null.
    assert len(+_each_value_is_shown(of_real_wallets)) > 60


def test_parts_add_up_on_every_row(of_a_world, bundle):
    _parts_add_up(of_a_world.signals, Bundle.load(bundle))


@pytest.mark.real
def test_parts_add_up_on_every_real_row(of_real_wallets, bundle):
    _parts_add_up(of_real_wallets.signals, Bundle.load(bundle))


def _each_value_is_shown(measured: Measured) -> Counter[str]:
    """Fail for the first value whose evidence or sentence is not its own; count values seen."""
    seen: Counter[str] = Counter()
    table = measured.signals.with_row_index("i")
    for signal in catalogue().signals:
        has = pl.col(signal.name).is_not_null()
        for rows in (table.filter(has).sort(signal.name), table.filter(~has)):
            every = max(1, rows.height // EACH)  # small values and large ones
            for row in rows.gather_every(every, every - 1).iter_rows(named=True):
                seen[signal.name] += _is_shown(measured.histories, row["i"], signal, row)
    return seen


def _is_shown(histories: Histories, i: int, signal: Signal, row: dict[str, Any]) -> bool:
    value, shown = row[signal.name], explain_signal(histories, i, signal)
    if value is None:
        assert shown is None, (signal.name, row["address"])
        return False
    assert isinstance(value, float)
    assert shown is not None, (signal.name, row["address"])
    assert agree(shown.value, value), (signal.name, row["address"], shown.value, value)
    around = histories[i]
    if signal.scope != "graph":
        assert agree(recompute(signal, around, shown), value), (signal.name, row["address"])
    assert 0 <= len(shown.rows) <= len(around)
    scene = Scene(row["n_transfers"], row["first_seen"], row["last_seen"], histories.basis, "ETH")
    for low in (False, True):
        template = signal.template(low=low)
        said = sentence(template, signal.unit, value, scene, shown.statistics)
        rest = said.text
        for number in said.numbers:
            before, found, rest = rest.partition(number.shown)
            assert found, (signal.name, number, said.text)
            assert not re.search(r"\d", before), (signal.name, before, said.text)
        assert not re.search(r"\d", rest), (signal.name, rest, said.text)
    return True


def _parts_add_up(signals: pl.DataFrame, bundle: Bundle) -> None:
    assert signals.height > 30
    for explained in explain_rows(bundle, signals):
        total = math.fsum([explained.base, *(part.log_odds for part in explained.contributions)])
        assert abs(total - explained.log_odds) < 1e-9
        by_family = math.fsum([explained.base, *explained.families.values()])
        assert abs(by_family - explained.log_odds) < 1e-9
