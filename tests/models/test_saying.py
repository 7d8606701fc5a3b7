"""Sentences from templates: no figure that is not a recorded number."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from models.saying import count, joined, lasting, on, share, tell, worth
from models.sentences import Number


def test_words_with_figures_are_refused():
    with pytest.raises(ValueError, match="no figures"):
        tell("It paid {who}.", who="Exchange 14")


def test_every_figure_of_a_sentence_is_recorded_in_order():
    said = tell(
        "By {day} {n} had {sum} ({part}) within {wait}, of 1,000 or 2.5 at most.",
        day=on(datetime(2024, 5, 3, tzinfo=UTC)), n=count(1, "address", "addresses"),
        sum=worth(3.25, "native", "ETH"), part=share(0.5), wait=lasting(90.0),
    )  # fmt: skip
    rest = said.text
    for number in said.numbers:
        before, found, rest = rest.partition(number.shown)
        assert found
        assert not re.search(r"\d", before)
    assert not re.search(r"\d", rest)
    assert said.numbers[-2:] == (
        Number("1,000", 1000.0, "constant"),
        Number("2.5", 2.5, "constant"),
    )
    assert said.numbers[0].value == "2024-05-03T00:00:00Z"


def test_joined_sentences_keep_their_numbers():
    both = joined([tell("One of {n}.", n=count(2, "sign")), tell("And 3.")])
    assert both.text == "One of 2 signs. And 3."
    assert [n.shown for n in both.numbers] == ["2 signs", "3"]
