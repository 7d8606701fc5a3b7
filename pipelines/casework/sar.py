"""SAR packages: for each case that calls for review, a draft for a human, with its evidence.

A package is a folder that another agency can verify with standard tools. It tells what transfers
show, and neither a score nor a model: nobody should file because a program was confident.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused
from data.storage import sha256_file
from models.bands import LOWEST
from models.bundle import Bundle
from models.cases.limits import Limits
from models.cases.links import Key
from pipelines.alerting.dossier import dossiers
from pipelines.casework.cases import Cases
from pipelines.casework.sar_appendix import appendix, facts_json, lacking, read, write_appendix
from pipelines.casework.sar_facts import Reported, Statement, reported, statement
from pipelines.casework.sar_text import checklist, narrative, readme
from pipelines.moments import iso
from pipelines.score import Scored

FOLDER, SUMS = "sar", "SHA256SUMS"


def refuse_undecided(bundle: Path) -> None:
    """Refuse to draft reports on the word of a model that is not for decisions.

    Raises
    ------
    Refused
        The bundle's `decision_use` is false, or it is no bundle.
    """
    facts = Bundle.load(bundle).facts
    if not facts.decision_use:
        why = f"it was trained on {facts.training_basis} labels"
        if facts.training_basis == "reviewed":
            why = "its reviewed labels were too few to test it on both kinds"
        raise Refused(
            f"SAR drafts were asked for, and {bundle} is not for decisions: its decision_use is "
            f"false ({why})",
            expected="a bundle trained and tested on your own reviewed labels",
            hint="Train one with `unrinse train TRANSFERS LABELS --trained-on reviewed`, or leave "
            "out --sar. Nothing makes this bundle fit for it, --research-use included.",
        )


def write_packages(
    run: Scored, chosen: pl.DataFrame, told: Sequence[Mapping[str, Any]], cases: Cases, out: Path
) -> dict[str, str]:
    """Write a package for each case with an alert whose band calls for review.

    Parameters
    ----------
    run, chosen
        As for `pipelines.alerting.alerts.alerts`.
    told
        The alerts of the chosen rows, in their order.
    cases
        Of those alerts.
    out
        The folder that gets a folder for each case.

    Returns
    -------
    dict
        By case, the SHA-256 of its SHA256SUMS, to be told on another way than the package itself.
    """
    subjects = dict(_subjects(run, chosen, told))
    sums = {}
    for case in cases.cases:
        found = statement(case, cases, subjects, Limits())
        if found is not None:
            folder = out / case.case_id
            folder.mkdir(parents=True)
            sums[case.case_id] = _write(found, run, cases, folder)
    return sums


def _subjects(
    run: Scored, chosen: pl.DataFrame, told: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[Key, Reported]]:
    """Take the alerts that call for review; `--top` explains others too."""
    positions = chosen["position"].to_list()
    files = dossiers(run.measured.histories, run.transfers, positions)
    for alert, dossier in zip(told, files, strict=True):
        if alert["band"] not in (None, LOWEST):
            yield (alert["chain"], alert["address"]), reported(alert, dossier)


def _write(found: Statement, run: Scored, cases: Cases, folder: Path) -> str:
    telling, synthetic = cases.told, run.transfers.synthetic
    telling.rows.update(read(run.transfers, lacking(found, telling)))
    rows = appendix(found, telling)
    about = {
        "as_of": iso(run.as_of),
        "synthetic": synthetic,
        "transfers_sha256": run.transfers.sha256,
    }
    content = facts_json(found, rows, telling, about)
    write_appendix(rows, content, folder)
    texts = {
        "narrative.txt": narrative(
            found, first=content["first"], last=content["last"], synthetic=synthetic
        ),
        "before-you-file.txt": checklist(
            found,
            appendix_bytes=(folder / "evidence.csv").stat().st_size,
            synthetic=synthetic,
        ),
        "README.txt": readme(found.case.case_id, n_rows=rows.height, synthetic=synthetic),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    files = sorted(path.name for path in folder.iterdir())
    lines = [f"{sha256_file(folder / name)}  {name}\n" for name in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")
    return sha256_file(folder / SUMS)
