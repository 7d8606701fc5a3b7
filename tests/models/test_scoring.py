"""The scores frame: one row in, one row out, and no score where there is no ground for one."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from data.service_table import SERVICES
from data.services import Services
from models.bundle import Bundle
from models.scoring import SCORES, list_hits, score_frame
from tests.models.world import CATALOGUE, NOBODY, fitted, world


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("scoring") / "model"
    fitted().write(path)
    return Bundle.load(path, catalogue=CATALOGUE)


@pytest.fixture(scope="module")
def signals():
    frame = world(300, seed=9)[0]
    return frame.with_columns(
        complete=pl.int_range(pl.len()) % 10 != 0,
        chain=pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("mars")).otherwise("chain"),
    )


def service(row, licit, **more):
    facts = {"chain": row["chain"], "address": row["address"], "licit": licit}
    return facts | {"category": "mixer", "confidence": "authority_data"} | more


def test_one_row_each_in_the_order_asked(bundle, signals):
    found = score_frame(bundle, signals, NOBODY)
    assert found.columns == list(SCORES)
    keys = ["chain", "address", "as_of", "n_transfers", "first_seen", "last_seen"]
    assert found.select(keys).equals(signals.select(keys))
    assert found["decision_use"].unique().to_list() == [False]
    assert found["bundle_sha256"].unique().to_list() == [bundle.sha256]


def test_only_scored_rows_have_a_score(bundle, signals):
    found = score_frame(bundle, signals, NOBODY, reasons=1000)
    abstained = found.filter(pl.col("status") != "scored")
    assert abstained.height == 31
    for column in ("score", "log_odds", "band", "rank", "top_reasons"):
        assert abstained[column].null_count() == abstained.height, column
        assert found.filter(pl.col("status") == "scored")[column].null_count() == 0, column


def test_the_score_is_the_logistic_of_the_log_odds_and_ranks_follow_it(bundle, signals):
    scored = score_frame(bundle, signals, NOBODY).drop_nulls("score").sort("rank")
    assert scored["rank"].to_list() == list(range(1, scored.height + 1))
    expected = 1 / (1 + np.exp(-scored["log_odds"].to_numpy()))
    np.testing.assert_allclose(scored["score"], expected, rtol=1e-14)
    assert scored["score"].is_sorted(descending=True)


def test_ties_are_ranked_by_chain_address_and_moment(bundle, signals):
    one = signals[1:2]
    twins = pl.concat(
        [
            one.with_columns(address=pl.lit("z")),
            one.with_columns(address=pl.lit("b"), as_of=pl.col("as_of") + timedelta(days=1)),
            one.with_columns(address=pl.lit("b")),
            one.with_columns(address=pl.lit("z"), chain=pl.lit("bsc")),
        ]
    )
    assert score_frame(bundle, twins, NOBODY)["rank"].to_list() == [4, 3, 2, 1]


def test_threads_row_order_and_company_change_no_bit(bundle, signals):
    once = score_frame(bundle, signals, NOBODY, reasons=20)
    assert score_frame(bundle, signals, NOBODY, reasons=20, threads=2).equals(once)
    order = np.random.default_rng(2).permutation(signals.height)
    assert score_frame(bundle, signals[order], NOBODY, reasons=20).equals(once[order])
    few = score_frame(bundle, signals[:50], NOBODY)
    assert few["log_odds"].equals(once["log_odds"][:50])


def test_reasons_go_to_the_highest_ranks_only(bundle, signals):
    found = score_frame(bundle, signals, NOBODY, reasons=12)
    assert sorted(found.drop_nulls("top_reasons")["rank"].to_list()) == list(range(1, 13))
    assert score_frame(bundle, signals, NOBODY)["top_reasons"].null_count() == signals.height


def test_a_listed_address_is_never_below_review(bundle, signals):
    plain = score_frame(bundle, signals, NOBODY)
    low = plain.filter(pl.col("band") == "below_review").row(0, named=True)
    top = plain.filter(pl.col("rank") == 1).row(0, named=True)
    unscored = plain.filter(pl.col("status") == "truncated_history").row(0, named=True)
    listed = Services(
        pl.DataFrame([service(r, False) for r in (low, top, unscored)], schema=SERVICES)
    )
    found = score_frame(bundle, signals, listed)
    by_address = {r["address"]: r for r in found.iter_rows(named=True)}
    assert by_address[low["address"]]["band"] == "medium"
    assert by_address[top["address"]]["band"] == top["band"]
    assert by_address[unscored["address"]]["band"] is None
    assert by_address[unscored["address"]]["list_hits"] is not None
    # The hit stands beside the score, and moves nothing else.
    assert found["log_odds"].equals(plain["log_odds"])
    assert found["rank"].equals(plain["rank"])


def test_a_licit_service_has_no_score(bundle, signals):
    row = signals.row(1, named=True)
    licit = Services(pl.DataFrame([service(row, True)], schema=SERVICES))
    found = score_frame(bundle, signals, licit).row(1, named=True)
    assert (found["status"], found["score"], found["list_hits"]) == ("licit_service", None, None)


def test_list_hits_say_list_kind_date_and_confidence(signals):
    row = signals.row(0, named=True)
    known = Services(
        pl.DataFrame(
            [service(row, False, name="Tornado", date="2022-08-08"), service(row, False)],
            schema=SERVICES,
        )
    )
    found = list_hits(signals, known)
    assert found[0] == (
        "Tornado (mixer, 2022-08-08, authority_data); unnamed (mixer, undated, authority_data)"
    )
    assert found.null_count() == signals.height - 1


def test_an_empty_request_gives_an_empty_table(bundle, signals):
    found = score_frame(bundle, signals[:0], NOBODY, reasons=5)
    assert found.columns == list(SCORES)
    assert found.height == 0
    assert found.schema == score_frame(bundle, signals, NOBODY, reasons=5).schema
