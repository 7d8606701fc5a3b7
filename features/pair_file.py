"""First meetings of more pairs than a hash table has room for: the pairs are shared out on disk.

Whether a transfer is the first from its sender to its receiver needs a look at all earlier ones of
the same pair, and at no others. So the transfers go to files by a hash of their pair; each file is
looked through alone (`features.first_meetings`), and what is found comes back as two bits for each
transfer.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from features.compilation import keep_compiled, kernel
from features.events import Events
from features.first_meetings import first_of_pair
from features.prefixes import Counted, counts
from features.records import taken
from features.spill import Spill

_PAIR = np.dtype(
    [
        ("sender", np.int32),
        ("receiver", np.int32),
        ("position", np.uint32),
        ("counts", np.uint8),
    ]
)
_FOR_SENDER, _FOR_RECEIVER = 1, 2

PAIR_BYTES = _PAIR.itemsize
"""On disk, of one transfer."""

LOOKING_BYTES = 48
"""In memory, of one transfer of the file that is looked through: its record, up to three slots of
the hash table, and what is found."""

_ODD = np.uint64(0xD6E8FEB86659FD93)
"""Not the one by which `features.first_meetings` spreads the pairs of one file."""


class PairFile:
    """The pairs of transfers, shared out to files.

    Parameters
    ----------
    files
        How many.
    """

    def __init__(self, spilled: Spill, transfers: int, files: int) -> None:
        keep_compiled(_share_out)
        self._spilled, self._files, self._transfers = spilled, files, transfers

    def add(self, start: int, events: Events, counted: Counted) -> None:
        """Add further transfers, the first of which is at `start`."""
        for_sender, for_receiver = counts(events, counted)
        records = np.empty(len(events.table), _PAIR)
        records["sender"], records["receiver"] = events.sender, events.receiver
        records["position"] = np.arange(start, start + len(records), dtype=np.uint32)
        records["counts"] = _FOR_SENDER * for_sender + _FOR_RECEIVER * for_receiver
        if not records["counts"].all():
            records = taken(records, np.flatnonzero(records["counts"]))
        order, starts = _share_out(records, self._files)
        for k in range(self._files):
            self._spilled.append(f"pairs.{k}", taken(records, order[starts[k] : starts[k + 1]]))

    def look(self) -> FirstMeetings:
        """Look through all files, and remove them."""
        found = FirstMeetings(self._transfers)
        for k in range(self._files):
            records = self._spilled.read(f"pairs.{k}", _PAIR)
            self._spilled.drop(f"pairs.{k}")
            for bit, bits in ((_FOR_SENDER, found.new_payee), (_FOR_RECEIVER, found.new_payer)):
                first = first_of_pair(records, (records["counts"] & bit) > 0)
                _set_bits(bits, records["position"][first])
        return found


class FirstMeetings:
    """Of each transfer, whether it is the first of its pair; as bits, the lowest first.

    Attributes
    ----------
    new_payee, new_payer
        As in `features.prefixes.Seen`.
    """

    def __init__(self, transfers: int) -> None:
        keep_compiled(_set_bits)
        self.new_payee, self.new_payer = np.zeros((2, transfers // 8 + 1), dtype=np.uint8)

    def of(self, start: int, end: int) -> Iterator[np.ndarray]:
        """Return `new_payee` and `new_payer` of the transfers from `start` up to `end` (bool)."""
        for bits in (self.new_payee, self.new_payer):
            some = np.unpackbits(bits[start // 8 : end // 8 + 1], bitorder="little")
            yield some[start % 8 : start % 8 + end - start].astype(np.bool_)


@kernel
def _share_out(
    records: np.ndarray, files: int
) -> tuple[np.ndarray, np.ndarray]:  # pragma: no cover (compiled)
    """Return the positions of records file by file, and where each file's begin."""
    starts = np.zeros(files + 1, np.int64)
    file = np.empty(len(records), np.int32)
    for j in range(len(records)):
        pair = (np.uint64(records[j].sender) << np.uint64(32)) | np.uint64(records[j].receiver)
        file[j] = ((pair * _ODD) >> np.uint64(40)) % np.uint64(files)
        starts[file[j] + 1] += 1
    starts = np.cumsum(starts)
    order, at = np.empty(len(records), np.int64), starts.copy()
    for j in range(len(records)):
        order[at[file[j]]] = j
        at[file[j]] += 1
    return order, starts


@kernel
def _set_bits(bits: np.ndarray, positions: np.ndarray) -> None:  # pragma: no cover (compiled)
    for position in positions:
        bits[position >> 3] |= np.uint8(1) << np.uint8(position & 7)
