"""Every place where text from outside leaves the program: known, and deaf to hostile text.

The places are found by reading the code, so that a new one fails here until it is held to this.
"""

from __future__ import annotations

import ast
import contextlib
import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import polars as pl
import pytest

from data.address_lists import read_address_list
from data.addresses import canonical_address
from data.spreadsheets import raw
from models.markdown import code
from pipelines import console
from pipelines.alerting.alerts import json_line
from pipelines.explain import explain
from pipelines.pages import pages
from pipelines.score import score
from pipelines.signals import signals
from pipelines.trace import trace
from tests.conftest import REPOSITORY
from tests.pipelines.hostile import FORMULAS, XSS
from tests.pipelines.test_outputs import runs
from tests.pipelines.test_pages import BUILDERS, PAGES, Elements, poisoned

TEMPLATES = REPOSITORY / "pipelines" / "pages"

CSV_WRITERS = {
    "data/simulation/exports/files.py": "a simulated world's exports, as others' tools write them",
    "pipelines/outputs.py": "the one writer of results; `test_outputs` holds it to every payload",
    "pipelines/serving.py": "files that live for one request, read by our own readers",
    "pipelines/simulate.py": "a simulated world's own tables",
}
"""The files that write CSV themselves, and why they may."""

MARKUP = {
    "alert.html.jinja": ["alert_style", "scale", "timeline", "balance"],
    "alert_flows.html.jinja": ["picture"],
    "evaluation.html.jinja": ["chart"],
    "index.html.jinja": ["script"],
    "monitor.html.jinja": ["drawing"],
    "nightly.html.jinja": ["drawing"],
    "page.html.jinja": ["style"],
    "realism.html.jinja": ["draw(m, report.levels)", "chart"],
    "trace.html.jinja": ["pictures[name]"],
}
"""What enters a page as markup: our own style and drawings, which escape their own text."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    for folder in ("data", "models", "pipelines"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            yield path.relative_to(REPOSITORY).as_posix(), ast.parse(path.read_text("utf-8"))


def calls(tree: ast.AST, *names: str) -> bool:
    return any(
        isinstance(node, ast.Call)
        and (getattr(node.func, "attr", None) or getattr(node.func, "id", None)) in names
        for node in ast.walk(tree)
    )


def test_csv_is_written_in_known_places():
    found = {name for name, tree in sources() if calls(tree, "write_csv", "writer", "DictWriter")}
    assert found - {"data/simulation/exports/table.py"} <= set(CSV_WRITERS) | {
        name for name in found if name.startswith("data/simulation/exports/")
    }
    assert set(CSV_WRITERS) <= found


def test_every_template_is_filled_with_hostile_text(monkeypatch):
    loaded = set()
    whole = pages.render

    def watched(template: str, **values: Any) -> str:
        loaded.add(template)
        return whole(template, **values)

    for path in sorted(TEMPLATES.glob("*.py")):
        if calls(ast.parse(path.read_text("utf-8")), "render"):
            monkeypatch.setattr(f"pipelines.pages.{path.stem}.render", watched)
    monkeypatch.setattr("pipelines.charts.find_spec", lambda name: None)
    for build in BUILDERS.values():
        build("word")
    environment = jinja2.Environment(autoescape=True)
    for name in list(loaded):
        tree = environment.parse((TEMPLATES / name).read_text("utf-8"))
        loaded |= {str(other) for other in jinja2.meta.find_referenced_templates(tree)}
    assert loaded == {path.name for path in TEMPLATES.glob("*.jinja")}


def test_pages_are_rendered_in_one_way_alone():
    """So that autoescape and `visible` are in force for each."""
    assert [n for n, tree in sources() if calls(tree, "Environment", "Template", "Markup")] == [
        "pipelines/pages/pages.py"
    ]
    html = re.compile(r"<(!doctype|html|div|table|p)\b", re.IGNORECASE)
    found = [n for n, _ in sources() if html.search((REPOSITORY / n).read_text("utf-8"))]
    assert [
        name for name in found if not name.startswith(("data/small_tables", "data/import"))
    ] == []


def test_no_other_text_enters_a_page_as_markup():
    found = {
        path.name: re.findall(r"\{\{\s*([^{}]+?)\s*\|\s*safe\s*\}\}", path.read_text("utf-8"))
        for path in TEMPLATES.glob("*.jinja")
    }
    assert {name: said for name, said in found.items() if said} == MARKUP
    for path in TEMPLATES.glob("*.jinja"):
        assert not re.search(r"autoescape|\|\s*(tojson|xmlattr)|Markup", path.read_text("utf-8"))


# --- the terminal ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """A job's result with hostile text wherever it may be."""

    name: str
    by: dict[str, Any]
    rows: dict[str, dict[str, Any]]
    notes: tuple[str, ...]


def shown_by(show: Any, *arguments: Any) -> str:
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        show(*arguments)
    return said.getvalue()


def test_a_terminal_obeys_nothing():
    for payload in [*XSS, *FORMULAS]:
        told = Told(payload, {payload: payload}, {payload: {payload: payload}}, (payload,))
        said = [
            shown_by(console.result, payload, told),
            shown_by(console.records, payload, {payload: payload}),
            shown_by(console.records, payload, [{"path": payload, payload: payload}]),
            shown_by(console.refused, ValueError(payload)),
        ]
        try:
            raise ValueError(payload)
        except ValueError:
            said.append(shown_by(console.bug))
        for text in said:
            assert {c for c in text if not c.isprintable()} <= {"\n"}, repr(payload)


