"""The audit is silent on clean labels, and names each leak that somebody plants in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from data.errors import Refused
from data.schema import TIME
from models.leakage import CHECKS, Ties
from models.leakage.copies import copies
from tests.models.leakage.scene import NAMES, PAIRS, Scene, clean

POSITIVE = pl.col("label") == 1


@pytest.fixture(scope="module")
def scene() -> Scene:
    return clean()


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_clean_scene_is_silent(seed):
    found = clean(seed=seed).audit()
    assert found.findings == ()
    assert found.verdict == "clean"
    assert set(found.ran) == set(CHECKS)
    found.gate()


def torn(scene: Scene, part: pl.Expr) -> Scene:
    """Give the split of the scene itself, changed for some rows."""
    own = scene.subject.rows.select("_row", "part")
    rows = scene.rows.join(own, on="_row").with_columns(split=part).drop("part")
    return replace(scene, rows=rows)


def every_third(of: pl.Expr) -> pl.Expr:
    """Send every third of some rows to the test part, the rest where they were."""
    turned = of & (pl.col("_row") % 3 == 0) & (pl.col("part") == "train")
    return pl.when(turned).then(pl.lit("test")).otherwise("part")


def address_on_two_chains(scene: Scene) -> Scene:
    """The same key on another chain, in the test part."""
    given = torn(scene, pl.col("part"))
    again = given.rows.filter(pl.col("split") == "train", pl.col("chain") == "tron").head(5)
    again = again.with_columns(
        split=pl.lit("test"),
        chain=pl.lit("ethereum"),
        _row=pl.col("_row") + 100_000,
        **{name: pl.col(name) + 1 for name in NAMES},
    )
    return replace(given, rows=pl.concat([given.rows, again]))


def case_in_two_parts(scene: Scene) -> Scene:
    return torn(scene, every_third(POSITIVE))


def pairs(scene: Scene, other: list[str | None], partners: int) -> Ties:
    """Tie rows of the scene to others by name."""
    table = scene.rows.select(row="_row", chain=pl.lit("tron"), other=pl.Series(other))
    table = table.drop_nulls("other").with_columns(partners=pl.lit(partners))
    cast = table.select(pl.col(name).cast(kind) for name, kind in PAIRS.items())
    return Ties(cast, cast.drop("partners").clear())


def members_that_pay_each_other(scene: Scene) -> Scene:
    """Every fifth positive paid one of the first hundred positives, and no case says so."""
    rows = scene.rows.with_columns(chain=pl.lit("tron"), case_id=pl.lit(None, dtype=pl.String))
    first = rows.filter(POSITIVE)["address"].head(100)
    other = [
        first[i % 100] if positive and i % 5 < 2 else None
        for i, positive in enumerate(rows["label"])
    ]
    scene = replace(scene, rows=rows)
    return replace(scene, ties=pairs(scene, other, 40))


def one_cashier_for_all(scene: Scene) -> Scene:
    """A few deposit addresses, known to nobody else, serve most positives."""
    other = [
        f"cashier {i % 7}" if positive else None for i, positive in enumerate(scene.rows["label"])
    ]
    return replace(scene, ties=pairs(scene, other, 9))


def rows_copied(scene: Scene) -> Scene:
    """Histories of train stand under other names in test, a third of their values rounded."""
    given = torn(scene, pl.col("part"))
    again = (
        given.rows.filter(pl.col("split") == "train")
        .head(40)
        .with_columns(
            split=pl.lit("test"),
            address=pl.concat_str(pl.lit("b"), "address"),
            case_id=pl.lit(None, dtype=pl.String),
            _row=pl.col("_row") + 100_000,
            **{f"shape_{k}": pl.col(f"shape_{k}").round(1) for k in range(4)},
        )
    )
    return replace(given, rows=pl.concat([given.rows, again]))


def labels_of_later(scene: Scene) -> Scene:
    """A given split keeps labels that were reported a year after."""
    late = pl.col("available_at") + timedelta(days=400)
    changed = pl.when(pl.col("_row") % 10 == 0).then(late).otherwise("available_at")
    return torn(scene, pl.col("part")).with_rows(available_at=changed)


def a_random_split(scene: Scene) -> Scene:
    """A random split."""
    chosen = pl.col("_row").hash(3) % 10
    part = pl.when(chosen < 6).then(pl.lit("train")).when(chosen < 8).then(pl.lit("validation"))
    return torn(
        scene.with_rows(case_id=pl.lit(None, dtype=pl.String)), part.otherwise(pl.lit("test"))
    )


def cuts_unknown(scene: Scene) -> Scene:
    """The positives come from a list without dates; all are cut on one day."""
    end = scene.rows["as_of"].max()
    return scene.with_rows(as_of=pl.lit(end).cast(TIME), as_of_given=~POSITIVE)


def reports_without_a_date(scene: Scene) -> Scene:
    return scene.with_rows(available_at=pl.when(~POSITIVE).then("available_at"))


def positives_cut_at_their_report(scene: Scene) -> Scene:
    """Positives are cut when they were reported, negatives at the ends of days."""
    ends = pl.col("as_of").dt.truncate("1d") + timedelta(days=1)
    return scene.with_rows(as_of=pl.when(POSITIVE).then("as_of").otherwise(ends))


def positives_cut_long_after(scene: Scene) -> Scene:
    """Positives run on past their freeze: two months of silence before the cut."""
    later = pl.col("as_of") + timedelta(days=60)
    known = pl.col("available_at") + timedelta(days=60)
    return scene.with_rows(
        as_of=pl.when(POSITIVE).then(later).otherwise("as_of"),
        available_at=pl.when(POSITIVE).then(known).otherwise("available_at"),
    )


def negatives_of_other_years(scene: Scene) -> Scene:
    """Negatives are drawn from an older crawl."""
    back = timedelta(days=200)
    moved = [
        pl.when(POSITIVE).then(name).otherwise(pl.col(name) - back).alias(name)
        for name in ("first_seen", "last_seen", "as_of", "available_at")
    ]
    return scene.with_rows(*moved)


def chosen_by_a_signal(scene: Scene) -> Scene:
    """Positives were picked by a rule on one of the signals."""
    return scene.with_rows(
        shape_3=pl.when(POSITIVE).then(pl.col("shape_3").abs() + 2).otherwise("shape_3")
    )


def exported_differently(scene: Scene) -> Scene:
    """Positives come from another explorer, which shows half of the legs of many."""
    narrow = POSITIVE & (pl.col("_row") % 2 == 0)
    return scene.with_rows(
        legs=pl.when(narrow).then(pl.lit("token_in,token_out")).otherwise("legs")
    )


def crawled_longer(scene: Scene) -> Scene:
    """Negatives were crawled to their end, positives for two pages."""
    few = pl.min_horizontal("n_transfers", 20)
    return scene.with_rows(
        n_transfers=pl.when(POSITIVE).then(few).otherwise(pl.col("n_transfers") * 3)
    )


def prices_of_one_class(scene: Scene) -> Scene:
    """Signals are null for nearly all of one class."""
    held = POSITIVE | (pl.col("_row") % 20 == 0)
    return scene.with_rows(*(pl.when(held).then(f"shape_{k}").alias(f"shape_{k}") for k in (5, 6)))


def whales_as_negatives(scene: Scene) -> Scene:
    rich = [
        pl.when(POSITIVE).then(name).otherwise(pl.col(name) * 150).alias(name)
        for name in ("largest_in", "largest_out")
    ]
    return scene.with_rows(*rich)


def negatives_of_another_chain(scene: Scene) -> Scene:
    other = pl.when(POSITIVE).then(pl.lit("tron")).otherwise(pl.lit("ethereum"))
    return scene.with_rows(chain=other)


def a_signal_that_peeks(scene: Scene) -> Scene:
    """One value moves by the last bit when the future is another one."""
    moved = scene.sample.with_columns(dwell=pl.col("dwell") * (1 + 2.0**-52))
    return replace(scene, replayed={"future_sensitive": moved})


def a_registry_read_backwards(scene: Scene) -> Scene:
    moved = scene.sample.with_columns(listed_exposure=pl.lit(1.0))
    return replace(scene, replayed={"registry_after_cut": moved})


def labels_among_the_services(scene: Scene) -> Scene:
    """The collectors of the cases are in --services, as mixers."""
    members = scene.rows.filter(POSITIVE).drop_nulls("case_id")
    first = members.group_by("case_id").agg(
        other=pl.col("address").min(), chain=pl.col("chain").first()
    )
    listed = (
        members.drop("chain")
        .join(first, on="case_id")
        .select(row="_row", chain="chain", other="other")
    )
    rows = scene.rows.with_columns(chain=pl.lit("tron"))
    listed = listed.with_columns(chain=pl.lit("tron"))
    return replace(scene, rows=rows, ties=Ties(scene.ties.pairs, listed))


PLANTED: dict[Callable[[Scene], Scene], str] = {
    address_on_two_chains: "address_across_parts",
    case_in_two_parts: "case_across_parts",
    members_that_pay_each_other: "linked_across_parts",
    one_cashier_for_all: "shared_rare_counterparty",
    rows_copied: "near_duplicate_history",
    labels_of_later: "label_known_late",
    a_random_split: "parts_out_of_order",
    cuts_unknown: "missing_dates",
    reports_without_a_date: "missing_dates",
    positives_cut_at_their_report: "one_sided_cut",
    positives_cut_long_after: "one_sided_cut",
    negatives_of_other_years: "era",
    chosen_by_a_signal: "single_signal",
    exported_differently: "coverage_alone",
    crawled_longer: "history_length_alone",
    prices_of_one_class: "nulls_alone",
    whales_as_negatives: "amounts_alone",
    negatives_of_another_chain: "chain_alone",
    a_signal_that_peeks: "future_sensitive",
    a_registry_read_backwards: "registry_after_cut",
    labels_among_the_services: "same_case_exposure",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_leak_is_found_and_blocks(scene, plant):
    kind = PLANTED[plant]
    found = plant(scene).audit()
    assert kind in [f.kind for f in found.blocking], found.findings
    assert found.verdict == "leaking"
    with pytest.raises(Refused, match=f"(?s){kind}.*How bad.*What to do.*--allow {kind}"):
        found.gate()


def test_every_check_has_a_planted_leak():
    assert set(PLANTED.values()) == set(CHECKS)
    assert len(PLANTED) >= 15


def test_an_accepted_finding_lets_training_go_on_and_is_told(scene):
    found = whales_as_negatives(scene).audit("amounts_alone")
    found.gate()
    assert found.verdict == "accepted"
    [told] = found.facts()["findings"]
    assert told["allowed"]
    assert told["measured"]["low"] > told["measured"]["limit"]
    with pytest.raises(Refused, match="no check 'gossip'.*Expected: one of address_across_parts"):
        scene.audit("gossip")


def test_another_basis_hides_amounts_and_few_labels_cry_no_wolf(scene):
    whales = whales_as_negatives(scene)
    assert replace(whales, basis="relative").audit().findings == ()
    few = replace(whales, rows=whales.rows.filter(~POSITIVE | (pl.col("_row") % 40 == 0)))
    assert "amounts_alone" not in [f.kind for f in few.audit().findings]


def test_without_dates_of_knowing_the_audit_gives_notice_and_goes_on(scene):
    found = replace(scene, rows=scene.rows.drop("available_at")).audit()
    assert [(f.kind, f.blocks) for f in found.findings] == [("missing_dates", False)]
    assert found.verdict == "clean"
    found.gate()


def test_row_order_changes_nothing(scene):
    random = np.random.default_rng(5)
    planted = negatives_of_other_years(scene)
    order = random.permutation(planted.rows.height)
    assert replace(planted, rows=planted.rows[order]).audit().facts() == planted.audit().facts()


def test_copies_are_those_that_a_plain_count_finds(scene):
    """Independent count: for each pair, equal values among those that at most eight rows share."""
    rows = rows_copied(scene).subject.scored
    rows = pl.concat(
        [rows.filter(pl.col("part") == part).head(60) for part in ("train", "test")]
        + [rows.filter(pl.col("_row") >= 100_000)]
    ).unique("_row", maintain_order=True)
    names = [n for n in NAMES if n != "shape_7"]
    held = {name: rows[name].to_list() for name in names}
    expected = set()
    for i, part in enumerate(rows["part"]):
        rare = [n for n in names if held[n][i] is not None and held[n].count(held[n][i]) <= 8]
        for j, other in enumerate(rows["part"]):
            equal = sum(held[n][i] == held[n][j] for n in rare)
            if (part, other) == ("test", "train") and len(rare) >= 12 and equal >= 0.8 * len(rare):
                expected.add(rows["_row"][i])
    assert set(copies(rows, names)["_row"]) == expected
    assert expected
