"""Pages: everything is on them, nothing on them runs, and nothing leaves them."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import jsonschema  # type: ignore[import-untyped]
import pytest

from data.explorers import load_explorers
from models.bands import BANDS
from models.leakage import Finding
from models.metrics import METRICS
from models.sentences import verdict
from pipelines import charts
from pipelines.alerting.alerts import SCHEMA
from pipelines.pages.alert_rows import short
from pipelines.pages.alert_views import steps
from pipelines.pages.cases import cases_page
from pipelines.pages.distributions import distribution
from pipelines.pages.evaluation import evaluation_page
from pipelines.pages.monitor import monitor_page
from pipelines.pages.nightly import nightly_page
from pipelines.pages.outreach import outreach_page
from pipelines.pages.pages import alert_file, alert_page, index_page
from pipelines.pages.realism import realism_page
from pipelines.pages.scale import scale
from pipelines.pages.timeline import balance, timeline
from pipelines.pages.trace import trace_page
from pipelines.visible import identifier, visible
from tests.generated import some
from tests.pipelines.alert_examples import ADDRESS, example
from tests.pipelines.browser import opened
from tests.pipelines.case_examples import cases_report
from tests.pipelines.hostile import XSS
from tests.pipelines.monitor_examples import monitor_report
from tests.pipelines.nightly_examples import nightly_report
from tests.pipelines.realism_examples import realism_report
from tests.pipelines.trace_examples import trace_report


def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def overview(alert: dict[str, Any]) -> dict[str, Any]:
    return {
        "generated_by": "unrinse 0.1.0",
        "as_of": alert["as_of"],
        "notices": alert["notices"],
        "bundle_sha256": alert["bundle_sha256"],
        "transfers_sha256": alert["transfers_sha256"],
        "base_rate": 0.01,
        "basis": "usd",
        "decision_use": False,
        "n_requested": 12,
        "n_scored": 8,
        "bands": {"severe": 1, "high": 2, "below_review": 5},
        "alerts": [
            {
                **{k: alert[k] for k in ("rank", "band", "score", "chain", "address")},
                **{k: alert[k] for k in ("score_low", "score_high")},
                "reason": alert["reasons"][0]["sentence"],
                "listed": False,
                "role": "mule",
                "last_seen": alert["history"]["last_seen"],
                "received": 1234.5,
                "href": alert_file(alert),
            }
        ],
        "statuses": [
            {"status": "insufficient_history", "n": 3, "meaning": "Too few transfers to score."},
        ],
        "victims": {"n": 3, "n_paid": 2},
        "unscored": [{"chain": "tron", "address": alert["address"], "status": "not_found"}],
        "unscored_left_out": 3,
        "problems": [{"line": 3, "text": "0x12", "reason": "too short"}],
        "n_problems": 1,
    }


def evaluation() -> dict[str, Any]:
    estimate = {"value": 0.9, "low": 0.85, "high": 0.93}
    split = {
        "n": 600,
        "n_positive": 150,
        "n_groups": 90,
        "prevalence": 0.25,
        "weighted": None,
        **dict.fromkeys(METRICS, estimate),
        "bands": {"below_review": {"positives": 1, "negatives": 2}},
        "not_scored": {"insufficient_history": {"n": 4, "n_positive": 1}},
        "false_alarms": {"medium": {**estimate, "per_million": estimate}},
        "budgets": [
            {
                "alerts_per_1000": 10,
                "alerts": 6,
                **dict.fromkeys(("recall", "precision", "fpr"), estimate),
                "precision_at_base_rate": None,
                "innocent_per_million": estimate,
            }
        ],
        "reliability": [
            {"n": 60, "n_positive": 6, "stated": 0.1, "least": 0.05, "most": 0.2}
            | {"observed": 0.1, "low": 0.05, "high": 0.2}
        ],
        "precision_recall": [
            {"log_odds": 1.0, "recall": r, "precision": 0.9, "precision_at_base_rate": b}
            for r, b in ((0.1, None), (0.5, 0.2))
        ],
        "slices": [
            {"by": "chain", "name": "tron", "n": 60, "n_positive": 6, "roc_auc": estimate}
            | {"pr_auc": None, "found": None, "flagged": estimate, "ratio": 1.2}
            | {"says": "too few positives to say how they are found"},
            {"by": "age", "name": "young", "n": 6, "n_positive": 6, "roc_auc": None}
            | {"pr_auc": None, "found": None, "flagged": None, "ratio": None}
            | {"says": "too few addresses to say anything"},
        ],
        "populations": {
            "payroll": {
                "n": 80,
                "n_positive": 0,
                "median_log_odds": -3.0,
                "flagged": {"medium": {"value": 0.05, "low": 0.02, "high": 0.09}},
            }
        },
    }
    method = "percentile bootstrap over groups"
    return {
        "label_maturity": maturity(),
        "against": beside_the_champion(),
        "ablation": without_a_family(),
        "rivals": simpler_models(),
        "splits": {
            "validation": split,
            "test": {
                **split,
                "weighted": {"stands_for": 9000.0, "tells_as_many_as": 410.2}
                | {"least": 1.0, "most": 20.0},
                "recall_at_fpr_0.001": None,
                "precision_at_100": {**estimate, "low": None, "high": None},
            },
        },
        "interval": {"confidence": 0.95, "method": method, "resamples": 1000, "seed": 1},
        "base_rate": 0.01,
        "probabilities_at_prevalence": 0.2,
        "notes": ["null: not resolvable"],
        "most_wrong": [
            {"split": "test", "kind": "false alarm", "case": "0a1b", "chain": "tron"}
            | {"n_transfers": 9, "log_odds": 2.0, "score": 0.9, "band": "high"}
            | {"score_low": 0.7, "score_high": 0.95}
            | {"reasons": "swaps 3", "against": ["senders"]},
            {"split": "test", "kind": "missed", "case": "0a1c", "chain": "tron"}
            | {"n_transfers": 9, "log_odds": -2.0, "score": 0.1, "band": None}
            | {"score_low": None, "score_high": None}
            | {"reasons": "no single strong reason", "against": []},
        ],
        "audit": {
            "verdict": "accepted",
            "findings": [finding("era"), finding("missing_dates", blocks=False)],
            "ran": ["era", "missing_dates"],
            "not_run": {"registry_after_cut": "no input rests on it"},
        },
    }


def maturity() -> dict[str, Any]:
    share = {"value": 0.4, "low": 0.3, "high": 0.5}
    old: dict[str, Any] = {"quarter": "2025-Q3", "n": 1200, "n_positive": 300, "n_dated": 1200}
    old |= {"within": {"30": {**share, "n": 900}, "90": {**share, "n": 700}, "180": None}}
    old |= {"shortfall": {"labels": share, "positives": share}}
    none = {"30": None, "90": None, "180": None}
    new = {**old, "quarter": "2025-Q4", "n": 40, "n_dated": 0, "within": none}
    return {
        "moment": "2026-01-10T00:00:00+00:00",
        "n_undated": 3,
        "waits_of": {"labels": 2000, "positives": 500},
        "quarters": {
            "test": [{**old, "shortfall": {"labels": None, "positives": None}}],
            "all": [old, new],
        },
    }


def without_a_family() -> dict[str, Any]:
    worth = {"with_it": 0.8, "without": 0.72, "cost": 0.08, "low": -0.01, "high": 0.15}
    return {
        "metric": "pr_auc",
        "n": 600,
        "n_positive": 150,
        "families": {"pass_through": {"signals": 9, **worth}, "otc": {"signals": 3, **worth}},
        "another_seed": worth | {"without": 0.79, "cost": 0.01},
    }


def simpler_models() -> dict[str, Any]:
    found = {"model": 0.8, "rival": 0.5, "difference": 0.3, "low": 0.2, "high": 0.4}
    return {
        "trained_on": 900,
        "n": 600,
        "n_positive": 150,
        "rivals": {"red_flags": {"pr_auc": found}, "random_forest": {}},
        "verdict": "Boosting is worth it: its PR-AUC is 0.800.",
    }


def beside_the_champion() -> dict[str, Any]:
    figure = {"model": 0.6, "champion": 0.5, "difference": 0.1, "low": 0.02, "high": 0.2}
    counts = {"positives": 3, "negatives": 1}
    return {
        "split": "test",
        "champion_sha256": "c" * 64,
        "champion_learned_until": "2025-06-01",
        "n": 600,
        "n_positive": 150,
        "n_only_model": 2,
        "n_only_champion": 0,
        "alerts_per_1000": 10.0,
        "alerts": 6,
        "measured": {"recall": figure, "precision": figure, "precision_at_base_rate": None},
        "overlap": {"both": counts, "only_model": counts, "only_champion": counts},
        "rank_correlation": 0.91,
        "verdict": "With the same alerts it finds more than the champion.",
        "gate": [
            {"name": "coverage", "outcome": "pass", "what": "scores all", "value": 0.0},
            {"name": "not_worse:pr_auc", "outcome": "inconclusive", "what": "0.6", "value": 0.1}
            | {"low": -0.1, "high": 0.3, "bound": "above -0.02"},
            {"name": "not_worse:roc_auc", "outcome": "noted", "what": "too few"},
        ],
    }


def finding(kind: str, blocks: bool = True) -> dict[str, Any]:
    found = Finding(kind, "Dates tell the classes apart.", "When, not what.", "Draw anew.", blocks)
    return found.facts(allowed=blocks)


def evaluated(report: dict[str, Any]) -> str:
    return evaluation_page(report, bundle_sha256="a" * 64, training_basis="synthetic")


CASE = {"href": "cases.html#case-0a1b", "n": 3}
EXPLORERS = load_explorers()

PAGES: dict[str, Callable[[], str]] = {
    "alert": lambda: alert_page(example(), EXPLORERS, CASE),
    "index": lambda: index_page(overview(example())),
    "evaluation": lambda: evaluated(evaluation()),
    "realism": lambda: realism_page(realism_report()),
    "monitor": lambda: monitor_page(monitor_report()),
    "nightly": lambda: nightly_page(nightly_report()),
    "trace": lambda: trace_page(trace_report(), EXPLORERS),
    "cases": lambda: cases_page(cases_report(), EXPLORERS),
    "outreach": lambda: outreach_page(outreach_report()),
}


_WITHIN = r"data:,|(alerts/)?[\w.-]+\.(html(#[\w-]+)?|jsonl?|csv)"
"""A link that stays in the folder of the page."""

_TO_EXPLORERS = r"https://(etherscan\.io|arbiscan\.io|bscscan\.com)/(tx|address)/0x[0-9a-f]+"


class Elements(HTMLParser):
    """What a browser would build: tags with their attributes' names, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.out: list[dict[str, str | None]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        led = [v or "" for k, v in attrs if k in ("href", "src", "action", "data", "ping")]
        self.links += led
        if any(not re.fullmatch(_WITHIN, link) for link in led):
            self.out.append({"tag": tag, **dict(attrs)})

    def handle_data(self, data: str) -> None:
        self.text.append(data.replace("\u00a0", " "))  # a space that only does not break


