"""Text from outside in Markdown: shown as it is, never a heading, a link, a cell or HTML."""

from __future__ import annotations


def code(text: str, *, in_table: bool = False) -> str:
    """Show a text as code, on one line, with what cannot be seen by its code point.

    >>> print(code("a list"), code("# x\\n\\n[x](y)"), code("`b`"), code("a|b", in_table=True))
    `a list` `# x⟨U+000A⟩⟨U+000A⟩[x](y)` `'b'` `a\\|b`
    """
    shown = "".join(c if c.isprintable() else f"⟨U+{ord(c):04X}⟩" for c in text)
    shown = shown.replace("`", "'") or " "
    # In a table a bar ends the cell even inside code; its backslash is not shown there.
    return "`" + (shown.replace("|", "\\|") if in_table else shown) + "`"
