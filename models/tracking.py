"""Tracking: every training run in MLflow, with what it learnt from and what it searched through.

A record of a run is worth having and never worth losing a model for: the bundle is written first,
and whatever goes wrong here is one warning. Without a tracking URI the record goes to an sqlite
database in a folder beside the bundle, and nothing leaves the machine.

A run holds parameters, metrics, the bundle as an artifact and its model card as the run's
description; as datasets the transfers, the labels and the training rows, each known by its hash;
the signals it was built with, by the hash of each declaration (``signal_catalogue.json``). The
tries of a search for parameters are runs nested below it.

MLflow is imported here, in `models.registry`, and in the file that `mlflow models serve` runs
(`pipelines.served_model`), nowhere else.
"""

from __future__ import annotations

import json
import logging
import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.bundle import CARD, FACTS

EXPERIMENT = "unrinse"
_LONGEST_PARAMETER = 500
_LONGEST_NOTE = 5000
_log = logging.getLogger(__name__)

_QUIET = {
    # What the user has set counts; these are defaults.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # With a server it would print links to stdout, which is for our JSON alone.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # An unreachable server must not hold up a finished training for minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


@dataclass(frozen=True)
class Trial:
    """One try of a search for parameters: what was tried, and how good it was."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """What is recorded of a training run.

    Attributes
    ----------
    bundle : Path
        The bundle directory, recorded as an artifact; what it tells of its training is recorded
        too.
    bundle_sha256, catalogue_hash : str
        Tags.
    parameters : mapping
        Settings of the run.
    metrics : mapping
        Numbers by name; see `evaluation.metric_values`.
    trials : sequence of Trial
        The tries of a search, recorded as nested runs.
    """

    bundle: Path
    bundle_sha256: str
    catalogue_hash: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    trials: Sequence[Trial] = ()


@dataclass(frozen=True)
class Store:
    """An open MLflow store: its client, its address, the id of our experiment in it."""

    client: Any
    uri: str
    experiment: str


def record(run: Run, *, tracking_uri: str | None = None, folder: Path | None = None) -> str | None:
    """Record a training run whose bundle is already written.

    Parameters
    ----------
    run
        What to record.
    tracking_uri
        An MLflow tracking server or database; None: ``mlflow.db`` in `folder`.
    folder
        Where the default database and its artifacts live; None: ``mlflow`` beside the bundle.

    Returns
    -------
    str or None
        The run's id; None if it could not be recorded (a warning says why).
    """
    try:
        with quietly():
            store = open_store(tracking_uri, folder or run.bundle.absolute().parent / "mlflow")
            return record_in(store, run)
    except Exception as error:
        _log.warning("The run was not recorded in MLflow (%s). The bundle is whole.", error)
        return None


def open_store(tracking_uri: str | None, folder: Path) -> Store:
    """Open a store, and our experiment in it; the default is an sqlite database in `folder`."""
    from mlflow.tracking import MlflowClient

    artifacts = None
    if tracking_uri is None:
        folder.mkdir(parents=True, exist_ok=True)
        tracking_uri = f"sqlite:///{folder / 'mlflow.db'}"
        artifacts = (folder / "artifacts").as_uri()
    client = MlflowClient(tracking_uri=tracking_uri)
    known = client.get_experiment_by_name(EXPERIMENT)
    experiment = (
        known.experiment_id
        if known
        else client.create_experiment(EXPERIMENT, artifact_location=artifacts)
    )
    return Store(client, tracking_uri, experiment)


def record_in(store: Store, run: Run) -> str:
    """Record a run in an open store; return its id."""
    told = _told(run.bundle)
    tags = {
        "bundle_sha256": run.bundle_sha256,
        "catalogue_hash": run.catalogue_hash,
        "mlflow.note.content": told.card[:_LONGEST_NOTE],
        "mlflow.source.name": "unrinse train",
    }
    run_id = _create(store, run.bundle.name, run.parameters, run.metrics, tags)
    if told.sources:
        store.client.log_inputs(run_id, datasets=_datasets(told.sources))
    if told.signals:
        store.client.log_dict(run_id, told.signals, "signal_catalogue.json")
    for trial in run.trials:
        nested = _create(
            store, trial.name, trial.parameters, trial.metrics, {"mlflow.parentRunId": run_id}
        )
        store.client.set_terminated(nested)
    store.client.log_artifacts(run_id, str(run.bundle), artifact_path="bundle")
    store.client.set_terminated(run_id)
    return run_id


@contextmanager
def quietly() -> Iterator[None]:
    """Keep the library from calling home and from talking over our own messages."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    chatty = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in chatty]
    for logger in chatty:
        logger.setLevel(logging.ERROR)
    try:
        # Recorded, because MLflow switches ignored warnings on again.
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(chatty, levels, strict=True):
            logger.setLevel(level)


def _create(
    store: Store,
    name: str,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
) -> str:
    """Create a run with everything that fits into one batch."""
    from mlflow.entities import Metric, Param, RunTag

    run_id: str = store.client.create_run(store.experiment, run_name=name).info.run_id
    now = int(time.time() * 1000)
    store.client.log_batch(
        run_id,
        metrics=[Metric(name, value, now, 0) for name, value in sorted(metrics.items())],
        params=[
            Param(name, str(value)[:_LONGEST_PARAMETER])
            for name, value in sorted(parameters.items())
        ],
        tags=[RunTag(name, value) for name, value in tags.items() if value],
    )
    return run_id


@dataclass(frozen=True)
class _Told:
    """What a bundle tells that is worth finding again: signals, hashes of the data, its card."""

    signals: Mapping[str, Any]
    sources: Mapping[str, str]
    card: str


def _told(bundle: Path) -> _Told:
    """Read what a bundle tells; it was just written, so nothing needs to be verified."""
    facts, card = bundle / FACTS, bundle / CARD
    read = json.loads(facts.read_bytes()) if facts.exists() else {}
    training = read.get("training", {})
    sources = dict(training.get("sources", {}))
    if marks := training.get("fingerprints"):
        sources["training rows"] = marks[0]
    signals = {
        "inputs": read.get("signals", []),
        "catalogue_hash": read.get("catalogue_hash"),
        "declarations": read.get("signal_hashes", {}),
    }
    return _Told(
        signals if read else {},
        {name: str(digest) for name, digest in sources.items()},
        card.read_text(encoding="utf-8") if card.exists() else "",
    )


def _datasets(sources: Mapping[str, str]) -> list[Any]:
    """Return data sets that are known by their hash; MLflow keeps 36 characters of a digest."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    return [
        DatasetInput(
            Dataset(
                name=name,
                digest=digest[:36],
                source_type="sha256",
                source=json.dumps({"sha256": digest}),
            ),
            [InputTag("mlflow.data.context", "training")],
        )
        for name, digest in sources.items()
    ]
