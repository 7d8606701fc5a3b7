"""Tables of exact Shapley values: what some leaves add, for every way to answer their questions.

The game of path-dependent TreeSHAP (Lundberg et al. 2020) for one leaf of value v: to a set S of
known inputs it pays v times, for each input on the way, 1 or 0 if it is known (does the row pass
all the way's questions about it?) and otherwise the share of training rows that passed them. With
`s_i` the 1 or 0 and `p_i` the share, the Shapley value of input i is

    v (s_i - p_i) x integral over y from 0 to 1 of the product over j != i of (s_j y + p_j (1 - y))

because the integral of y^k (1 - y)^(d-1-k) is the weight of a set of k among d - 1 others. Four
points of Gauss and Legendre integrate seven factors exactly.

So a row's contributions depend on yes and no alone, and are tabulated once per model: for a group
of leaves with at most eight questions (`models.leaf_groups`) a table of two to the number of
questions lines, each of eight float64, one per input: one line of the cache. A row then costs one
byte of answers, one look-up and eight additions per group. Groups follow each other, not rows, so
that a table is in the cache while a block of rows is looked up in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from data.lanes import LANES, LINE_BYTES, add_lines, gather_bits
from data.memory import aligned_zeros
from features.compilation import keep_compiled, kernel
from models.leaf_groups import MOST, Group, Step, groups, ways
from models.threshold_ranks import HIGHEST, Question
from models.tree_text import Tree

LARGEST = 1 << 28
"""Bytes of all tables of a model. 500 trees of 63 leaves and depth 6 take a fifth of it."""


class Tables(NamedTuple):
    """All tables of a model, in the order in which they are added up.

    Attributes
    ----------
    column : numpy.ndarray
        int64, eight per table: the columns of ranks that answer its questions.
    limit : numpy.ndarray
        uint8, eight per table: the answer is "right" where the rank is above it.
    feature : numpy.ndarray
        int64, eight per table: the inputs that a line adds to; past the last one, the number of
        inputs.
    first : numpy.ndarray
        int64 per table and one more: its first line.
    lines : numpy.ndarray
        float64, eight per line. The number of a line in its table is the answers as bits.
    """

    column: np.ndarray
    limit: np.ndarray
    feature: np.ndarray
    first: np.ndarray
    lines: np.ndarray


def tables(
    trees: Sequence[Tree],
    questions: Mapping[tuple[int, int, float], Question],
    n_features: int,
    largest: int = LARGEST,
) -> Tables | None:
    """Tabulate a model.

    Parameters
    ----------
    questions
        From `models.threshold_ranks.pieces`.
    n_features
        Inputs of the model.
    largest
        Bytes that the tables may take.

    Returns
    -------
    Tables or None
        None where a leaf is too deep, or the tables would be larger than `largest`.
    """
    draft = _Draft(questions)
    for tree in trees:
        leading = ways(tree)
        if leading is None:
            return None
        nodes = _nodes(tree)
        values = tree.leaf_value.tolist()
        for group in groups(tree):
            draft.add(group, nodes, [(values[leaf], leading[leaf]) for leaf in group.leaves])
    first = np.cumsum([0] + [1 << len(asked) for asked in draft.asked])
    if int(first[-1]) * LINE_BYTES > largest:
        return None
    lines = aligned_zeros(int(first[-1]) * LANES, np.dtype(np.float64)).reshape(-1, LANES)
    keep_compiled(_fill)
    _fill(draft.paths(), _points(), first, lines)
    column = [[question.column for question in asked] for asked in draft.asked]
    limit = [[question.limit for question in asked] for asked in draft.asked]
    return Tables(
        column=_eights(column, 0, np.dtype(np.int64)),
        limit=_eights(limit, HIGHEST, np.dtype(np.uint8)),
        feature=_eights(draft.features, n_features, np.dtype(np.int64)),
        first=first,
        lines=lines,
    )


def add_up(
    found: Tables, rows: int, ranks: np.ndarray, answers: np.ndarray, sums: np.ndarray
) -> None:
    """Add what each row of a block finds in every table to its contributions.

    All arrays begin and go on in whole lines of the cache (`data.memory.aligned_zeros`).

    Parameters
    ----------
    rows
        How many; what is written past them, up to 63 more, means nothing.
    ranks
        uint8, one column per row of the block, from `models.threshold_ranks.rank`.
    answers
        uint8, room for one per row of the block.
    sums
        float64, a row per input and one more that means nothing, a column per row of the block;
        added to. All three have room for a multiple of 64 rows.
    """
    keep_compiled(_add_up)
    _add_up(found, rows, ranks, answers, sums)


class _Paths(NamedTuple):
    """The leaves of all tables, and the steps to each leaf, end to end.

    `leaves` is each table's first leaf, `value` each leaf's, `steps` each leaf's first step. Of a
    step, `bit` numbers the question in its table and `lane` the input; `right` and `share` are as
    in `models.leaf_groups.Step`.
    """

    leaves: np.ndarray
    value: np.ndarray
    steps: np.ndarray
    bit: np.ndarray
    right: np.ndarray
    lane: np.ndarray
    share: np.ndarray


class _Draft:
    """Tables before they are laid down."""

    def __init__(self, questions: Mapping[tuple[int, int, float], Question]):
        self.questions = questions
        self.asked: list[list[Question]] = []
        self.features: list[list[int]] = []
        self._leaves, self._steps = [0], [0]
        self._value: list[float] = []
        self._step: list[tuple[int, bool, int, float]] = []

    def add(
        self,
        group: Group,
        nodes: Sequence[tuple[int, int, float]],
        leaves: Sequence[tuple[float, Sequence[Step]]],
    ) -> None:
        """Take in a group: what its nodes ask, its leaves' values and the ways to them."""
        self.asked.append([self.questions[nodes[node]] for node in group.nodes])
        self.features.append(sorted({nodes[node][0] for node in group.nodes}))
        lane = {node: self.features[-1].index(nodes[node][0]) for node in group.nodes}
        bit = {node: place for place, node in enumerate(group.nodes)}
        for value, way in leaves:
            self._value.append(value)
            self._step += [(bit[node], right, lane[node], share) for node, right, share in way]
            self._steps.append(len(self._step))
        self._leaves.append(len(self._value))

    def paths(self) -> _Paths:
        """Lay the leaves and steps end to end."""
        step = np.array(self._step, dtype=np.float64).reshape(-1, 4)
        bit, right, lane = (step[:, i].astype(np.int64) for i in range(3))
        value = np.array(self._value, dtype=np.float64)
        leaves, steps = np.array(self._leaves), np.array(self._steps)
        return _Paths(leaves, value, steps, bit, right, lane, step[:, 3].copy())


