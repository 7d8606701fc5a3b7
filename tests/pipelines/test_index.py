"""The index as its readers use it: sorted, filtered, by keyboard, without a script, on paper."""

from __future__ import annotations

import base64
import hashlib
import random
import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.pages.pages import index_page
from tests.pipelines.alert_examples import example
from tests.pipelines.browser import opened
from tests.pipelines.hostile import XSS
from tests.pipelines.test_pages import Elements, overview

BANDS = ("high", "medium", "below_review")
ROLES = ("collector", "mule", None)


def many(n: int) -> dict[str, Any]:
    """Return an overview of alerts that differ in everything."""
    facts, dice = overview(example()), random.Random(3)
    facts["alerts"] = [
        {
            **facts["alerts"][0],
            "rank": i + 1,
            "score": 1 - i / n,
            "band": BANDS[3 * i // n],
            "role": ROLES[i % 3],
            "chain": ("tron", "ethereum")[i % 2],
            "address": f"T{i:033d}",
            "listed": i % 5 == 0,
            "last_seen": f"2024-0{dice.randint(1, 9)}-1{dice.randint(0, 9)}T00:00:00Z",
            "received": round(dice.lognormvariate(9, 3), 2),
            "reason": f"It paid {i}x addresses.",
        }
        for i in range(n)
    ]
    return facts


def write(folder: Path, facts: dict[str, Any]) -> Path:
    file = folder / "index.html"
    file.write_text(index_page(facts), encoding="utf-8")
    return file


def shown(page: Any) -> list[int]:
    """Return the ranks that are to be seen, in their order."""
    rows = "rows => rows.filter(r => r.checkVisibility()).map(r => Number(r.dataset.rank))"
    return list(page.eval_on_selector_all("#alerts tbody tr", rows))


@pytest.mark.browser
def test_every_column_sorts_both_ways_and_says_so(tmp_path):
    facts = many(60)
    alerts = facts["alerts"]
    orders = {
        "Rank": [a["rank"] for a in alerts],
        "Score": [a["score"] for a in alerts],
        "Last active": [a["last_seen"] for a in alerts],
        "Received": [a["received"] for a in alerts],
    }
    with opened() as (page, seen):
        page.goto(write(tmp_path, facts).as_uri())
        assert shown(page) == list(range(1, 61))
        for head, values in orders.items():
            button = page.get_by_role("button", name=head)
            for _ in range(2):
                button.focus()
                page.keyboard.press("Enter")
                column = page.locator("th", has=button)
                down = column.get_attribute("aria-sort") == "descending"
                expected = sorted(
                    range(60),
                    key=lambda i: (-1 if down else 1) * _number(values[i]),
                )
                assert shown(page) == [i + 1 for i in expected], (head, down)
                told = page.locator("th[aria-sort]:not([aria-sort=none])")
                assert told.count() == 1
        assert seen.happened == []
        assert len(seen.asked) == 1


def _number(value: Any) -> float:
    return float(value.replace("-", "")[:8]) if isinstance(value, str) else float(value)


@pytest.mark.browser
def test_filters_narrow_count_and_come_back_with_the_address_of_the_page(tmp_path):
    facts = many(60)
    alerts = facts["alerts"]
    with opened() as (page, seen):
        file = write(tmp_path, facts)
        page.goto(file.as_uri())
        page.get_by_label("Band").select_option("medium")
        page.get_by_label("Role").select_option("none")
        expected = [a["rank"] for a in alerts if a["band"] == "medium" and a["role"] is None]
        assert shown(page) == expected
        told = page.get_by_role("status").inner_text()
        assert told.startswith(f"{len(expected)} of 60 alerts shown")
        assert "Band “medium”" in told
        assert "no role" in told
        page.reload()
        assert shown(page) == expected
        page.get_by_role("button", name="Clear").click()
        assert len(shown(page)) == 60
        page.get_by_label("Chain").select_option("tron")
        page.get_by_label("Listed").select_option("yes")
        assert shown(page) == [a["rank"] for a in alerts if a["chain"] == "tron" and a["listed"]]
        page.get_by_role("button", name="Clear").click()
        page.get_by_label("Text").fill("PAID 17x")
        assert shown(page) == [18]
        page.get_by_label("Text").fill("<script>")
        assert shown(page) == []
        page.goto(f"{file.as_uri()}#sort=-received&band=%3Cscript%3E&text=%22")
        assert page.evaluate("document.querySelectorAll('script').length") == 1
        assert seen.happened == []


@pytest.mark.browser
def test_a_thousand_alerts_answer_at_once(tmp_path):
    with opened() as (page, _):
        page.goto(write(tmp_path, many(1000)).as_uri())
        took = page.evaluate(
            """() => { const start = performance.now();
            document.querySelector('th[data-sort=amount] button').click();
            const text = document.getElementById('text'); text.value = 'paid 99x';
            text.dispatchEvent(new Event('input')); return performance.now() - start; }"""
        )
        assert len(shown(page)) == 10
        assert took < 2000


@pytest.mark.browser
def test_without_a_script_the_table_is_whole(tmp_path):
    with opened(java_script_enabled=False) as (page, _):
        page.goto(write(tmp_path, many(30)).as_uri())
        assert page.locator("#alerts tbody tr:visible").count() == 30
        assert not page.locator("#controls").is_visible()
        assert page.locator("#told").inner_text() == "30 alerts."


@pytest.mark.browser
def test_hostile_text_neither_stops_the_script_nor_runs(tmp_path):
    facts = many(len(XSS))
    for alert, payload in zip(facts["alerts"], XSS, strict=True):
        alert |= {"address": payload, "reason": payload, "role": payload, "chain": payload}
    with opened() as (page, seen):
        page.goto(write(tmp_path, facts).as_uri())
        page.get_by_role("button", name="Score").click()
        page.get_by_role("button", name="Score").click()
        assert shown(page) == list(range(len(XSS), 0, -1))
        page.get_by_label("Role").select_option(index=7)
        assert len(shown(page)) >= 1
        assert seen.happened == []
        assert len(seen.asked) == 1


@pytest.mark.browser
def test_paper_has_the_rows_that_are_shown_and_no_link(tmp_path):
    with opened() as (page, _):
        page.goto(write(tmp_path, many(60)).as_uri())
        page.get_by_label("Band").select_option("high")
        page.emulate_media(media="print")
        assert len(shown(page)) == 20
        assert page.locator("a:visible").count() == 0
        assert page.locator("#controls").is_visible() is False
        assert page.get_by_text("20 of 60 alerts shown").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        paper = page.pdf(prefer_css_page_size=True)
    assert b"/URI" not in paper
    assert {box.decode() for box in re.findall(rb"/MediaBox \[([^\]]*)\]", paper)} == {
        "0 0 594.95996 841.91998"
    }


def test_the_policy_names_the_one_script_by_its_hash():
    html = index_page(many(3))
    [script] = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert "unsafe-inline" not in html.partition("script-src")[2].partition('"')[0]
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval", "fetch"):
        assert sink not in script
    assert index_page(many(3) | {"alerts": []}).count("<script>") == 1
    assert [tag for tag, _ in Elements(html).tags].count("script") == 1