def test_the_example_obeys_the_schema():
    assert list(validator().iter_errors(example())) == []


def test_the_schema_allows_nothing_it_does_not_name():
    def objects(node: Any) -> Iterator[dict[str, Any]]:
        if isinstance(node, dict):
            if node.get("type") == "object":
                yield node
            for child in node.values():
                yield from objects(child)
        elif isinstance(node, list):
            for child in node:
                yield from objects(child)

    found = list(objects(json.loads(SCHEMA.read_text(encoding="utf-8"))))
    assert len(found) > 12
    for node in found:
        assert "additionalProperties" in node
        assert set(node.get("required", [])) == set(node.get("properties", {}))


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_is_whole_and_asks_nobody_for_anything(page):
    html = PAGES[page]()
    elements = Elements(html)
    names = {tag for tag, _ in elements.tags}
    assert not names & {"iframe", "object", "embed", "form", "img", "base", "video"}
    assert ("script" in names) == (page == "index")
    assert not [a for _, attributes in elements.tags for a in attributes if a.startswith("on")]
    assert "default-src 'none'" in html
    assert ("a" in names) or page not in ("alert", "trace", "cases", "outreach")
    assert bool(elements.out) == (page in ("alert", "trace", "cases"))
    for link in elements.out:  # nothing leads out but what a reader clicks, to an explorer
        assert link["tag"] == "a"
        assert link["rel"] == "noreferrer noopener"
        assert link["target"] == "_blank"
        assert "ping" not in link
        assert re.fullmatch(_TO_EXPLORERS, link["href"] or "")
        host = urlsplit(link["href"] or "").netloc
        assert f"{host} will learn that you look" in (link["title"] or "")
    assert "x-dns-prefetch-control" in html
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    # no reference out, apart from the names of SVG's own namespaces
    assert set(re.findall(r"https?://[^\"' <]*", html)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
        *(link["href"] for link in elements.out),
    }


