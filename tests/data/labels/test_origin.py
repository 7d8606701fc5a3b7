"""Where labels are from: said by row, once for all, or by the world; else they teach nothing."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import Refused
from data.labels.origin import SIMULATION, fault_of, is_of_a_world, printable, told, with_sources
from data.storage import MANIFEST, write_manifest

FILE = Path("mine.csv")
TABLE = {"label": pl.Int8(), "source": pl.String()}


def labels(*rows: tuple[int | None, str | None]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=TABLE, orient="row")


def test_what_a_row_says_stands_and_the_rest_is_filled() -> None:
    mixed = labels((1, "forta"), (0, None), (None, None))
    assert with_sources(mixed, FILE, said="us")["source"].to_list() == ["forta", "us", "us"]
    world = with_sources(mixed, FILE, simulated=True)["source"].to_list()
    assert world == ["forta", SIMULATION, SIMULATION]
    both = with_sources(mixed, FILE, said="us", simulated=True)["source"].to_list()
    assert both == ["forta", "us", "us"]


def test_a_judged_row_from_nowhere_is_refused_with_what_to_do() -> None:
    with pytest.raises(Refused) as refused:
        with_sources(labels((1, "forta"), (0, None), (1, None), (None, None)), FILE)
    said = str(refused.value)
    assert "mine.csv does not say where 2 of its 3 judged labels are from" in said.replace("M", "m")
    assert "a column source" in said
    assert "--labels-from" in said
    assert "labels import" in said
    with_sources(labels((1, "forta"), (None, None)), FILE)  # nobody judged the other


@pytest.mark.parametrize("said", ["", "  ", "SAR", "model-propagated labels", "a\nb", "x" * 1001])
def test_what_is_no_origin_is_refused(said: str) -> None:
    with pytest.raises(Refused, match="--labels-from .* is no origin of labels"):
        with_sources(labels((1, None)), FILE, said=said)


rows = st.lists(
    st.tuples(st.sampled_from([0, 1, None]), st.sampled_from([f"list {i}" for i in range(25)])),
    max_size=80,
)


@given(rows)
def test_the_count_is_that_of_a_second_count(rows) -> None:
    found = told(labels(*rows))
    n = Counter(source for label, source in rows if label is not None)
    positive = Counter(source for label, source in rows if label == 1)
    order = sorted(n, key=lambda source: (-n[source], source))
    assert found["sources"] == [
        {"source": s, "n": n[s], "n_positive": positive[s]} for s in order[:20]
    ]
    assert found["further"] == {
        "sources": len(order[20:]),
        "n": sum(n[s] for s in order[20:]),
        "n_positive": sum(positive[s] for s in order[20:]),
    }


@given(st.text(max_size=30))
def test_what_was_made_printable_is_a_source_or_empty(text: str) -> None:
    shown = printable(text)
    assert not shown or shown.isprintable()
    assert not shown or fault_of(shown) is None or "must not teach" in str(fault_of(shown))


def test_a_world_is_known_by_its_manifest(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("address,label\n")
    assert not is_of_a_world(tmp_path / "labels.csv")
    write_manifest(tmp_path, "store", {"synthetic": True})
    assert is_of_a_world(tmp_path / "labels.csv")
    (tmp_path / "more.csv").write_text("address,label\n")
    assert not is_of_a_world(tmp_path / "more.csv")  # not written with it
    (tmp_path / "labels.csv").write_text("address,label\nx,1\n")
    assert not is_of_a_world(tmp_path / "labels.csv")  # not as it was written
    write_manifest(tmp_path, "store", {"synthetic": False})
    assert not is_of_a_world(tmp_path / "labels.csv")
    (tmp_path / MANIFEST).write_text(json.dumps([]))
    assert not is_of_a_world(tmp_path / "labels.csv")
