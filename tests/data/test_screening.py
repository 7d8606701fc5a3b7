"""Every reason to ignore a transfer, their order, and what must never be ignored."""

from __future__ import annotations

import polars as pl
import pytest

from data.schema import SCREENED
from data.screening import DUST_USD_MICROS, NATIVE_DUST, screen

USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"
OTHER = "0x" + "9" * 40

PLAIN: dict[str, object] = {
    "chain": "ethereum",
    "kind": "token",
    "sender": "0x" + "a" * 40,
    "receiver": "0x" + "b" * 40,
    "asset": USDT,
    "amount_raw": "1000000",
    "usd_micros": 1_000_000,
    "initiator": "0x" + "a" * 40,
    "token_symbol": "USDT",
    "status": "ok",
    "confirmed": True,
    "token_type": "ERC-20",
}
TYPES = {"usd_micros": pl.Int64, "confirmed": pl.Boolean, "initiator": pl.String}


def reason(**changes: object) -> str | None:
    row = pl.DataFrame([PLAIN | changes], schema_overrides=TYPES)
    return screen(row)["screened"].item()


@pytest.mark.parametrize(
    "expected, changes",
    [
        (None, {}),
        ("failed", {"status": "failed"}),
        ("unconfirmed", {"confirmed": False}),
        ("nft", {"token_type": "ERC-721"}),
        ("nft", {"token_type": "erc1155"}),
        ("counterfeit_asset", {"asset": OTHER}),
        ("counterfeit_asset", {"asset": OTHER, "token_symbol": "USD\u0422"}),
        ("unlisted_asset", {"asset": OTHER, "token_symbol": "https://claim.example"}),
        ("unlisted_asset", {"asset": OTHER, "token_symbol": None}),
        ("unlisted_asset", {"asset": OTHER, "kind": "mint", "token_symbol": "PEPE"}),
        ("zero_value", {"amount_raw": "0", "usd_micros": 0}),
        ("zero_value", {"amount_raw": "0", "usd_micros": 0, "initiator": None}),
        ("zero_value", {"amount_raw": "0", "kind": "native", "asset": "native"}),
        ("self_transfer", {"receiver": "0x" + "a" * 40}),
        ("spoofed_sender", {"amount_raw": "0", "usd_micros": 0, "initiator": OTHER}),
        ("dust", {"amount_raw": "9999", "usd_micros": 9_999}),
        (None, {"amount_raw": "10000", "usd_micros": DUST_USD_MICROS}),
        # An approved third party moves real money, as every exchange of tokens does.
        (None, {"initiator": OTHER}),
        (None, {"asset": "native", "kind": "native", "usd_micros": None, "amount_raw": "1" * 15}),
        ("dust", {"asset": "native", "kind": "native", "usd_micros": None, "amount_raw": "1"}),
        (None, {"status": None, "confirmed": None, "token_type": None, "token_symbol": None}),
    ],
)
def test_each_reason(expected, changes):
    assert reason(**changes) == expected


def test_the_order_is_the_schema_s():
    """A row that deserves every reason gets the first; take reasons away and the next shows."""
    everything: dict[str, object] = {
        "status": "failed",
        "confirmed": False,
        "token_type": "ERC-721",
        "asset": OTHER,
        "amount_raw": "0",
        "usd_micros": 0,
        "receiver": PLAIN["sender"],
    }
    cures: list[dict[str, object]] = [
        {"status": "ok"},
        {"confirmed": True},
        {"token_type": None},
        {"token_symbol": "PEPE"},
        {"asset": USDT},
        {"amount_raw": "5", "usd_micros": 5},
        {"receiver": PLAIN["receiver"], "amount_raw": "0", "usd_micros": 0, "initiator": OTHER},
        {"amount_raw": "5", "usd_micros": 5},
    ]
    seen = [reason(**everything)]
    for cure in cures:
        everything |= cure
        seen.append(reason(**everything))
    assert tuple(seen) == SCREENED


def test_generic_ledgers_have_no_registry_and_no_dust():
    loose = {"chain": "generic", "asset": "EUR", "usd_micros": None}
    assert reason(**loose) is None
    assert reason(**loose, amount_raw="1") is None
    assert reason(chain="generic", asset="EUR", usd_micros=1) is None
    assert reason(**loose, amount_raw="0") == "zero_value"


def test_unpriced_tokens_are_never_dust():
    weth = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
    assert reason(asset=weth, amount_raw="1", usd_micros=None, token_symbol="WETH") is None


@pytest.mark.parametrize("chain", NATIVE_DUST)
def test_native_dust_limits(chain):
    limit = NATIVE_DUST[chain]
    native = {"chain": chain, "kind": "native", "asset": "native", "usd_micros": None}
    assert reason(**native, amount_raw=str(limit - 1)) == "dust"
    assert reason(**native, amount_raw=str(limit)) is None
    assert reason(**native, amount_raw=str(2**256 - 1)) is None


def test_fees_are_left_alone():
    fee = {"kind": "fee", "asset": "native", "amount_raw": "0", "usd_micros": 0}
    assert reason(**fee) is None
    assert reason(**fee, status="failed") is None
    assert reason(**fee, confirmed=False) == "unconfirmed"


def test_the_threshold_is_a_parameter():
    row = pl.DataFrame([PLAIN], schema_overrides=TYPES)
    assert screen(row, dust_usd_micros=1_000_001)["screened"].to_list() == ["dust"]
    assert screen(row, dust_usd_micros=0)["screened"].to_list() == [None]


def test_rows_columns_and_an_importer_s_reason_stay():
    bare = ["chain", "kind", "sender", "receiver", "asset", "amount_raw"]
    rows = [PLAIN, PLAIN | {"asset": OTHER}, PLAIN | {"amount_raw": "0"}] * 50
    frame = pl.DataFrame(rows, schema_overrides=TYPES).select(bare).with_row_index("n")
    got = screen(frame)
    assert got.columns == [*frame.columns, "screened"]
    assert got.drop("screened").equals(frame)
    assert got["screened"].to_list()[:3] == [None, "unlisted_asset", "zero_value"]
    marked = frame.with_columns(screened=pl.lit("nft"))
    assert set(screen(marked)["screened"]) == {"nft"}
    assert screen(got)["screened"].equals(got["screened"])
    assert screen(frame.head(0))["screened"].dtype == pl.String


def test_an_unknown_status_is_an_error():
    with pytest.raises(ValueError, match="ok, failed"):
        reason(status="SUCCESS")
