"""The documentation: it matches the code, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from data.importers import FORMATS
from data.schema import TRANSFERS
from features.catalogue import catalogue
from models.bands import BANDS, FALSE_POSITIVE_RATES
from models.cases.limits import Kind, Limits
from models.leakage import CHECKS
from models.metrics import negatives_for
from models.scoring import SCORES
from models.status import STATUSES
from pipelines import cli
from pipelines.reference.pages import FOLDER, PICTURES, pages

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    p
    for kind in ("*.md", "docs/**/*.md", "*/README.md", "data/*/README.md")
    for p in ROOT.glob(kind)
)
README = ROOT / "README.md"
DOCS = ROOT / "docs"


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose(text: str) -> str:
    """Return a page without its code blocks."""
    return re.sub(r"^```.*?^```|^ {4}.*?$", "", text, flags=re.DOTALL | re.MULTILINE)


def links(text: str) -> Iterator[str]:
    yield from re.findall(r"\]\(([^)\s]+)\)", prose(text))


def anchors(text: str) -> set[str]:
    """Return what a link may lead to within a page, as GitHub names it."""
    titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    named = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return named | set(re.findall(r'<a id="([^"]+)">', text))


def shell_commands(text: str) -> list[list[str]]:
    """Return every `unrinse ...` call of the code blocks of a page, as words."""
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    joined = "\n".join(blocks).replace("\\\n", " ")
    calls = [line.strip() for line in joined.splitlines() if line.strip().startswith("unrinse ")]
    return [shlex.split(call)[1:] for call in calls]


def resolved(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that the first words name, and what is left of them."""
    command: Any = typer.main.get_command(cli.app)
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands, f"there is no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


def test_the_pages_and_pictures_of_signals_are_what_the_catalogue_writes():
    command = "unrinse catalogue --out docs"
    made = pages(catalogue())
    for name, text in made.items():
        assert (DOCS / name).exists(), f"{name} is missing; run: {command}"
        assert read(DOCS / name) == text, f"{name} is not what the code writes; run: {command}"
    for folder in (FOLDER, PICTURES):
        kept = {p.relative_to(DOCS).as_posix() for p in (DOCS / folder).iterdir()}
        assert kept <= set(made), "belongs to no signal any more; git rm it"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page):
    for link in links(read(page)):
        if re.match(r"[a-z]+://", link):
            continue
        name, _, fragment = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        if fragment:
            assert fragment in anchors(read(target)), link


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_shown_can_be_parsed(page):
    for words in shell_commands(read(page)):
        command, left = resolved(words)
        assert not hasattr(command, "commands"), words
        command.make_context(command.name, left, resilient_parsing=False).close()


def test_every_command_named_in_running_text_exists():
    named = {
        tuple(call.split())
        for page in PAGES
        for call in re.findall(r"`unrinse ((?:[a-z]+ ?)+)`", prose(read(page)))
    }
    assert len(named) > 8
    for words in named:
        resolved(list(words))


def test_the_readme_names_every_command_and_no_other():
    group: Any = typer.main.get_command(cli.app)
    every = {
        f"unrinse {name} {leaf}".strip()
        for name, command in group.commands.items()
        for leaf in getattr(command, "commands", {"": None})
    }
    table = read(README).partition("## Commands")[2].partition("| exit code")[0]
    rows = [row for row in table.splitlines() if row.startswith("| `unrinse")]
    assert {c for row in rows for c in re.findall(r"`(unrinse [^`]+)`", row)} == every


def test_make_targets_named_exist():
    made = set(re.findall(r"^([a-z]+):", read(ROOT / "Makefile"), flags=re.MULTILINE))
    for page in PAGES:
        named = re.findall(r"(?:^    |`)make ([a-z]+)", read(page), flags=re.MULTILINE)
        assert set(named) <= made, page


def test_measured_figures_stand_where_they_were_measured():
    """A figure of speed or accuracy on a page is one that benchmarks/README.md records."""
    measured = re.compile(r"(?i)\b(auc|recall|precision|f1|brier|speed-?up|faster|seconds?)\b")
    recorded = ROOT / "benchmarks" / "README.md"
    known = set(re.findall(r"\d+(?:\.\d+)?", read(recorded))) if recorded.exists() else set()
    for page in (README, *DOCS.glob("*.md")):
        if page.name == "signals.md":
            continue
        for line in filter(measured.search, prose(read(page)).splitlines()):
            assert set(re.findall(r"\d+(?:\.\d+)?", line)) <= known, line


def test_the_python_example_calls_the_public_functions_as_they_are():
    import inspect

    import unrinse

    [code] = re.findall(r"^```python\n(.*?)^```", read(README), flags=re.DOTALL | re.MULTILINE)
    compile(code, "README.md", "exec")
    for name, arguments in re.findall(r"unrinse\.(\w+)\(([^()]*)\)", code):
        job = getattr(unrinse, name)
        keywords = re.findall(r"(\w+)=", arguments)
        assert set(keywords) <= set(inspect.signature(job).parameters), name


def first_cells(page: Path, heading: str) -> set[str]:
    """Return the code words in the first column of the tables below a heading."""
    part = read(page).partition(heading)[2].partition("\n## ")[0]
    rows = [row for row in part.splitlines() if row.startswith("| `")]
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_tables_list_what_the_code_has():
    statuses = DOCS / "statuses-and-bands.md"
    assert first_cells(statuses, "## Statuses") == set(STATUSES)
    assert first_cells(statuses, "## Bands") == set(BANDS)
    assert first_cells(DOCS / "importing.md", "# Importing") == set(FORMATS)
    cases = DOCS / "cases-and-sar.md"
    assert first_cells(cases, "## Cases") == set(Kind)
    limits, said = Limits(), read(cases)
    for stated in (
        f"more than {limits.max_shared} counterparties, an alert with more than "
        f"{limits.max_degree}",
        f"at least {limits.least_share:.0%}".replace("%", " %"),
        f"within {limits.relay.seconds // 60} minutes, at least {limits.least_passed:.0%}".replace(
            "%", " %"
        ),
    ):
        assert stated in " ".join(said.split()), stated
    model = read(DOCS / "data-model.md")
    for column in (*TRANSFERS, *SCORES):
        assert f"`{column}`" in model, column


def test_the_rates_of_the_bands_are_the_codes():
    text = read(DOCS / "statuses-and-bands.md")
    for band, rate in FALSE_POSITIVE_RATES.items():
        assert f"| `{band}` | {rate:.1%} |".replace(".0%", "%").replace("%", " %") in text
        assert f"{negatives_for(rate):,} for `{band}`" in text


def test_pages_are_short_and_the_image_is_small():
    for page in (README, *DOCS.glob("*.md")):
        assert page.name == "signals.md" or len(read(page).splitlines()) < 200, page
    for image in DOCS.glob("images/**/*.*"):
        assert image.stat().st_size < 200_000, image


def test_every_check_of_the_audit_is_described():
    page = read(DOCS / "auditing-labels.md")
    assert re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE) == list(CHECKS)


def test_the_checklist_answers_every_test_with_evidence_that_exists():
    rows = re.findall(r"^\| (?!test|---)(.+?) \| (.+?) \| (.*?) ?\|$",
                      read(DOCS / "reviewers-checklist.md"), flags=re.MULTILINE)  # fmt: skip
    assert len(rows) == 28
    for test, answer, evidence in rows:
        named = re.findall(r"`((?:models|tests|CONTRIBUTING)[^`]*)`", evidence)
        assert evidence or answer.startswith("not yet"), test
        for path in named:
            assert (ROOT / path).exists(), f"{test}: {path}"