def test_made_up_ids_and_explorers_that_are_off_have_no_link():
    assert Elements(alert_page(example())).out == []
    generic = example() | {"chain": "generic"}
    generic["counterparties"]["rows"] = [
        row | {"chain": "generic"} for row in generic["counterparties"]["rows"]
    ]
    led = {link["href"] for link in Elements(alert_page(generic, EXPLORERS)).out}
    assert led < {link["href"] for link in Elements(PAGES["alert"]()).out}
    assert not any(row["tx_id"] in "".join(map(str, led)) for row in _rows(generic))


def test_every_row_of_evidence_can_be_looked_up():
    alert = example()
    led = {link["href"] for link in Elements(PAGES["alert"]()).out}
    for row in _rows(alert):
        assert f"https://etherscan.io/tx/{row['tx_id']}" in led
        assert f"https://etherscan.io/address/{row['counterparty'].lower()}" in led


def _rows(alert: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for reason in alert["reasons"] for row in reason["evidence"]["rows"]]


def test_a_page_leads_to_its_case_where_there_is_one():
    assert "cases.html" not in alert_page(example())
    html = PAGES["alert"]()
    assert '<a href="cases.html#case-0a1b">its case of 3 alerts</a>' in html
    report = cases_report()
    for case in report["cases"]:  # and back
        for member in case["members"]:
            assert f'href="{member["alert_id"]}.html"' in PAGES["cases"]()
        if len(case["members"]) > 1:
            assert f'id="{case["case_id"]}"' in PAGES["cases"]()


def test_a_possible_victim_is_helped_and_not_judged():
    html = PAGES["outreach"]()
    text = " ".join("".join(Elements(html.partition("<main>")[2]).text).split())
    for said in (
        "3 addresses may belong to victims.",
        "Nobody on this page is accused of anything.",
        "What to ask",
        "What help to offer",
        "Pay nothing more",
        "2 paid an address with an alert in this run",
        "It paid $12,300 in 3 transfers (1 without a price) to 2 addresses with an alert, and got "
        "$50.00 in 1 transfer from such addresses.",
        "The others dealt with no address that has an alert in this run",
        "1 more is in outreach.csv.",
    ):
        assert said in text, said
    judged = r"suspect|launder|resembles|probability|severe|medium|below review|typology|odds"
    assert not re.search(judged, text, re.IGNORECASE)
    assert not re.search(r'class="(band|score)', html)
    index = " ".join("".join(Elements(PAGES["index"]()).text).split())
    assert "3 addresses may belong to victims; 2 of them paid an address with an alert" in index
    assert 'href="outreach.html"' in PAGES["index"]()
    assert "suspect" not in index


def test_a_list_without_victims_asks_nothing_of_anybody():
    report = outreach_report() | {"n": 0, "n_paid": 0, "victims": []}
    text = "".join(Elements(outreach_page(report)).text)
    assert "No address was set apart" in text
    assert "What to ask" not in text
    none = overview(example()) | {"victims": {"n": 0, "n_paid": 0}}
    assert "For outreach" not in index_page(none)


def test_the_point_stands_on_top():
    text = " ".join(" ".join(Elements(PAGES["alert"]()).text).split())
    order = [
        "Not for decisions.",
        ADDRESS,
        "resembles pig-butchering laundering; few reference addresses",
        "This is not a finding",
        "high High begins at 20 %. probability of this typology",
        "at a base rate of 1 in 100",
        "The interval reaches from high into severe.",
        "Which part? Most like a collector, by the trees 83 %.",
        "The model tells two; consolidator and others it cannot name.",
        "Victim? Whether it is a victim’s was asked; the data do not support it.",
        "From 1 April 2024 it paid 14 addresses $212,400 within 24 hours.",
        "Speaks against It was active on 44 days",
        "One innocent explanation fits, and no other: a shop.",
        "Not seen Internal transfers received were not supplied.",
        "Fetch next the transfers of one that took $50,000.",
        "Same address, another chain 51 % came to the same address elsewhere.",
        "Out of sight 21 % of what was traced forward came to a mixer. Made-up mixer.",
        "Exits Of $900,000 traced, 97 % to exchanges. It paid none of them itself.",
        "3 of 812 scored in this run.",
        "41 counterparties, by kind",
        "Measured in the 214 transfers supplied (3 March 2024 to 9 May 2024).",
        "It sent on 97 % of what it received within 24 hours.",
    ]
    places = [text.index(part, text.index("Not for decisions.")) for part in order]
    assert places == sorted(places)


