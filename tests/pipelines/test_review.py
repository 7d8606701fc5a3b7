"""The feedback loop: who is drawn, what the reviewers see, and what their answers teach."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from data.errors import Refused
from data.labels.reviews import KEY, REVIEW
from data.labels.training import read_training_labels
from models import scoring
from pipelines.review import drawn, review_files, review_labels, write_review
from pipelines.score import score

JANUARY = datetime(2024, 1, 1, tzinfo=UTC)
SHA = "a" * 64


def address(i: int) -> str:
    return f"0x{i:040x}"


def scores(n: int = 400, alerts: int = 30) -> pl.DataFrame:
    band = ["high"] * alerts + ["below_review"] * (n - alerts - 20) + [None] * 20
    status = ["scored"] * (n - 20) + ["possible_victim"] * 20
    return pl.DataFrame(
        {
            "chain": "ethereum",
            "address": [address(4096 + i) for i in range(n)],
            "as_of": JANUARY,
            "status": status,
            "band": band,
            "log_odds": [float(n - i) for i in range(n)],
        },
        schema_overrides={"as_of": pl.Datetime("us", "UTC")},
    )


def test_every_alert_and_so_many_others_are_drawn_with_their_chance():
    key = drawn(scores(), 50, bundle_sha256=SHA)
    assert list(key.columns) == list(KEY)
    alerts, controls = (key.filter(pl.col("drawn") == word) for word in ("alert", "control"))
    assert set(alerts["address"]) == set(scores()["address"].head(30))
    assert alerts["selection_probability"].unique().to_list() == [1.0]
    assert controls.height == 50
    assert controls["selection_probability"].unique().to_list() == [50 / 350]
    assert set(controls["address"]) <= set(scores()["address"][30:380])
    everybody = drawn(scores(), 10_000, bundle_sha256=SHA)
    assert everybody["selection_probability"].unique().to_list() == [1.0]
    assert drawn(scores(), 0, bundle_sha256=SHA)["drawn"].unique().to_list() == ["alert"]


def test_the_draw_is_even_and_depends_on_model_and_not_on_the_order_of_rows():
    one = drawn(scores(), 50, bundle_sha256=SHA)
    assert drawn(scores().sample(fraction=1.0, shuffle=True, seed=3), 50, bundle_sha256=SHA).equals(
        one
    )
    counted = pl.concat(
        drawn(scores(), 50, bundle_sha256=f"{i:064x}").filter(pl.col("drawn") == "control")
        for i in range(200)
    )
    times = counted["address"].value_counts()["count"]
    assert len(times) == 350
    expected, spread = 200 * 50 / 350, (200 * 50 / 350 * (1 - 50 / 350)) ** 0.5
    assert times.min() > expected - 4.5 * spread
    assert times.max() < expected + 4.5 * spread
    # Where somebody stands in the file says nothing of how they were drawn.
    first_half = one.head(40).filter(pl.col("drawn") == "alert").height
    assert 5 < first_half < 25


def test_without_bands_there_is_no_threshold():
    with pytest.raises(Refused, match="gives out no bands"):
        drawn(scores().with_columns(band=pl.lit(None, dtype=pl.String)), 5, bundle_sha256=SHA)


def filled(folder: Path, n: int = 40) -> tuple[Path, Path, pl.DataFrame]:
    """Write a review file and its key; alerts are confirmed, others cleared, every fifth unsure."""
    key = drawn(scores(), n, bundle_sha256=SHA)
    write_review(key, folder / "scores.parquet", bundle_sha256=SHA)
    review, sealed = review_files(folder / "scores.parquet")
    blank = pl.read_csv(review, infer_schema=False)
    assert list(blank.columns) == list(REVIEW)
    assert blank.drop("chain", "address", "as_of").null_count().row(0) == (70,) * 5
    row = pl.int_range(pl.len())
    alert = key["drawn"] == "alert"
    said = pl.when(row % 5 == 0).then(pl.lit("unsure")).when(alert).then(pl.lit("Confirmed"))
    told = blank.with_columns(
        disposition=said.otherwise(pl.lit("cleared")),
        reviewer=pl.lit("M. L."),
        reason=pl.lit("looked at it"),
        reviewed_at=pl.lit("2024-01-20"),
    )
    told.write_csv(review)
    return review, sealed, key


def test_what_comes_back_teaches_and_counts_by_its_chance(tmp_path):
    review, sealed, key = filled(tmp_path)
    told = review_labels([review], tmp_path / "out", [sealed])
    assert (told.positive, told.negative, told.unsure) == (
        sum(d == "alert" and i % 5 > 0 for i, d in enumerate(key["drawn"])),
        sum(d == "control" and i % 5 > 0 for i, d in enumerate(key["drawn"])),
        14,
    )
    labels = read_training_labels(told.labels)
    assert labels["available_at"].unique().to_list() == [datetime(2024, 1, 20, tzinfo=UTC)]
    assert labels["as_of"].unique().to_list() == [JANUARY]
    chance = dict(key.select("address", "selection_probability").iter_rows())
    for row in labels.iter_rows(named=True):
        assert row["selection_probability"] == pytest.approx(chance[row["address"]])
    assert labels["label"].null_count() == 14
    kept = pl.read_csv(tmp_path / "out" / "reviews.csv")
    assert kept["counts"].all()
    assert kept["reviewer"].unique().to_list() == ["M. L."]


def test_the_latest_review_stands_disagreement_settles_nothing_and_reviews_end(tmp_path):
    review, sealed, _ = filled(tmp_path)
    rows = pl.read_csv(review, infer_schema=False)
    a, b, c, d = (rows[i : i + 1] for i in (1, 2, 3, 4))
    later = a.with_columns(disposition=pl.lit("cleared"), reviewed_at=pl.lit("2024-02-01"))
    other = {"confirmed": "cleared"}.get(b["disposition"][0].lower(), "confirmed")
    against = b.with_columns(disposition=pl.lit(other), reviewer=pl.lit("K. N."))
    ends = c.with_columns(expires_at=pl.lit("2024-03-01"))
    unseen = d.with_columns(disposition=pl.lit(None, dtype=pl.String))
    pl.concat([a, later, b, against, ends, unseen]).write_csv(review)
    march = datetime(2024, 3, 1, tzinfo=UTC)
    told = review_labels([review], tmp_path / "out", [sealed], at=march)
    assert (told.positive, told.negative, told.unsure) == (0, 1, 0)
    assert (told.expired, told.unsettled, told.not_reviewed) == (1, 1, 1)
    before = review_labels([review], tmp_path / "before", [sealed], at=march - timedelta(days=1))
    assert before.expired == 0
    kept = pl.read_csv(tmp_path / "out" / "reviews.csv")
    assert kept.filter("counts")["address"].to_list() == [a["address"][0]]
    assert kept.height == 5


FAULTS: dict[str, tuple[dict[str, str | None], str]] = {
    "a word that is none": ({"disposition": "guilty"}, "'guilty' is none of confirmed, cleared"),
    "nobody": ({"reviewer": None}, "reviewer is empty"),
    "no reason": ({"reason": None}, "reason is empty"),
    "no moment": ({"reviewed_at": None}, "reviewed_at is empty"),
    "a review of the future": ({"reviewed_at": "2023-12-01"}, "before the moment it was scored"),
    "an end before": ({"expires_at": "2024-01-02"}, "expires before it was reviewed"),
    "another chain": ({"chain": "moon"}, "the chain 'moon' is none"),
    "no cut": ({"as_of": None}, "as_of is empty"),
    "no address": ({"address": "0x12"}, "line 3"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_line_is_named_and_nothing_is_written(fault, tmp_path):
    changes, message = FAULTS[fault]
    review, sealed, _ = filled(tmp_path)
    rows = pl.read_csv(review, infer_schema=False)
    turned = [
        pl.when(pl.int_range(pl.len()) == 1)
        .then(pl.lit(value, dtype=pl.String))
        .otherwise(name)
        .alias(name)
        for name, value in changes.items()
    ]
    rows.with_columns(turned).write_csv(review)
    with pytest.raises(Refused, match=f"(?s)1 faulty lines: line 3: .*|{message}") as refused:
        review_labels([review], tmp_path / "out", [sealed])
    assert message in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_an_address_without_a_key_is_refused(tmp_path):
    review, sealed, _ = filled(tmp_path)
    rows = pl.read_csv(sealed, infer_schema=False)
    rows.tail(60).write_csv(sealed)
    with pytest.raises(Refused, match="10 reviewed addresses stand in no key.*--key"):
        review_labels([review], tmp_path / "out", [sealed])
    rows.with_columns(selection_probability=pl.lit("0")).write_csv(sealed)
    with pytest.raises(Refused, match="must be above 0 and at most 1"):
        review_labels([review], tmp_path / "out", [sealed])


def test_scoring_writes_both_files_beside_the_scores(world, bundle, tmp_path, monkeypatch):
    out = tmp_path / "scores.parquet"
    with pytest.raises(Refused, match="gives out no bands"):  # the small world's model has none
        score(bundle, world.store, world.addresses, out, control_sample=7)
    assert [path.name for path in tmp_path.iterdir()] == [".scores.parquet.work"]  # --resume

    unranked = scoring._unranked

    def with_bands(*given):
        found = unranked(*given)
        high = pl.col("log_odds") > pl.col("log_odds").quantile(0.9)
        band = pl.when(high).then(pl.lit("medium")).otherwise(pl.lit("below_review"))
        return found.with_columns(band=pl.when(pl.col("log_odds").is_not_null()).then(band))

    monkeypatch.setattr(scoring, "_unranked", with_bands)
    told = score(bundle, world.store, world.addresses, out, control_sample=7, start_again=True)
    review, sealed = review_files(out)
    assert told.to_review == review
    counted = pl.read_csv(sealed)["drawn"].value_counts().sort("drawn")["count"].to_list()
    assert counted == [told.bands["medium"], 7]
    assert pl.read_csv(review, infer_schema=False).columns == list(REVIEW)
    assert score(bundle, world.store, world.addresses, out).to_review is None
