"""What a trace must not leave unsaid, from reports made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.tracing.trace_leads import more_than_received, trace_leads

ME, OTHER = "0xme", "0xother"


def end(kind: str, address: str, usd: float, **more: Any) -> dict[str, Any]:
    base = {"chain": "ethereum", "tags": [], "share": usd / 1000, "hops_least": 1, "hops_most": 1}
    return base | {"end": kind, "address": address, "usd": usd} | more


def node(usd: float, chain: str = "arbitrum") -> dict[str, Any]:
    return {"chain": chain, "address": ME, "share": usd / 1000}


def report(
    fifo: list[Any], haircut: list[Any] | None = None, nodes: Any = (), back: Any = ()
) -> dict[str, Any]:
    sides = {"fifo": fifo, "haircut": fifo if haircut is None else haircut}
    return {
        "chain": "ethereum",
        "address": ME,
        "as_of": "2025-04-19T00:00:00Z",
        "directions": {
            "forward": {name: {"usd": 1000.0, "ends": ends} for name, ends in sides.items()},
            "backward": {name: {"usd": 1000.0, "ends": list(back)} for name in sides},
        },
        "key_nodes": {"forward": {name: {"nodes": list(nodes)} for name in sides}},
    }


def said(found: list[dict[str, Any]], kind: str) -> list[str]:
    return [lead["sentence"] for lead in found if lead["kind"] == kind]


@pytest.mark.parametrize(
    "ends, fate",
    [
        ([end("unspent", ME, 510, chain="arbitrum")],
         " and was still there at 19 April 2025, as far as supplied."),
        ([end("unspent", ME, 20, chain="arbitrum"), end("unspent", OTHER, 490, chain="arbitrum")],
         "; 2 % of it all was still there at 19 April 2025, as far as supplied."),
        ([end("not_supplied", ME, 510, chain="arbitrum")],
         ", whose transfers there were not supplied."),
        ([end("mixer", OTHER, 510, chain="arbitrum")], " and went on from there."),
    ],
)  # fmt: skip
def test_value_at_the_same_address_elsewhere_is_no_exit(ends, fate):
    found = trace_leads(report(ends, nodes=[node(510), node(400, "ethereum")]))
    [own] = [lead for lead in found if lead["kind"] == "own"]
    assert own["sentence"] == (
        f"51 % of what was traced forward came to the same address on arbitrum{fate} If one "
        "person holds both, that is neither a payment nor an exit."
    )
    assert own["parties"] == [{"chain": "arbitrum", "address": ME, "name": None}]


def test_a_chain_with_a_figure_in_its_name_is_not_spelled_out():
    [own] = said(trace_leads(report([], nodes=[node(100, "l2")])), "own")
    assert "on another chain and went on" in own


def test_mixers_and_marketplaces_are_named_on_both_sides():
    tag = [{"name": "Blender"}]
    ends = [end("mixer", "0xa", 200, tags=tag, hops_least=2), end("mixer", "0xb", 100)]
    market = end("guarantee_marketplace", "0xc", 430, tags=[{"name": "Market"}])
    found = trace_leads(report(ends, [end("mixer", "0xa", 250, tags=tag)], back=[market]))
    [dark] = [lead for lead in found if lead["kind"] == "dark"]
    assert dark["sentence"] == (
        "30 % of what was traced forward under FIFO, 25 % under haircut, came to 2 addresses of "
        "mixers, the nearest 1 payment away."
    )
    assert [one["name"] for one in dark["parties"]] == ["Blender", None]
    assert dark["n_parties"] == 2
    assert said(found, "dark_source") == [
        "43 % of what was traced back came from a guarantee marketplace, 1 payment away."
    ]


@pytest.mark.parametrize(
    "hops, words",
    [
        ([1], "It paid the exchange deposit address itself; the account there may be its own or a "
         "payee’s."),
        ([3], "It did not itself pay the exchange deposit address: it is 3 payments away, and the "
         "account there may be that of somebody on the way."),
        ([2, 3], "It paid none of 2 exchange deposit addresses itself: the nearest is 2 payments "
         "away, and the account there may be that of somebody on the way."),
        ([1, 4, 1], "Of 3 exchange deposit addresses it paid 2 itself; an account there may be its "
         "own or a payee’s."),
    ],
)  # fmt: skip
def test_a_deposit_address_two_hops_on_is_not_its_own_cash_out(hops, words):
    ends = [
        end("exchange_deposit", f"0x{k}", 100.0, hops_least=n, hops_most=n)
        for k, n in enumerate(hops)
    ]
    assert said(trace_leads(report(ends)), "deposit") == [words]


def test_the_largest_that_was_not_supplied_is_to_be_fetched_next():
    ends = [end("not_supplied", "0xa", 60), end("not_supplied", "0xb", 50),
            end("not_supplied", "0xb", 40), end("unspent", "0xc", 850)]  # fmt: skip
    [fetch] = [lead for lead in trace_leads(report(ends)) if lead["kind"] == "fetch"]
    assert fetch["sentence"] == (
        "Of what was traced forward, 15 % is lost after one payment for want of data: fetch next "
        "the transfers of the address that took most there, $90."
    )
    assert [one["address"] for one in fetch["parties"]] == ["0xb"]
    far = trace_leads(report([end("not_supplied", "0xa", 150, hops_most=2)]))
    assert "is lost for want of data" in said(far, "fetch")[0]
    assert not said(trace_leads(report([end("not_supplied", "0xa", 40)])), "fetch")


def test_nothing_is_said_where_nothing_has_a_price():
    bare = report([end("mixer", "0xa", 100)])
    for side in bare["directions"]["forward"].values():
        side["usd"] = None
    assert trace_leads(bare) == []


def test_more_traced_than_received_is_explained():
    block = report([]) | {"made": True}
    [lead] = more_than_received(block, 900.0)
    assert lead["sentence"].startswith("$1,000 were traced forward, more than the $900 received:")
    assert more_than_received(block, 996.0) == []
    assert more_than_received({"made": False}, 1.0) == []
