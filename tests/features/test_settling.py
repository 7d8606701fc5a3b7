"""What families declare of when their values are final, and how the others are refreshed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given

from features.catalogue import catalogue
from features.history import DAY
from features.settling import refreshed, settles, unsettled
from features.signal import Family
from tests.features.histories import columns_of, histories

FAMILIES = {family.name: family for family in catalogue().families}


def family(**declared: Any) -> Any:
    given: dict[str, Any] = {"settles": timedelta(0), "refreshed": {}, "dated": []} | declared
    signals = [SimpleNamespace(name=n, depends_on_as_of=True) for n in given.pop("dated")]
    return SimpleNamespace(name="made", signals=signals, **given)


def test_every_dated_signal_is_refreshed_or_settles():
    dated = [s for s in catalogue().signals if s.depends_on_as_of and s.scope == "address"]
    assert dated
    for signal in dated:
        of = FAMILIES[signal.family]
        assert of.settles or signal.name in of.refreshed, signal.name
    assert unsettled(f for f in FAMILIES.values() if f.scope == "address") == ()


def test_what_is_not_declared_is_not_trusted():
    assert unsettled([family(dated=["silence"])]) == ("made",)
    assert unsettled([family(settles=None)]) == ("made",)
    assert unsettled([family(dated=["silence"], refreshed={"silence": None})]) == ()
    assert unsettled([family(dated=["silence"], settles=timedelta(hours=2))]) == ()


def test_the_longest_counts():
    known = [family(), family(settles=timedelta(hours=3)), family(settles=timedelta(hours=1))]
    assert settles(known) == timedelta(hours=3)
    assert settles([*known, family(settles=None)]) == timedelta(hours=3)
    assert settles([]) == timedelta(0)


@pytest.mark.parametrize(
    "of", [f for f in FAMILIES.values() if f.refreshed], ids=lambda of: str(of.name)
)
@given(some=histories())
def test_a_refreshed_value_is_the_kernels_to_the_last_bit(of: Family, some: Any):
    names = [signal.name for signal in of.signals]
    later = int(some.as_of) + 17 * DAY + 1_234_567
    old, new = (np.empty((1, len(names))) for _ in range(2))
    columns = columns_of([some])
    of.kernel(columns, 0, 1, old)
    of.kernel(columns._replace(as_of=np.array([later])), 0, 1, new)
    last = int(some.time[-1]) if len(some) else None
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    moments = {
        "as_of": [epoch + timedelta(microseconds=later)],
        "last_seen": [None if last is None else epoch + timedelta(microseconds=last)],
    }
    table = pl.DataFrame(
        {**moments, **{n: pl.Series(old[:, k], nan_to_null=True) for k, n in enumerate(names)}},
        schema_overrides=dict.fromkeys(moments, pl.Datetime("us", "UTC")),
    )
    fresh = refreshed(table, [of])
    for k, name in enumerate(names):
        if name in of.refreshed:
            expected = None if np.isnan(new[0, k]) else float(new[0, k])
            assert fresh[name].to_list() == [expected]