def test_nothing_is_shortened():
    alert = example()
    text = "".join(Elements(alert_page(alert)).text)
    for reason in alert["reasons"]:
        assert short(reason["sentence"]) in text
        for row in reason["evidence"]["rows"]:
            assert row["tx_id"] in text
            assert row["counterparty"] in text
        for row in reason["evidence"]["elsewhere"]:
            assert all(row[name] in text for name in ("tx_id", "sender", "receiver"))
    for part in alert["contributions"]:
        assert part["signal"] in text
    for c in alert["counter"]:
        assert short(c["sentence"]) in text
    assert alert["bundle_sha256"] in text
    assert alert["transfers_sha256"] in text


def test_every_part_beside_the_score_is_on_the_page():
    alert = example()
    text = " ".join("".join(Elements(alert_page(alert)).text).split())
    for one in alert["innocent_explanations"]:
        assert all(one[name] in text for name in ("title", "sentence", "supposes", "source"))
        assert f"It would be shown by {one['shown_by']}." in text
        for sign in one["signs"]:
            assert f"{sign['meaning']}" in text
            assert sign["expected"] in text
            assert sign["missing"] is None or sign["missing"] in text
    for one in (*alert["gaps"], *alert["overturn"], *alert["facts"]["told"]):
        assert one["sentence"] in text
    for one in alert["overturn"]:
        assert all(address in text for address in one["concerned"])
    for fact in alert["facts"]["told"]:
        assert all(tx in text for tx in fact["tx_ids"])
    for side in alert["trace"]["directions"]["forward"].values():
        assert all(end["address"] in text for end in side["ends"])
    assert "873,000.25 USDT" in text
    assert "At most 6 payments in a row" in text
    assert "Under FIFO." in text
    assert "ruled out" not in text


def test_a_page_below_review_speaks_of_no_alert():
    alert = example()
    low = alert | {"band": "below_review", "verdict": verdict("below_review"), "role": None}
    none = low | {"band": None, "verdict": verdict(None)}
    for page, kind, why in (
        (low, "no alert", "What raised the score, short of review"),
        (none, "score without a band", "What raised the score"),
    ):
        text = " ".join(" ".join(Elements(alert_page(page)).text).split())
        assert f"Unrinse · {kind}, pig-butchering laundering" in text
        assert "What else would settle it" in text
        assert f"{why} Measured" in text
        assert "Which part? None is told." in text
        assert alert["questions"]["victim"]["sentence"] in text
        assert "overturn this alert" not in text
    text = " ".join(" ".join(Elements(alert_page(alert)).text).split())
    assert "What would overturn this alert" in text
    assert not re.search(r"Bears on [^.]*×", text)  # no document divides guilt


def test_every_address_on_the_page_is_named_for_what_it_is():
    alert = example()
    [known] = alert["known"]
    rows = alert["reasons"][0]["evidence"]["rows"]
    alert["known"] = [known | {"address": rows[0]["counterparty"]}, known]
    html = alert_page(alert)
    words = '<b class="whose">an alert too, high in this run</b>'
    assert f"{rows[0]['counterparty']} {words}" in html
    assert f"{alert['overturn'][0]['concerned'][0]} {words}" in html
    text = " ".join("".join(Elements(html).text).split())
    assert "exchange hot wallet of Made-up exchange by a list (2024-01-01), not verified" in text
    assert "2 exchange hot wallets: unknown customers of exchanges" in text
    assert "39 others" in text
    assert "$1,50025 %, 3 transfers" in text


@pytest.mark.parametrize(
    "kind, side",
    [("spread", "The receiver"), ("stepped_up", "The payer"), ("concentrated", "The other side")],
)
def test_a_fact_names_the_side_that_somebody_known_is_on(kind, side):
    alert = example()
    known = alert["known"][0]
    who = {"chain": known["chain"], "address": known["address"]}
    fact = alert["facts"]["told"][0] | {"kind": kind, "counterparty": who}
    alert["facts"] = alert["facts"] | {"told": [fact]}
    text = " ".join(" ".join(Elements(alert_page(alert)).text).split())
    sides = re.findall(r"(The receiver|The payer|The other side) ?:", text)
    assert sides == [side]


def test_a_transfer_under_two_reasons_is_shown_once():
    alert = example()
    first, second = (reason["evidence"] for reason in alert["reasons"][:2])
    second["rows"] = [*first["rows"][:2], *second["rows"]]
    text = " ".join("".join(Elements(alert_page(alert)).text).split())
    for row in first["rows"][:2]:
        assert text.count(f"tx {row['tx_id']}") == 1
    assert "2 stand under reason 1." in text
    assert text.count("also 2") == 2


def test_what_nobody_knows_of_a_holder_is_counted_not_shown():
    alert = example()
    [holder] = alert["trace"]["freezability"]["holders"]
    empty = {"net_of_supplied": None, "lower": "0", "upper": None, "speed": None}
    alert["trace"]["freezability"]["holders"] = [holder, holder | empty, holder | empty]
    text = " ".join("".join(Elements(alert_page(alert)).text).split())
    assert "2 more of the largest holders: not supplied" in text
    assert text.count("Tether") == 1


