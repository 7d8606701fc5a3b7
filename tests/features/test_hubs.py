"""Hubs: what a kernel cuts from the room it is given is enough, and changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from features.catalogue import catalogue
from features.history import Columns
from features.hubs import mapped_bytes, room_bytes
from features.neighbours import TYPES
from features.signal import Family, GraphFamily
from tests.features.histories import columns_of, hub

FAMILIES = [family for family in catalogue().families if not isinstance(family, GraphFamily)]
JUST_ABOVE = (1 << 15) + 1
"""Transfers of which a hash table at half load takes the most room."""


def by(family: Family, columns: Columns) -> np.ndarray:
    out = np.empty((1, len(family.signals)))
    family.kernel(columns, 0, 1, out)
    return out


@pytest.mark.parametrize("parties", [40, 1 << 20])
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_kernel_finds_the_same_in_the_room_of_a_hub_and_needs_no_more(family, parties):
    columns = columns_of([hub(JUST_ABOVE, parties)])
    expected = by(family, columns)
    reached = []
    for size in (room_bytes(JUST_ABOVE), 4 * room_bytes(JUST_ABOVE)):
        for filled in (0, 0x5A):  # whatever is in it
            room = np.full(size, filled, np.uint8)
            found = by(family, columns._replace(room=room))
            np.testing.assert_array_equal(found, expected)
            reached.append(1 + np.flatnonzero(room != filled).max(initial=-1))
    # In a larger room it would write further on, had it not found all it wanted in this one.
    assert max(reached) <= room_bytes(JUST_ABOVE)


def test_some_kernel_needs_most_of_the_room():
    columns = columns_of([hub(JUST_ABOVE, 1 << 20)])
    reached = []
    for family in FAMILIES:
        room = np.zeros(room_bytes(JUST_ABOVE), np.uint8)
        by(family, columns._replace(room=room))
        reached.append(np.flatnonzero(room).max(initial=0))
    assert max(reached) > 0.7 * room_bytes(JUST_ABOVE)


def test_the_disk_is_asked_for_all_arrays():
    columns = columns_of([hub(100, 7)])
    events = [array for array in columns if isinstance(array, np.ndarray) and len(array) == 100]
    each = sum(array.itemsize for array in (*events, *columns.neighbours))
    assert len(events) == 8 and len(columns.neighbours) == len(TYPES)
    beside = 4 + 4 + 8 + (8 + 4 + 4 + 1 + 8)  # source, row, value beside amount; a crossing
    assert mapped_bytes(10**6) >= 10**6 * (each + beside) + room_bytes(10**6)
