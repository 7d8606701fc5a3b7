"""A dossier names the transfers on other chains that own ones belong to."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import polars as pl

from data.services import load_services
from data.transfers import open_transfers
from features.building import build_histories
from features.catalogue import catalogue
from pipelines.alerts import SCHEMA
from pipelines.dossier import Dossier, dossiers
from tests.data.canonical import AS_OF, DAI, START, A, covered, store
from tests.features.test_bridges import (
    JOURNEY,
    ON_TRON,
    ROUTER,
    TRON_BRIDGE,
    services_file,
)
from tests.features.test_histories import as_frame


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
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.validate(
        json.loads(json.dumps(shown)),
        {"$ref": "#/$defs/evidence", "$defs": schema["$defs"]},
        cls=jsonschema.Draft202012Validator,
    )


def test_others_transfers_are_not_the_addresss_own(tmp_path: Path) -> None:
    dossier = dossier_of_the_journey(tmp_path)
    assert dossier.table["tx_id"].n_unique() == 3
    assert set(dossier.beyond["chain"]) == {"tron", "arbitrum"}
    assert dossier.left_out() == {}
    assert DAI in dossier.table["asset"].to_list()
    swaps = dossier.evidence(catalogue().by_name["swaps"])
    assert swaps["elsewhere"] == []
    assert isinstance(dossier.table, pl.DataFrame)
