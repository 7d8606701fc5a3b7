"""Searching parameters of the trees, within a budget, on train alone.

Each trial grows trees on what came first and is judged on what came next: the train rows, whole
groups, stand in order of time, and each of `FOLDS` takes a longer beginning to learn from and the
`AHEAD` after it to be judged on, by log loss after the best affine map on the log-odds: what such a
map mends, calibration will mend, so that only the rest counts. Validation and test are never looked
at, so that what the search overfits they show. The project's own defaults are the first trial:
nothing is returned that does not beat them here.

The search is deterministic for a number of trials, on any number of threads, and remembers its
trials in a journal beside the bundle: a run that was stopped goes on where it was, and ends with
what it would have found unstopped. Trials worse than the median of earlier ones are pruned.
"""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.calibration import calibrate
from models.material import Material
from models.metrics import logistic
from models.training import DEEPEST, PARAMETERS, grown

if TYPE_CHECKING:
    import optuna

FOLDS = 3
AHEAD = 0.2
"""Share of the rows that each fold is judged on; the last fold is judged on the latest rows."""

FEWEST_BEFORE_PRUNING = 5
_SMALLEST = 1e-15
SEARCHED = (
    "learning_rate", "max_depth", "num_leaves", "min_data_in_leaf", "lambda_l2",
    "feature_fraction", "bagging_fraction",
)  # fmt: skip


@dataclass(frozen=True)
class Budget:
    """When to stop.

    Attributes
    ----------
    trials : int, optional
        After so many trials, those of an earlier run on the same rows included.
    minutes : float, optional
        After so many minutes of this run; the trial under way is finished. How many trials fit
        depends on the machine, and with it the model.
    journal : Path, optional
        Where trials are remembered; None: nowhere.
    """

    trials: int | None = None
    minutes: float | None = None
    journal: Path | None = None

    def __post_init__(self) -> None:
        if self.trials is None and self.minutes is None:
            raise ValueError("A budget needs trials or minutes. Got neither.")


@dataclass(frozen=True)
class Trial:
    """One set of parameters and how it did: mean calibrated log loss, None where pruned."""

    parameters: Mapping[str, Any]
    loss: float | None


@dataclass(frozen=True)
class Searched:
    """What a search found.

    Attributes
    ----------
    best : mapping
        The parameters of the best trial, over `training.PARAMETERS`.
    trials : tuple of Trial
        In their order; the first has the defaults.
    """

    best: Mapping[str, Any]
    trials: tuple[Trial, ...]

    def facts(self) -> dict[str, Any]:
        """Return what a bundle keeps of it."""
        losses = [trial.loss for trial in self.trials if trial.loss is not None]
        return {
            "trials": len(self.trials),
            "pruned": len(self.trials) - len(losses),
            "judged_by": f"mean log loss of {FOLDS} later slices of train, each calibrated",
            "loss_of_defaults": self.trials[0].loss,
            "loss_of_best": min(losses),
            "best": dict(self.best),
        }


def search(
    material: Material,
    budget: Budget,
    *,
    seed: int = 1,
    threads: int = 1,
    done: Callable[[int], None] | None = None,
) -> Searched:
    """Search parameters.

    Parameters
    ----------
    material
        The training rows, as trees take them.
    budget
        When to stop.
    seed
        Of every choice.
    threads
        Changes the time it takes, never the result.
    done
        Called with 1 after each trial, with the number of trials remembered at the start.
    """
    import optuna

    folds = _folds(material)
    if not folds:
        return Searched({}, (Trial(_own(PARAMETERS), None),))
    with _quietly():
        study = _study(material, budget, seed)
        finished = _finished(study)
        if done and finished:
            done(len(finished))
        end = None if budget.minutes is None else time.monotonic() + 60 * budget.minutes
        while (budget.trials is None or len(finished) < budget.trials) and (
            end is None or not finished or time.monotonic() < end
        ):
            study.sampler = optuna.samplers.TPESampler(
                seed=_seed(seed, len(finished)), n_startup_trials=8
            )
            _try(study, material, folds, seed, threads)
            finished = _finished(study)
            if done:
                done(1)
    trials = tuple(_told(trial) for trial in finished)
    complete = [trial for trial in trials if trial.loss is not None]
    best = min(complete, key=lambda trial: float(trial.loss or 0.0))
    return Searched(best.parameters, trials)


def _folds(material: Material) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, for each fold, which rows to learn from and which to be judged on."""
    place = material.place_in_time()
    found = []
    for fold in range(FOLDS):
        until = 1 - AHEAD * (FOLDS - fold)
        learn, judge = place <= until, (place > until) & (place <= until + AHEAD + 1e-9)
        if all(len(np.unique(material.label[side])) == 2 for side in (learn, judge)):
            found.append((learn, judge))
    return found


def _study(material: Material, budget: Budget, seed: int) -> optuna.Study:
    """Open the study of these very rows; what a killed run left open counts as failed."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    storage: Any = None
    if budget.journal is not None:
        budget.journal.parent.mkdir(parents=True, exist_ok=True)
        storage = JournalStorage(JournalFileBackend(str(budget.journal)))
    study = optuna.create_study(
        study_name=f"{material.fingerprint()}-{seed}",
        storage=storage,
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=FEWEST_BEFORE_PRUNING),
    )
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    if not _finished(study):
        study.enqueue_trial(_own(PARAMETERS), skip_if_exists=True)
    return study


def _try(
    study: optuna.Study,
    material: Material,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    seed: int,
    threads: int,
) -> None:
    from optuna.trial import TrialState

    trial = study.ask()
    parameters = _drawn(trial)
    losses: list[float] = []
    for step, (learn, judge) in enumerate(folds):
        raw = grown(material.take(learn), {**PARAMETERS, **parameters}, seed, threads)(
            material.inputs[judge]
        )
        losses.append(_loss(raw, material.label[judge], material.weight[judge]))
        trial.report(float(np.mean(losses)), step)
        if step + 1 < len(folds) and trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return
    study.tell(trial, float(np.mean(losses)))


def _drawn(trial: optuna.Trial) -> dict[str, Any]:
    depth = trial.suggest_int("max_depth", 2, DEEPEST)
    return {
        "max_depth": depth,
        "num_leaves": trial.suggest_int("num_leaves", 3, 2**DEEPEST - 1, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
        "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 5, 200, log=True),
        "lambda_l2": trial.suggest_float("lambda_l2", 0.01, 100, log=True),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.1, 1.0),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.4, 1.0),
    }


def _own(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: parameters[name] for name in SEARCHED}


def _loss(raw: np.ndarray, label: np.ndarray, weight: np.ndarray) -> float:
    mended = calibrate(raw, label, base_rate=None, weight=weight).log_odds(raw)
    chance = np.clip(logistic(mended), _SMALLEST, 1 - _SMALLEST)
    losses = -np.where(label == 1, np.log(chance), np.log1p(-chance))
    return float((weight * losses).sum() / weight.sum())


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _told(trial: optuna.trial.FrozenTrial) -> Trial:
    from optuna.trial import TrialState

    return Trial(dict(trial.params), trial.value if trial.state == TrialState.COMPLETE else None)


def _seed(seed: int, number: int) -> int:
    """Give each trial its own seed, so that a run that goes on draws what it would have drawn."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:4], "little")


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the library from talking over our own messages."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
