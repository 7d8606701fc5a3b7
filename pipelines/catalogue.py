"""`unrinse catalogue`: every signal, what it means and who warns of what it measures, by example.

Its parts stand in `pipelines.reference`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from data.errors import Refused, did_you_mean
from data.storage import whole_file
from features.catalogue import Catalogue
from features.catalogue import catalogue as of_code
from features.signal import Signal
from pipelines.reference.facts import catalogue_facts
from pipelines.reference.pages import FOLDER, PICTURES, one_page, pages, section
from pipelines.reference.terminal import overview_text, signal_text

FORMATS = ("json", "md", "text")


@dataclass(frozen=True)
class Pages:
    """What was written.

    Attributes
    ----------
    out
        The folder.
    pages, pictures
        How many.
    surplus
        Files beside them, in the folders they were written to, that belong to no signal; they are
        left alone.
    """

    out: Path
    pages: int
    pictures: int
    surplus: tuple[str, ...]


def catalogue(
    format: str | None = None, *, signal: str | None = None, out: str | Path | None = None
) -> str | Pages:
    """Return the catalogue of signals as text, or write its pages.

    Parameters
    ----------
    format
        ``json`` (one object, as ``pipelines/schemas/catalogue.v1.schema.json`` says), ``md`` (one
        page to read) or ``text`` (for a terminal). Default: ``text`` for one signal, else ``json``.
    signal
        The name of one signal; None for all.
    out
        Write the pages for people there, with a picture for each signal: ``signals.md``, a page
        for each family in ``signals/``, and ``images/signals/``.

    Raises
    ------
    Refused
        There is no such signal or format, or the pages were asked for in part or in another format.

    Examples
    --------
    >>> json.loads(catalogue())["signals"][0]["name"]
    'transfers_in'
    >>> catalogue(signal="peel_share").splitlines()[0]
    'peel_share (Pass-through)'
    """
    known = of_code()
    one = None if signal is None else _named(known, signal)
    if out is not None:
        if one is not None or format not in (None, "md"):
            raise Refused(
                "only the whole catalogue is written to a folder, and only as pages.",
                hint="Leave out the signal and the format, or leave out --out.",
            )
        return _write(known, Path(out))
    kind = format or ("json" if one is None else "text")
    if kind == "json":
        facts = catalogue_facts(known, None if one is None else [one.name])
        return json.dumps(facts, indent=2, ensure_ascii=False)
    if kind == "md":
        return one_page(known) if one is None else section(one)
    if kind == "text":
        return overview_text(known) if one is None else signal_text(known, one)
    raise Refused(
        f"the catalogue has no format {kind!r}.",
        expected=f"one of {', '.join(FORMATS)}",
        hint=did_you_mean(kind, FORMATS),
    )


def _named(known: Catalogue, name: str) -> Signal:
    """Return the signal of that name."""
    found = known.by_name.get(name)
    if found is None:
        raise Refused(
            f"there is no signal {name!r}.",
            expected="a name that `unrinse catalogue --format text` lists",
            hint=did_you_mean(name, known.by_name),
        )
    return found


def _write(known: Catalogue, out: Path) -> Pages:
    made = pages(known)
    for name, text in made.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    surplus = sorted(
        path.relative_to(out).as_posix()
        for folder in (FOLDER, PICTURES)
        for path in (out / folder).iterdir()
        if path.relative_to(out).as_posix() not in made
    )
    pictures = sum(name.endswith(".svg") for name in made)
    return Pages(out, len(made) - pictures, pictures, tuple(surplus))
