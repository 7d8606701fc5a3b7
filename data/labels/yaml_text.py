"""Reading a YAML file of plain records without letting it build anything.

YAML's usual readers guess: `0x12` becomes a number and loses its zeros and capitals, a repeated key
overwrites the first one, an alias multiplies itself into gigabytes, a tag names code to run. Here
nothing but the parser's events is used. Every scalar stays the text it is, mappings remember where
they stood and which keys came twice, aliases and deep nesting are refused, and tags mean nothing.

>>> document = read_yaml(Path("a.yaml"), "address: 0x012aB  # mine\\nlabel: ~\\ntags: [a, b]\\n")
>>> document == {"address": "0x012aB", "label": None, "tags": ["a", "b"]}
True
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.errors import Refused

Node = Any
"""A text, None, a list of nodes, or a `Mapping`."""

_DEEPEST = 8
_NULLS = ("", "~", "null", "Null", "NULL")
_WHAT = "a TagPack: YAML with a header and a list of tags"


class Mapping(dict[str, Node]):
    """A YAML mapping, with its text and the keys that stand in it more than once."""

    def __init__(self, items: list[tuple[str, Node]], raw: str) -> None:
        super().__init__(items)
        self.raw = raw
        names = [name for name, _ in items]
        self.twice = (
            sorted({n for n in names if names.count(n) > 1}) if len(self) < len(names) else []
        )


def read_yaml(path: Path, text: str) -> Node:
    """Return the one document of a YAML text.

    Raises
    ------
    Refused
        Broken YAML, several documents, an alias, deep nesting, or a key that is no text.
    """
    # Imported here: lists in other formats do not need it.
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    reader = _Reader(path, text, yaml.parse(text, Loader=loader))
    try:
        return reader.document()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Refused(
            f"line {line} of {path} is broken YAML: {error.problem}", expected=_WHAT
        ) from None
    except yaml.YAMLError as error:
        said = (str(error).splitlines() or ["it cannot be read"])[0]
        raise Refused(f"{path} is broken YAML: {said}", expected=_WHAT) from None


class _Reader:
    """The parser's events, one after the other, turned into nodes."""

    def __init__(self, path: Path, text: str, events: Iterator[Any]) -> None:
        self.path, self.text, self.events = path, text, events

    def document(self) -> Node:
        next(self.events)  # the stream's start
        if type(next(self.events)).__name__ != "DocumentStartEvent":
            return None
        node = self._node(next(self.events), 0)
        next(self.events)  # the document's end
        if type(next(self.events)).__name__ != "StreamEndEvent":
            raise Refused(f"{self.path} holds several YAML documents", expected=_WHAT)
        return node

    def _node(self, event: Any, depth: int) -> Node:
        kind = type(event).__name__
        if kind == "ScalarEvent":
            plain = event.style is None or event.style == ""
            return None if plain and event.value in _NULLS else event.value
        line = event.start_mark.line + 1
        if kind == "AliasEvent":
            raise Refused(
                f"line {line} of {self.path} is an alias (*{event.anchor})",
                expected=_WHAT,
                hint="Write the value out: aliases can blow a small file up into gigabytes.",
            )
        if depth >= _DEEPEST:
            raise Refused(
                f"line {line} of {self.path} is nested more than {_DEEPEST} deep", expected=_WHAT
            )
        if kind == "SequenceStartEvent":
            return list(self._until("SequenceEndEvent", depth))
        return self._mapping(event, depth, line)

    def _mapping(self, start: Any, depth: int, line: int) -> Mapping:
        items: list[tuple[str, Node]] = []
        for event in self.events:
            if type(event).__name__ == "MappingEndEvent":
                raw = self.text[start.start_mark.index : event.end_mark.index].rstrip()
                return Mapping(items, raw)
            key = self._node(event, depth + 1)
            if not isinstance(key, str):
                raise Refused(
                    f"a key on or after line {line} of {self.path} is no text", expected=_WHAT
                )
            items.append((key, self._node(next(self.events), depth + 1)))
        raise Refused(
            f"{self.path} ends too early", expected=_WHAT
        )  # pragma: no cover (a YAMLError)

    def _until(self, end: str, depth: int) -> Iterator[Node]:
        for event in self.events:
            if type(event).__name__ == end:
                return
            yield self._node(event, depth + 1)
