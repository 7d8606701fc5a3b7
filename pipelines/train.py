"""The `train` job: transfers and labels in, a verified bundle out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from data.errors import Refused
from data.labels.mapping import Mapped, folder_of, mapped
from data.labels.origin import is_of_a_world, with_sources
from data.schema import LEGS
from data.services import load_services
from data.storage import refuse_foreign
from data.transfers import Transfers, open_transfers
from features.catalogue import catalogue
from models.bundle import FACTS, Bundle
from models.evaluation import metric_values
from models.fitting import Fitted, fit
from models.leakage import CHECKS, Surroundings
from models.leakage.finding import checked_names
from models.search import Budget
from models.settings import MIN_TRANSFERS, Settings
from models.tracking import Run, Trial, record
from models.training import may_be_input
from models.unlabelled import Unlabelled
from pipelines.console import progress
from pipelines.from_champion import Asked, inherited, report
from pipelines.inputs import leg_names, resolved_basis, service_notes
from pipelines.labelling.doubts import write_doubts
from pipelines.labelling.labelled import label_hash, measure_labelled, read_labels
from pipelines.labelling.other_futures import Measuring, replay
from pipelines.labels import write_mapped
from pipelines.outputs import check_output, program


@dataclass(frozen=True)
class TrainResult:
    """What the job did."""

    out: Path
    bundle_sha256: str
    trained_on: int
    positives: int
    signals: int
    basis: str
    legs: tuple[str, ...]
    labels_from: Mapping[str, int]
    test: Mapping[str, str]
    decision_use: bool
    tracking_run: str | None
    notes: tuple[str, ...]
    exit_code: int


def train(
    transfers: str | Path,
    labels: str | Path,
    out: str | Path,
    *,
    as_of: datetime | None = None,
    basis: str = "usd",
    legs: str | Iterable[str] | None = None,
    min_transfers: int = MIN_TRANSFERS,
    seed: int = 1,
    base_rate: float | None = None,
    trained_on: str | None = None,
    labels_from: str | None = None,
    tracking_uri: str | None = None,
    services: str | Path | Sequence[str | Path] | None = None,
    without_exposure: bool = False,
    also: Sequence[str] = (),
    threads: int | None = None,
    assume_complete: bool = False,
    params: Mapping[str, Any] | None = None,
    allow: Sequence[str] = (),
    trials: int | None = None,
    minutes: float | None = None,
    unlabelled: str = "leave_out",
    unlabelled_prior: float | None = None,
    monotone: bool = False,
    from_champion: str | Path | None = None,
    doubted: str | Path | None = None,
    ablation: bool = False,
) -> TrainResult:
    """Train a model on labelled addresses and write it as a bundle.

    Parameters
    ----------
    transfers
        A store, a canonical Parquet file, a folder of them or a glob.
    labels
        CSV or Parquet: address, label, and where known chain, as_of, available_at, case_id, split,
        weight, selection_probability, source. Or a folder of labels, as `labels import` writes it;
        what it teaches is then kept beside the bundle (``<out>.labels``), as by `labels map`.
    out
        The bundle directory.
    as_of
        Where a label lacks its own moment, all rows of its split are cut here; default: the moment
        recorded at ingest.
    basis
        ``usd``, ``native`` or ``relative``.
    legs
        The leg profile; default: the legs that nearly all judged addresses are covered for.
    min_transfers
        Shorter histories are neither trained on nor scored.
    base_rate
        Share of positives that scores assume; default: the prevalence of the validation split.
    trained_on
        ``synthetic``, ``research`` or ``reviewed``; default: ``synthetic`` for a simulated store,
        else ``research``. Only ``reviewed`` bundles may be used for decisions.
    labels_from
        Where those labels are from that do not say it in a column ``source``. Labels of an invented
        world need not; any others must.
    tracking_uri
        An MLflow server or database; default: an sqlite database beside the bundle.
    services
        What is publicly known of counterparties, beside the built-in registry.
    without_exposure
        Train on behaviour only: no input rests on what others are or do. A simulated store is
        always trained so, because in the synthetic world only criminals deal with listed parties.
    also
        Families whose signals for context are to be inputs too, such as ``neighbourhood``.
    params
        Overrides of `models.training.PARAMETERS`.
    allow
        Findings of the leakage audit that are accepted, by name (`models.leakage.CHECKS`). The
        model card tells them.
    trials, minutes
        Search parameters first, on train alone, until so many trials are done or so many minutes
        gone. Trials are remembered in a journal beside the bundle (``<out>.search.journal``): the
        same call goes on where it was stopped.
    unlabelled, unlabelled_prior
        What rows without a label teach (`models.unlabelled.METHODS`), and which share of them is
        taken to be positive.
    monotone
        Let the score only rise with signals whose risk certainly grows that way.
    from_champion
        A bundle to follow: its value basis, legs, shortest history, stated base rate and (unless
        they are searched anew) parameters. What the new model changes, and why, is written beside
        it (`models.changes`).
    doubted
        A file for the labels of train that the others contradict (`models.doubt`).
    ablation
        Measure what each family of signals is worth, which takes a fit for each.

    Raises
    ------
    Refused
        An input cannot be used, labels do not say where they are from, they are too few, or they
        leak in a way that `allow` does not name.
    """
    refuse_foreign(Path(out), mark=FACTS)
    if doubted is not None:
        check_output(Path(doubted))
    beside = Path(out).with_name(f"{Path(out).name}.labels")
    accepted = checked_names(allow, CHECKS)
    use = Unlabelled(unlabelled, unlabelled_prior)
    budget = _budget(Path(out), trials, minutes)
    champion = None if from_champion is None else Bundle.load(from_champion)
    given = leg_names(legs)
    asked = Asked(
        resolved_basis(basis),
        None if given is None else tuple(leg for leg in LEGS if leg in given),
        min_transfers,
        base_rate,
        params or {},
    )
    if champion is not None:
        asked = inherited(champion, asked, searched=budget is not None)
    opened = open_transfers(Path(transfers), assume_complete=assume_complete)
    origin = _origin(opened, trained_on)
    lists = _lists(Path(labels), beside)
    told = with_sources(
        read_labels(lists or Path(labels), opened, as_of),
        Path(labels),
        said=labels_from,
        simulated=opened.synthetic or is_of_a_world(Path(labels)),
    )
    exposure = not without_exposure and origin != "synthetic"
    inputs = candidates(exposure, also)
    needed = inputs if champion is None else [*inputs, *champion.facts.signals]
    known = load_services(services)
    measured = measure_labelled(
        told,
        opened,
        basis=asked.basis,
        legs=asked.legs,
        threads=threads,
        services=known,
        names=needed,
    )
    settings = Settings(
        basis=asked.basis,
        legs=measured.legs,
        min_transfers=asked.min_transfers,
        training_basis=origin,
        base_rate=asked.base_rate,
        seed=seed,
        params=asked.params,
        budget=budget,
        unlabelled=use,
        monotone=monotone,
        ablation=ablation,
        exposure=exposure,
        also=tuple(also),
        allow=tuple(sorted(accepted)),
        threads=threads or os.cpu_count() or 1,
        sources={"transfers": opened.sha256, "labels": label_hash(told)},
        versions={"unrinse": program()},
    )
    with progress("Looking ahead, to see that no signal does"):
        how = Measuring(asked.basis, measured.legs, inputs, known)
        around = Surroundings(measured.ties, replay(measured.labels, opened, how))
    words = "Auditing and training" if settings.budget is None else "Searching parameters"
    with progress(words, total=_steps(trials, inputs, ablation=ablation)) as done:
        fitted = fit(
            measured.signals,
            measured.labels,
            settings,
            surroundings=around,
            trial_done=None if settings.budget is None else done,
            family_done=done,
        )
    sha256 = fitted.write(out)
    notes = service_notes(known)
    if doubted is not None:
        with progress("Judging each label by the others"):
            notes += (write_doubts(Path(doubted), measured, settings, fitted),)
    run = _recorded(Path(out), fitted, settings, sha256, tracking_uri)
    if lists is not None:
        write_mapped(lists, beside)
        notes += (f"What {lists.folder} taught is kept in {beside}.",)
    if champion is not None:
        with progress("Comparing with the champion"):
            notes += report(champion, Path(out), measured.signals, threads=settings.threads)
    return _result(Path(out), fitted, sha256, run, notes)


def _lists(labels: Path, beside: Path) -> Mapped | None:
    """Map a folder of labels, where one is given, and see that its mapping may be written."""
    folder = folder_of(labels)
    if folder is None:
        return None
    refuse_foreign(beside)
    return mapped(folder)


def _budget(out: Path, trials: int | None, minutes: float | None) -> Budget | None:
    if trials is None and minutes is None:
        return None
    return Budget(trials, minutes, out.with_name(f"{out.name}.search.journal"))


def _steps(trials: int | None, inputs: Sequence[str], *, ablation: bool) -> int | None:
    """Return how many steps a training takes, at most; None where nobody knows."""
    if not ablation:
        return trials
    families = {catalogue().by_name[name].family for name in inputs}
    return (trials or 0) + len(families) + 1


def candidates(exposure: bool, also: Sequence[str]) -> list[str]:
    """Return the names of the signals that may become inputs.

    Raises
    ------
    Refused
        `also` names no family, or one of exposure where none is wanted.
    """
    families = {family.name: family for family in catalogue().families}
    for name in also:
        if name not in families:
            raise Refused(
                f"--also: there is no family {name!r}.", expected=f"one of {', '.join(families)}"
            )
        if not exposure and all(signal.exposure for signal in families[name].signals):
            raise Refused(
                f"--also {name} asks for a family that rests on what others are or do, and this "
                "training is without exposure.",
                hint="Leave it out, or --without-exposure; a simulated store is always trained "
                "without.",
            )
    return [s.name for s in catalogue().signals if may_be_input(s, exposure=exposure, also=also)]


def _origin(transfers: Transfers, said: str | None) -> str:
    """Settle where the labels come from; simulated transfers cannot be anything else."""
    if transfers.synthetic and said not in (None, "synthetic"):
        raise Refused(
            f"the transfers are simulated, so labels on them cannot be {said}.",
            expected="--trained-on synthetic, or none",
        )
    return said or ("synthetic" if transfers.synthetic else "research")


def _recorded(
    out: Path, fitted: Fitted, settings: Settings, sha256: str, tracking_uri: str | None
) -> str | None:
    told = fitted.facts.training
    run = Run(
        bundle=out,
        bundle_sha256=sha256,
        catalogue_hash=fitted.facts.catalogue_hash,
        parameters={
            **told["parameters"],
            "basis": settings.basis,
            "legs": ",".join(settings.legs),
            "min_transfers": settings.min_transfers,
            "training_basis": settings.training_basis,
            "n": told["n"],
            "n_positive": told["n_positive"],
        },
        metrics=metric_values(fitted.evaluation),
        trials=_trials(fitted),
    )
    with progress("Recording the run"):
        return record(run, tracking_uri=tracking_uri)


def _trials(fitted: Fitted) -> tuple[Trial, ...]:
    """Return the trials of a search, as they are recorded; a pruned one has no loss."""
    found = fitted.searched
    return tuple(
        Trial(
            f"trial {number}",
            trial.parameters,
            {} if trial.loss is None else {"loss": trial.loss},
        )
        for number, trial in enumerate(found.trials if found else ())
    )


def _result(
    out: Path,
    fitted: Fitted,
    sha256: str,
    run: str | None,
    told_of: tuple[str, ...],
) -> TrainResult:
    facts, told = fitted.facts, fitted.facts.training
    notes = list(told_of)
    if told["n_unlabelled"] and told["unlabelled"]["method"] == "leave_out":
        notes.append(
            f"{told['n_unlabelled']:,} unlabelled rows were not used: unlabelled is not benign."
        )
    for finding in told["audit"]["findings"]:
        how = "accepted" if finding["allowed"] else "notice"
        notes.append(f"Leakage audit, {finding['kind']} ({how}): {finding['what']}")
    if not facts.decision_use:
        notes.append(f"Trained on {facts.training_basis} labels: not for decisions about anybody.")
    if run is None:
        notes.append("The run was not recorded in MLflow; the bundle is whole.")
    return TrainResult(
        out=out,
        bundle_sha256=sha256,
        trained_on=told["n"],
        positives=told["n_positive"],
        signals=len(facts.signals),
        basis=facts.basis,
        legs=facts.legs,
        labels_from={from_["source"]: from_["n"] for from_ in told["labels_from"]["sources"]},
        test=headline(fitted.evaluation, "test"),
        decision_use=facts.decision_use,
        tracking_run=run,
        notes=tuple(notes),
        exit_code=0,
    )


def headline(evaluation: Mapping[str, Any], split: str) -> dict[str, str]:
    """Return the few figures of a split that a summary shows, each with its interval."""
    measured = evaluation["splits"].get(split)
    if measured is None:
        return {}
    shown = {"n": str(measured["n"]), "positive": str(measured["n_positive"])}
    for name in ("roc_auc", "pr_auc", "recall_at_fpr_0.01"):
        if measured[name] is not None:
            m = measured[name]
            shown[name] = f"{m['value']:.3f} [{m['low']:.3f}, {m['high']:.3f}]"
    return shown
