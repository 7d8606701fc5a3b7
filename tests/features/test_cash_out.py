"""Cash-out, by hand and against plain sums."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from features.cash_out import FAMILY
from features.history import (
    BRIDGES,
    DAY,
    EXCHANGES,
    HOUR,
    ILLICIT,
    LISTED,
    MARKETPLACES,
    History,
    party_of,
)
from tests.features.histories import columns_of, histories, history

HOT, DEPOSIT, BRIDGE = map(party_of, ("exchange_hot", "exchange_deposit", "bridge"))
MIXER, MARKET = (party_of(kind) | LISTED for kind in ("mixer", "guarantee_marketplace"))

WORKED = history(
    (0, "in", 1, 600),  # a stranger
    (HOUR, "in", 2, 400),  # an exchange's hot wallet
    (2 * HOUR, "out", 3, 300),  # a deposit address
    (3 * HOUR, "out", 4, 100),  # another
    (4 * HOUR, "out", 5, 100),  # a bridge
    (5 * HOUR, "out", 6, 300),  # a mixer
    (DAY, "out", 7, 200),  # a marketplace
    party=[0, HOT, DEPOSIT, DEPOSIT, BRIDGE, MIXER, MARKET],
)


def values(some: History) -> dict[str, float]:
    out = np.full((1, len(FAMILY.signals)), -1.0)
    FAMILY.kernel(columns_of([some]), 0, 1, out)
    return dict(zip((s.name for s in FAMILY.signals), out[0].tolist(), strict=True))


def test_worked_example() -> None:
    assert values(WORKED) == pytest.approx(
        {
            "exchange_out_share": 0.4,
            "exchange_addresses_paid": 2,
            "exchange_concentration": (3 / 4) ** 2 + (1 / 4) ** 2,
            "exchange_in_share": 0.4,
            "listed_out_share": 0.5,
            "listed_in_share": 0,
            "marketplace_share": 0.1,
            "bridge_out_share": 0.1,
            "bridge_in_share": 0,
        }
    )


def test_nothing_is_said_where_the_registry_was_not_known() -> None:
    assert all(math.isnan(value) for value in values(replace(WORKED, registry=0)).values())


def test_a_licit_mixer_is_not_listed() -> None:
    licit = replace(WORKED, party=WORKED.party & (LISTED - 1))
    assert values(licit)["listed_out_share"] == 0
    assert values(licit)["marketplace_share"] == pytest.approx(0.1)


def test_a_share_is_a_share_whatever_the_amounts() -> None:
    large = replace(WORKED, value=WORKED.value * 10**15)
    assert values(large) == pytest.approx(values(WORKED))


@given(some=histories(max_size=25))
def test_against_plain_sums(some: History) -> None:
    found = values(some)
    sent: Counter[str] = Counter()
    got: Counter[str] = Counter()
    exchanges: Counter[int] = Counter()
    rows = zip(
        some.value.tolist(), some.incoming.tolist(), some.party.tolist(),
        some.counterparty.tolist(), strict=True,
    )  # fmt: skip
    for value, incoming, party, other in rows:
        side = got if incoming else sent
        side["all"] += value
        side["listed"] += value * (party >= LISTED)
        what = party % LISTED
        side["exchange"] += value * (what in (HOT, DEPOSIT))
        side["bridge"] += value * (what == BRIDGE)
        side["market"] += value * (what == MARKET % LISTED)
        if not incoming and what in (HOT, DEPOSIT):
            exchanges[other] += value
    known = {"exchange": EXCHANGES, "listed": ILLICIT, "bridge": BRIDGES}
    for side, way in ((sent, "out"), (got, "in")):
        for name, kind in known.items():
            some_known = some.registry & kind and side["all"]
            expected = side[name] / side["all"] if some_known else math.nan
            assert found[f"{name}_{way}_share"] == pytest.approx(expected, nan_ok=True)
    total = sent["all"] + got["all"]
    some_known = some.registry & MARKETPLACES and total
    market = (sent["market"] + got["market"]) / total if some_known else math.nan
    assert found["marketplace_share"] == pytest.approx(market, nan_ok=True)
    of_exchanges = len(exchanges) if some.registry & EXCHANGES else math.nan
    assert found["exchange_addresses_paid"] == pytest.approx(of_exchanges, nan_ok=True)
    paid = sum(exchanges.values()) if some.registry & EXCHANGES else 0
    herfindahl = sum((v / paid) ** 2 for v in exchanges.values()) if paid else math.nan
    assert found["exchange_concentration"] == pytest.approx(herfindahl, nan_ok=True)
