"""Labels as one would hold them: partial, late, sometimes wrong, and chosen by nobody's design."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from data.simulation.canonical import EPOCH
from data.simulation.labels import training_labels
from data.simulation.parameters import PRIORS
from data.simulation.populations import CRIMINAL_ROLES
from data.simulation.world import World, build
from models.splits import PARTS, assign
from tests.unwatched import unwatched

KEY = ["chain", "address"]
MANY = 4_000


def somebody(role: str, cases: Sequence[str | None], *, service: bool = False) -> pl.DataFrame:
    """Return truth rows of one role, one for each entry of `cases`."""
    return pl.DataFrame(
        {
            "chain": "tron",
            "address": [f"{role}-{service}-{n}" for n in range(len(cases))],
            "role": role,
            "service": service,
            "case_id": pl.Series(cases, dtype=pl.String),
            "as_of": EPOCH + timedelta(days=100),
        }
    )


@pytest.fixture(scope="module")
def invented() -> pl.DataFrame:
    """Return labels of an invented truth, large enough to measure rates: small and large cases."""
    small = [f"small-{n}" for n in range(MANY)]
    large = [f"large-{n}" for n in range(MANY // 8) for _ in range(8)]
    truth = pl.concat(
        [
            somebody("collector", [*small, *large]),
            somebody("victim", small),
            somebody("cash_out_deposit", small, service=True),
            somebody("benign", [None] * MANY),
            somebody("benign", [None] * MANY, service=True),
        ]
    )
    paid = pl.DataFrame({"case_id": small, "payers": [1, 31] * (MANY // 2)})
    labels = training_labels(truth, paid, seed=1)
    assert labels.select("address").equals(truth.select("address"))
    shown = truth.select("role", "service", case="case_id")
    told = labels.rename({"role": "told"})
    return pl.concat([told, shown], how="horizontal").join(
        paid, left_on="case", right_on="case_id", how="left", maintain_order="left"
    )


def known(rows: pl.DataFrame) -> float:
    return float(rows["label"].is_not_null().to_numpy().mean())


def test_firms_are_known_more_often_than_people_and_victims_seldom(invented: pl.DataFrame) -> None:
    benign = invented.filter(role="benign")
    assert known(benign.filter("service")) == pytest.approx(
        PRIORS["service_labelled"].numbers[0], abs=0.03
    )
    assert known(benign.filter(~pl.col("service"))) == pytest.approx(
        PRIORS["person_labelled"].numbers[0], abs=0.03
    )
    assert known(invented.filter(role="victim")) < 0.2
    assert known(invented.filter(role="cash_out_deposit")) == 0
    assert known(benign.filter("service")) > 0.5


def test_large_cases_and_those_with_many_complaints_are_investigated_more_often(
    invented: pl.DataFrame,
) -> None:
    criminals = invented.filter(role="collector")
    large = known(criminals.filter(pl.col("case").str.starts_with("large")))
    unheard = known(criminals.filter(pl.col("case").str.starts_with("small"), payers=1))
    heard = known(criminals.filter(payers=31))
    quiet = PRIORS["case_known"].numbers[0] * PRIORS["criminal_labelled"].numbers[0]
    assert quiet < unheard < heard < 0.86
    assert large > quiet + 0.05


def test_a_case_is_investigated_as_a_whole_or_not_at_all(invented: pl.DataFrame) -> None:
    large = invented.filter(role="collector").filter(pl.col("case").str.starts_with("large"))
    shares = large.group_by("case").agg(known=pl.col("label").is_not_null().mean())["known"]
    of_found = shares.filter(shares > 0)
    assert 0.2 < len(of_found) / len(shares) < 0.7
    assert of_found.mean() == pytest.approx(PRIORS["criminal_labelled"].numbers[0], abs=0.03)


def test_as_many_are_wrongly_accused_as_wrongly_cleared(invented: pl.DataFrame) -> None:
    of = invented.filter(pl.col("label").is_not_null()).with_columns(
        criminal=pl.col("role").is_in(CRIMINAL_ROLES)
    )
    found = of.filter("criminal").height
    cleared = of.filter("criminal", pl.col("label") == 0).height
    accused = of.filter(~pl.col("criminal"), pl.col("label") == 1).height
    share = PRIORS["label_wrong"].numbers[0]
    assert min(cleared, accused) > 0
    for wrong in (cleared, accused):
        assert wrong / found == pytest.approx(share, abs=0.02)


def test_where_criminals_are_rare_few_are_wrongly_accused() -> None:
    truth = pl.concat(
        [
            somebody("collector", [f"case-{n}" for n in range(MANY)]),
            somebody("benign", [None] * 10 * MANY, service=True),
        ]
    )
    nobody_paid = pl.DataFrame(schema={"case_id": pl.String, "payers": pl.Int64})
    labels = training_labels(truth, nobody_paid, seed=1).with_columns(truth["role"])
    judged = labels.filter(pl.col("label").is_not_null())
    found, others = judged.filter(role="collector"), judged.filter(role="benign")
    assert others.height > 15 * found.height
    share = PRIORS["label_wrong"].numbers[0]
    cleared, accused = found.filter(label=0).height, others.filter(label=1).height
    assert cleared / found.height == pytest.approx(share, abs=0.02)
    assert accused / found.height == pytest.approx(share, abs=0.02)


def test_labels_come_after_their_moment_and_cases_are_named_for_known_criminals_only(
    invented: pl.DataFrame,
) -> None:
    labelled = pl.col("label").is_not_null()
    assert invented["as_of"].null_count() == 0
    assert invented.filter(~labelled).select("available_at", "case_id").null_count().row(0) == (
        invented.filter(~labelled).height,
    ) * 2  # fmt: skip
    delay = invented.filter(labelled)["available_at"] - invented.filter(labelled)["as_of"]
    days = delay.dt.total_seconds().to_numpy() / 86_400
    assert days.min() > 0
    assert np.median(days) == pytest.approx(PRIORS["label_delay"].numbers[0], rel=0.1)
    named = invented.filter(pl.col("case_id").is_not_null())
    assert set(named["role"]) == {"collector"}
    assert named["label"].null_count() == 0


@pytest.fixture(scope="module")
def world() -> World:
    with unwatched():
        return build(seed=1, addresses=2_000, prevalence=0.1)


def test_labels_suffice_for_every_part_of_a_split_by_time(world: World) -> None:
    labels = world.labels.filter(pl.col("label").is_not_null())
    assert labels.height < 0.6 * world.labels.height
    split = assign(labels)
    assert split.n_known_late < 0.2 * labels.height
    counts = labels.with_columns(part=split.part).group_by("part", "label").len()
    for part in PARTS:
        found = dict(counts.filter(part=part).select("label", "len").iter_rows())
        assert found[0] >= 100 and found[1] >= 8, part


def test_most_criminals_of_a_world_are_labelled_and_every_role_is_among_them(world: World) -> None:
    rows = world.labels.drop("role").join(world.truth.select(*KEY, "role"), on=KEY)
    criminal = rows.filter(pl.col("role").is_in(CRIMINAL_ROLES))
    assert 0.4 < known(criminal) < 0.9
    by_role = criminal.group_by("role").agg(n=pl.len(), known=pl.col("label").is_not_null().any())
    assert by_role.filter(pl.col("n") >= 4)["known"].all()


def test_roles_are_told_of_rightly_judged_victims_and_launderers_alone(
    invented: pl.DataFrame,
) -> None:
    for row in invented.select("label", "role", "told").iter_rows(named=True):
        launderer, victim = row["role"] in CRIMINAL_ROLES, row["role"] == "victim"
        right = row["label"] == int(launderer)
        assert row["told"] == (row["role"] if right and (launderer or victim) else None)
    assert invented["told"].n_unique() > 2
