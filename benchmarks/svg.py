"""What the pictures of this folder share: a white card, its colours, and text on it.

The card is white on light pages and on dark ones, so that one picture serves both.
"""

from __future__ import annotations

from html import escape

INK, SOFT, PAPER = "#1f2328", "#59636e", "#ffffff"


def opening(width: float, height: float, title: str, *definitions: str) -> list[str]:
    """Return the lines that begin a picture, up to its card; ``</svg>`` ends it."""
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" '
        'font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        *definitions,
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="8" fill="{PAPER}"/>',
    ]


def text(
    x: float,
    y: float,
    said: str,
    colour: str = INK,
    *,
    size: int = 12,
    bold: bool = False,
    anchor: str = "start",
) -> str:
    """Return a line of text; `anchor` says which end of it stands at `x`."""
    style = ' font-weight="600"' if bold else ""
    style += f' text-anchor="{anchor}"' if anchor != "start" else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}"{style}>'
        f"{escape(said)}</text>"
    )
