"""What `mlflow models serve` runs: it hands each request to `pipelines.serving`, and nothing else.

MLflow copies this file beside the bundle when a model is registered, and executes the copy. A
refusal becomes the answer 400 with its words; anything else is MLflow's own 400 for a failure.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import mlflow.pyfunc
from mlflow.exceptions import MlflowException

from data.errors import Refused
from models.bundle import Bundle
from pipelines.serving import answer


class Scorer(mlflow.pyfunc.PythonModel):
    """Answers with status, score and reasons, as `unrinse score` does."""

    def load_context(self, context: Any) -> None:
        """Verify the bundle once, before the first request."""
        self._bundle = Path(context.artifacts["bundle"])
        Bundle.load(self._bundle, expected_sha256=context.model_config["bundle_sha256"])

    # Without types: MLflow would take them for a schema, and rewrite the request to fit it.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Score the addresses of a request."""
        try:
            return answer(self._bundle, model_input)
        except Refused as refused:
            raise MlflowException.invalid_parameter_value(str(refused)) from refused


mlflow.models.set_model(Scorer())
