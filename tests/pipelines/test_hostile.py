"""The hostile texts themselves: enough of them, each another, and none of the old ones lost."""

from __future__ import annotations

from tests.pipelines.hostile import FORMULAS, XSS
from tests.pipelines.hostile_formulas import SIGNS
from tests.pipelines.hostile_markup import CONTEXTS, EVENTS


def test_there_are_enough_and_no_two_are_alike():
    assert len(XSS) == len(set(XSS)) >= 300
    assert len(FORMULAS) == len(set(FORMULAS)) >= 500


def test_every_kind_is_among_them():
    for end in CONTEXTS.values():
        assert f"{end}<script>alert(1)</script>" in XSS
    for event in EVENTS:
        assert any(f"{event}=" in text for text in XSS)
    for mark in ("{{", "\x00", "\x1b", "\u202e", "<math", "<svg", "javascript:", "data:", "&#60;"):
        assert any(mark in text for text in XSS), mark
    for sign in SIGNS:
        assert any(text.startswith(sign) for text in FORMULAS)
    for mark in ("DDE", "HYPERLINK", "IMPORTXML", "cmd|", ";=", "\ufeff", "\u200b", "\u00a0", '"'):
        assert any(mark in text for text in FORMULAS), mark
