"""A dossier names transfers beyond the history: other legs of own ones, and what motifs rest on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import polars as pl

from data.services import load_services
from data.transfers import open_transfers
from features.building import build_histories
from features.catalogue import catalogue
from features.evidence import digest
from pipelines.alerting.alerts import SCHEMA
from pipelines.alerting.dossier import MOST_ROWS_SHOWN, Dossier, dossiers
from tests.data.canonical import AS_OF, DAI, START, A, B, C, D, covered, store
from tests.features.test_bridges import (
    JOURNEY,
    ON_TRON,
    ROUTER,
    TRON_BRIDGE,
    services_file,
)
from tests.features.test_histories import as_frame
from tests.features.test_network import EVERYBODY, LAYERED, paid


def dossier_of_the_journey(folder: Path) -> Dossier:
    transfers = open_transfers(store(folder / "store", JOURNEY, covered(A)))
    histories = build_histories(
        transfers,
        as_frame([("ethereum", A, AS_OF), ("ethereum", A, START + timedelta(minutes=50))]),
        as_of=AS_OF,
        services=load_services(services_file(folder)),
    )
    found, early = dossiers(histories, transfers, [0, 1])
    assert early.beyond.height == 0  # nothing had settled
    return found


def test_a_sequence_of_hops_is_shown_with_its_other_legs(tmp_path: Path) -> None:
    dossier = dossier_of_the_journey(tmp_path)
    shown = dossier.evidence(catalogue().by_name["hop_sequence"])
    assert [row["counterparty"] for row in shown["rows"]][1:3] == [ROUTER, ROUTER]
    release, deposit = shown["rows"][0], shown["rows"][3]
    came, went = shown["elsewhere"]
    assert (came["of_tx_id"], went["of_tx_id"]) == (release["tx_id"], deposit["tx_id"])
    assert (came["chain"], came["sender"], came["receiver"]) == ("tron", ON_TRON, TRON_BRIDGE)
    assert (came["amount"], came["symbol"], came["usd"]) == ("1001", "USDT", 1001)
    assert came["block_time"] == "2024-03-01T00:00:00Z"
    assert (went["chain"], went["receiver"], went["amount"]) == ("arbitrum", A, "997")
    assert 0.9 < came["probability"] < 1 and went["probability"] > 0.999
    assert shown["n_elsewhere"] == 2
    fits_the_schema(shown)


def fits_the_schema(shown: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.validate(
        json.loads(json.dumps(shown)),
        {"$ref": "#/$defs/evidence", "$defs": schema["$defs"]},
        cls=jsonschema.Draft202012Validator,
    )


def test_a_motif_is_shown_with_the_transfers_between_others_that_it_rests_on(
    tmp_path: Path,
) -> None:
    transfers = open_transfers(store(tmp_path / "store", LAYERED, EVERYBODY))
    asked = as_frame([("ethereum", A, AS_OF)])
    built = build_histories(transfers, asked, as_of=AS_OF, network=True)
    (dossier,) = dossiers(built, transfers, [0])
    shown = dossier.evidence(catalogue().by_name["scatter_gather_value_24h"])
    assert [row["counterparty"] for row in shown["rows"]] == [B, C]
    gathered = [(leg["sender"], leg["receiver"], leg["amount"]) for leg in shown["elsewhere"]]
    assert gathered == [(B, D, "396"), (C, D, "590")]
    assert {leg["chain"] for leg in shown["elsewhere"]} == {"ethereum"}
    assert all(leg["of_tx_id"] is leg["probability"] is None for leg in shown["elsewhere"])
    assert (shown["n_rows"], shown["n_elsewhere"]) == (2, 2)
    tx_ids = [part["tx_id"] for part in (*shown["rows"], *shown["elsewhere"])]
    assert shown["digest"] == digest(tx_ids)
    fits_the_schema(shown)
    own = dossier.evidence(catalogue().by_name["value_out"])
    assert (own["elsewhere"], own["n_elsewhere"]) == ([], 0)


def test_of_many_transfers_between_others_the_first_are_shown(tmp_path: Path) -> None:
    n = 2 * MOST_ROWS_SHOWN
    rows = [paid(k, A, f"0x{k + 1:040x}", 1, 10) for k in range(n)]
    rows += [paid(n + k, f"0x{k + 1:040x}", B, 2, 9) for k in range(n)]
    transfers = open_transfers(store(tmp_path / "store", rows, covered(A)))
    everybody = replace(transfers, assume_complete=True)
    asked = as_frame([("ethereum", A, AS_OF)])
    built = build_histories(everybody, asked, as_of=AS_OF, network=True)
    (dossier,) = dossiers(built, everybody, [0])
    shown = dossier.evidence(catalogue().by_name["scatter_gather_value_24h"])
    assert (len(shown["elsewhere"]), shown["n_elsewhere"]) == (MOST_ROWS_SHOWN, n)
    assert (len(shown["rows"]), shown["n_rows"]) == (MOST_ROWS_SHOWN, n)


def test_others_transfers_are_not_the_addresss_own(tmp_path: Path) -> None:
    dossier = dossier_of_the_journey(tmp_path)
    assert dossier.table["tx_id"].n_unique() == 3
    assert set(dossier.beyond["chain"]) == {"tron", "arbitrum"}
    assert dossier.left_out() == {}
    assert DAI in dossier.table["asset"].to_list()
    swaps = dossier.evidence(catalogue().by_name["swaps"])
    assert swaps["elsewhere"] == []
    assert isinstance(dossier.table, pl.DataFrame)
