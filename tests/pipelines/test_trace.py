"""Tracing end to end: a store in, and every amount of the report accounted for."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import polars as pl
import pytest

from data.errors import Refused
from data.storage import read_manifest
from pipelines.pages.flow_picture import flow_picture
from pipelines.pages.tables import money
from pipelines.pages.trace import trace_page
from pipelines.trace import trace
from tests.data.canonical import AS_OF, E, covered, plain, store, table
from tests.pipelines import trace_examples as case

SCHEMA = Path(__file__).parents[2] / "pipelines" / "schemas" / "trace.v1.schema.json"
Report = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("case")
    case.case(made)
    return made


def traced(folder: Path, address: str = case.COLLECTOR, **options: Any) -> Report:
    options.setdefault("services", folder / "services.csv")
    options.setdefault("chain", "ethereum")
    done = trace(folder / "store", address, folder / "out", **options)
    return json.loads((done.out / "trace.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def report(folder) -> Report:
    return traced(folder)


def ends(report: Report, convention: str, way: str = "forward") -> dict[tuple[str, str], str]:
    """Return amounts by kind of end and address."""
    rows = report["directions"][way][convention]["ends"]
    return {(row["end"], row["address"]): row["amount"] for row in rows}


def test_fifo_follows_the_first_coins_through_swap_and_bridge(report):
    assert ends(report, "fifo") == {
        ("mixer", case.MIXER): "100",
        ("exchange_deposit", case.DEPOSIT): "298",
        ("unspent", case.OTHER): "299",
        ("not_supplied", case.STRANGER): "200",
        ("unspent", case.COLLECTOR): "100",
    }


def test_haircut_takes_half_of_what_is_half_the_collectors(report):
    assert ends(report, "haircut") == {
        ("mixer", case.MIXER): "100",
        ("exchange_deposit", case.DEPOSIT): "298",
        ("unspent", case.OTHER): "149.5",
        ("not_supplied", case.STRANGER): "200",
        ("unspent", case.MULE): "150",
        ("unspent", case.COLLECTOR): "100",
    }


def test_back_from_the_exchange_lies_the_victim(folder):
    report = traced(folder, case.DEPOSIT)
    for convention in ("fifo", "haircut"):
        [end] = report["directions"]["backward"][convention]["ends"]
        assert (end["end"], end["address"]) == ("not_supplied", case.VICTIM)
        assert (end["amount"], end["symbol"], end["hops_most"]) == ("300", "USDT", 3)


def test_back_over_the_bridge(folder):
    report = traced(folder, case.OTHER, chain="bsc")
    assert ends(report, "fifo", "backward") == {("not_supplied", case.VICTIM): "300"}
    assert ends(report, "haircut", "backward") == {
        ("not_supplied", case.VICTIM): "150",
        ("not_supplied", case.STRANGER): "150",
    }


def test_without_swaps_and_bridges_value_stops_there(folder):
    report = traced(folder, without_swaps=True, without_bridges=True)
    found = ends(report, "fifo")
    assert found["other_service", case.ROUTER] == "300"
    assert found["bridge", case.BRIDGE] == "300"
    assert ("exchange_deposit", case.DEPOSIT) not in found
    assert [c["outcome"] for c in report["crossings"]] == ["not_followed"]


def test_a_crossing_is_told_with_its_chance(report):
    [crossing] = report["crossings"]
    assert crossing["outcome"] == "followed"
    assert crossing["probability"] > 0.99
    assert crossing["deposit"]["receiver"] == case.BRIDGE
    assert crossing["release"]["chain"] == "bsc"
    [far] = [e for e in report["directions"]["forward"]["fifo"]["ends"] if e["chain"] == "bsc"]
    assert far["over_bridges"] == far["amount"]


def ambiguous_rows() -> list[dict[str, Any]]:
    """The release goes to another address on a chain of addresses that cannot be compared."""
    rows = [r for r in case.case_rows() if r["chain"] == "ethereum"]
    release = {"chain": "bsc", "asset": case.BSC_USDT, "amount_raw": str(299 * 10**18)}
    return [
        *rows,
        case.pay(19, case.BSC_BRIDGE, case.OTHER, 299, **release),
        case.pay(21, case.BSC_BRIDGE, E, 299, **release),
    ]


def test_an_ambiguous_crossing_stops_unless_asked_for(tmp_path):
    case.case(tmp_path, ambiguous_rows())
    stopped = traced(tmp_path)
    assert [c["outcome"] for c in stopped["crossings"]] == ["ambiguous"]
    assert stopped["crossings"][0]["release"]["receiver"] == case.OTHER
    assert ("bridge", case.BRIDGE) in ends(stopped, "fifo")
    followed = traced(tmp_path, follow_ambiguous=True)
    assert [c["outcome"] for c in followed["crossings"]] == ["ambiguous_followed"]
    assert ends(followed, "fifo")["unspent", case.OTHER] == "299"


@pytest.mark.parametrize(
    "options, kind, where",
    [
        ({"max_hops": 1}, "beyond_hops", (case.MULE, case.SWAPPER)),
        ({"min_usd": 350.0}, "below_value", (case.SWAPPER, case.STRANGER, case.MULE)),
        ({"max_degree": 2}, "beyond_degree", (case.MULE, case.SWAPPER)),
    ],
    ids=str,
)
def test_what_a_cap_stops_is_reported_with_its_value(folder, options, kind, where):
    side = traced(folder, **options)["directions"]["forward"]["fifo"]
    capped = [end for end in side["ends"] if end["end"] == kind]
    assert {end["address"] for end in capped} <= set(where)
    assert capped
    [told] = [row for row in side["kinds"] if row["end"] == kind]
    assert told["is_cap"]
    assert told["usd"] == sum(end["usd"] for end in capped) > 0
    assert told["n_transfers"] == sum(end["n_transfers"] for end in capped)


def test_an_address_whose_payments_nobody_supplied_is_no_deposit_address(tmp_path):
    unseen = [one for one in case.EVERYBODY if one != case.DEPOSIT]
    store(tmp_path / "store", case.case_rows(), covered(*unseen, case.HOT))
    (tmp_path / "services.csv").write_text(case.SERVICES, encoding="utf-8")
    found = ends(traced(tmp_path), "haircut")
    assert ("not_supplied", case.DEPOSIT) in found
    assert ("exchange_deposit", case.DEPOSIT) not in found


def test_deposit_addresses_are_told_by_behaviour_and_tags_have_a_source(report):
    rows = {row["address"]: row for row in report["directions"]["forward"]["fifo"]["ends"]}
    assert rows[case.DEPOSIT]["by_behaviour"]
    assert rows[case.DEPOSIT]["is_custodial"]
    [tag] = rows[case.MIXER]["tags"]
    assert (tag["source"], tag["date"], tag["confidence"]) == ("a list", "2024-01-02", "web_crawl")
    assert not rows[case.MIXER]["by_behaviour"]


def test_freezable_coins_are_net_of_the_supplied_transfers_with_bounds(report):
    holders = {row["address"]: row for row in report["freezability"]["holders"]}
    mule, stranger = holders[case.MULE], holders[case.STRANGER]
    assert (mule["symbol"], mule["issuer"]) == ("USDT", "Tether")
    assert (mule["traced_fifo"], mule["traced_haircut"]) == ("0", "150")
    assert (mule["net_of_supplied"], mule["lower"], mule["upper"]) == ("300", "300", "300")
    assert mule["speed"]["median_seconds"] == 25 * 60
    assert mule["speed"]["within_hour"] == 1.0
    assert (stranger["net_of_supplied"], stranger["lower"], stranger["upper"]) == (None, "0", None)
    assert stranger["speed"] is None
    assert case.OTHER not in holders  # nobody is known to freeze that coin
    [own] = report["freezability"]["own_speed"]
    assert own["left_share"] == 0.9


def test_key_nodes_are_ranked_by_what_passes(report):
    nodes = report["key_nodes"]["forward"]["fifo"]["nodes"]
    assert [(n["address"], n["share"]) for n in nodes[:2]] == [
        (case.MULE, pytest.approx(500 / 900)),  # on its other chain it is another address
        (case.SWAPPER, pytest.approx(300 / 900)),
    ]
    stayed = {(n["chain"], n["address"]): n["ended_share"] for n in nodes}
    assert stayed["bsc", case.OTHER] == stayed["ethereum", case.DEPOSIT] == 1
    assert stayed["ethereum", case.MULE] == 0


def test_every_unit_is_accounted_for_and_the_steps_agree_with_the_report(folder):
    report = traced(folder)
    flows = pl.read_parquet(folder / "out" / "flows.parquet")
    for way, sides in report["directions"].items():
        for convention, side in sides.items():
            for asset in side["accounts"]:
                came, went = (
                    sum(Decimal(asset[key]) for key in keys)
                    for keys in (("traced", "converted_in"), ("ended", "converted_out"))
                )
                assert came == went
            own = flows.filter(
                pl.col("direction") == way, pl.col("convention") == convention,
                pl.col("end").is_not_null(),
            )  # fmt: skip
            assert int(own["usd_micros"].sum()) == round(side["usd"] * 1e6)


def test_the_report_obeys_its_schema(report, folder):
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    for one in (report, traced(folder, case.STRANGER)):
        assert [error.message for error in validator.iter_errors(one)] == []


def test_the_schema_allows_nothing_it_does_not_name():
    def objects(node: Any) -> list[Mapping[str, Any]]:
        children = node.values() if isinstance(node, dict) else node
        inside = [o for c in children if isinstance(c, dict | list) for o in objects(c)]
        is_object = isinstance(node, dict) and node.get("type") == "object"
        return [node, *inside] if is_object else inside

    found = objects(json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert len(found) > 15
    for node in found:
        assert node["additionalProperties"] is False
        assert set(node["required"]) == set(node["properties"])


def test_the_order_of_the_rows_does_not_matter(folder, tmp_path):
    rows = table(case.case_rows()).sample(fraction=1.0, shuffle=True, seed=3)
    files = plain(tmp_path, rows, pl.read_parquet(folder / "store" / "coverage.parquet")).files
    (tmp_path / "plain_coverage.parquet").rename(tmp_path / "coverage.parquet")
    done = trace(
        files[0], case.COLLECTOR, tmp_path / "out", chain="ethereum", as_of=AS_OF,
        services=folder / "services.csv",
    )  # fmt: skip
    again = trace(
        folder / "store", case.COLLECTOR, tmp_path / "again", chain="ethereum",
        services=folder / "services.csv",
    )  # fmt: skip
    a, b = (json.loads((d.out / "trace.json").read_text()) for d in (done, again))
    assert a | {"transfers_sha256": ""} == b | {"transfers_sha256": ""}
    assert (done.out / "flows.parquet").read_bytes() == (again.out / "flows.parquet").read_bytes()


def test_within_one_moment_of_unknown_order_money_comes_before_it_goes(tmp_path):
    """A relay of three payments in one second, without places, whose ids stand the wrong way."""
    at = {"block_number": None, "tx_index": None, "block_time": AS_OF - timedelta(days=1)}
    rows = [
        case.pay(3, case.COLLECTOR, case.MULE, 10, **at),
        case.pay(2, case.MULE, case.SWAPPER, 10, **at),
        case.pay(1, case.SWAPPER, case.STRANGER, 10, **at),
    ]
    case.case(tmp_path, rows)
    report = traced(tmp_path)
    assert ends(report, "fifo") == {("not_supplied", case.STRANGER): "10"}


def test_later_transfers_play_no_part(folder, report):
    moment = case.case_rows()[9]["block_time"]  # the deposit into the bridge
    early = traced(folder, as_of=moment)
    assert ends(early, "fifo")["unspent", case.MULE] == "500"
    assert early["crossings"] == []


def test_a_coin_without_price_is_followed_and_said_to_have_none(tmp_path):
    way = (case.VICTIM, case.COLLECTOR, case.MULE, case.MIXER)
    pairs = pairwise(way)
    rows = [case.pay(n, a, b, 10, usd_micros=None) for n, (a, b) in enumerate(pairs)]
    case.case(tmp_path, rows)
    report = traced(tmp_path)
    side = report["directions"]["forward"]["fifo"]
    assert (side["usd"], side["kinds"][0]["n_unpriced"]) == (None, 1)
    assert ends(report, "fifo") == {("mixer", case.MIXER): "10"}
    page = trace_page(report)
    assert "has a dollar value" in page
    assert "mixer · 1 transfer<" in page


def test_the_result_is_whole(folder, report):
    manifest = read_manifest(folder / "out")
    assert manifest["kind"] == "trace"
    assert set(manifest["files"]) == {"trace.json", "trace.html", "flows.parquet", "flows.csv"}
    assert "The addresses" not in " ".join(report["notices"])
    assert report["notices"][0].startswith("Traced by convention.")


@pytest.mark.parametrize(
    "address, chain, words",
    [
        ("0x12", None, "cannot be traced"),
        ("0x" + "9" * 39 + "8", "ethereum", "is in no transfer"),
        (case.MULE, None, "known on several chains: ethereum, bsc"),
        (case.MULE, "mars", "cannot be traced"),
    ],
)
def test_refusals_name_what_is_wrong(folder, address, chain, words):
    with pytest.raises(Refused, match=words):
        traced(folder, address, chain=chain)


def test_an_address_without_exports_is_traced_with_a_warning(folder):
    told = " ".join(traced(folder, case.STRANGER)["notices"])
    assert "Outgoing transfers not supplied" in told
    assert "may be incomplete" in told


def test_one_sided_exports_do_not_make_holders(tmp_path):
    """The mule's export shows native coins alone: its tokens are not unspent but not supplied."""
    covers = pl.concat([covered(case.COLLECTOR), covered(case.MULE, legs="native_in,native_out")])
    store(tmp_path / "store", case.case_rows()[:2], covers)
    (tmp_path / "services.csv").write_text(case.SERVICES, encoding="utf-8")
    found = ends(traced(tmp_path, chain=None), "fifo")
    assert found["not_supplied", case.MULE] == "500"


