"""The sentences of dated facts: what each kind says of a plain story."""

from __future__ import annotations

from features.history import DAY, HOUR, MINUTE, History, party_of
from models.habits import same_amount
from models.happenings import FINDERS
from pipelines.alerting.alert_parts import Scales
from pipelines.alerting.fact_words import fact_words
from tests.features.histories import history

SCALES = Scales("usd", "ETH")


def said(kind: str, told: History) -> str:
    found = FINDERS[kind](told)
    assert found is not None
    return fact_words(found, told, SCALES).text


def test_a_payer_is_named_as_what_it_is():
    hot = history((0, "in", 1, 500), party=party_of("exchange_hot"))
    assert "from customers of an exchange, by its hot wallet." in said("largest_receipt", hot)
    assert "from one address." in said("largest_receipt", history((0, "in", 1, 500)))
    known = history((0, "in", 1, 500), (MINUTE, "out", 2, 490), party=[party_of("custodian"), 0])
    assert said("passed_on", known) == (
        "On 14 November 2023 it received $500 in one transfer from a custodian, and paid $490 of "
        "the same coin to one address within the next 1 minute."
    )


def test_what_is_paid_back_is_less_than_what_came_before_and_after():
    told = history((0, "in", 1, 1_000), (DAY, "out", 1, 200), (2 * DAY, "in", 1, 20_000))
    assert said("paid_back_then_more", told) == (
        "One address had paid it $1,000 when, on 15 November 2023, it first paid some back, $200 "
        "in 1 payment; by 16 November 2023 the same address had paid it $20,000 more."
    )
    both_ways = history((0, "in", 1, 1_000), (DAY, "out", 1, 900), (2 * DAY, "in", 1, 20_000))
    assert FINDERS["paid_back_then_more"](both_ways) is None


def test_one_day_is_no_span():
    for gap, start in ((HOUR // 2, "On 14 November 2023, "), (DAY, "From 14 November 2023 to ")):
        told = history((0, "in", 1, 500), (gap, "in", 2, 500))
        found = same_amount(told, ["1237.45", "1237.45"])
        assert found is not None
        assert fact_words(found, told, SCALES).text.startswith(start)


def test_the_day_that_holds_most_says_of_how_much():
    told = history((0, "in", 1, 100), (8 * DAY, "in", 2, 900))
    assert said("concentrated", told) == (
        "From 22 November 2023, 90 % of all that it received, swaps left out ($900 of $1,000), "
        "came within 24 hours, in 1 transfer, from one address."
    )
