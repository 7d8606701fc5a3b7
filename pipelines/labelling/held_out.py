"""The evidence for a promotion: two models on the same addresses, which the new one never saw.

Which rows are held out:

- labels that the model was trained on: the part `test` of the same split as then;
- other labels with a `split` of their own: the part `test`; whoever names a split answers for it;
- other labels: rows whose `as_of` lies after the last day of the model's training and calibration;
- addresses that nobody labelled, where a table of populations says who they are;
- the victims of a simulated world. Nobody has thousands of known victims of their own, and it takes
  that many to prove a share of one in a thousand.

A label counts once it is mature: it was known by the moment of the decision, and what it speaks of
lies far enough back. A younger one is left out, not taken for an unlabelled address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from data.errors import Refused
from data.services import Services, load_services
from data.transfers import Transfers, open_transfers
from features.catalogue import catalogue
from models.bands import LOWEST
from models.bundle import Bundle
from models.gate import Bounds, Evidence
from models.gate.evidence import ROLES
from models.scoring import score_frame
from models.splits import groups
from models.status import SCORED
from pipelines.engines import local
from pipelines.inputs import resolved_as_of
from pipelines.labelling.labelled import Labelled, label_hash, read_labels
from pipelines.labelling.populations import FIELDS, beside, read_populations
from pipelines.labelling.slices import slices_of
from pipelines.two_models import log_odds_of, measure_both, of_champion


@dataclass(frozen=True)
class Inputs:
    """What a promotion is given beside the bundles.

    Attributes
    ----------
    transfers, labels, populations
        Paths; populations may be None.
    as_of
        The cut of rows without a moment of their own.
    at
        The moment of the decision.
    services, threads, assume_complete
        As in every job.
    world
        A simulated world whose victims count too, or None.
    """

    transfers: Path
    labels: Path
    populations: Path | None
    as_of: datetime | None
    at: datetime
    services: str | Path | Sequence[str | Path] | None = None
    threads: int | None = None
    assume_complete: bool = False
    world: Path | None = None


@dataclass(frozen=True)
class HeldOut:
    """The evidence, and where it came from."""

    evidence: Evidence
    sources: dict[str, str]
    immature: int
    how: str


def gather(
    bundle: Bundle, champion: Bundle | None, inputs: Inputs, bounds: Bounds, *, research: bool
) -> HeldOut:
    """Measure both models on the rows that the new one never saw.

    Raises
    ------
    Refused
        An input cannot be used, or no labelled row is left.
    """
    opened = open_transfers(inputs.transfers, assume_complete=inputs.assume_complete)
    bundle.check_use(real=not opened.synthetic, research_use=research)
    known = load_services(inputs.services)
    labels = read_labels(inputs.labels, opened, inputs.as_of)
    same = bundle.facts.training["sources"].get("labels") == label_hash(labels)
    sources = {"labels_sha256": label_hash(labels), "transfers_sha256": opened.sha256}
    labels = labels.with_columns(role=_plain_role())
    if inputs.populations is not None:
        labels = _with_populations(labels, inputs, opened)
    measured = measure_both(bundle, champion, labels, opened, known, inputs.threads)
    kept, how = _held_out(bundle, measured, same)
    ripe = _mature(measured.labels, inputs.at, bounds)
    judged = measured.labels["label"].is_not_null()
    mask = kept & (ripe | ~judged)
    if not (mask & judged).any():
        raise Refused(
            f"no label is left to judge the model on ({how}; "
            f"{int((kept & judged & ~ripe).sum()):,} not mature yet)",
            expected="labels that the model never saw",
            hint="Give the labels it was trained on (their test part counts), labels that are "
            "younger than its training, or a `split` column.",
        )
    rows, seconds = _rows(bundle, champion, measured, mask, known, inputs, opened)
    if inputs.world is not None:
        seen = {opened.sha256, str(bundle.facts.training["sources"].get("transfers"))}
        robbed = _victims_of(bundle, inputs.world, seen, known, inputs.threads)
        rows = pl.concat([rows, robbed], how="diagonal")
    facts = bundle.facts
    evidence = Evidence(
        rows=rows,
        calibration=facts.calibration,
        audit=facts.training.get("audit"),
        decision_use=facts.decision_use,
        gives_bands=facts.thresholds["medium"] is not None,
        research=research,
        seconds=seconds,
    )
    return HeldOut(evidence, sources, int((kept & judged & ~ripe).sum()), how)


def _victims_of(
    bundle: Bundle, world: Path, seen: set[str], services: Services, threads: int | None
) -> pl.DataFrame:
    """Return the victims of a simulated world, and whom of them the model would present.

    A world that the model was trained or is judged on (`seen`) is refused: its victims would count
    twice, or have been learnt from.
    """
    opened = open_transfers(world)
    if opened.sha256 in seen:
        raise Refused(
            f"the model was trained, or is judged, on the world {world} already",
            expected="another world",
            hint="`unrinse simulate` makes one with another --seed.",
        )
    truth, listed = world / "truth.parquet", world / "addresses.csv"
    if not (opened.synthetic and truth.exists() and listed.exists()):
        raise Refused(f"{world} is no simulated world", expected="what `unrinse simulate` writes")
    robbed = pl.read_parquet(truth).filter(pl.col("role") == "victim")
    requests = pl.read_csv(listed, columns=["address", "chain", "as_of"]).join(
        robbed.select("chain", "address"), on=["chain", "address"], how="semi"
    )
    moments = requests.select(
        "chain", "address", pl.col("as_of").str.to_datetime(time_unit="us", time_zone="UTC")
    )
    latest = moments["as_of"].max()
    if not isinstance(latest, datetime):
        raise Refused(f"the world {world} has no victims", expected="a larger one")
    measured = local.measure(
        opened,
        moments,
        as_of=latest,
        basis=bundle.facts.basis,
        legs=bundle.facts.legs,
        threads=threads,
        services=services,
        families=catalogue().families_of(bundle.facts.signals),
    )
    return moments.select(
        "chain",
        _suspects(bundle, measured.signals, services, threads),
        label=pl.lit(None, pl.Int8),
        group="address",
        role=pl.lit("victim"),
    )


def _with_populations(labels: pl.DataFrame, inputs: Inputs, opened: Transfers) -> pl.DataFrame:
    """Put beside each label who the address is, and add the known who have no label at all."""
    assert inputs.populations is not None
    told = read_populations(inputs.populations).with_columns(role=_plain_role())
    joined = beside(labels, told)
    further = told.join(labels, on=["chain", "address"], how="anti", maintain_order="left").filter(
        pl.col("role").is_in(ROLES[:2])
    )
    if not further.height:
        return joined
    cut = pl.lit(resolved_as_of(opened, inputs.as_of)).cast(labels.schema["as_of"])
    further = further.with_columns(as_of=cut, as_of_given=False)
    return pl.concat([joined, further], how="diagonal")


def _plain_role() -> pl.Expr:
    """Return who somebody is: any other role than benign and victim is some part in laundering."""
    role = pl.col("role")
    other = pl.when(role.is_not_null()).then(pl.lit("criminal"))
    return pl.when(role.is_in(ROLES[:2])).then(role).otherwise(other)


def _held_out(bundle: Bundle, measured: Labelled, same: bool) -> tuple[pl.Series, str]:
    """Say which rows the model never learnt from, and in words by which rule."""
    labels = measured.labels
    unlabelled = labels["label"].is_null()
    if same:
        kept = measured.parts_as_trained() == "test"
        how = "the test part of the labels it was trained on"
    elif labels.filter(~unlabelled)["split"].null_count() == 0:
        kept, how = labels["split"] == "test", "the part named test"
    else:
        last = bundle.facts.learned_until
        kept = labels["as_of"].dt.date().cast(pl.String) > last
        how = f"labels of moments after {last}, the last day of its training"
    return kept.fill_null(False) | unlabelled, how


def _mature(labels: pl.DataFrame, at: datetime, bounds: Bounds) -> pl.Series:
    old = pl.col("as_of") + bounds.maturity <= at
    known = pl.col("available_at").fill_null(at) <= at
    return labels.select((old & known).fill_null(False)).to_series()


def _rows(
    bundle: Bundle,
    champion: Bundle | None,
    measured: Labelled,
    mask: pl.Series,
    services: Services,
    inputs: Inputs,
    opened: Transfers,
) -> tuple[pl.DataFrame, dict[str, float]]:
    """Put both models' results beside the labels, and say how long a thousand scores take."""
    labels, signals = measured.labels.filter(mask), measured.signals.filter(mask)
    rows = labels.select(
        "label",
        "weight",
        "selection_probability",
        groups(measured.labels).filter(mask).alias("group"),
        "chain",
        *(
            pl.col(name) if name in labels.columns else pl.lit(None, pl.String).alias(name)
            for name in FIELDS
        ),
    ).with_columns(
        *slices_of(labels, opened).iter_columns(),
        _suspects(bundle, signals, services, inputs.threads),
    )
    log_odds, took = log_odds_of(bundle, signals, inputs.threads)
    rows, seconds = rows.with_columns(log_odds=log_odds), {"model": took}
    if champion is not None:
        theirs, seconds["champion"] = of_champion(
            bundle, champion, (labels, signals), opened, services, inputs.threads
        )
        rows = rows.with_columns(champion=theirs)
    return rows, seconds


def _suspects(
    bundle: Bundle, signals: pl.DataFrame, services: Services, threads: int | None
) -> pl.Series:
    """Say whom the scores file would show with a band of `medium` or above."""
    shown = score_frame(bundle, signals, services, threads=threads or 1)
    return shown.select(
        suspect=((pl.col("status") == SCORED) & (pl.col("band") != LOWEST)).fill_null(False)
    ).to_series()
