"""Eight numbers, or sixty-four bytes, at a time: a line of the cache is what the processor moves.

A loop that adds a line here and a line there to eight columns is slow when each number goes alone.
Here eight lines are read, turned (rows become columns), and added to eight columns at once. LLVM
makes of it what the processor has: AVX-512, AVX2, NEON, or single steps. Additions stay separate
and in the order written, so that the result is the same to the bit on all of them.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LINE_BYTES = 64
LANES = 8
"""float64 in a line."""

_BYTE, _WORD, _INDEX = ir.IntType(8), ir.IntType(64), ir.IntType(32)
_BYTES, _DOUBLES = ir.VectorType(_BYTE, LINE_BYTES), ir.VectorType(ir.DoubleType(), LANES)
_ADDRESSES, _LIMITS = types.UniTuple(types.uint64, LANES), types.UniTuple(types.uint8, LANES)


@intrinsic
def gather_bits(typing: Any, out: Any, columns: Any, limits: Any, by: Any) -> Any:
    """Write 64 bytes whose bit `b` says whether the byte in column `b` is above limit `b`.

    Parameters
    ----------
    out : uint64
        Where to write; an address of a whole line.
    columns : tuple of 8 uint64
        Where the columns' 64 bytes lie; whole lines.
    limits : tuple of 8 uint8
        Nothing is above 255.
    by : uint64
        Bytes that all of these addresses are moved on by.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, columns, limits, by = arguments
        found = ir.Constant(_BYTES, [0] * LINE_BYTES)
        for b in range(LANES):
            place = _at(builder, builder.extract_value(columns, b), by, _BYTES)
            limit = _spread(builder, builder.extract_value(limits, b))
            above = builder.icmp_unsigned(">", builder.load(place, align=LINE_BYTES), limit)
            bit = ir.Constant(_BYTES, [1 << b] * LINE_BYTES)
            found = builder.or_(found, builder.select(above, bit, ir.Constant(_BYTES, None)))
        builder.store(found, _at(builder, out, by, _BYTES), align=LINE_BYTES)
        return context.get_dummy_value()

    return types.void(types.uint64, _ADDRESSES, _LIMITS, types.uint64), generate


@intrinsic
def add_lines(typing: Any, table: Any, numbers: Any, columns: Any, by: Any) -> Any:
    """Add eight lines of a table to eight places of eight columns.

    Parameters
    ----------
    table : uint64
        Where the lines lie, of eight float64 each; an address of a whole line.
    numbers : uint64
        Where eight bytes lie that number the lines.
    columns : tuple of 8 uint64
        Where the columns' eight float64 lie; whole lines. Number `i` of line `j` is added to
        place `j` of column `i`, one column after the other.
    by : uint64
        Bytes that the columns' addresses are moved on by.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table, numbers, columns, by = arguments
        lines = []
        for i in range(LANES):
            number = builder.load(_at(builder, numbers, ir.Constant(_WORD, i), _BYTE))
            ahead = builder.mul(builder.zext(number, _WORD), ir.Constant(_WORD, LINE_BYTES))
            lines.append(builder.load(_at(builder, table, ahead, _DOUBLES), align=LINE_BYTES))
        for i, added in enumerate(_turned(builder, lines)):
            place = _at(builder, builder.extract_value(columns, i), by, _DOUBLES)
            total = builder.fadd(builder.load(place, align=LINE_BYTES), added)
            builder.store(total, place, align=LINE_BYTES)
        return context.get_dummy_value()

    return types.void(types.uint64, types.uint64, _ADDRESSES, types.uint64), generate


def _at(builder: Any, address: Any, by: Any, kind: Any) -> Any:
    """Return a pointer to what lies some bytes after an address."""
    return builder.inttoptr(builder.add(address, by), kind.as_pointer())


def _spread(builder: Any, byte: Any) -> Any:
    """Return 64 times the same byte."""
    anything = ir.Constant(_BYTES, ir.Undefined)
    first = builder.insert_element(anything, byte, ir.Constant(_INDEX, 0))
    everywhere = ir.Constant(ir.VectorType(_INDEX, LINE_BYTES), [0] * LINE_BYTES)
    return builder.shuffle_vector(first, anything, everywhere)


def _turned(builder: Any, rows: list[Any]) -> list[Any]:
    """Transpose eight vectors of eight: swap the quarters off the diagonal, of every size."""
    step = 1
    while step < LANES:
        upper = [i + LANES - step if i & step else i for i in range(LANES)]
        lower = [i + LANES if i & step else i + step for i in range(LANES)]
        turned = list(rows)
        for i in range(LANES):
            if not i & step:
                turned[i] = _picked(builder, rows[i], rows[i + step], upper)
                turned[i + step] = _picked(builder, rows[i], rows[i + step], lower)
        rows, step = turned, 2 * step
    return rows


def _picked(builder: Any, one: Any, other: Any, places: list[int]) -> Any:
    """Pick eight of the sixteen numbers of two vectors."""
    return builder.shuffle_vector(
        one, other, ir.Constant(ir.VectorType(_INDEX, LANES), list(places))
    )
