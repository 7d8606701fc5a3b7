"""Tracking: every training run in MLflow. The only file that imports it.

A record of a run is worth having and never worth losing a model for: the bundle is written first,
and whatever goes wrong here is one warning. Without a tracking URI the record goes to an sqlite
database in a folder beside the bundle, and nothing leaves the machine.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EXPERIMENT = "unrinse"
_LONGEST_PARAMETER = 500
_log = logging.getLogger(__name__)

_QUIET = {
    # What the user has set counts; these are defaults.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    # An unreachable server must not hold up a finished training for minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


@dataclass(frozen=True)
class Run:
    """What is recorded of a training run.

    Attributes
    ----------
    bundle : Path
        The bundle directory, recorded as an artifact.
    bundle_sha256, catalogue_hash : str
        Tags.
    parameters : mapping
        Settings of the run.
    metrics : mapping
        Numbers by name; see `evaluation.metric_values`.
    """

    bundle: Path
    bundle_sha256: str
    catalogue_hash: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


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
        with _quietly():
            return _record(run, tracking_uri, folder or run.bundle.absolute().parent / "mlflow")
    except Exception as error:
        _log.warning("The run was not recorded in MLflow (%s). The bundle is whole.", error)
        return None


def _record(run: Run, tracking_uri: str | None, folder: Path) -> str:
    from mlflow.entities import Metric, Param, RunTag
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
    run_id: str = client.create_run(experiment, run_name=run.bundle.name).info.run_id
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, 0, 0) for name, value in sorted(run.metrics.items())],
        params=[
            Param(name, str(value)[:_LONGEST_PARAMETER])
            for name, value in sorted(run.parameters.items())
        ],
        tags=[
            RunTag("bundle_sha256", run.bundle_sha256),
            RunTag("catalogue_hash", run.catalogue_hash),
        ],
    )
    client.log_artifacts(run_id, str(run.bundle), artifact_path="bundle")
    client.set_terminated(run_id)
    return run_id


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the library from calling home and from talking over our own messages."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    chatty = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in chatty]
    for logger in chatty:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(chatty, levels, strict=True):
            logger.setLevel(level)
