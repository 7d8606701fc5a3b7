"""Splits: whole cases, in order of time, and nothing that was not yet known."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from data.errors import Refused
from models.splits import PARTS, Shares, assign, groups
from tests.generated import cases

START = datetime(2024, 1, 1)


@st.composite
def labelled(draw, common_as_of=False):
    n = draw(st.integers(1, 40))
    days = st.lists(st.integers(0, 30), min_size=n, max_size=n)
    cases = st.lists(st.sampled_from([None, *"pqrstu"]), min_size=n, max_size=n)
    seen = [START + timedelta(days=d) for d in draw(days)]
    return pl.DataFrame(
        {
            "address": [f"a{draw(st.integers(0, n))}" for _ in range(n)],
            "case_id": draw(cases),
            "first_seen": seen,
            "as_of": [START + timedelta(days=90)] * n if common_as_of else seen,
        },
        schema_overrides={"case_id": pl.String},
    )


@given(labelled())
@settings(max_examples=cases(80), deadline=None)
def test_groups_are_the_connected_components(frame):
    names = [f"address {a}" for a in frame["address"]]
    cases = [f"case {c}" if c else name for c, name in zip(frame["case_id"], names, strict=True)]
    nodes = {name: i for i, name in enumerate(dict.fromkeys(names + cases))}
    ends = [nodes[name] for name in names], [nodes[case] for case in cases]
    edges = coo_array(([1] * len(names), ends), shape=(len(nodes), len(nodes)))
    component = connected_components(edges, directed=False)[1][ends[0]].tolist()
    smallest = {
        c: min(a for a, d in zip(frame["address"], component, strict=True) if d == c)
        for c in component
    }
    assert groups(frame).to_list() == [smallest[c] for c in component]


@given(labelled(), st.booleans())
@settings(max_examples=cases(80), deadline=None)
def test_no_group_crosses_and_time_runs_forward(frame, common):
    if common:
        frame = frame.with_columns(as_of=pl.lit(START + timedelta(days=90)))
    split = assign(frame)
    table = pl.DataFrame({"g": split.group, "p": split.part, "m": split.moment}).drop_nulls("p")
    assert table.group_by("g").agg(pl.col("p").n_unique())["p"].max() in (1, None)
    spans = [table.filter(pl.col("p") == part)["m"] for part in PARTS]
    spans = [moments for moments in spans if len(moments)]
    for earlier, later in pairwise(spans):
        assert max(earlier.to_list()) <= min(later.to_list())


@given(labelled())
@settings(max_examples=cases(80), deadline=None)
def test_no_training_row_is_known_after_validation_begins(frame):
    late = frame.with_columns(available_at=pl.col("as_of") + pl.duration(days=3))
    split = assign(late)
    later = late.filter(split.part.is_in(["validation", "test"]).fill_null(False))
    kept = late.filter((split.part == "train").fill_null(False))
    if later.height and kept.height:
        assert max(kept["available_at"].to_list()) <= min(later["as_of"].to_list())
    assert split.n_known_late == split.part.null_count()


@given(labelled(), st.randoms(use_true_random=False))
@settings(max_examples=cases(40), deadline=None)
def test_row_order_does_not_matter(frame, random):
    order = list(range(frame.height))
    random.shuffle(order)
    assert assign(frame[order]).part.to_list() == assign(frame).part[order].to_list()


def test_shares_are_kept_where_groups_are_small():
    frame = pl.DataFrame(
        {
            "address": [f"a{i:04}" for i in range(1000)],
            "as_of": [START + timedelta(hours=i) for i in range(1000)],
        }
    )
    counts = dict(assign(frame).part.value_counts().iter_rows())
    assert counts == {"train": 600, "validation": 200, "test": 200}
    half = dict(assign(frame, Shares(0.5, 0.5, 0.0)).part.value_counts().iter_rows())
    assert half == {"train": 500, "validation": 500}


def test_a_common_as_of_orders_by_first_transfer_and_drops_no_label_known_by_then():
    frame = pl.DataFrame(
        {
            "address": [f"a{i}" for i in range(10)],
            "first_seen": [START + timedelta(days=9 - i) for i in range(10)],
            "as_of": [START + timedelta(days=90)] * 10,
            "available_at": [START + timedelta(days=90 + (i == 9)) for i in range(10)],
        }
    )
    split = assign(frame)
    assert split.part.to_list() == ["test"] * 2 + ["validation"] * 2 + ["train"] * 5 + [None]
    assert split.n_known_late == 1


def test_a_predefined_split_wins_and_is_checked():
    frame = pl.DataFrame(
        {
            "address": ["a", "b", "c"],
            "as_of": [START] * 3,
            "first_seen": [START] * 3,
            "case_id": ["x", None, "x"],
            "split": ["test", "train", "test"],
        }
    )
    split = assign(frame)
    assert split.predefined
    assert split.part.to_list() == ["test", "train", "test"]
    torn = assign(frame.with_columns(split=pl.Series(["test", "train", "train"])))
    assert torn.part.to_list() == ["test", "train", "train"]  # the leakage audit tells it
    with pytest.raises(Refused, match=r"values \['valid'\].*one of train, validation, test"):
        assign(frame.with_columns(split=pl.Series(["valid", "train", "valid"])))
    with pytest.raises(Refused, match="1 empty rows"):
        assign(frame.with_columns(split=pl.Series(["test", None, "test"])))


def test_missing_moments_are_refused_by_name():
    with pytest.raises(Refused, match="without an `as_of`"):
        assign(pl.DataFrame({"address": ["a", "b"], "as_of": [START, None]}))
    with pytest.raises(Refused, match="share one `as_of`"):
        assign(pl.DataFrame({"address": ["a", "b"], "as_of": [START, START]}))
    with pytest.raises(ValueError, match="sum to 1"):
        Shares(0.6, 0.6, 0.2)