def test_circles_are_explained_where_there_are_any():
    alert = example()
    assert "in a circle" not in alert_page(alert)
    for side in alert["trace"]["key_nodes"].values():
        side["nodes"][0]["share"] = 1.21
    assert "Above 100 %: what came to it twice, in a circle, counts twice" in alert_page(alert)


def test_only_what_is_not_for_decisions_has_a_watermark():
    alert = example()
    assert 'class="watermark"' in alert_page(alert)
    assert 'class="watermark"' not in alert_page(alert | {"decision_use": True})


def test_an_address_too_large_to_trace_says_so():
    alert = example()
    alert["trace"] |= dict.fromkeys(("coverage", "directions", "freezability", "key_nodes"))
    alert["trace"] |= {"made": False, "crossings": {}, "said": [], "n_transfers": 31_000}
    assert list(validator().iter_errors(alert)) == []
    page = alert_page(alert)
    assert "its own transfers alone are 31,000" in page
    assert "at most 20,000" in page


def test_two_hundred_exits_can_be_read_in_an_alert():
    alert = example()
    for side in alert["trace"]["directions"]["forward"].values():
        [end] = side["ends"]
        [kind] = side["kinds"]
        side["ends"] = [
            end | {"address": f"0x{k:040x}", "usd": 1000.0, "share": 1 / 200} for k in range(12)
        ]
        kind |= {"n_addresses": 200, "usd": 200_000.0}
        side |= {"n_ends": 200, "usd": 200_000.0}
    page = alert_page(alert)
    assert "200 addresses" in page
    assert "The largest of 200;" in page


def test_the_waterfall_ends_where_the_score_is():
    alert = example()
    bars = steps(alert)
    assert [bar["family"] for bar in bars] == [
        f["family"] for f in sorted(alert["families"], key=lambda f: -f["contribution"])
    ]
    total = sum(abs(f["contribution"]) for f in alert["families"])
    rises = sum(f["contribution"] for f in alert["families"] if f["contribution"] > 0)
    for bar in bars:
        assert 0 <= bar["left"] <= bar["left"] + bar["width"] <= 100 + 1e-9
        assert bar["width"] == pytest.approx(100 * abs(bar["contribution"]) / rises)
    assert rises <= total
    for before, after in pairwise(bars):  # each begins where the one above ends
        ends = before["left"] + (before["width"] if before["contribution"] > 0 else 0)
        begins = after["left"] + (0 if after["contribution"] > 0 else after["width"])
        assert begins == pytest.approx(ends)


def test_the_net_of_the_supplied_transfers_is_drawn():
    alert = example()
    drawn = ET.fromstring(balance(alert))
    labels = [node.text for node in drawn.iter() if node.tag == "text"]
    assert {"$20k", "$0", "−$20k"} <= set(labels)
    alert["timeline"]["bins"] = []
    assert balance(alert) == ""


def test_transfers_beyond_the_history_are_told_apart():
    text = " ".join("".join(Elements(alert_page(example())).text).split())
    leg = example()["reasons"][0]["evidence"]["elsewhere"][0]
    assert "Probable other legs on other chains: 1 transfer." in text
    assert f"on arbitrum, other leg of {leg['of_tx_id']}, probability 93 %" in text
    assert "And on 7 transfers between others; the first 1 is below." in text
    assert text.count("other leg of") == 1


def test_an_alert_without_a_reason_says_so():
    alert = {**example(), "reasons": []}
    assert list(validator().iter_errors(alert)) == []
    assert "No single strong reason" in alert_page(alert)


@pytest.mark.parametrize("band", [*BANDS, None])
def test_every_band_has_a_page(band):
    alert = example() | {"band": band}
    alert["thresholds"] = dict.fromkeys(alert["thresholds"], None) if band is None else {
        "medium": -3.0, "high": None, "severe": None
    }  # fmt: skip
    alert["threshold_population"]["fpr"] = None
    assert list(validator().iter_errors(alert)) == []
    assert ("no band" if band is None else band.replace("_", " ")) in alert_page(alert)


def test_a_probability_stands_with_its_interval_and_its_base_rate():
    alert = example()
    text = " ".join("".join(Elements(alert_page(alert)).text).split())
    low, high = (f"{100 * alert[name]:.0f} %" for name in ("score_low", "score_high"))
    assert f"95 % interval {low} to {high}at a base rate of 1 in 100" in text
    assert 'class="spread"' in scale(alert)
    index = " ".join("".join(Elements(PAGES["index"]()).text).split())
    assert f"{low} to {high}" in index
    assert "at a base rate of 1 in 100" in index
    silent = alert | {"score_low": None, "score_high": None}
    assert list(validator().iter_errors(silent)) == []
    assert "interval not known" in alert_page(silent)
    assert 'class="spread"' not in scale(silent)


def test_a_listed_address_is_announced():
    alert = example()
    alert["list_hits"] = [
        {
            "name": "Someone",
            "category": "sanctioned",
            "source": "OFAC SDN",
            "date": "2024-01-02",
            "confidence": "authority_data",
        }
    ]
    assert list(validator().iter_errors(alert)) == []
    text = " ".join("".join(Elements(alert_page(alert)).text).split())
    assert "Listed address. Someone, sanctioned, by OFAC SDN (2024-01-02)" in text


def test_the_index_calls_nothing_clean():
    text = " ".join("".join(Elements(PAGES["index"]()).text).split())
    assert "Of 12 addresses, 8 could be scored; 3 of them resemble" in text
    assert "an address without a score has not been cleared" in text
    assert "insufficient_history" in text
    assert "1 line of the list could not be used" in text
    assert not re.search(r"\b(clean|safe|innocent|low risk)\b", text)


