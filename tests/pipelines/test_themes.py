"""Light and dark: every pair of colours that text or marks are read by, held to WCAG 2.2 AA."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.conftest import REPOSITORY
from tests.pipelines.browser import opened
from tests.pipelines.test_pages import PAGES

STYLE = (REPOSITORY / "pipelines" / "pages" / "style.css").read_text(encoding="utf-8")
BANDS = ("none", "below_review", "medium", "high", "severe")

TEXT = [
    *(
        (ink, ground)
        for ink in ("ink", "soft", "faint", "accent")
        for ground in ("paper", "ground")
    ),
    *((ink, "paper") for ink in ("in", "out", "up", "down")),
    *((ink, ground) for ink in ("ink", "soft") for ground in ("notice", "listed")),
    *((f"pill-{band}-ink", f"pill-{band}") for band in BANDS),
    ("on-ink", "ink"),
    ("ink", "field"),
]
"""Text and what it stands on: 4.5 to 1."""

MARKS = [
    *((mark, "paper") for mark in ("in", "out", "up", "down", "accent", "faint", "focus")),
    *((mark, "ground") for mark in ("faint", "focus")),
    ("ink", "track"),
    ("ink", "filled"),
    ("ink", "zone-below_review"),
    ("zone-severe", "paper"),
]
"""Bars, dots, borders of controls, the focus, and the marker on its scale: 3 to 1."""


@cache
def palettes() -> dict[str, dict[str, str]]:
    """Return the colours of each theme, those that dark does not change included."""
    light, dark = STYLE.split("@media screen and (prefers-color-scheme: dark)")[:2]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    changed = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark.split("* {")[0]))
    assert set(changed) == set(found)
    return {"light": found, "dark": changed}


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2).

    >>> contrast("#000000", "#ffffff")
    21.0
    """
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_marks_can_be_read(theme):
    colours = palettes()[theme]
    pairs = [(pair, 4.5) for pair in TEXT] + [(pair, 3.0) for pair in MARKS]
    poor = {
        pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2)
        for pair, least in pairs
        if contrast(colours[pair[0]], colours[pair[1]]) < least
    }
    assert poor == {}


def test_no_colour_stands_outside_the_palettes():
    rules = STYLE.partition("* { box-sizing")[2]
    screen, _, paper = rules.partition("@media print")
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b", screen) == []
    assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b", paper)) <= {"#fff", "#d4d9e1", "#566074"}
    used = set(re.findall(r"var\(--([\w-]+)\)", STYLE)) - {"sans", "serif", "mono"}
    assert used <= set(palettes()["light"])


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_wears_the_theme_of_its_reader_and_paper_is_white(theme, tmp_path):
    colours = palettes()[theme]
    with opened(color_scheme=theme) as (page, seen):
        for name, build in PAGES.items():
            file = tmp_path / f"{name}.html"
            file.write_text(build(), encoding="utf-8")
            page.goto(file.as_uri())
            ground = "getComputedStyle(document.documentElement).backgroundColor"
            assert page.evaluate(ground) == _rgb(colours["ground"])
            page.emulate_media(media="print")
            assert page.evaluate(ground) == "rgb(255, 255, 255)"
            ink = page.evaluate("getComputedStyle(document.body).color")
            assert ink == _rgb(palettes()["light"]["ink"])
            assert page.locator("a:visible").count() == 0
            page.set_viewport_size({"width": 703, "height": 1000})  # A4 less its margins
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
            page.emulate_media(media="screen")
            page.set_viewport_size({"width": 1120, "height": 900})
        assert seen.happened == []


def _rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_pictures_say_what_they_show_and_heads_what_they_head(page):
    html = PAGES[page]()
    for drawing in re.findall(r'<svg [^>]*class="drawn.*?</svg>', html, re.DOTALL):
        assert 'role="img"' in drawing
        assert re.search(r"<title>[^<]{5,}</title>", drawing)
    assert html.count("<h1") == 1
    assert '<html lang="en">' in html
