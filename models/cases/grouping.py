"""Links become cases: every alert is in one, alone or with others.

The id of a case
----------------
A case is named for its *anchor*: the member whose first transfer is earliest, a fact that no later
data change. A new member leaves the id as it is unless it is older than all the others; of two
cases that turn out to be one, the id of the older lives on. And every member has the id that a case
would have by it (`case_id_of`), so that a case that had another id is found again by its members.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from models.cases.links import Key, Link
from models.components import components


@dataclass(frozen=True)
class Case:
    """Alerts that belong together.

    Attributes
    ----------
    case_id
        See above.
    members
        The alerted addresses; the anchor first, then by when each was first seen.
    links
        What ties them.
    """

    case_id: str
    members: tuple[Key, ...]
    links: tuple[Link, ...]


def case_id_of(anchor: Key) -> str:
    """Return the id of a case with this anchor.

    >>> case_id_of(("tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"))
    'case-bbf0d5355627f34d'
    """
    text = "".join(f"{part}\n" for part in ("case", *anchor))
    return "case-" + hashlib.sha256(text.encode()).hexdigest()[:16]


def group(first_seen: Mapping[Key, datetime], links: Sequence[Link]) -> list[Case]:
    """Group alerts into cases.

    Parameters
    ----------
    first_seen
        Every alert, with the moment of its first transfer.
    links
        What ties them.

    Returns
    -------
    list
        The largest case first.
    """
    order = sorted(first_seen, key=lambda key: (first_seen[key], key))
    place = {key: n for n, key in enumerate(order)}
    pairs = [(place[link.alerts[0]], place[other]) for link in links for other in link.alerts[1:]]
    of = components(range(len(order)), pairs)
    members: dict[int, list[Key]] = {}
    for n, key in enumerate(order):
        members.setdefault(of[n], []).append(key)
    ties: dict[int, list[Link]] = {first: [] for first in members}
    for link in links:
        ties[of[place[link.alerts[0]]]].append(link)
    cases = [
        Case(case_id_of(order[first]), tuple(some), tuple(ties[first]))
        for first, some in members.items()
    ]
    return sorted(cases, key=lambda case: (-len(case.members), case.case_id))
