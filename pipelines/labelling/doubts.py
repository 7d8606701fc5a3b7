"""Labels worth a second look, as a file: `unrinse train --doubted`."""

from __future__ import annotations

from pathlib import Path

from data.storage import whole_file
from features.catalogue import catalogue
from models.doubt import second_look
from models.fitting import Fitted
from models.material import material
from models.preparing import in_parts, labelled, train_rows
from models.settings import Settings
from pipelines.labelling.labelled import Labelled
from pipelines.outputs import write_rows


def write_doubts(out: Path, measured: Labelled, settings: Settings, fitted: Fitted) -> str:
    """Write the labels of train that the others contradict, and say how many there are.

    Parameters
    ----------
    out
        CSV, Parquet or JSON Lines by its suffix: chain, address, as_of, label, and chance (of
        label 1, as trees have it that did not see the case), most contradicted first.
    measured, settings, fitted
        What was trained on, how, and what came of it.
    """
    train = train_rows(in_parts(labelled(measured.signals, measured.labels), settings)[0])
    declared = catalogue().by_name
    rows = material(train, train, [declared[name] for name in fitted.facts.signals])
    found = second_look(rows, seed=settings.seed, threads=settings.threads)
    with whole_file(out) as partial:
        beside = partial.with_name(f"{partial.name}{out.suffix}")
        write_rows(found, beside)
        beside.rename(partial)
    return (
        f"{found.height:,} of {len(rows.label):,} labels of train are contradicted by the others; "
        f"look at them again: {out}."
    )
