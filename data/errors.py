"""The one exception that means "refused": the input or the request is at fault, not the program.

A job that meets something it cannot safely use raises `Refused` before it has written anything
under a final name. The command line turns it into one message on stderr and exit code 2; any other
exception is a bug and ends with exit code 1. So every deliberate refusal, in every package, is
`Refused` or a subclass.

>>> from data.errors import Refused
>>> print(Refused("the file is empty: a.csv", expected="a CSV header", hint="export it again"))
The file is empty: a.csv. Expected: a CSV header. Hint: export it again.
"""

from __future__ import annotations

from collections.abc import Iterable


class Refused(Exception):
    """An input or a request that is refused, with what came, what was expected and what to do.

    Parameters
    ----------
    message : str
        What came, and where (file, row, option). The caller shows text that came from a file with
        `repr`, so that control characters cannot disturb a terminal.
    expected : str, optional
        What would have been accepted; options are listed from the registry that defines them.
    hint : str, optional
        What to do next, for example the option to add or the nearest known name.

    Attributes
    ----------
    message, expected, hint
        The parts as given; `str()` joins them into one sentence each.

    Examples
    --------
    >>> str(Refused("unknown value basis 'eur'", expected="one of usd, native, relative"))
    "Unknown value basis 'eur'. Expected: one of usd, native, relative."
    """

    def __init__(
        self, message: str, *, expected: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.hint = hint

    def __str__(self) -> str:
        parts = [self.message[:1].upper() + self.message[1:]]
        if self.expected:
            parts.append(f"Expected: {self.expected}")
        if self.hint:
            parts.append(f"Hint: {self.hint}")
        return " ".join(_closed(part) for part in parts)

    def __reduce__(self) -> tuple[object, ...]:
        # Worker processes send exceptions back pickled; the default would lose the other parts.
        return _rebuild, (type(self), self.message, self.expected, self.hint)


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return a hint that names the nearest of some known names; None where none is near.

    >>> did_you_mean("polygone", ["tron", "polygon"])
    "Did you mean 'polygon'?"
    """
    # Imported here: only a refusal needs it.
    from difflib import get_close_matches

    near = get_close_matches(name, list(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else None


def _closed(sentence: str) -> str:
    """Return the sentence with a full stop, unless it already ends in a mark."""
    return sentence if sentence.endswith((".", "!", "?")) else sentence + "."


def _rebuild(kind: type[Refused], message: str, expected: str | None, hint: str | None) -> Refused:
    """Make the exception again after it was pickled."""
    return kind(message, expected=expected, hint=hint)
