"""Chromium for tests: pages opened as a reader opens them, with a record of all they did."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")


@dataclass
class Seen:
    """What pages asked for, and what happened on them: dialogs, errors, messages of the policy."""

    asked: list[str] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)


@contextlib.contextmanager
def opened(log: Path | None = None, **options: Any) -> Iterator[tuple[Any, Seen]]:
    """Open an empty page that is offline; skips where there is no browser.

    A `log` gets all that the browser's network does, names it looks up among it.
    """
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    seen = Seen()
    logged = [] if log is None else [f"--log-net-log={log}", "--net-log-capture-mode=Everything"]

    def dismissed(dialog: Any) -> None:
        seen.happened.append(f"dialog {dialog.message}")
        dialog.dismiss()

    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", *logged]
        )
        page = browser.new_context(offline=True, **options).new_page()
        page.on("request", lambda request: seen.asked.append(request.url))
        page.on("dialog", dismissed)
        page.on("pageerror", lambda error: seen.happened.append(str(error)))
        page.on("console", lambda message: seen.happened.append(message.text))
        try:
            yield page, seen
        finally:
            browser.close()