def test_an_evaluation_without_charts_says_how_to_get_them(monkeypatch):
    monkeypatch.setattr("pipelines.charts.find_spec", lambda name: None)
    html = evaluated(evaluation())
    assert charts.HOW_TO_GET_THEM in "".join(Elements(html).text).replace("\n", "")
    assert "not resolvable" in html
    assert "<svg" not in html


def test_an_evaluation_opens_with_the_audit_and_the_maturity_of_its_labels():
    text = " ".join(" ".join(Elements(evaluated(evaluation())).text).split())
    order = (
        "Leaking, and accepted.",
        "The newest quarter, 2025-Q4, has 40 labels, 300 positive. Going by how long older labels "
        "took, 40 % [30 %, 50 %] of its positives are still to come. What is measured on it",
        "too young",
        "not said",
        "on 10 January 2026 UTC",
        "3 labels have no moment of their own",
        "With the same alerts it finds more than the champion. 6 alerts, 10 per 1,000",
        "positives found 0.600 0.500 +0.100 [+0.020, +0.200]",
        "by this model alone 3 1",
        "not_worse:pr_auc inconclusive +0.100 [-0.100, +0.300]",
        "Innocent people per million",
    )
    places = [text.lower().index(part.lower()) for part in order]
    assert places == sorted(places)
    unknown = "".join(Elements(evaluated(evaluation() | {"label_maturity": None})).text)
    assert "nobody can tell fresh ones from old ones" in unknown


def test_what_is_off_says_how_to_turn_it_on():
    without = {k: v for k, v in evaluation().items() if k not in ("against", "ablation", "rivals")}
    text = " ".join(" ".join(Elements(evaluated(without)).text).split())
    assert "unrinse evaluate … --against BUNDLE" in text
    assert "unrinse train … --ablation" in text
    assert "Boosting is worth it" not in text
    measured = " ".join(" ".join(Elements(evaluated(evaluation())).text).split())
    assert "Pass through 9 0.720 +0.080 [-0.010, +0.150]" in measured
    assert "nothing, but from another seed 0.790 +0.010" in measured
    assert "red flags 0.500 +0.300 [+0.200, +0.400]" in measured


def test_a_realism_report_says_that_the_world_is_invented_and_what_gives_it_away():
    text = " ".join("".join(Elements(PAGES["realism"]()).text).split())
    for part in (
        "Everything in the world is invented.",
        "A classifier tells the world's criminal accounts from real ones with ROC-AUC 0.800",
        "Enough to tell: senders (ROC-AUC 0.75), then median_gap (0.79).",
        "lower in the world (median 2 against 5)",
        "too few histories to tell",
        "8.6 hours",
        "they are no held-out test",
        "histories with fewer than 5 transfers",
    ):
        assert part in text, part


def test_a_realism_report_without_references_shows_published_figures_alone():
    report = realism_report() | {"comparisons": []}
    html = realism_page(report)
    assert "The world&#39;s criminals beside published figures of scam wallets." in html
    assert "<svg" not in html


def test_distributions_stay_inside_their_drawing():
    report = realism_report()
    measures = report["comparisons"][0]["views"][0]["measures"]
    for measure in measures:
        root = ET.fromstring(distribution(measure, report["levels"]))
        _, _, width, height = (float(part) for part in root.attrib["viewBox"].split())
        for node in root.iter():
            points = [p.split(",") for p in node.attrib.get("points", "").split()]
            places = [(float(x), float(y)) for x, y in points]
            if "cx" in node.attrib:
                places.append((float(node.attrib["cx"]), float(node.attrib["cy"])))
            for x, y in places:
                assert 0 <= x <= width
                assert 0 <= y <= height
    none = measures[0] | {"world": {"curve": None}, "reference": {"curve": None}}
    assert distribution(none, report["levels"]) == ""


def test_charts_are_inline_drawings():
    pytest.importorskip("altair", reason="the extra 'report' is not installed")
    pytest.importorskip("vl_convert", reason="the extra 'report' is not installed")
    drawn = [*charts.evaluation_charts(evaluation()), charts.realism_chart(realism_report())]
    assert len(drawn) == 7
    for chart in drawn:
        assert ET.fromstring(chart or "").tag.endswith("svg")


def test_drawings_are_well_formed_and_stay_inside():
    alert = example()
    for drawing in (timeline(alert), scale(alert), balance(alert)):
        root = ET.fromstring(drawing)
        _, _, width, height = (float(part) for part in root.attrib["viewBox"].split())
        for node in root.iter():
            for name, most in (("x", width), ("cx", width), ("y", height), ("cy", height)):
                if name in node.attrib:
                    assert -1 <= float(node.attrib[name]) <= most + 1
    dots = [n for n in ET.fromstring(timeline(alert)).iter() if n.tag == "circle"]
    assert len(dots) == sum(len(r["evidence"]["rows"]) for r in alert["reasons"])


def test_a_history_of_one_moment_can_be_drawn():
    alert = example()
    alert["timeline"]["bins"] = alert["timeline"]["bins"][:1]
    ET.fromstring(timeline(alert))
    alert["timeline"]["bins"] = []
    assert timeline(alert) == ""
    assert "Money in and out" not in alert_page(alert)


# --- hostile text ---------------------------------------------------------------------------------


