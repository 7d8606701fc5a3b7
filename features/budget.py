"""What a cap on memory leaves room for, reckoned before the work begins.

Three things take memory. A **base**: the interpreter, its libraries, compiled kernels, the reader's
and the writer's buffers. The **state** of the passes: a fixed number of bytes for each address and
each request, whatever the number of transfers, and two bits for each transfer. And **pieces** of
the transfers, which are made as small as the rest demands. A cap that base and state alone do not
keep to is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data.errors import Refused
from features.pair_file import LOOKING_BYTES
from features.prefixes import CARRIED

KERNELS_AND_BUFFERS = 256 << 20
"""Compiled code, row groups that are read and written, and parts of the result that wait."""

_PASS_BYTES = CARRIED.itemsize + 3
"""Of each address while neighbours are looked at: its sums, who it is, what counts for it."""

_CODE_BYTES = 13
"""Of each address: its first request, what the registry says, and since when."""

_REQUEST_BYTES, _NAMED_BYTES = 38, 200
"""Of each request: its cut, legs, bucket and counts; of each row of a list or a coverage table."""

_PIECE_BYTES = 320
"""Of each transfer of a piece: itself, what is found of both sides, and the copies shared out."""

_LAID_BYTES = 180
"""Of each transfer of a bucket: as it was spilled, and as it is laid with its neighbours."""

_FEWEST, _MOST = 1 << 14, 1 << 19
"""Transfers to a piece."""


@dataclass(frozen=True)
class Sizes:
    """Transfers to a piece, to a bucket, to a file of pairs, and of the largest history at most."""

    piece: int
    bucket: int
    pairs: int
    history: int


@dataclass(frozen=True)
class Size:
    """How large a run is.

    Attributes
    ----------
    addresses, transfers
        Of the store.
    requests, kept
        At most; and bytes that are kept of each until the end.
    named
        Rows of the list and of the coverage table, which hold names.
    neighbours
        Whether they are looked at.
    """

    addresses: int
    requests: int
    kept: int
    named: int
    transfers: int
    neighbours: bool

    @property
    def state(self) -> int:
        """Bytes of the passes' state."""
        held = self.state_of_buckets
        if self.neighbours:
            held += self.addresses * _PASS_BYTES + self.transfers // 4
        return held

    @property
    def state_of_buckets(self) -> int:
        """Bytes that are still held when the histories are built."""
        codes = self.addresses * _CODE_BYTES + self.requests * (_REQUEST_BYTES + self.kept)
        return codes + self.named * _NAMED_BYTES


def divided(memory: int, size: Size) -> Sizes:
    """Divide a cap.

    Raises
    ------
    Refused
        It is too small for the state; says which one is not.
    """
    base = resident() + KERNELS_AND_BUFFERS
    room = memory - base - size.state
    least = _FEWEST * _PIECE_BYTES
    if room < least:
        raise Refused(
            f"--memory of {in_mebibytes(memory)} is too small for {size.addresses:,} addresses "
            f"and {size.transfers:,} transfers.",
            expected=f"{in_mebibytes(base + size.state + least)} or more",
        )
    later = memory - base - size.state_of_buckets
    bucket = later // _LAID_BYTES
    pairs = later // LOOKING_BYTES
    return Sizes(min(_MOST, room // _PIECE_BYTES), bucket, pairs, history=bucket)


def refuse_large_history(memory: int, limits: Sizes, transfers: int, address: str) -> None:
    """Refuse a history that alone needs more than there is."""
    if transfers > limits.history:
        more = (transfers - limits.history) * _LAID_BYTES
        raise Refused(
            f"the history of {address} has {transfers:,} transfers, too many for --memory of "
            f"{in_mebibytes(memory)}.",
            expected=f"{in_mebibytes(memory + more)} or more",
            hint="Or leave this address out of the list.",
        )


def in_mebibytes(size: int) -> str:
    """Write a number of bytes, rounded up.

    >>> in_mebibytes(2 << 30), in_mebibytes(1)
    ('2,048 MiB', '1 MiB')
    """
    return f"{-(-size >> 20):,} MiB"


def resident() -> int:
    """Return the bytes of memory that this process holds now; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    import resource

    return pages * resource.getpagesize()