def _nodes(tree: Tree) -> list[tuple[int, int, float]]:
    columns = tree.feature.tolist(), tree.kind.tolist(), tree.threshold.tolist()
    return list(zip(*columns, strict=True))


def _eights(rows: Sequence[Sequence[int]], rest: int, kind: np.dtype) -> np.ndarray:
    filled = [[*row, *[rest] * (LANES - len(row))] for row in rows]
    return np.array(filled, dtype=kind).reshape(-1, LANES)


def _points() -> np.ndarray:
    """Return places and weights on 0 to 1 that integrate 2n - 1 factors, for n up to 4.

    Examples
    --------
    >>> place, weight = _points()[4].T
    >>> abs(float(weight @ place**7) - 1 / 8) < 1e-16
    True
    """
    root = math.sqrt
    near, far = (root(3 / 7 - sign * root(6 / 5) * 2 / 7) for sign in (1, -1))
    found = np.zeros((MOST // 2 + 1, MOST // 2, 2))
    found[1, :1] = [(0, 2)]
    found[2, :2] = [(-root(1 / 3), 1), (root(1 / 3), 1)]
    found[3, :3] = [(-root(3 / 5), 5 / 9), (0, 8 / 9), (root(3 / 5), 5 / 9)]
    low, high = (18 - root(30)) / 36, (18 + root(30)) / 36
    found[4, :4] = [(-far, low), (-near, high), (near, high), (far, low)]
    found[:, :, 0] += 1  # from -1 .. 1 to 0 .. 1
    return found / 2


@kernel
def _fill(
    paths: _Paths, points: np.ndarray, first: np.ndarray, lines: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Write every table: per leaf what it adds for each set of inputs passed, then line by line."""
    lane, place, share = np.empty(8, np.int64), np.empty(8, np.int64), np.empty(8)
    added, after = np.empty((256, 8)), np.empty(9)
    for table in range(len(first) - 1):
        for leaf in range(paths.leaves[table], paths.leaves[table + 1]):
            inputs = _inputs(paths, leaf, lane, place, share)
            for passed in range(1 << inputs):
                _tabulate(passed, paths.value[leaf], share[:inputs], points, after, added[passed])
            for line in range(first[table], first[table + 1]):
                passed = (1 << inputs) - 1
                for step in range(paths.steps[leaf], paths.steps[leaf + 1]):
                    if (line - first[table]) >> paths.bit[step] & 1 != paths.right[step]:
                        passed &= ~(1 << place[paths.lane[step]])
                for i in range(inputs):
                    lines[line, lane[i]] += added[passed, i]


@kernel
def _inputs(
    paths: _Paths, leaf: int, lane: np.ndarray, place: np.ndarray, share: np.ndarray
) -> int:  # pragma: no cover (compiled)
    """Number the inputs on the way to a leaf; say each one's lane and share of rows that pass."""
    place[:] = -1
    inputs = 0
    for step in range(paths.steps[leaf], paths.steps[leaf + 1]):
        its = paths.lane[step]
        if place[its] < 0:
            place[its], lane[inputs], share[inputs] = inputs, its, 1.0
            inputs += 1
        share[place[its]] *= paths.share[step]
    return inputs


@kernel
def _tabulate(
    passed: int,
    value: float,
    share: np.ndarray,
    points: np.ndarray,
    after: np.ndarray,
    added: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Write what a leaf adds to each of its inputs, for one set of inputs passed."""
    inputs, half = len(share), (len(share) + 1) // 2
    added[:] = 0
    for point in range(half):
        y, before = points[half, point]
        after[inputs] = 1.0
        for i in range(inputs - 1, -1, -1):
            after[i] = after[i + 1] * ((passed >> i & 1) * y + share[i] * (1 - y))
        for i in range(inputs):
            added[i] += before * after[i + 1]
            before *= (passed >> i & 1) * y + share[i] * (1 - y)
    for i in range(inputs):
        added[i] *= value * ((passed >> i & 1) - share[i])


@kernel
def _add_up(
    found: Tables, rows: int, ranks: np.ndarray, answers: np.ndarray, sums: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Per table, gather the answers of all rows of the block, then look them up eight at a time."""
    lines_at, answers_at = np.uint64(found.lines.ctypes.data), np.uint64(answers.ctypes.data)
    for table in range(len(found.column)):
        columns = _eight(found.column[table], ranks)
        limits = _limits(found.limit[table])
        for row in range(0, rows, 64):
            gather_bits(answers_at, columns, limits, np.uint64(row))
        places = _eight(found.feature[table], sums)
        lines = lines_at + np.uint64(64 * found.first[table])
        for row in range(0, rows, 8):
            add_lines(lines, answers_at + np.uint64(row), places, np.uint64(8 * row))


@kernel
def _eight(
    numbers: np.ndarray, matrix: np.ndarray
) -> tuple[Any, ...]:  # pragma: no cover (compiled)
    """Return where eight numbered rows of a matrix begin."""
    at, apart = np.uint64(matrix.ctypes.data), np.uint64(matrix.strides[0])
    return (
        at + np.uint64(numbers[0]) * apart,
        at + np.uint64(numbers[1]) * apart,
        at + np.uint64(numbers[2]) * apart,
        at + np.uint64(numbers[3]) * apart,
        at + np.uint64(numbers[4]) * apart,
        at + np.uint64(numbers[5]) * apart,
        at + np.uint64(numbers[6]) * apart,
        at + np.uint64(numbers[7]) * apart,
    )


@kernel
def _limits(limit: np.ndarray) -> tuple[Any, ...]:  # pragma: no cover (compiled)
    return (
        limit[0], limit[1], limit[2], limit[3], limit[4], limit[5], limit[6], limit[7],
    )  # fmt: skip