def test_stdout_is_json_that_says_the_same_and_moves_no_cursor(capsys):
    for payload in [*XSS, *FORMULAS]:
        console.emit({"name": payload, payload: [payload]})
        said = capsys.readouterr().out
        assert said.endswith("\n")
        assert said[:-1].isprintable()
        assert json.loads(said) == {"name": payload, payload: [payload]}


# --- Markdown and JSON ----------------------------------------------------------------------------


@pytest.mark.parametrize("in_table", [False, True])
def test_markdown_shows_text_as_code_on_one_line(in_table):
    for payload in [*XSS, *FORMULAS, "", "``", "|", "a|b\\|c"]:
        said = code(payload, in_table=in_table)
        assert said.isprintable()
        assert said.count("`") == 2
        assert said[0] == said[-1] == "`"
        assert len(said) > 2
        assert not in_table or not re.search(r"(?<!\\)\|", said)


def test_an_alert_is_one_line_of_json_that_reads_back():
    for payload in XSS:
        alert = poisoned(payload)
        line = json_line(alert)
        assert "\n" not in line
        assert json.loads(line) == alert


# --- through the jobs -----------------------------------------------------------------------------


def takes(text: str) -> bool:
    """Say whether the text can be an address of the chain ``generic``, as it is, in a list too."""
    try:
        return canonical_address("generic", text) == text == text.strip()
    except ValueError:
        return False


@pytest.fixture(scope="module")
def hostile_store(world, tmp_path_factory) -> tuple[Path, list[str]]:
    """The world on the chain ``generic``, where addresses, assets and ids are what texts please."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = world.transfers.filter(pl.col("chain") == "tron")
    busy = (
        pl.concat([rows["sender"], rows["receiver"]]).value_counts(sort=True).to_series().to_list()
    )
    names = [text for text in [*FORMULAS, *XSS] if takes(text)]
    called = dict(zip(busy, names, strict=False))
    renamed = rows.with_columns(
        chain=pl.lit("generic"),
        sender=pl.col("sender").replace(called),
        receiver=pl.col("receiver").replace(called),
        asset=pl.when(pl.col("asset") != "native")
        .then(pl.lit("=<b>") + pl.col("asset"))
        .otherwise("asset"),
        tx_id=pl.lit('"><script>alert(1)</script>;=1+1 ') + pl.col("tx_id"),
        initiator=pl.lit(None, dtype=pl.String),
        tx_to=pl.lit(None, dtype=pl.String),
    )
    coverage = world.coverage.filter(pl.col("chain") == "tron").with_columns(
        chain=pl.lit("generic"), address=pl.col("address").replace(called)
    )
    asked = [name for name in called.values() if name in set(coverage["address"])]
    assert len(asked) > 50
    return world.copy(folder / "store", renamed, coverage), asked


@pytest.fixture(scope="module")
def hostile_run(hostile_store, bundle, tmp_path_factory) -> tuple[Path, list[str]]:
    """What the jobs write about it."""
    store, asked = hostile_store
    folder = tmp_path_factory.mktemp("written")
    listed = folder / "asked.parquet"
    pl.DataFrame({"chain": ["generic"] * len(asked), "address": asked}).write_parquet(listed)
    services = folder / "services.csv"
    with services.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            "chain,address,name,category,licit,source,date,confidence,verified".split(",")
        )
        for text in asked[:40]:
            said = (text, "mixer", "false", text, "2024-01-02", "web_crawl", "no")
            writer.writerow(("generic", text, *said))
    options: dict[str, Any] = {"services": services, "threads": 1}
    score(bundle, store, listed, folder / "scores.csv", reasons=50, **options)
    signals(store, folder / "signals.csv", addresses=listed, **options)
    explain(bundle, store, listed, folder / "alerts", top=30, **options)
    trace(store, asked[0], folder / "trace", chain="generic", services=services)
    return folder, asked


def test_what_the_jobs_write_about_hostile_names_stays_text(hostile_run):
    folder, asked = hostile_run
    tables = [path for path in folder.rglob("*.csv") if path.name != "services.csv"]
    assert {path.name for path in tables} >= {
        "scores.csv",
        "signals.csv",
        "outreach.csv",
        "flows.csv",
    }
    for path in tables:
        header = path.read_text("utf-8").split("\n", 1)[0].split(",")
        texts = pl.read_csv(path, infer_schema=False)
        for name in set(header) & {
            "chain",
            "address",
            "list_hits",
            "top_reasons",
            "tx_id",
            "asset",
        }:
            assert not [c for c in texts[name].drop_nulls() if runs(c)], (path, name)
    scored = pl.read_csv(folder / "scores.csv", infer_schema=False)
    assert [raw(cell) for cell in scored["address"]] == asked
    assert scored["list_hits"].drop_nulls().len() == 40
    # A file of ours, given back as a list, asks about the same addresses.
    assert read_address_list(folder / "scores.csv").requests["address"].to_list() == asked


def test_what_the_jobs_show_of_hostile_names_stays_text(hostile_run):
    folder, _ = hostile_run
    shown = sorted(folder.rglob("*.html"))
    assert len(shown) >= 32
    own = {tag for build in PAGES.values() for tag in Elements(build()).tags}
    for path in shown:
        assert set(Elements(path.read_text("utf-8")).tags) <= own, path.name
    lines = (folder / "alerts" / "alerts.jsonl").read_text("utf-8").removesuffix("\n").split("\n")
    assert len([json.loads(line) for line in lines]) == 30
