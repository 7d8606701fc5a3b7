"""GraphSense TagPacks: a header that says where the tags come from, and the tags.

    title: Reserve wallets of Example
    creator: Example team
    currency: ETH
    confidence: service_data
    lastmod: 2024-05-01
    tags:
      - address: 0x…
        label: Example hot wallet
        category: exchange

What a tag does not say it inherits from the header. `abuse`, `category` and `concepts` all say what
an address is, so the label's category is all of them, `abuse` first. `network`, where given, is the
chain; else `currency` is. `lastmod` is when the tag was last looked at, not when it was published,
so it is `observed_at`.

A tag without any of the three says whose an address is and nothing about it: it is set aside.

References
----------
https://github.com/graphsense/graphsense-tagpack-tool
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from data.errors import Refused
from data.labels.files import list_text
from data.labels.table import BETWEEN, LabelList, Row, Statement, label_list
from data.labels.yaml_text import Mapping, Node, read_yaml

DESCRIPTION = "a GraphSense TagPack: YAML with a header and a list of tags"

_HEADER = r"(?m)^(title|creator)\s*:"
_TAGS = r"(?m)^tags\s*:"
_TERMS = ("abuse", "category", "concepts")


def recognises(path: Path, head: str) -> bool:
    """Say whether a text has a TagPack's header and its tags."""
    return bool(re.search(_HEADER, head) and re.search(_TAGS, head))


def read(path: Path) -> LabelList:
    """Read a TagPack.

    Raises
    ------
    Refused
        Broken or unsafe YAML (see `yaml_text.read_yaml`), no list of tags, or a header in which a
        key stands twice.
    """
    pack = read_yaml(path, list_text(path))
    if not isinstance(pack, Mapping) or not isinstance(pack.get("tags"), list):
        raise Refused(f"{path} has no list of tags", expected=DESCRIPTION)
    if pack.twice:
        raise Refused(
            f"the header of {path} has the key {', '.join(map(repr, pack.twice))} twice",
            expected=DESCRIPTION,
        )
    header = {name: value for name, value in pack.items() if name != "tags"}
    return label_list(path, "graphsense", _rows(header, pack["tags"]))


def _rows(header: dict[str, Node], tags: list[Node]) -> Iterator[Row]:
    for number, tag in enumerate(tags, start=1):
        if not isinstance(tag, Mapping):
            yield Row(number, str(tag)[:1_000], fault="the tag is not a mapping")
            continue
        if tag.twice:
            yield Row(number, tag.raw, fault=f"it has {', '.join(map(repr, tag.twice))} twice")
            continue
        said = header | {name: value for name, value in tag.items() if value is not None}
        try:
            yield Row(number, tag.raw, (_statement(said),))
        except ValueError as error:
            yield Row(number, tag.raw, fault=str(error))


def _statement(said: dict[str, Node]) -> Statement:
    title, creator = _text(said, "title"), _text(said, "creator")
    return Statement(
        chain=_text(said, "network") or _text(said, "currency"),
        address=_text(said, "address"),
        category=BETWEEN.join(dict.fromkeys(t for name in _TERMS for t in _terms(said, name))),
        name=_text(said, "label"),
        source_url=_text(said, "source"),
        confidence=_text(said, "confidence"),
        observed_at=_text(said, "lastmod"),
        file=", ".join(filter(None, (title, creator))) or None,
    )


def _text(said: dict[str, Node], name: str) -> str | None:
    value = said.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"its {name} is not a plain text")
    return value


def _terms(said: dict[str, Node], name: str) -> list[str]:
    """Return one text, or a list of them."""
    value = said.get(name)
    terms = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(term, str) for term in terms):
        raise ValueError(f"its {name} is neither a text nor a list of texts")
    return terms
