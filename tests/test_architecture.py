"""The law of the tree: who may import whom, one door for what is heavy, nothing done at import.

Each rule is a function from a folder to a list of violations. It is applied to this repository,
where the list must be empty, and to a tiny tree made to break it, where it must not be.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Imports point from right to left, never back.
ORDER = ("data", "features", "models", "pipelines")
# Beside the packages, not in the wheel: may import all of it, and none of it may import them.
OUTSIDE = ("tests", "benchmarks", "notebooks")

# A heavy library has one door, or few, each named; the rest of the code cannot know of it.
DOORS = {
    "pyspark": ("pipelines/engines/spark.py",),
    # Runs; the registry; and the script that `mlflow models serve` runs, which nothing imports.
    "mlflow": ("models/tracking.py", "models/registry.py", "pipelines/served_model.py"),
    "bip_utils": ("data/addresses.py",),
}
# The plotting libraries share one door, wherever it stands.
PLOTTING = {"altair", "vl_convert"}
BANNED = {
    **dict.fromkeys(
        ("shap", "matplotlib", "pandas"), "an oracle in tests and a peer in benchmarks"
    ),
    **dict.fromkeys(("pickle", "joblib", "cloudpickle", "dill"), "loading one runs code"),
    **dict.fromkeys(("requests", "httpx", "urllib3", "socket", "http"), "jobs read no network"),
}

LONGEST = 450

# Calls that read, write, start or ask the clock: at import time nothing happens.
EFFECTS = {
    "open", "print", "input", "exec", "eval", "read_text", "read_bytes", "write_text",
    "write_bytes", "mkdir", "makedirs", "touch", "unlink", "rename", "rmtree", "mkdtemp",
    "mkstemp", "NamedTemporaryFile", "TemporaryDirectory", "system", "popen", "Popen", "run",
    "check_call", "check_output", "Thread", "Process", "Pool", "ThreadPoolExecutor",
    "ProcessPoolExecutor", "urlopen", "getOrCreate", "connect", "set_tracking_uri", "read_csv",
    "read_parquet", "scan_csv", "scan_parquet", "read_json", "now", "today", "time",
    "basicConfig", "seed",
}  # fmt: skip

# Where the import name is not the distribution's name with underscores.
IMPORTED_AS = {
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "vl-convert-python": "vl_convert",
}


def modules(root: Path) -> Iterator[tuple[str, ast.Module, str]]:
    """Yield the path below root, the syntax tree and the text of every product module."""
    files = [root / "unrinse.py"] if (root / "unrinse.py").exists() else []
    for package in ORDER:
        files += sorted((root / package).rglob("*.py"))
    for file in files:
        text = file.read_text(encoding="utf-8")
        yield file.relative_to(root).as_posix(), ast.parse(text), text


def imports(path: str, tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield every imported module's absolute name with its line, wherever in the file it stands."""
    package = path.split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            for name in names:
                yield ".".join([*base, name]), node.lineno
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module), node.lineno
        elif isinstance(node, ast.Call) and called(node) in {"import_module", "__import__"}:
            yield from ((str(a.value), a.lineno) for a in node.args if isinstance(a, ast.Constant))


def called(node: ast.Call) -> str:
    """Return the last name of what is called: `open` for `Path(x).open()`."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def backward_imports(root: Path) -> list[str]:
    """An import that runs from left to right, out of the wheel, or into the public module."""
    wrong = []
    for path, tree, _ in modules(root):
        room = path.split("/")[0]
        for name, line in imports(path, tree):
            target = name.partition(".")[0]
            if room in ORDER and target in ORDER and ORDER.index(target) > ORDER.index(room):
                wrong.append(f"{path}:{line} {room} imports {name}")
            if target in OUTSIDE:
                wrong.append(f"{path}:{line} product code imports {name}")
            if name == "pipelines.served_model":
                wrong.append(f"{path}:{line} imports mlflow at import; it is run, never imported")
            if target == "unrinse" and path != "pipelines/cli.py":
                wrong.append(f"{path}:{line} only the command line asks the public module")
    return wrong


def wrong_doors(root: Path) -> list[str]:
    """A heavy library imported outside its one file, or a banned one anywhere."""
    wrong, plotting = [], set()
    for path, tree, _ in modules(root):
        for name, line in imports(path, tree):
            library = name.partition(".")[0]
            if library in DOORS and path not in DOORS[library]:
                wrong.append(f"{path}:{line} {library} belongs into {', '.join(DOORS[library])}")
            if library in BANNED or name == "urllib.request":
                reason = BANNED.get(library, "jobs read no network")
                wrong.append(f"{path}:{line} {name} is not for product code: {reason}")
            if library in PLOTTING:
                plotting.add(path)
    if len(plotting) > 1:
        wrong.append(f"plotting has more than one door: {sorted(plotting)}")
    return wrong


def long_modules(root: Path) -> list[str]:
    """A module that a reader cannot hold."""
    lengths = [(path, len(text.splitlines())) for path, _, text in modules(root)]
    return [f"{path} has {length} lines" for path, length in lengths if length > LONGEST]


def undocumented_modules(root: Path) -> list[str]:
    """A module without a docstring, or a folder of modules that is not a package."""
    wrong = [path for path, tree, _ in modules(root) if not ast.get_docstring(tree)]
    for package in ORDER:
        folders = {file.parent for file in (root / package).rglob("*.py")}
        wrong += [f"{folder.name}/" for folder in folders if not (folder / "__init__.py").exists()]
    return wrong


def import_time_effects(root: Path) -> list[str]:
    """A call that touches files, processes, the network or the clock while a module is imported."""
    wrong = []
    for path, tree, _ in modules(root):
        for node in at_import(tree):
            if isinstance(node, ast.Call) and called(node) in EFFECTS:
                wrong.append(f"{path}:{node.lineno} calls {called(node)} at import")
    return wrong


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run when the module is imported: not the bodies of functions."""
    if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
        return
    yield node
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        # Decorators and defaults run at import, the body does not.
        children: list[ast.AST] = [*node.decorator_list, *node.args.defaults]
        children += [default for default in node.args.kw_defaults if default]
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from at_import(child)


