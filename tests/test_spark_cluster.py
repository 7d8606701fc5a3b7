"""The image of the cluster that users can start is made of all that the wheel is built from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CLUSTER = ROOT / "docs" / "spark-cluster"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def allowed() -> set[str]:
    lines = (CLUSTER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines, "all else stays out"
    return {line.removeprefix("!") for line in lines if line.startswith("!")}


def test_the_wheel_can_be_built_inside():
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["include"]
    needed = {entry.strip("/").split("/")[0] for entry in wheel}
    told = PROJECT["project"]
    needed |= {told["readme"], *told["license-files"], "pyproject.toml"}
    assert needed <= allowed()
    assert all((ROOT / name).exists() for name in allowed())


def test_what_the_image_names_is_there():
    image = (CLUSTER / "Dockerfile").read_text(encoding="utf-8")
    [lock] = re.findall(r"-r /source/(\S+)", image)
    assert (ROOT / lock).is_file()
    assert lock.split("/")[0] in allowed()
    [extra] = re.findall(r"/source\[(\w+)\]", image)
    assert extra in PROJECT["project"]["optional-dependencies"]
    [python] = re.findall(r"FROM python:([\d.]+)-", image)
    assert f"Programming Language :: Python :: {python}" in PROJECT["project"]["classifiers"]


@pytest.mark.parametrize("role", ["master.Master", "worker.Worker"])
def test_the_cluster_starts_as_the_measured_one_does(role):
    """`benchmarks.on_spark` starts the same two programs without containers."""
    compose = (CLUSTER / "compose.yaml").read_text(encoding="utf-8")
    assert f"spark-class org.apache.spark.deploy.{role} " in compose
    measured = (ROOT / "benchmarks" / "on_spark.py").read_text(encoding="utf-8")
    assert f"{{_DEPLOY}}.{role}" in measured
