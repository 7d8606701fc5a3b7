"""The sentences of dated facts, one for each kind of happening."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from features.history import MICROSECONDS, History
from models.habits import commissions
from models.happenings import Happening, rest_after, seconds_between
from models.other_side import SIDE_WORDS, category, paid
from models.saying import count, lasting, on, share, tell
from models.sentences import Number, Sentence
from pipelines.alerting.alert_parts import Scales

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(history: History, position: int | np.integer) -> datetime:
    """Return when one of a history's transfers was."""
    return _EPOCH + timedelta(microseconds=int(history.time[position]))


def fact_words(happening: Happening, history: History, scales: Scales) -> Sentence:
    """Say a happening."""
    return _WORDS[happening.kind](happening, history, scales)


def _concentrated(h: Happening, history: History, scales: Scales) -> Sentence:
    incoming = bool(history.incoming[h.chief[0]])
    own = paid(history)
    side = own[history.incoming[own] == incoming]
    all_of_it = sum(history.value[side].tolist()) / history.scale
    did, came, way = ("received", "came", "from") if incoming else ("paid", "went", "to")
    return tell(
        f"From {{day}}, {{part}} of all that it {did}, swaps left out ({{sum}} of {{all}}), {came} "
        f"within 24 hours, in {{n}}, {way} {{who}}.",
        day=_day(history, h.rows[0]), part=share(h.value / all_of_it), sum=scales.worth(h.value),
        all=scales.worth(all_of_it), n=count(len(h.chief), "transfer"), who=_who(h, history),
    )  # fmt: skip


def _paid_back_then_more(h: Happening, history: History, scales: Scales) -> Sentence:
    back = h.rows[~history.incoming[h.rows]]
    before = h.rows[history.incoming[h.rows] & (h.rows < back[0])]
    return tell(
        "One address had paid it {before} when, on {day}, it first paid some back, {back} in {n}; "
        "by {end} the same address had paid it {more} more.",
        before=_worth(history, before, scales), day=_day(history, back[0]),
        back=_worth(history, back, scales), n=count(len(back), "payment"),
        end=_day(history, h.rows[-1]), more=scales.worth(h.value),
    )  # fmt: skip


def _same_second(h: Happening, history: History, scales: Scales) -> Sentence:
    return tell(
        "On {day}, {n} of {sum} in all came in one and the same second, from {who}.",
        day=_day(history, h.rows[0]), n=count(len(h.chief), "receipt"), sum=scales.worth(h.value),
        who=_who(h, history),
    )  # fmt: skip


def _same_amount(h: Happening, history: History, scales: Scales) -> Sentence:
    one = int(history.value[h.chief[0]]) / history.scale
    return tell(
        f"{_span(h, history)}, {{who}} paid it exactly the same odd amount of one coin (the first "
        "time worth {one}), in {n}.",
        day=_day(history, h.rows[0]), end=_day(history, h.rows[-1]), who=_who(h, history),
        one=scales.worth(one), n=count(len(h.chief), "payment"),
    )  # fmt: skip


def _taking_turns(h: Happening, history: History, scales: Scales) -> Sentence:
    return tell(
        f"{_span(h, history)} it paid {{who}} by turns, {{sum}} in {{n}}: each had its last "
        "payment before the next had its first.",
        day=_day(history, h.rows[0]), end=_day(history, h.rows[-1]), who=_who(h, history),
        sum=scales.worth(h.value), n=count(len(h.chief), "payment"),
    )  # fmt: skip


def _kept_the_same(h: Happening, history: History, scales: Scales) -> Sentence:
    chief = set(h.chief.tolist())
    kept = [part for part, receipt, _ in commissions(history) if receipt in chief]
    return tell(
        f"{_span(h, history)} it passed {{n}} on one by one, {{sum}} in all, each in its coin "
        "within 24 hours, and kept {low} to {high} of each.",
        day=_day(history, h.rows[0]), end=_day(history, h.rows[-1]),
        n=count(len(h.chief), "receipt"), sum=scales.worth(h.value), low=share(min(kept)),
        high=share(max(kept)),
    )  # fmt: skip


def _spread(h: Happening, history: History, scales: Scales) -> Sentence:
    return tell(
        "From {day}, it paid {who} {sum} within 24 hours, in {n}.",
        day=_day(history, h.rows[0]), who=_who(h, history), sum=scales.worth(h.value),
        n=count(len(h.chief), "payment"),
    )  # fmt: skip


