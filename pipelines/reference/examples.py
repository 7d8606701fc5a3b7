"""Examples: for each signal the story on which it tells most, and what its own definition found.

Nothing is drawn by hand. Which story a signal is shown on follows from the code: one that claims it
(`Story.also`) comes first, then those that play one of its red flags, then those where the value is
neither nothing nor all and where the evidence leaves something out, so that a reader sees what
counts *and* what does not; then the greatest value (the least, where a low one raises the flag).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from features.catalogue import catalogue
from features.computing import explain_signal
from features.evidence import Elsewhere
from features.signal import Signal
from models.sentences import Scene, Sentence, sentence
from pipelines.reference.histories import Told, ToldHistories, tell
from pipelines.reference.stories import STORIES
from pipelines.reference.story import Story


@dataclass(frozen=True)
class Example:
    """A signal's value on a story.

    Attributes
    ----------
    signal, story
        What is shown on what.
    transfers, others
        The story's history, in its order; what passed between others or on other chains.
    as_of
        The moment of scoring.
    value
        What the definition found.
    rows
        Positions of the transfers that the value rests on, ascending.
    shown
        Positions that an alert would show first, ascending: the telling ones, or all of `rows`.
    elsewhere
        Which of `others` the evidence names: each the probable other leg of a transfer, or (with
        no position) one that the value rests on too.
    sentence
        What an alert would say.
    """

    signal: Signal
    story: Story
    transfers: tuple[Told, ...]
    others: tuple[Told, ...]
    as_of: datetime
    value: float
    rows: tuple[int, ...]
    shown: tuple[int, ...]
    elsewhere: dict[int, Elsewhere]
    sentence: Sentence


@lru_cache(maxsize=1)
def examples() -> dict[str, Example]:
    """Return the example of each signal, by name.

    Raises
    ------
    LookupError
        A signal tells nothing on any story.

    Examples
    --------
    >>> examples()["peel_share"].story.name
    'peel chain'
    """
    told = tell(STORIES)
    return {
        signal.name: _best(signal, list(_on_every_story(signal, told)))
        for signal in catalogue().signals
    }


def _on_every_story(signal: Signal, told: ToldHistories) -> Iterator[Example]:
    """Yield a signal's examples on the stories where it is defined."""
    template = signal.template(low=wanted_low(signal))
    for i, story in enumerate(STORIES):
        found = explain_signal(told.histories, i, signal)
        if found is None:
            continue
        other = {row: k for k, row in enumerate(told.their_rows[i])}
        moments = [transfer.moment for transfer in told.transfers[i]]
        scene = Scene(len(moments), min(moments), max(moments))
        yield Example(
            signal=signal,
            story=story,
            transfers=told.transfers[i],
            others=told.others[i],
            as_of=told.as_of[i],
            value=found.value,
            rows=tuple(found.rows.tolist()),
            shown=tuple(sorted(found.telling.tolist() or found.rows.tolist())),
            elsewhere={other[e.row]: e for e in found.elsewhere},
            sentence=sentence(template, signal.unit, found.value, scene, found.statistics),
        )


def wanted_low(signal: Signal) -> bool:
    """Say whether a low value is what a signal warns of."""
    flagged_low = signal.red_flags and set(signal.red_flags) == set(signal.flags_when_low)
    return signal.risk == "down" or (signal.risk is None and bool(flagged_low))


def _best(signal: Signal, candidates: list[Example]) -> Example:
    """Choose the most telling of a signal's examples; of equals the one with the shortest story."""
    telling = [example for example in candidates if example.value != 0 and example.shown]
    if not telling:
        raise LookupError(
            f"{signal.name} is nothing in every story. Let one play it: pipelines/reference/"
            "stories.py."
        )

    def rank(example: Example) -> tuple[bool, bool, bool, bool, float, int]:
        raised = set(signal.red_flags)
        if not wanted_low(signal):
            raised -= set(signal.flags_when_low)
        return (
            signal.name in example.story.also,
            bool(raised & set(example.story.red_flags)),
            example.value not in signal.bounds,
            len(example.shown) < len(example.transfers),
            -example.value if wanted_low(signal) else example.value,
            -len(example.transfers),
        )

    return max(telling, key=rank)