def poisoned(payload: str) -> dict[str, Any]:
    """Return an alert with a payload in every text that a chain, list, label or model can reach."""
    alert = example()
    alert |= {"chain": payload, "address": payload, "notices": [payload, f"{payload}. {payload}"]}
    alert["threshold_population"]["name"] = payload
    alert["list_hits"] = [
        dict.fromkeys(("name", "category", "source", "date", "confidence"), payload)
    ]
    alert["history"]["left_out"] = {payload: 3}
    for part in alert["contributions"]:
        part |= {"meaning": payload}
        part["null_meaning"] = payload if part["value"] is None else None
        part["red_flags"] = [
            {"id": payload, "name": payload, "source": payload, "verified": "no"}
            for _ in part["red_flags"]
        ]
        for kind in ("percentile", "percentile_look_alikes"):
            if part[kind]:
                part[kind] |= {"population": payload, "date": payload}
    poison_content(alert, payload)
    for reason in alert["reasons"]:
        reason["sentence"] = payload
        for row in reason["evidence"]["elsewhere"]:
            row |= dict.fromkeys(("tx_id", "chain", "sender", "receiver", "symbol"), payload)
            row |= {"of_tx_id": row["of_tx_id"] and payload, "amount": payload}
        for row in reason["evidence"]["rows"]:
            row |= dict.fromkeys(("tx_id", "counterparty", "asset", "symbol", "amount"), payload)
    return alert


_REACHED = (
    "chain", "address", "asset_chain", "asset", "symbol", "name", "source", "category", "issuer",
    "confidence", "sentence", "title", "supposes", "shown_by", "meaning", "missing", "rule",
    "traced_fifo", "amount", "net_of_supplied", "lower", "population", "expected",
)  # fmt: skip


def poison_content(alert: dict[str, Any], payload: str) -> None:
    """Put a payload into every text of the parts beside the score."""
    parts = ("facts", "trace", "innocent_explanations", "gaps", "overturn")
    for part in (*parts, "standing", "questions", "counterparties", "known"):
        alert[part] = _poison(alert[part], payload)


def _poison(node: Any, payload: str) -> Any:
    if isinstance(node, list):
        return [payload if isinstance(one, str) else _poison(one, payload) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        key: payload if key in _REACHED and isinstance(value, str) else _poison(value, payload)
        for key, value in node.items()
    }


def outreach_report(text: str = "unrinse 0.1.0") -> dict[str, Any]:
    """Three possible victims, two of them told; one paid two addresses with an alert."""
    paid: dict[str, Any] = {"n": 3, "usd": 12_300.0, "n_unpriced": 1}
    paid |= {"first": "2024-03-04T00:00:00Z", "last": "2024-04-01T00:00:00Z"}
    none = {"n": 0, "usd": None, "n_unpriced": 0, "first": None, "last": None}
    back = paid | {"n": 1, "usd": 50.0, "n_unpriced": 0}
    to = {"chain": text, "address": text, "href": "alert-0a1b.html", "n_tx_ids": 7} | paid
    one = {"chain": text, "address": text, "n_transfers": 9, "to": []}
    one |= {"first_seen": "2024-03-01T00:00:00Z", "last_seen": "2024-04-02T00:00:00Z"}
    return {
        "generated_by": text,
        "as_of": "2024-05-10T00:00:00Z",
        "notices": [text],
        "decision_use": False,
        "bundle_sha256": "a" * 64,
        "transfers_sha256": "b" * 64,
        "n": 3,
        "n_paid": 2,
        "victims": [
            one | {"paid": paid, "back": back, "to": [to | {"tx_ids": [text]}] * 2},
            one | {"paid": none, "back": none},
        ],
    }


def poisoned_overview(payload: str) -> dict[str, Any]:
    facts = overview(poisoned(payload))
    facts["statuses"][0] |= {"status": payload, "meaning": payload}
    facts["unscored"][0] |= {"chain": payload, "status": payload}
    facts["alerts"][0] |= {"role": payload}
    facts["problems"][0] |= {"text": payload, "reason": payload}
    return facts


def poisoned_evaluation(payload: str) -> dict[str, Any]:
    report = evaluation()
    for split in report["splits"].values():
        split["populations"] = {payload: split["populations"]["payroll"]}
        split["not_scored"] = {payload: {"n": 1, "n_positive": 0}}
        split["slices"] = [{**split["slices"][0], "by": payload, "name": payload}]
    report["splits"] = {payload: report["splits"]["validation"], **report["splits"]}
    report["notes"] = [payload]
    texts = dict.fromkeys(("split", "case", "chain", "kind", "reasons"), payload)
    report["most_wrong"] = [{**report["most_wrong"][0], **texts, "against": [payload]}]
    report["audit"]["findings"] = [{**finding("era"), "what": payload, "how_bad": payload}]
    report["audit"]["not_run"] = {"era": payload}
    report["against"] |= dict.fromkeys(("split", "verdict", "champion_sha256"), payload)
    report["against"]["gate"] = [dict.fromkeys(("name", "outcome", "what"), payload)]
    worth = report["ablation"]["families"]["otc"]
    report["ablation"]["families"] = {payload: worth}
    report["rivals"] |= {"verdict": payload}
    told = report["label_maturity"]
    told["quarters"] = {payload: [{**told["quarters"]["all"][0], "quarter": payload}]} | {
        "all": told["quarters"]["all"]
    }
    return report


BUILDERS: dict[str, Callable[[str], str]] = {
    "alert": lambda payload: alert_page(poisoned(payload), EXPLORERS, CASE),
    "index": lambda payload: index_page(poisoned_overview(payload)),
    "evaluation": lambda payload: evaluated(poisoned_evaluation(payload)),
    "realism": lambda payload: realism_page(realism_report(payload)),
    "monitor": lambda payload: monitor_page(monitor_report(payload)),
    "nightly": lambda payload: nightly_page(nightly_report(payload)),
    "trace": lambda payload: trace_page(trace_report(payload), EXPLORERS),
    "cases": lambda payload: cases_page(cases_report(payload), EXPLORERS),
    "outreach": lambda payload: outreach_page(outreach_report(payload)),
}


