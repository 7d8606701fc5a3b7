"""Small worlds of transfers to test signals of scope ``graph`` with: drawn, by hand, or with a hub.

Times and amounts stand at the edges of the windows and bounds in use, so that shapes are common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_in
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from features.graph import build_graph
from features.history import DAY, HOUR, MINUTE
from features.network import IN_LOADED, OUT_LOADED, Network, Surroundings

START = 1_700_000_000_000_000
BOTH = IN_LOADED | OUT_LOADED


class Pay(NamedTuple):
    """A transfer; moments count from `START`."""

    sender: int
    receiver: int
    time: int
    value: int


@dataclass(frozen=True)
class World:
    """Transfers in the order of their table, and how they are looked at.

    Attributes
    ----------
    pays
        The table.
    loaded
        Bits per address (see `Network.loaded`); addresses are numbers from 0.
    as_of
        The moment, from `START`.
    scale
        Fixed-point units in one whole.
    comparable
        As in `Network`.
    """

    pays: tuple[Pay, ...]
    loaded: tuple[int, ...]
    as_of: int
    scale: float = 1.0
    comparable: bool = True

    def __len__(self) -> int:
        return len(self.loaded)

    @property
    def busiest(self) -> list[int]:
        """The two addresses with the most transfers: what takes long is tried on these."""
        counts = [sum(v in p[:2] for p in self.pays) for v in range(len(self))]
        return sorted(range(len(self)), key=lambda v: -counts[v])[:2]

    def network(self, asked: Sequence[int] | None = None) -> Network:
        """Lay the world down; asked for are some addresses, or all."""
        order = sorted(range(len(self.pays)), key=lambda k: self.pays[k].time)
        table = np.array([self.pays[k] for k in order], dtype=np.int64).reshape(-1, 4)
        graph = build_graph(
            table[:, 0], table[:, 1], START + table[:, 2], table[:, 3], nodes=len(self)
        )
        node = np.arange(len(self)) if asked is None else np.array(asked)
        loaded = np.array(self.loaded, dtype=np.uint8)
        rows, sender = np.array(order, dtype=np.uint32), table[:, 0].astype(np.int32)
        of, node = np.arange(len(node)), node.astype(np.int64)
        return Network(of, graph, node, loaded, self.comparable, rows, sender)

    def around(self, node: int) -> Surroundings:
        """Return the surroundings of one address."""
        network, as_of = self.network(), START + self.as_of
        own = [k for k, p in enumerate(self.pays) if node in p[:2] and p.time < self.as_of]
        return Surroundings(
            graph=network.graph,
            node=node,
            as_of=as_of,
            scale=self.scale,
            rows=network.rows,
            own_rows=np.array(own, dtype=np.int64),
            seen=network.seen(node, as_of),
            comparable=self.comparable,
        )

    def but(self, **changes: object) -> World:
        """Return the world with some things changed."""
        return replace_in(self, **changes)  # type: ignore[arg-type]


def world(*pays: tuple[int, int, int, int], loaded: int = BOTH, as_of: int = 90 * DAY) -> World:
    """Return the world of some transfers, all addresses loaded alike."""
    some = tuple(Pay(*p) for p in pays)
    addresses = 1 + max((max(p[:2]) for p in some), default=0)
    return World(some, (loaded,) * addresses, as_of)


GAPS = [0, 1, MINUTE, 10 * MINUTE, HOUR - 1, HOUR, 5 * HOUR, DAY - 1, DAY, 3 * DAY]
VALUES = [1, 160, 200, 201, 799, 800, 801, 980, 981, 995, 1000, 1001, 1250, 10**12]


@st.composite
def worlds(draw: st.DrawFn, *, max_size: int = 30, ties: bool = True) -> World:
    """Draw a world of few addresses; without `ties`, every moment and amount is another."""
    addresses = draw(st.integers(2, 7))
    n = draw(st.integers(0, max_size))

    def each(of: st.SearchStrategy, *, unique: bool = False) -> list:
        return draw(st.lists(of, min_size=n, max_size=n, unique=unique))

    gaps = np.array(each(st.sampled_from(GAPS if ties else GAPS[2:6])), dtype=np.int64)
    times = np.cumsum(gaps + (0 if ties else np.arange(1, n + 1)))
    apart = st.integers(900, 1100) | st.integers(50, 180)
    amounts = each(st.sampled_from(VALUES) if ties else apart, unique=not ties)
    sides = each(
        st.tuples(st.integers(0, addresses - 1), st.integers(1, addresses - 1)).map(
            lambda pair: (pair[0], (pair[0] + pair[1]) % addresses)
        )
    )
    pays = [Pay(s, r, int(t), a) for (s, r), t, a in zip(sides, times, amounts, strict=True)]
    loaded = draw(st.lists(st.integers(0, 3), min_size=addresses, max_size=addresses))
    late = int(times[-1]) + 1 if n else 0
    as_of = draw(st.sampled_from([late, late + DAY, late // 2]))
    return World(tuple(draw(st.permutations(pays))), tuple(loaded), as_of, draw(scales))


scales = st.sampled_from([1.0, 1e6])


def hub(n: int, seed: int = 0) -> World:
    """Return a world in which address 0 has most of n transfers, some of them sharing a moment."""
    random = np.random.default_rng(seed)
    others = max(3, n // 8)
    times = np.cumsum(random.choice([0, MINUTE, 20 * MINUTE], n))
    sides = random.integers(1, others, (n, 2))
    busy = random.random(n)
    sides[busy < 0.4, 0] = 0
    sides[busy > 0.6, 1] = 0
    sides[sides[:, 0] == sides[:, 1], 1] = others
    values = random.integers(900, 1_100, n)
    table = np.column_stack([sides, times, values]).tolist()
    return World(
        tuple(Pay(s, r, t, v) for s, r, t, v in table),
        (BOTH,) * (others + 1),
        int(times.max(initial=0)) + 1,
    )


CROWD, APART = 3_000, 100
"""Addresses of `crowded`: 1 to `CROWD` deal with the hub, so many more mostly among themselves."""


def crowded(n: int, asked: Sequence[int], seed: int = 0) -> Network:
    """Return a network in which address 0 has n transfers with a crowd, within 30 days.

    Those apart stand in a ring and deal with those next to them; three of them deal with the crowd
    too, so that some others' money reaches the hub after a few hops. Everybody is loaded.
    """
    random = np.random.default_rng(seed)
    hub_side = np.column_stack([np.zeros(n, np.int64), random.integers(1, CROWD + 1, n)])
    apart = random.integers(0, APART, (n // 20, 1)) + random.integers(0, 4, (n // 20, 2))
    apart = CROWD + 1 + apart % APART
    with_both = np.column_stack(
        [random.integers(CROWD + 1, CROWD + 4, n // 1000), random.integers(1, CROWD, n // 1000)]
    )
    sides = random.permuted(np.concatenate([hub_side, apart, with_both]), axis=1)
    sides = random.permutation(sides[sides[:, 0] != sides[:, 1]])
    sender, receiver = sides.T
    times = START + np.sort(random.integers(0, 30 * DAY, len(sides)))
    whole, part = random.integers(800, 1_000, len(sides)), random.integers(50, 200, len(sides))
    values = np.where(random.random(len(sides)) < 0.7, whole, part)
    graph = build_graph(sender, receiver, times, values, nodes=CROWD + 1 + APART)
    rows = np.arange(len(sides), dtype=np.uint32)
    loaded = np.full(CROWD + 1 + APART, BOTH, dtype=np.uint8)
    node = np.array(asked, dtype=np.int64)
    return Network(np.arange(len(node)), graph, node, loaded, True, rows, sender.astype(np.int32))
