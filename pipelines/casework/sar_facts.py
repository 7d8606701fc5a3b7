"""What a SAR package says of a case: numbered facts, each with the transfers it rests on.

A model chose which addresses are looked at, and which of their facts come first. That is all of it
that gets here: a fact says what transfers show, and holds no score. None rests on the hours at
which somebody is active: they tell where people live, and are no reason for anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from features.catalogue import catalogue
from models import sentences
from models.cases.accounts import Accounts, Row, Sum, accounts_of
from models.cases.grouping import Case
from models.cases.limits import Limits
from models.cases.links import Key, Link
from pipelines.alerting.dossier import Dossier
from pipelines.casework.case_wording import link_sentence, transfers_told
from pipelines.casework.cases import Cases
from pipelines.visible import identifier, visible

HOURS = frozenset({"activity_hours_entropy"})
"""Signals that rest on the hours of the day."""

PARTS = ("total", "service", "why", "link", "largest", "victim")
"""The parts of a narrative that facts stand in, in their order."""

MOST_LINKS, MOST_LARGEST, MOST_SERVICES = 20, 3, 20


@dataclass(frozen=True)
class Reported:
    """An alerted address that is reported on.

    Attributes
    ----------
    key
        Who.
    reasons
        Sentences, each with the warnings published of such behaviour (name, source) and the
        transfers behind it.
    against
        Sentences that speak for an innocent explanation.
    listed
        What lists say of it.
    """

    key: Key
    reasons: tuple[tuple[str, tuple[tuple[str, str], ...], tuple[int, ...]], ...]
    against: tuple[str, ...]
    listed: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """A statement: its number, its part of the narrative, and the transfers behind it.

    Attributes
    ----------
    flags
        Warnings published of such behaviour: name and source.
    """

    number: int
    part: str
    text: str
    rows: tuple[int, ...]
    flags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Statement:
    """A case as its package tells it.

    Attributes
    ----------
    case
        Of its members, those that are reported on: the subjects.
    books
        What they moved.
    facts
        In the order of their numbers.
    against, listed
        Of each subject, with its label in front.
    labels
        What the text calls addresses: subjects S1, S2, …; possible victims V1, …; who stands
        between subjects, by association only, A1, ….
    rows
        The subjects' own transfers.
    """

    case: Case
    books: Accounts
    facts: tuple[Fact, ...]
    against: tuple[str, ...]
    listed: tuple[str, ...]
    labels: Mapping[Key, str]
    rows: tuple[int, ...]

    def labelled(self, letter: str) -> list[tuple[str, Key]]:
        """Return the subjects (S), possible victims (V) or others (A), by their labels."""
        return [(text, key) for key, text in self.labels.items() if text[0] == letter]


def reported(alert: Mapping[str, Any], dossier: Dossier) -> Reported:
    """Take of an alert what a report may hold: sentences about transfers, and their transfers."""
    by_name = catalogue().by_name
    flags = {part["signal"]: part["red_flags"] for part in alert["contributions"]}
    reasons = []
    for reason in alert["reasons"]:
        name = reason["signal"]
        if name in HOURS:
            continue
        found = dossier.found(by_name[name])
        rows = {*dossier.rows[found.rows].tolist(), *(leg.row for leg in found.elsewhere)}
        warned = tuple((flag["name"], flag["source"]) for flag in flags[name])
        reasons.append((_clause(reason["sentence"]), warned, tuple(sorted(rows))))
    against = [_clause(one["sentence"]) for one in alert["counter"] if one["signal"] not in HOURS]
    hits = [
        f"{hit['name'] or 'unnamed'}, {hit['category'].replace('_', ' ')}, according to "
        f"{hit['source'] or 'a source not named'}"
        for hit in alert["list_hits"]
    ]
    key = (alert["chain"], alert["address"])
    return Reported(key, tuple(reasons), tuple(against), tuple(hits))


def _clause(sentence: str) -> str:
    """Leave out the tail that every sentence has: the totals of the subject say it once.

    >>> _clause("It paid 4 addresses, in the 65 transfers supplied (1 May 2024 to 2 May 2024).")
    'It paid 4 addresses.'
    """
    clause, tail, _ = sentence.rpartition(", in the ")
    return f"{clause}." if tail else sentence


def statement(
    case: Case, cases: Cases, subjects: Mapping[Key, Reported], limits: Limits
) -> Statement | None:
    """Tell a case; None where none of its members is reported on.

    Parameters
    ----------
    cases
        All of the run.
    subjects
        Who is reported on.
    """
    members = tuple(key for key in case.members if key in subjects)
    if not members:
        return None
    links = tuple(link for link in case.links if set(link.alerts) & set(members))
    own_case = replace(case, members=members, links=links)
    victims = cases.told.victims
    books = accounts_of(own_case, cases.own, cases.around, victims)
    rows = cases.own.of(members)
    labels = _labels(members, [node.key for node in books.victims], links, victims)
    said = [
        *_totals(own_case, books, rows, cases, labels),
        *_services(rows, members, cases),
        *_reasons(members, subjects, labels),
        *_links(links, cases, labels, limits),
        *_largest(rows, members, labels),
        *_victims(books, rows, cases, labels),
    ]
    return Statement(
        case=own_case,
        books=books,
        facts=tuple(replace(fact, number=n) for n, fact in enumerate(said, start=1)),
        against=tuple(f"{labels[k]}: {text}" for k in members for text in subjects[k].against),
        listed=tuple(f"{labels[k]}: {visible(t)}" for k in members for t in subjects[k].listed),
        labels=labels,
        rows=tuple(row["row"] for row in rows),
    )


def name_of(key: Key) -> str:
    """Name an address in running text.

    >>> name_of(("tron", "TR7N"))
    'TR7N (tron)'
    """
    return f"{identifier(key[1])} ({identifier(key[0])})"


def _labels(
    members: Sequence[Key], victims: Sequence[Key], links: Sequence[Link], suspected: set[Key]
) -> dict[Key, str]:
    """Label everybody that a text names more than once.

    Possible victims come before others: who may be one is never called anything else.
    """
    between = {link.via for link in links if link.via is not None}
    between |= {key for link in links for key in link.alerts}
    more = sorted((between & suspected) - set(victims) - set(members))
    others = sorted(between - suspected - set(members))
    return {
        key: f"{letter}{n}"
        for letter, keys in (("S", members), ("V", [*victims, *more]), ("A", others))
        for n, key in enumerate(keys, start=1)
    }


def _fact(part: str, text: str, rows: Sequence[int], *flags: tuple[str, str]) -> Fact:
    return Fact(0, part, text, tuple(rows), flags)


def _summed(rows: Sequence[Row], cases: Cases) -> str:
    total = Sum()
    for row in rows:
        total.add(row)
    return transfers_told(cases.told.sum(total))


def _totals(
    case: Case, books: Accounts, rows: Sequence[Row], cases: Cases, labels: Mapping[Key, str]
) -> Iterator[Fact]:
    if len(case.members) > 1:
        got, paid, between = (
            transfers_told(cases.told.sum(total))
            for total in (books.received, books.sent, books.between)
        )
        text = f"Together they received from others: {got}; paid to others: {paid}; moved "
        text += f"between themselves: {between}."
        yield _fact("total", text, [row["row"] for row in rows])
    for key in case.members:
        into = [row for row in rows if (row["chain"], row["receiver"]) == key]
        out = [row for row in rows if (row["chain"], row["sender"]) == key]
        text = f"{labels[key]} received: {_summed(into, cases)}; paid: {_summed(out, cases)}."
        yield _fact("total", text, sorted(row["row"] for row in (*into, *out)))


def _reasons(
    members: Sequence[Key], subjects: Mapping[Key, Reported], labels: Mapping[Key, str]
) -> Iterator[Fact]:
    for key in members:
        for text, flags, rows in subjects[key].reasons:
            yield _fact("why", f"{labels[key]}: {text}", rows, *flags)


def _links(
    links: Sequence[Link], cases: Cases, labels: Mapping[Key, str], limits: Limits
) -> Iterator[Fact]:
    victims, all_rows = cases.told.victims, cases.told.rows
    dollars = [sum(all_rows[n]["usd_micros"] or 0 for n in link.rows) for link in links]
    largest = sorted(range(len(links)), key=lambda i: -dollars[i])[:MOST_LINKS]
    for link in (links[i] for i in sorted(largest)):
        total = Sum()
        for number in link.rows:
            total.add(all_rows[number])
        summed = cases.told.sum(total)
        victim = link.via in victims
        said = link_sentence(link.kind, len(link.alerts), summed, limits, victim=victim)
        who = ", ".join(label for key, label in labels.items() if key in link.alerts)
        through = "" if link.via is None else f"; through {labels[link.via]}"
        yield _fact("link", f"{who}{through}: {said}", link.rows)


def _services(rows: Sequence[Row], members: Sequence[Key], cases: Cases) -> Iterator[Fact]:
    """Say what went to and came from parties that a list names."""
    who = set(members)
    known = cases.told.tags
    met: dict[tuple[Key, str], list[Row]] = {}
    for row in rows:
        source, target = (row["chain"], row["sender"]), (row["chain"], row["receiver"])
        if source in who and target in known:
            met.setdefault((target, "Paid to"), []).append(row)
        if target in who and source in known:
            met.setdefault((source, "Received from"), []).append(row)

    def by_dollars(item: tuple[tuple[Key, str], list[Row]]) -> tuple[int, tuple[Key, str]]:
        return -sum(row["usd_micros"] or 0 for row in item[1]), item[0]

    for (party, way), some in sorted(met.items(), key=by_dollars)[:MOST_SERVICES]:
        tag = known[party][0]
        name = visible(tag["name"] or "an unnamed party")
        source_name = visible(tag["source"] or "a source not named")
        dated = f", {tag['date']}" if tag["date"] else ""
        text = (
            f"{way} {name} ({tag['category'].replace('_', ' ')}) at {name_of(party)}: "
            f"{_summed(some, cases)}. The name is according to: {source_name}{dated}."
        )
        yield _fact("service", text, [row["row"] for row in some])


def _victims(
    books: Accounts, rows: Sequence[Row], cases: Cases, labels: Mapping[Key, str]
) -> Iterator[Fact]:
    for node in books.victims:
        some = [
            row["row"]
            for row in rows
            if node.key in ((row["chain"], row["sender"]), (row["chain"], row["receiver"]))
        ]
        paid, got = (transfers_told(cases.told.sum(total)) for total in (node.paid, node.got))
        text = f"{labels[node.key]} paid the subjects: {paid}; got from them: {got}."
        yield _fact("victim", text, some)


def _largest(
    rows: Sequence[Row], members: Sequence[Key], labels: Mapping[Key, str]
) -> Iterator[Fact]:
    """Name the largest receipts from others, and the largest payments to others."""
    who = set(members)
    ways = (("received", "receiver", "sender", "from"), ("paid", "sender", "receiver", "to"))
    for way, own, far, toward in ways:
        across = [
            row
            for row in rows
            if (row["chain"], row[own]) in who
            and (row["chain"], row[far]) not in who
            and row["usd_micros"] is not None
        ]
        for row in sorted(across, key=lambda row: (-row["usd_micros"], row["row"]))[:MOST_LARGEST]:
            subject, other = (row["chain"], row[own]), (row["chain"], row[far])
            text = (
                f"{sentences.day(row['block_time'])}: {labels[subject]} {way} "
                f"${row['usd_micros'] / 1_000_000:,.2f} {toward} "
                f"{labels.get(other, name_of(other))}, transaction {identifier(row['tx_id'])}."
            )
            yield _fact("largest", text, [row["row"]])