def crowd(n: int) -> Report:
    """A report in which the collector paid and was paid by `n` strangers each."""
    report = case.trace_report()
    for sides in report["directions"].values():
        for side in sides.values():
            [end] = [e for e in side["ends"] if e["end"] == "not_supplied"][:1]
            side["ends"] = [
                end | {"address": f"0x{k:040x}", "usd": 1_000.0 + k, "share": 1 / n}
                for k in range(n)
            ]
            [kind] = [k for k in side["kinds"] if k["end"] == "not_supplied"]
            worth = sum(e["usd"] for e in side["ends"])
            kind |= {"usd": worth, "n_addresses": n, "share": 1.0}
            side |= {"kinds": [kind], "usd": worth}
    return report


def test_the_picture_of_two_hundred_nodes_can_be_read():
    drawn = ET.fromstring(flow_picture(crowd(200), "fifo"))
    words = [node.text or "" for node in drawn.iter() if node.tag == "text"]
    assert any("200 addresses" in text for text in words)
    assert len(words) < 4 * 12 + 4
    left = [n for n in drawn.iter() if n.tag == "text" and "end" in n.get("class", "")]
    ys = [float(n.get("y", 0)) for n in left]
    assert min(b - a for a, b in pairwise(sorted(ys))) >= 12  # no label over another
    height = float(drawn.get("viewBox", "").split()[3])
    assert height < 700
    page = trace_page(crowd(200))
    assert "160 more are in trace.json" in page


def test_picture_and_page_agree_on_every_amount_of_a_kind():
    report = case.trace_report()
    page = trace_page(report)
    for convention in ("fifo", "haircut"):
        for kind in report["directions"]["forward"][convention]["kinds"]:
            assert money(kind["usd"]) in page
