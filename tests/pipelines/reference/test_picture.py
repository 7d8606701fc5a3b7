"""Pictures: whole, legible, and of what the example holds; nothing in them runs or is loaded."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import combinations
from typing import NamedTuple

import pytest

from features.catalogue import catalogue
from pipelines.reference.examples import Example, examples
from pipelines.reference.histories import FIRST_DAY
from pipelines.reference.picture import picture
from pipelines.reference.retelling import beyond, legend, moment_text

SVG = "{http://www.w3.org/2000/svg}"
MOST_BYTES = 8_000
each_example = pytest.mark.parametrize(
    "example", [signal.name for signal in catalogue().signals], indirect=True
)


@pytest.fixture
def example(request: pytest.FixtureRequest) -> Example:
    """The example of the signal named: examples are found when they are first asked for."""
    return examples()[request.param]


class Box(NamedTuple):
    """Where a text stands, generously."""

    text: str
    left: float
    right: float
    top: float
    bottom: float

    def meets(self, other: Box) -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def drawn(example: Example) -> ET.Element:
    return ET.fromstring(picture(example))


def of_class(root: ET.Element, tag: str, name: str) -> list[ET.Element]:
    return [e for e in root.iter(SVG + tag) if name in e.get("class", "").split()]


def arrows(root: ET.Element) -> list[tuple[float, float, float]]:
    """Return x, top and length of each arrow, in the order drawn."""
    path = re.compile(r"M([\d.]+) ([\d.]+)h4v([\d.]+)h3l-5 7l-5 -7h3z")
    found = [path.fullmatch(e.get("d", "")) for e in root.iter(SVG + "path")]
    assert None not in found
    return [(float(m[1]) + 2, float(m[2]), float(m[3]) + 7) for m in found if m is not None]


def boxes(root: ET.Element) -> Iterator[Box]:
    for element in root.iter(SVG + "text"):
        text = "".join(element.itertext())
        classes = element.get("class", "").split()
        size = 13 if "l" in classes else 11
        # The widest of the fonts in use; bold is wider.
        width = len(text) * size * (0.62 if "b" in classes else 0.56)
        x, y = float(element.get("x", "nan")), float(element.get("y", "nan"))
        left = x - width / 2 if "m" in classes else x
        left = x - width if element.get("text-anchor") == "end" else left
        yield Box(text, left, left + width, y - 0.75 * size, y + 0.15 * size)


def is_legible(example: Example) -> None:
    """Fail where texts meet or leave the card."""
    root = drawn(example)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    texts = list(boxes(root))
    for box in texts:
        assert box.left >= 0 and box.right <= width, box
        assert box.top >= 0 and box.bottom <= height, box
    for one, other in combinations(texts, 2):
        assert not one.meets(other), (one, other)
    for x, top, length in arrows(root):
        assert 0 < top < top + length < height
        assert 0 < x < width


@each_example
def test_nothing_in_it_runs_or_is_loaded(example):
    text = picture(example)
    root = ET.fromstring(text)
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    allowed = {"svg", "title", "desc", "style", "rect", "text", "tspan", "path", "g", "line"}
    assert tags <= allowed
    for element in root.iter():
        assert not [a for a in element.attrib if a.startswith("on") or a.endswith("href")]
    assert "url(" not in text
    assert "@import" not in text
    assert len(text.encode()) < MOST_BYTES


@each_example
def test_it_draws_every_transfer_and_marks_the_evidence(example):
    root = drawn(example)
    assert len(arrows(root)) == len(example.transfers)
    assert len(of_class(root, "rect", "mark")) == len(example.shown)
    faint = list(root.iter(SVG + "g"))
    assert len(faint) == len(example.transfers) - len(example.rows)
    band = of_class(root, "rect", "band")[0]
    axis, below = float(band.get("y", 0)), float(band.get("y", 0)) + float(band.get("height", 0))
    placed = dict(zip(range(len(example.transfers)), arrows(root), strict=True))
    marked = {
        (float(m.get("x", 0)) + float(m.get("width", 0)) / 2, float(m.get("y", 0)) < axis)
        for m in of_class(root, "rect", "mark")
    }
    for position, transfer in enumerate(example.transfers):
        x, top, length = placed[position]
        into = transfer.receiver == "it"
        assert (top + length < axis) if into else (top > below)
        is_marked = any(abs(x - at) < 0.1 and into == above for at, above in marked)
        assert is_marked == (position in example.shown), position


@each_example
def test_longer_arrows_are_larger_transfers_and_later_ones_stand_further_right(example):
    placed = zip(arrows(drawn(example)), example.transfers, strict=True)
    for ((x, _, length), one), ((u, _, other_length), other) in combinations(placed, 2):
        assert (x == u) == (one.transaction == other.transaction) or x < u
        if one.dollars < other.dollars:
            assert length <= other_length
        if one.dollars == other.dollars:
            assert length == other_length


@each_example
def test_it_says_what_an_alert_would_say_and_tells_itself_in_words(example):
    root = drawn(example)
    assert root.get("role") == "img"
    title, told = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None and told is not None
    assert root.get("aria-labelledby") == f"{title.get('id')} {told.get('id')}"
    assert title.text == example.sentence.text
    for transfer in example.transfers:
        amount = f"{transfer.amount:,f} {transfer.coin}"
        assert f"{moment_text(transfer.moment)}: {amount} " in (told.text or "")
    assert (told.text or "").count("(highlighted)") == len(example.shown)
    below = " ".join(box.text for box in boxes(root))
    assert example.sentence.text in below
    assert legend(example) in below
    assert beyond(example) in below
    [bold] = [e.text for e in root.iter(SVG + "tspan")]
    numbers = [n for n in example.sentence.numbers if n.unit != "constant"]
    own = [n for n in numbers if n.unit == example.signal.unit]
    assert bold == (own or numbers)[0].shown
    assert own or "{value}" not in example.signal.says


@each_example
def test_it_is_legible(example):
    is_legible(example)


def test_a_crowd_is_found_illegible():
    example = examples()["transfers_in"]
    one = example.transfers[-2]._replace(amount=Decimal(10_000))
    crowd = tuple(
        one._replace(moment=FIRST_DAY + timedelta(minutes=k), transaction=k) for k in range(40)
    )
    with pytest.raises(AssertionError):
        is_legible(replace(example, transfers=crowd, as_of=FIRST_DAY + timedelta(days=9)))


def test_colours_follow_the_readers_setting_and_no_coin_is_without_one():
    for example in examples().values():
        style = drawn(example).find(f"{SVG}style")
        assert style is not None and style.text is not None
        light, dark = style.text.split("@media(prefers-color-scheme:dark)")
        for coin in {transfer.coin for transfer in example.transfers}:
            assert f".{coin}{{" in light
            assert f".{coin}{{" in dark


def test_the_legend_says_what_is_there():
    assert legend(examples()["transfers_in"]).startswith("Highlighted: the transfers that make")
    every = list(examples().values())
    for example in every:
        said = legend(example)
        assert ("faint" in said) == (len(example.rows) < len(example.transfers))
        assert ("in full colour" in said) == (len(example.shown) < len(example.rows))
    assert {"faint" in legend(e) for e in every} == {True, False}
    assert {"in full colour" in legend(e) for e in every} == {True, False}


def test_what_passed_beyond_the_history_is_told_where_a_signal_looks_there():
    told = {name: beyond(example) for name, example in examples().items()}
    for name, said in told.items():
        example = examples()[name]
        looks = example.signal.evidence == "neighbourhood" or example.elsewhere
        assert bool(said) == bool(looks and example.others)
        for transfer in example.others if said else ():
            assert moment_text(transfer.moment) in said
            assert f"{transfer.amount:,f}" in said
            assert transfer.chain == "ethereum" or f"on {transfer.chain.capitalize()}" in said
        legs = sum(e.position is not None for e in example.elsewhere.values())
        assert said.count("other leg of") == legs
        assert ("(part of it)" in said) == (legs < len(example.elsewhere))
    assert any(told.values())
    assert "4 Mar 09:00 S to P1, P2, P3" in told["spreading_sender_share"]
    assert "Q10 to G 300 each" in told["spreading_sender_share"]