@pytest.mark.parametrize("page", BUILDERS, ids=str)
def test_hostile_text_adds_no_element_and_no_attribute(page, monkeypatch):
    monkeypatch.setattr("pipelines.charts.find_spec", lambda name: None)  # tables alone here
    harmless = Elements(BUILDERS[page]("word"))
    for payload in some(XSS):
        hostile = Elements(BUILDERS[page](payload))
        assert hostile.tags == harmless.tags, payload
        assert hostile.links == harmless.links, payload
        text = "".join(hostile.text)
        hidden = [c for c in text if c != "\n" and not c.isprintable()]
        assert set(hidden) <= {"\u00a0"}, payload
        assert visible(payload) in text or identifier(payload) in text, payload


@pytest.mark.parametrize("payload", some(XSS))
def test_hostile_text_stays_inside_charts(payload):
    pytest.importorskip("altair", reason="the extra 'report' is not installed")
    pytest.importorskip("vl_convert", reason="the extra 'report' is not installed")
    drawn = charts.realism_chart(realism_report(payload))
    for chart in [*charts.evaluation_charts(poisoned_evaluation(payload)), drawn or ""]:
        tags = {node.tag.rpartition("}")[2] for node in ET.fromstring(chart).iter()}
        assert tags <= {"svg", "g", "path", "line", "rect", "text", "defs", "style", "clipPath"}


def test_what_cannot_be_seen_is_shown():
    assert visible("a\u202eb\u200bc\x00d\te\u3164\ufe0f") == (
        "a⟨U+202E⟩b⟨U+200B⟩c⟨U+0000⟩d⟨U+0009⟩e⟨U+3164⟩⟨U+FE0F⟩"
    )
    assert visible("Grüße, 世界 72 %") == "Grüße, 世界 72 %"
    assert visible("e" + "\u0301" * 9).count("\u0301") == 3
    assert identifier("0x\u0430bc") == "0x⟨U+0430⟩bc"


@pytest.mark.browser
def test_a_browser_finds_nothing_to_run_and_nobody_to_ask(tmp_path, monkeypatch):
    """Opens pages full of payloads in Chromium: no dialog, no script, no request but the file."""
    monkeypatch.setattr("pipelines.charts.find_spec", lambda name: None)
    few = some(XSS)
    many = [" ".join(few[start : start + 12]) for start in range(0, len(few), 12)]
    for name, build in BUILDERS.items():
        for number, payload in enumerate(many):
            (tmp_path / f"{name}-{number}.html").write_text(build(payload), encoding="utf-8")
    files = sorted(tmp_path.glob("*.html"))
    with opened() as (page, seen):
        for file in files:
            page.goto(file.as_uri(), wait_until="load")
            assert page.url == file.as_uri()
            page.mouse.move(300, 300)
            assert seen.happened == [], file.name  # not even a refusal by the policy
            # A page whose policy forbids scripts cannot even be given one.
            assert page.evaluate(_A_SCRIPT_IS_REFUSED) == [True, None], file.name
            seen.happened.clear()
        assert sorted(set(seen.asked)) == [file.as_uri() for file in files]


_A_SCRIPT_IS_REFUSED = """() => new Promise(done => {
  let refused = false;
  document.addEventListener('securitypolicyviolation', () => { refused = true; });
  const script = document.createElement('script');
  try { script.textContent = 'window.ran = 1'; document.body.append(script); }
  catch (error) { refused = true; }
  setTimeout(() => done([refused, window.ran ?? null]), 20);
})"""


@pytest.mark.browser
@pytest.mark.parametrize("follow", [False, True])
def test_a_link_to_an_explorer_is_inert_until_it_is_followed(follow, tmp_path):
    """Nobody is asked anything, nor a name looked up, until a reader clicks; then somebody is."""
    file, log = tmp_path / "alert.html", tmp_path / "net.json"
    file.write_text(PAGES["alert"](), encoding="utf-8")
    with opened(log=log) as (page, seen):
        page.goto(file.as_uri(), wait_until="load")
        links = page.locator("a.explorer")
        assert links.count() > 20
        links.first.hover()
        links.first.focus()
        page.emulate_media(media="print")
        assert links.first.is_hidden()
        page.emulate_media(media="screen")
        page.wait_for_timeout(300)
        if follow:
            with page.context.expect_page() as led:
                links.first.click()
            led.value.wait_for_timeout(300)
        assert (page.url, seen.asked, seen.happened) == (file.as_uri(), [file.as_uri()], [])
    done = log.read_text("utf-8", errors="replace")
    assert ("etherscan.io" in done) == follow


@pytest.mark.browser
def test_the_browser_would_notice(tmp_path):
    """The same payloads as markup, and no policy: they run and ask, so the test above can fail."""
    file = tmp_path / "naive.html"
    file.write_text(f"<body>{' '.join(XSS[:6])}</body>", encoding="utf-8")
    with opened() as (page, seen):
        page.goto(file.as_uri(), wait_until="load")
        page.wait_for_timeout(200)
        assert any(text.startswith("dialog") for text in seen.happened)
        assert len(set(seen.asked)) > 1


@pytest.mark.parametrize("beyond, side", [(0.05, "end"), (3.0, "start"), (-0.05, "start")])
def test_the_base_rate_is_named_clear_of_the_marker(beyond, side):
    alert = example()
    log_odds = math.log(alert["base_rate"] / (1 - alert["base_rate"])) + beyond
    drawn = scale(alert | {"log_odds": log_odds, "score": 1 / (1 + math.exp(-log_odds))})
    [words] = re.findall(r'class="axis (\w+)"[^>]*>base rate<', drawn)
    assert words == side
