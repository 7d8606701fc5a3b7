"""Things a processor does and numba has no name for: read by address, fetch ahead, multiply whole.

Strings of a column lie in buffers that numpy cannot index together; a probe of a large table waits
for memory unless it was asked for some steps before; and hashes want all 128 bits of a product.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

WORD_BYTES = 8


@intrinsic
def word_at(typing: Any, address: Any) -> Any:
    """Return the eight bytes at an address, aligned or not, as a uint64.

    The caller sees to it that all eight may be read.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        return builder.load(builder.inttoptr(arguments[0], word.as_pointer()), align=1)

    return types.uint64(types.uint64), generate


@intrinsic
def fetch(typing: Any, address: Any) -> Any:
    """Ask for the memory at an address, without waiting for it and without reading it.

    Any address will do: one that cannot be read is ignored.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        place = builder.inttoptr(arguments[0], pointer)
        # to read (0), to be kept in every cache (3), data rather than code (1)
        builder.call(function, [place, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(types.uint64), generate


@intrinsic
def product(typing: Any, one: Any, other: Any) -> Any:
    """Return the low and the high half of the product of two uint64."""
    pair = types.UniTuple(types.uint64, 2)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, wide = ir.IntType(64), ir.IntType(128)
        whole = builder.mul(*(builder.zext(factor, wide) for factor in arguments))
        high = builder.lshr(whole, ir.Constant(wide, 64))
        halves = [builder.trunc(part, word) for part in (whole, high)]
        return context.make_tuple(builder, pair, halves)

    return pair(types.uint64, types.uint64), generate


def address_of(array: np.ndarray) -> np.uint64:
    """Return where an array begins; it must outlive the use."""
    return np.uint64(array.ctypes.data)


_LINE_BYTES = 64


def aligned_zeros(rows: int, kind: np.dtype[Any]) -> np.ndarray:
    """Return zeros that begin with a line of the cache, so that small records lie in one each.

    >>> aligned_zeros(3, np.dtype(np.int64)).tolist()
    [0, 0, 0]
    """
    memory = np.zeros(rows * kind.itemsize + _LINE_BYTES, dtype=np.uint8)
    start = -memory.ctypes.data % _LINE_BYTES
    return memory[start : start + rows * kind.itemsize].view(kind)