def _gathered(h: Happening, history: History, scales: Scales) -> Sentence:
    return tell(
        "From {day}, {who} paid it {sum} within 24 hours, in {n}.",
        day=_day(history, h.rows[0]), who=_who(h, history), sum=scales.worth(h.value),
        n=count(len(h.chief), "payment"),
    )  # fmt: skip


def _passed_on(h: Happening, history: History, scales: Scales) -> Sentence:
    receipt, last = int(h.rows[0]), int(h.rows[-1])
    return tell(
        "On {day} it received {sum} in one transfer{payer}, and paid {out} of the same coin to "
        "{who} within the next {wait}.",
        day=_day(history, receipt), sum=_worth(history, h.rows[:1], scales),
        payer=_known(history, receipt), out=scales.worth(h.value), who=_who(h, history),
        wait=lasting(seconds_between(history, receipt, last)),
    )  # fmt: skip


def _rested(h: Happening, history: History, scales: Scales) -> Sentence:
    own = paid(history)
    wait = rest_after(history, own[~history.incoming[own]], int(h.rows[0])) / MICROSECONDS
    return tell(
        "After {sum} came on {day}{payer}, less than half as much left it in the next {wait}, as "
        "far as the transfers go.",
        sum=scales.worth(h.value), day=_day(history, h.rows[0]), payer=_known(history, h.rows[0]),
        wait=lasting(wait),
    )  # fmt: skip


def _stepped_up(h: Happening, history: History, scales: Scales) -> Sentence:
    most = h.rows[[int(np.argmax(history.value[h.rows]))]]
    return tell(
        "{who} paid it {first} on {day}, and {sum} in all by {end}, in {n}, the largest {most}.",
        who="One address" if category(history, int(h.rows[0])) is None else _capital(h, history),
        first=_worth(history, h.rows[:1], scales), day=_day(history, h.rows[0]),
        sum=scales.worth(h.value), end=_day(history, h.rows[-1]),
        n=count(len(h.rows), "payment"), most=_worth(history, most, scales),
    )  # fmt: skip


def _largest_receipt(h: Happening, history: History, scales: Scales) -> Sentence:
    return tell(
        "On {day} it received its largest sum, {sum}, from {who}.",
        day=_day(history, h.rows[0]), sum=scales.worth(h.value), who=_who(h, history),
    )  # fmt: skip


def _largest_payment(h: Happening, history: History, scales: Scales) -> Sentence:
    return tell(
        "On {day} it made its largest payment, {sum}, to {who}.",
        day=_day(history, h.rows[0]), sum=scales.worth(h.value), who=_who(h, history),
    )  # fmt: skip


_WORDS: dict[str, Callable[[Happening, History, Scales], Sentence]] = {
    "concentrated": _concentrated,
    "paid_back_then_more": _paid_back_then_more,
    "same_second": _same_second,
    "same_amount": _same_amount,
    "taking_turns": _taking_turns,
    "kept_the_same": _kept_the_same,
    "spread": _spread,
    "gathered": _gathered,
    "passed_on": _passed_on,
    "rested": _rested,
    "stepped_up": _stepped_up,
    "largest_receipt": _largest_receipt,
    "largest_payment": _largest_payment,
}


def _who(h: Happening, history: History) -> Number | str:
    """Name the counterparties: the one by what it is known as, many by their number.

    Of an exchange's hot wallet it is said that customers stand behind it.
    """
    if h.parties > 1:
        return count(h.parties, "address", "addresses")
    known = category(history, int(h.chief[0]))
    if known == "exchange_hot":
        if history.incoming[h.chief[0]]:
            return "customers of an exchange, by its hot wallet"
        return "an exchange, at its hot wallet"
    return "one address" if known is None else SIDE_WORDS[known]


def _span(h: Happening, history: History) -> str:
    """Return the template of its first and last day; of one where they are the same."""
    first, last = (moment(history, row).date() for row in (h.rows[0], h.rows[-1]))
    return "On {day}" if first == last else "From {day} to {end}"


def _known(history: History, position: int | np.integer) -> str:
    known = category(history, int(position))
    return "" if known is None else f" from {SIDE_WORDS[known]}"


def _capital(h: Happening, history: History) -> str:
    words = str(_who(h, history))
    return words[0].upper() + words[1:]


def _worth(history: History, rows: np.ndarray, scales: Scales) -> Number:
    return scales.worth(sum(history.value[rows].tolist()) / history.scale)


def _day(history: History, position: int | np.integer) -> Number:
    return on(moment(history, position))
