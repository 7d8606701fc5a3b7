"""Sentences: right words, honest rounding, and every number on record."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import signal as declared
from features.catalogue import catalogue
from models.bands import BANDS
from models.sentences import CAUTION, UNITS, Scene, sentence, shown, verdict

SCENE = Scene(214, datetime(2024, 3, 3, 9, tzinfo=UTC), datetime(2024, 5, 9, 21, tzinfo=UTC))


class Every(dict):
    """Statistics that have any whole number asked for, and shares by the names of shares."""

    def get(self, name, default=None):
        return dict.get(self, name, 7)


COUNTS = Every(numerator=1, denominator=21, gone=0.88, paid=0.4, received=0.02)
SIGNALS = catalogue().signals


def test_every_unit_of_a_signal_has_words():
    assert set(UNITS) == set(declared.UNITS)


@pytest.mark.parametrize(
    "value,unit,expected",
    [
        (1, "transfers", "1 transfer"),
        (0, "transfers", "0 transfers"),
        (1234, "transfers", "1,234 transfers"),
        (2.5, "transfers", "2.5 transfers"),
        (1, "addresses", "1 address"),
        (2, "addresses", "2 addresses"),
        (1, "days", "1 day"),
        (44, "days", "44 days"),
        (0.5, "days", "12 hours"),
        (0.72, "share", "72 %"),
        (0.021, "share", "2.1 %"),
        (0.0, "share", "0 %"),
        (1.0, "share", "100 %"),
        (0, "seconds", "0 seconds"),
        (1, "seconds", "1 second"),
        (59.4, "seconds", "59 seconds"),
        (59.6, "seconds", "1 minute"),
        (90, "seconds", "1.5 minutes"),
        (2820, "seconds", "47 minutes"),
        (3599, "seconds", "1 hour"),
        (30960, "seconds", "8.6 hours"),
        (86400 * 3.24, "seconds", "3.2 days"),
        (212400.4, "value", "$212,400"),
        (999999.7, "value", "$1.00 million"),
        (3_420_000, "value", "$3.42 million"),
        (2.5e9, "value", "$2.50 billion"),
        (12.5, "value", "$12.50"),
        (0, "value", "$0"),
        (1, "ratio", "1.0 times"),
        (0.034, "ratio", "0.034 times"),
        (2.345, "ratio", "2.3 times"),
        (1e-7, "score", "0.0000001"),
        (0.4213, "score", "0.42"),
    ],
)
def test_values_are_written_as_people_write_them(value, unit, expected):
    assert shown(value, unit) == expected


def test_an_amount_follows_the_value_basis():
    assert shown(3.25, "value", "native", "TRX") == "3.2 TRX"
    assert shown(12.3, "value", "relative") == "12.3 times its median transfer"


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_only_nothing_is_0_percent_and_only_all_is_100_percent(share):
    assert shown(share, "share") not in ("0 %", "100 %")


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_never_reads_smaller(a, b):
    def number(text: str) -> float:
        edge = {"under 0.1 %": 0.05, "over 99.9 %": 99.95}
        return edge.get(text) or float(text.removesuffix(" %"))

    low, high = sorted((a, b))
    assert number(shown(low, "share")) <= number(shown(high, "share"))


@given(st.floats(0, 1e12, allow_nan=False))
@pytest.mark.parametrize("unit", sorted(UNITS))
def test_rounding_never_moves_a_value_by_more_than_a_tenth_nor_shows_an_exponent(unit, value):
    text = shown(value, unit)
    assert not re.search(r"\de[+-]?\d", text)
    factors: dict[str, dict[str, float]] = {
        "seconds": {"second": 1, "minute": 60, "hour": 3600, "day": 86400},
        "days": {"second": 1 / 86400, "minute": 1 / 1440, "hour": 1 / 24, "day": 1},
    }
    figure = re.search(r"[\d,]+(\.\d+)?", text)
    if unit in ("share", "bits") or figure is None or value < 1:
        return
    scale = next((f for word, f in factors.get(unit, {}).items() if word in text), 1)
    scale *= {"million": 1e6, "billion": 1e9}.get(text.rpartition(" ")[2], 1)
    assert float(figure[0].replace(",", "")) * scale == pytest.approx(value, rel=0.1, abs=0.5)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
def test_every_number_in_a_sentence_is_on_record(signal):
    for template in (signal.template(low=False), signal.template(low=True)):
        for value in (0.0, 0.0004, 0.37, 1.0, 2.0, 1234.5):
            numbers_are_on_record(template, signal.unit, value)


def numbers_are_on_record(template: str, unit: str, value: float) -> None:
    said = sentence(template, unit, value, SCENE, COUNTS)
    rest = said.text
    for number in said.numbers:
        before, found, rest = rest.partition(number.shown)
        assert found, (number, said.text)
        assert not re.search(r"\d", before), (before, said.text)
    assert not re.search(r"\d", rest), rest
    shown_value = any(n.unit == unit and n.value == value for n in said.numbers)
    assert shown_value == ("{value}" in template), (template, value)
    assert not re.search(r"\b(only |never |at (most|least) (0 |under|over))", said.text) or (
        "at least {value}" in template and value == 0
    ), said.text


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
def test_a_sentence_says_what_it_rests_on_and_claims_no_more(signal):
    text = sentence(signal.says, signal.unit, 0.5, SCENE, COUNTS).text
    assert text.startswith("It ")
    assert text.endswith(", in the 214 transfers supplied (3 March 2024 to 9 May 2024).")
    assert "{" not in text
    assert not re.search(r"\b(never paid|never before|structuring|launder|criminal)", text)


def test_one_transfer_on_one_day():
    moment = datetime(2024, 3, 3, tzinfo=UTC)
    said = sentence("sent {value}", "value", 10, Scene(1, moment, moment))
    assert said.text == "It sent $10, in the 1 transfer supplied (3 March 2024)."


def test_counts_stand_in_the_sentence_and_on_record():
    said = sentence("made {value} of its payments ({counts}) so", "share", 1 / 21, SCENE, COUNTS)
    assert said.text.startswith("It made 4.8 % of its payments (1 of 21) so, in the 214")
    assert [(n.shown, n.value, n.unit) for n in said.numbers[1:3]] == [
        ("1", 1.0, "count"),
        ("21", 21.0, "count"),
    ]
    apart = sentence("got {numerator:transfers}, sent {denominator:transfers}", "ratio", 1 / 21,
                     SCENE, COUNTS)  # fmt: skip
    assert apart.text.startswith("It got 1 transfer, sent 21 transfers, in the 214")


@pytest.mark.parametrize("count, text", [(1, "(1 receipt)"), (1200, "(1,200 receipts)")])
def test_a_count_takes_its_noun(count, text):
    said = sentence("waited {value} ({count:receipts})", "seconds", 60, SCENE, {"count": count})
    assert text in said.text


@pytest.mark.parametrize("statistics", [{}, {"numerator": 1}, {"numerator": 0.5, "denominator": 2}])
def test_counts_that_are_not_there_or_not_whole_are_refused(statistics):
    with pytest.raises(ValueError, match="of whole numbers"):
        sentence("sent {value} ({counts})", "share", 0.5, SCENE, statistics)


@pytest.mark.parametrize("says", ["sent {amount}", "sent {value} and {value}", "sent {}"])
def test_a_template_with_other_fields_is_refused(says):
    with pytest.raises(ValueError, match="takes {value} once"):
        sentence(says, "transfers", 1, SCENE)


def test_unknown_units_and_values_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="Unknown unit 'furlongs'"):
        shown(1, "furlongs")
    with pytest.raises(ValueError, match="finite"):
        sentence("sent {value}", "transfers", float("nan"), SCENE)


@pytest.mark.parametrize("band", [*BANDS, None])
def test_a_verdict_is_a_resemblance_and_says_what_it_is_not(band):
    text = verdict(band)
    assert text.endswith(CAUTION)
    assert "not a finding" in text
    assert "do not freeze on this page alone" in text
    assert ("resembles" in text) == (band not in ("below_review", None))
    assert " is laundering" not in text


@pytest.mark.parametrize(
    "says,value,expected",
    [
        ("paid at most {value} in any hour", 0.21, "paid at most 21 % in any hour"),
        ("paid at most {value} in any hour", 0.0, "paid 0 % in any hour"),
        ("paid at most {value} in any hour", 1e-5, "paid under 0.1 % in any hour"),
        ("paid at most {value} in any hour", 0.99999, "paid over 99.9 % in any hour"),
        ("had at least {value} of it", 0.21, "had at least 21 % of it"),
        ("had at least {value} of it", 0.00042, "had at least 0.042 % of it"),
    ],
)
def test_limits_are_said_where_they_limit(says, value, expected):
    assert sentence(says, "share", value, SCENE).text.startswith(f"It {expected}, in the ")


GOLDEN: dict[str, tuple[tuple[float, bool, dict[str, float]], str]] = {
    "senders_24h_share": (
        (26 / 136, True, {"numerator": 26, "denominator": 136}),
        "It was paid by its senders at different times: by at most 19 % of them (26 of 136) "
        "within any 24 hours",
    ),
    "senders_then_exit": (
        (88.6, False, {"count": 101, "gone": 0.877}),
        "It was paid by 101 addresses in its busiest 30 days, and 88 % of what they paid left "
        "again within 72 hours",
    ),
    "smallest_payment_ratio": (
        (0.00034, True, {"count": 12}),
        "It made a payment of under 0.1 % of its typical transfer, the smallest of 12 payments",
    ),
    "peak_balance_share": (
        (1.0, False, {}),
        "It held 100 % of all it ever received at one moment",
    ),
    "first_receipt_ratio": (
        (0.024, True, {}),
        "It began with a receipt of 2.4 % of its typical transfer",
    ),
    "dwell_of_value": (
        (840.0, True, {}),
        "It kept half of all the value that it ever forwarded for 14 minutes or less",
    ),
    "largest_clearing_time": (
        (780.0, True, {}),
        "It paid out as much as its largest receipt within 13 minutes",
    ),
    "sender_growth_by_value": (
        (0.054, True, {"count": 9}),
        "It got last payments that sum to 5.4 % of the first ones, from the senders that paid it "
        "again in the same coin (9 senders)",
    ),
    "sweep_share": (
        (0.0, True, {"numerator": 0, "denominator": 95}),
        "It sent 98 % or more of what it held at that moment with 0 % of its payments (0 of 95)",
    ),
    "full_drains": (
        (11.0, False, {}),
        "It made 11 transfers that left it with less than 2 % of its highest balance",
    ),
    "repeated_in_share": (
        (0.0, True, {"numerator": 0, "denominator": 35}),
        "It received 0 % of its transfers (0 of 35) at a value that recurs exactly in the same "
        "coin (equal amounts of a coin whose price moved are different values)",
    ),
    "transfers_per_counterparty": (
        (2.5, True, {"numerator": 20, "denominator": 8}),
        "It had 20 transfers with 8 counterparties",
    ),
    "receipts_rising": (
        (0.75, False, {"rises": 7, "falls": 1}),
        "It received more than the time before 7 times, and less 1 time",
    ),
    "exchange_out_2_hops": (
        (0.00042, False, {}),
        "It paid addresses that had sent at least 0.042 % of their own value to known addresses "
        "of exchanges, as deposit addresses do",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_sentences_that_readers_did_not_understand_are_plain(name):
    (value, low, statistics), expected = GOLDEN[name]
    signal = catalogue().by_name[name]
    said = sentence(signal.template(low=low), signal.unit, value, SCENE, statistics)
    assert said.text == f"{expected}, in the 214 transfers supplied (3 March 2024 to 9 May 2024)."


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
def test_what_leaves_the_value_out_says_what_it_is_made_of(signal):
    for template in (signal.says, signal.template(low=True)):
        said = sentence(template, signal.unit, 1.0, SCENE, COUNTS)
        behind = [n for n in said.numbers if n.unit in ("count", "share")]
        assert "{value}" in template or len(behind) >= 2
