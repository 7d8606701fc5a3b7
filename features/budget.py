"""What a cap on memory leaves room for, reckoned before the work begins.

Three things take memory. A **base**: the interpreter, its libraries, compiled kernels, the reader's
and the writer's buffers. The **state** of each stage: a fixed number of bytes for each address and
each request, whatever the number of transfers, and two bits for each transfer. And **pieces** of
the transfers, which are made as small as the rest demands. A cap that base and state alone do not
keep to is refused.

The constants were measured (`benchmarks.out_of_core`), and rounded up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data.errors import Refused
from features.pair_file import LOOKING_BYTES
from features.prefixes import CARRIED

_READER, _BUFFERS = 640 << 20, 256 << 20
"""What the reader of the store takes, which is gone once it has been read; compiled code, parts of
the result that wait, and row groups that are being written."""

_SEEN_BYTES, _KNOWN_BYTES, _PASS_BYTES = 8, 13, CARRIED.itemsize + 3
"""Of each address: when it was first seen; its first request and what the registry says, since
when; and while neighbours are looked at, its sums, who it is, and what counts for it."""

_COUNTED_BYTES, _REQUEST_BYTES, _NAMED_BYTES = 64, 21, 200
"""Of each request, while its transfers are counted, and later: code, cut, legs and bucket. And of
each row of a list or of a coverage table, with its names."""

_PIECE_BYTES = 320
"""Of each transfer of a piece: itself, what is found of both sides, and the copies shared out."""

_LAID_BYTES = 180
"""Of each transfer of a bucket: as it was spilled, and as it is laid with its neighbours."""

_HUB_BYTES, _WINDOW = 8, 256 << 20
"""Of each transfer of a hub's history that is laid on disk (`features.hubs`): what kernels take
besides. And what should fit of the file, so that pages do not come and go all the time."""

SPARE = 128 << 20
"""What a hub may touch before it is noticed that a cap is reached (`features.mapped`)."""

_FEWEST, _MOST = 1 << 14, 1 << 19
"""Transfers to a piece."""

_EDGE_BYTES, _NODE_BYTES, _COLLECTED_BYTES = 80, 48, 128
"""Of each transfer, and each address, while the graph of motifs is laid down, less afterwards; and
of each transfer of a piece that is collected for it."""

_GRAPH_BYTES, _ENDS_BYTES, _WALKED_BYTES, _VISITED_BYTES = 40, 17, 12, 96
"""While it is followed: of each transfer and each address, and of each again for every thread."""

_FOLLOWED_BYTES, _MOST_FOLLOWED = 900, 1 << 20
"""Of each request that is followed at once: what several threads count, and its figures."""

_MOST_PAIRS, _MOST_LAID = 1 << 21, 1 << 21
"""Transfers to a file of pairs and to a bucket, even where there is room for more: what is looked
up at random among them stays near, so that a transfer costs as much in a large store as in a
small one."""


@dataclass(frozen=True)
class Sizes:
    """How much is done at once.

    Attributes
    ----------
    piece, bucket, pairs
        Transfers to a piece, to a bucket, and to a file of pairs.
    history
        Of the largest history at most.
    whole
        Of the largest one that is laid in memory: a larger one is laid on disk.
    """

    piece: int
    bucket: int
    pairs: int
    history: int
    whole: int = 1 << 62


@dataclass(frozen=True)
class Following:
    """Threads that follow money through all transfers, and requests that they do it for at once."""

    threads: int
    requests: int


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

    def while_read(self) -> int:
        """Bytes while the store is read, beyond those of the process."""
        return _READER + self.addresses * _SEEN_BYTES + self._names()

    def while_counted(self) -> int:
        """Bytes while each request's transfers are counted."""
        counts = self.addresses * _KNOWN_BYTES + self.requests * _COUNTED_BYTES
        return _BUFFERS + counts + self._names()

    def while_passing(self) -> int:
        """Bytes of the passes' state."""
        held = self._held()
        if self.neighbours:
            held += self.addresses * _PASS_BYTES + self.transfers // 4
        return held

    def while_graph_is_laid(self) -> int:
        """Bytes while all transfers are laid down as a graph."""
        return self._held() + self.transfers * _EDGE_BYTES + self.addresses * _NODE_BYTES

    def while_followed(self, threads: int) -> int:
        """Bytes while so many threads follow money through it, besides what they find."""
        each = self.transfers * _WALKED_BYTES + self.addresses * _VISITED_BYTES
        graph = self.transfers * _GRAPH_BYTES + self.addresses * _ENDS_BYTES
        return self._held() + graph + threads * each

    def _held(self) -> int:
        held = self.addresses * _KNOWN_BYTES + self.requests * _REQUEST_BYTES
        return _BUFFERS + held + self._names()

    def while_laid(self) -> int:
        """Bytes while histories are built, bucket after bucket, besides theirs."""
        return self._held() + self.requests * self.kept

    def _names(self) -> int:
        return self.named * _NAMED_BYTES