def undeclared_libraries(root: Path) -> list[str]:
    """A library that is imported and not declared, or that every user installs for nothing."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {})
    needed = import_names([*project["dependencies"], *extras.get("report", [])])
    allowed = needed | import_names(extras.get("spark", []))
    used: dict[str, str] = {}
    for path, tree, _ in modules(root):
        for name, line in imports(path, tree):
            used.setdefault(name.partition(".")[0], f"{path}:{line}")
    ours = {*ORDER, "unrinse"} | set(sys.stdlib_module_names)
    missing = {name: where for name, where in used.items() if name not in ours | allowed}
    return [f"{where} imports {name}, not declared" for name, where in missing.items()] + [
        f"{name} is declared, but nothing imports it" for name in sorted(needed - set(used))
    ]


def import_names(requirements: list[str]) -> set[str]:
    """Return the names by which required distributions are imported."""
    names = {re.split(r"[\[<>=!~; ]", requirement)[0] for requirement in requirements}
    return {IMPORTED_AS.get(name, name.replace("-", "_")) for name in names}


RULES: list[Callable[[Path], list[str]]] = [
    backward_imports,
    wrong_doors,
    long_modules,
    undocumented_modules,
    import_time_effects,
    undeclared_libraries,
]


@pytest.mark.parametrize("rule", RULES)
def test_the_repository_keeps_the_law(rule, repository):
    assert rule(repository) == []


PROJECT = '[project]\ndependencies = ["polars>=2"]\n'
DOC = '"""A room."""\n'
# A tree that keeps every rule; each case below changes one file.
LAWFUL = {
    "pyproject.toml": PROJECT,
    "unrinse.py": DOC,
    "data/__init__.py": DOC,
    "data/schema.py": DOC + "import polars\nTEXT = 'open'.replace('o', 'x')\n",
    "features/__init__.py": DOC,
    "features/history.py": DOC + "from data.schema import TEXT\n\n\ndef read(p):\n    open(p)\n",
    "models/__init__.py": DOC,
    "models/tracking.py": DOC,
    "pipelines/__init__.py": DOC,
    "pipelines/cli.py": DOC + "import unrinse\nfrom models import tracking\n",
}

BREACHES = [
    (backward_imports, "data/x.py", "import features.history"),
    (backward_imports, "data/x.py", "def f():\n    from pipelines import cli"),
    (
        backward_imports,
        "features/x.py",
        "import importlib\nimportlib.import_module('models.tracking')",
    ),
    (backward_imports, "features/x.py", "if TYPE_CHECKING:\n    from models import tracking"),
    (backward_imports, "features/deep/x.py", "from ...models import tracking"),
    (backward_imports, "models/x.py", "from tests import conftest"),
    (backward_imports, "models/x.py", "import unrinse"),
    (backward_imports, "pipelines/x.py", "def f():\n    import pipelines.served_model"),
    (wrong_doors, "models/x.py", "def f():\n    import mlflow.sklearn"),
    (wrong_doors, "pipelines/score.py", "from pyspark.sql import SparkSession"),
    (wrong_doors, "data/x.py", "import bip_utils"),
    (wrong_doors, "data/x.py", "import pandas as pd"),
    (wrong_doors, "models/x.py", "import pickle"),
    (wrong_doors, "data/x.py", "import urllib.request"),
    (long_modules, "models/x.py", "\n" * LONGEST),
    (undocumented_modules, "models/x.py", None),
    (undocumented_modules, "models/deep/x.py", ""),
    (import_time_effects, "data/x.py", "TABLE = open('x').read()"),
    (import_time_effects, "data/x.py", "class A:\n    rows = Path('x').read_text()"),
    (import_time_effects, "data/x.py", "def f(now=datetime.now()):\n    pass"),
    (import_time_effects, "data/x.py", "if True:\n    subprocess.run(['ls'])"),
    (undeclared_libraries, "data/x.py", "import numpy"),
    (undeclared_libraries, "data/schema.py", ""),
]


def plant(root: Path, files: dict[str, str]) -> Path:
    """Write the files below root."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("rule", RULES)
def test_a_lawful_tree_passes_every_rule(rule, tmp_path):
    assert rule(plant(tmp_path, LAWFUL)) == []


@pytest.mark.parametrize("rule, file, code", BREACHES)
def test_each_breach_is_found(rule, file, code, tmp_path):
    text = "x = 1\n" if code is None else DOC + code + "\n"
    assert rule(plant(tmp_path, LAWFUL | {file: text}))


def test_two_doors_for_plotting_are_one_too_many(tmp_path):
    files = {"models/x.py": DOC + "import altair\n", "pipelines/y.py": DOC + "import vl_convert\n"}
    assert wrong_doors(plant(tmp_path, LAWFUL | files))
