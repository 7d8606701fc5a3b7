"""Text that tries to become something else: markup, script, a formula, another address."""

from __future__ import annotations

from tests.pipelines import hostile_formulas, hostile_markup

XSS = hostile_markup.payloads()
"""At least 300 texts that a page or a terminal might take for its own."""

FORMULAS = hostile_formulas.payloads()
"""At least 500 texts that a spreadsheet might run."""
