"""Markdown: text from outside as it is (never a heading, a link, a cell or HTML), and shares."""

from __future__ import annotations

from models.intervals import wilson


def code(text: str, *, in_table: bool = False) -> str:
    """Show a text as code, on one line, with what cannot be seen by its code point.

    >>> print(code("a list"), code("# x\\n\\n[x](y)"), code("`b`"), code("a|b", in_table=True))
    `a list` `# x⟨U+000A⟩⟨U+000A⟩[x](y)` `'b'` `a\\|b`
    """
    shown = "".join(c if c.isprintable() else f"⟨U+{ord(c):04X}⟩" for c in text)
    shown = shown.replace("`", "'") or " "
    # In a table a bar ends the cell even inside code; its backslash is not shown there.
    return "`" + (shown.replace("|", "\\|") if in_table else shown) + "`"


def counted_share(hits: int, n: int, *, digits: int = 0) -> str:
    """Write a share that was counted with its 95 % Wilson interval; a dash of none.

    >>> counted_share(3, 10), counted_share(3, 10, digits=1), counted_share(0, 0)
    ('30% [11%, 60%]', '30.0% [10.8%, 60.3%]', '–')
    """
    if not n:
        return "–"
    low, high = wilson(hits, n)
    return f"{hits / n:.{digits}%} [{low:.{digits}%}, {high:.{digits}%}]"
