"""The list of all addresses of a world, written in pieces: nobody ever holds all of them as text.

A world has about one address for every four transfers, most of them strangers who occur once, so
the list is long. It has to be in order, and addresses are hashes of nodes, so the order of the
nodes says nothing. The nodes are named a piece at a time and put aside by chain and first letter;
each of these boxes is put in order by itself, and their order is that of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.simulation import identities
from data.storage import write_parquet

NODES_AT_ONCE = 200_000

Each = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[Any]]
"""A `map` that keeps the order, in this process or in several."""


def write_address_book(
    nodes: np.ndarray, seed: int, folder: Path, each: Each
) -> tuple[list[Path], np.ndarray]:
    """Write a world's dictionary as the parts of one table.

    Parameters
    ----------
    nodes
        Every node that occurs, once; ascending.
    seed
        Of the world.
    folder
        A new folder for the parts.
    each
        What the work is spread with.

    Returns
    -------
    parts, ids
        The files, in order: together they are what `data.identity.address_dictionary` returns.
        The ids of their addresses, in the same order.

    Raises
    ------
    Refused
        Two addresses share an id.
    """
    folder.mkdir()
    starts = range(0, len(nodes), NODES_AT_ONCE)
    pieces = [(n, nodes[at : at + NODES_AT_ONCE]) for n, at in enumerate(starts)]
    # A single piece needs no boxes: it is whole.
    for _ in each(partial(_put_aside, seed, folder, len(pieces) > 1), pieces):
        pass
    boxes = sorted(folder.iterdir())
    made = list(each(_in_order, boxes))
    parts = [box / "whole.parquet" for box in boxes]
    ids = np.concatenate([np.empty(0, dtype=np.int64), *made])
    _refuse_twins(ids, parts)
    return parts, ids


def _put_aside(seed: int, folder: Path, boxed: bool, piece: tuple[int, np.ndarray]) -> None:
    """Name some nodes, and put their addresses into boxes."""
    number, nodes = piece
    chains = pl.Series(identities.CHAINS).gather(identities.chains_of(nodes))
    names = pl.Series(identities.addresses(seed, nodes), dtype=pl.String)
    # On some disks a and A are one name, so a letter's number names its box.
    letter = pl.col("address").str.replace("^(0x|T)", "").str.head(1)
    box = pl.concat_str("chain", letter.map_elements(_number, pl.String), separator="-")
    named = pl.DataFrame({"chain": chains, "address": names}).with_columns(
        box=box if boxed else pl.lit("all")
    )
    for (name,), rows in named.partition_by("box", as_dict=True, include_key=False).items():
        target = folder / str(name)
        target.mkdir(exist_ok=True)
        rows.write_parquet(target / f"{number:05d}.parquet", compression="lz4")


def _number(letter: str) -> str:
    return f"{ord(letter):03d}"


def _in_order(box: Path) -> np.ndarray:
    """Put a box in order, as its part of the dictionary; return the ids."""
    from data.identity import address_dictionary  # only who names addresses pays for numba

    rows = pl.read_parquet(sorted(box.glob("*.parquet")))
    part = address_dictionary(rows["chain"], rows["address"])
    write_parquet(part, box / "whole.parquet")
    return part["id"].to_numpy()


def _refuse_twins(ids: np.ndarray, parts: list[Path]) -> None:
    """Refuse two addresses with one id, wherever they stand."""
    from data.identity import address_dictionary

    ordered = np.sort(ids)
    twins = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twins):
        both = pl.scan_parquet(parts, glob=False).filter(pl.col("id") == int(twins[0])).collect()
        address_dictionary(both["chain"], both["address"])