def divided(memory: int, size: Size) -> Sizes:
    """Divide a cap.

    Raises
    ------
    Refused
        It is too small for the state of some stage; says which one is not.
    """
    base = resident()
    piece, bucket = _FEWEST * _PIECE_BYTES, _FEWEST * _LAID_BYTES
    needed = base + max(
        size.while_read(),
        size.while_counted() + piece,
        size.while_passing() + piece,
        size.while_laid() + bucket,
    )
    if memory < needed:
        raise Refused(
            f"--memory of {in_mebibytes(memory)} is too small for {size.addresses:,} addresses "
            f"and {size.transfers:,} transfers.",
            expected=f"{in_mebibytes(needed)} or more",
        )
    while_passing = memory - base - max(size.while_counted(), size.while_passing())
    while_laid = memory - base - size.while_laid()
    whole = while_laid // _LAID_BYTES
    return Sizes(
        piece=min(_MOST, while_passing // _PIECE_BYTES),
        bucket=min(_MOST_LAID, whole),
        pairs=min(_MOST_PAIRS, while_laid // LOOKING_BYTES),
        history=max(whole, (while_laid - _WINDOW - SPARE) // _HUB_BYTES),
        whole=whole,
    )


def followed(memory: int, size: Size, threads: int) -> Following:
    """Say by how many of so many threads, and for how many requests at once, money is followed.

    Raises
    ------
    Refused
        The graph of all transfers does not fit.
    """
    base = resident()
    piece, least = _MOST * _COLLECTED_BYTES, _FEWEST * _FOLLOWED_BYTES
    laid, one = size.while_graph_is_laid() + piece, size.while_followed(1) + least
    if memory < base + max(laid, one):
        raise Refused(
            f"--memory of {in_mebibytes(memory)} is too small for motifs: they follow money "
            f"through all {size.transfers:,} transfers at once.",
            expected=f"{in_mebibytes(base + max(laid, one))} or more",
            hint="Or do without motifs.",
        )
    more = size.while_followed(1) - size.while_followed(0)
    used = 1 + min(threads - 1, (memory - base - one) // more) if more else threads
    room = memory - base - size.while_followed(used)
    return Following(used, min(_MOST_FOLLOWED, room // _FOLLOWED_BYTES))


def refuse_large_history(memory: int, limits: Sizes, transfers: int, address: str) -> None:
    """Refuse a history that alone needs more than there is."""
    if transfers > limits.history:
        if limits.history > limits.whole:
            more = (transfers - limits.history) * _HUB_BYTES
        else:  # there is no room for a window
            on_disk, held = _WINDOW + SPARE + transfers * _HUB_BYTES, limits.history * _LAID_BYTES
            more = min(on_disk, transfers * _LAID_BYTES) - held
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
    """Return the bytes of memory that this process holds; the most it ever held, on some systems.

    0 where the system does not say.
    """
    try:
        import resource
    except ImportError:  # Windows
        return 0
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes, on macOS
    return pages * resource.getpagesize()
