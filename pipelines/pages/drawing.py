"""A few lines of SVG: elements with escaped text, and numbers short enough to read.

Small enough that the pages need no plotting library: what an alert shows must render everywhere.
"""

from __future__ import annotations

from html import escape

from pipelines.visible import visible


def element(tag: str, content: str = "", **attributes: object) -> str:
    """Return one SVG element; `content` is markup, attributes are escaped.

    Underscores in attribute names become hyphens, a trailing one is dropped.

    >>> element("text", words("<b>"), x=1.50, class_="axis")
    '<text x="1.5" class="axis">&lt;b&gt;</text>'
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_short(value))}"'
        for name, value in attributes.items()
    )
    return f"<{tag}{given}>{content}</{tag}>"


def words(text: str) -> str:
    """Return text as SVG content: hidden characters shown, markup escaped."""
    return escape(visible(text))


def figure(content: str, width: float, height: float, label: str, class_: str) -> str:
    """Wrap drawn elements into an SVG image that scales to its column and says what it shows."""
    return element(
        "svg",
        element("title", words(label)) + content,
        viewBox=f"0 0 {_short(width)} {_short(height)}",
        role="img",
        class_=f"drawn {class_}",
        preserveAspectRatio="xMidYMid meet",
    )


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)
