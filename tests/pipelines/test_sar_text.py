"""The texts of a package, on statements that worlds seldom bring."""

from __future__ import annotations

from dataclasses import replace

from data.services import load_services
from models.cases.accounts import Accounts, Ledger
from models.cases.ground import lay
from models.cases.grouping import Case
from models.cases.limits import Kind, Limits
from models.cases.links import Link
from pipelines.casework.case_telling import Telling
from pipelines.casework.cases import Cases
from pipelines.casework.sar_facts import Fact, Reported, Statement, statement
from pipelines.casework.sar_text import LARGEST_ATTACHMENT, MARK, SYNTHETIC, checklist, narrative
from tests.data.canonical import table
from tests.models.cases.test_links import A, B, C, X, key, pay, subjects

FLAG = ("A warning", "A source (2020)")
TOLD = Statement(
    case=Case("case-0123456789abcdef", (key(A),), ()),
    books=Accounts(),
    facts=(Fact(1, "why", "S1: It paid 4 addresses.", (0,), (FLAG,)),),
    against=(),
    listed=("S1: A list, sanctioned, according to somebody",),
    labels={key(A): "S1"},
    rows=(0,),
)
WHEN = {"first": "2024-03-01T00:00:00Z", "last": "2024-03-01T00:00:00Z"}


def test_a_short_narrative_has_all_its_parts_and_placeholders():
    text = narrative(TOLD, **WHEN, synthetic=True)
    assert text.startswith(f"{MARK} {SYNTHETIC}\n")
    assert "by 1 address from 1 March 2024" in text
    assert "The transactions show:\nF1. S1: It paid 4 addresses." in text
    assert "[Victims known to the institution, and what they reported.]" in text
    assert "By association only" not in text
    assert "largest single transfers" not in text


def test_the_checklist_names_lists_warnings_and_an_attachment_that_is_too_large():
    text = checklist(TOLD, appendix_bytes=LARGEST_ATTACHMENT + 1, synthetic=False)
    assert "it must be cut to the facts you keep" in text
    assert "S1: A list, sanctioned, according to somebody" in text
    assert "A warning (F1): A source (2020)" in text
    assert "which is no evidence of guilt" in text
    small = checklist(replace(TOLD, facts=(), listed=()), appendix_bytes=9, synthetic=False)
    assert "so it fits" in small
    assert "Published warnings" not in small
    assert "Lists name" not in small


def cases_of(case: Case) -> Cases:
    rows = table([pay(1, X, A), pay(2, A, B, 40), pay(3, B, C, 30)]).with_row_index("row")
    ground = lay(rows.lazy(), subjects([A, B, C]), Limits())
    own, around = Ledger(ground.own), Ledger(ground.around)
    told = Telling(load_services(), own.rows, {key(X)})
    return Cases(own, around, (case,), (), told, {})


def test_an_alert_below_review_is_no_subject_and_stands_by_association_only():
    links = tuple(
        Link(Kind.DIRECT_FLOW, (key(one), key(other)), None, (n,))
        for n, (one, other) in enumerate(((A, B), (B, C)), start=1)
    )
    case = Case("case-0123456789abcdef", (key(A), key(B), key(C)), links)
    about = {key(A): Reported(key(A), (("It paid.", (), (1,)),), ("It rests.",), ("A list",))}
    found = statement(case, cases_of(case), about, Limits())
    assert found is not None
    assert found.case.members == (key(A),)
    assert found.labels == {key(A): "S1", key(X): "V1", key(B): "A1"}
    assert found.rows == (0, 1)
    assert (found.books.received.n, found.books.sent.n, found.books.between.n) == (1, 1, 0)
    assert [fact.part for fact in found.facts] == [
        "total", "why", "link", "largest", "largest", "victim",
    ]  # fmt: skip
    assert found.facts[2].text.startswith("S1, A1: The 2 addresses had direct payments")
    assert (found.against, found.listed) == (("S1: It rests.",), ("S1: A list",))
    text = narrative(found, **WHEN, synthetic=False)
    assert text.index("Subjects:") < text.index(A) < text.index("By association only")
    assert statement(case, cases_of(case), {}, Limits()) is None


def test_a_victim_that_ties_is_never_an_association():
    link = Link(Kind.SHARED_PAYER, (key(A), key(B)), key(X), (0,))
    case = Case("case-0123456789abcdef", (key(A), key(B)), (link,))
    about = {key(a): Reported(key(a), (), (), ()) for a in (A, B)}
    found = statement(case, cases_of(case), about, Limits())
    assert found is not None
    assert found.labels[key(X)] == "V1"
    [tie] = [fact for fact in found.facts if fact.part == "link"]
    assert tie.text.startswith("S1, S2; through V1: The 2 addresses were paid by one possible")
    assert [fact.number for fact in found.facts] == list(range(1, len(found.facts) + 1))
