"""What each family of signals adds: the whole catalogue without it, and it alone.

    python -m benchmarks.ablation worlds --worlds FOLDER --prevalence 0.15
    UNRINSE_REAL_DATA=/path/to/real python -m benchmarks.ablation real
    UNRINSE_REAL_DATA=/path/to/real python -m benchmarks.ablation real --open-test "why"

Families come from the catalogue by name. Each row is two models on the same rows, five LightGBM
seeds (``--fits``) averaged, and the difference of their PR-AUC with a 95 % interval (paired
bootstrap over groups). The interval knows which cases happened to be drawn, not what any change of
the columns does to the trees: three draws of ten columns of noise stand below, to say what nothing
looks like.

Signals that only analysts see are no inputs, nor are, on worlds, those that rest on what others
are. ``--also-context`` measures what those of each family would add if they were, ``--add FAMILY``
those of the families named; what rests on others is capped then, as in the product
(`models.association`). ``--uncapped`` measures it without the cap too, and how much of that is only
whether it is null: where the members of a case are loaded together, a signal of neighbours tells
them apart by there being one. In a simulated world no account may know its services table, which is
dated at the end; ``--services-from-start`` shows what rests on it, and how much a world that only
criminals' partners are listed in flatters it.

Everything measured and fitted is kept in ``--cache``, so a run that was cut off goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.worlds import KEY
from benchmarks.worth_fits import scores
from benchmarks.worth_measures import difference, estimated, signed, with_interval
from benchmarks.worth_runs import report_on, study_options
from benchmarks.worth_studies import Study
from features.catalogue import catalogue
from models.bootstrap import Estimate, PairedDifference

NOISE = "noise"
NOISE_DRAWS, NOISE_COLUMNS = 3, 10
_ROW = (*KEY, "as_of")


@dataclass(frozen=True)
class Worth:
    """What a group of columns is worth.

    Attributes
    ----------
    name
        The family; columns that are no inputs by default say so.
    n
        Columns.
    alone
        The metric of a model on these columns alone.
    difference
        Score `a` has the columns, score `b` has not; all else is equal.
    """

    name: str
    n: int
    alone: Estimate
    difference: PairedDifference

    def row(self) -> str:
        """Return the row of a Markdown table."""
        d = self.difference
        return (
            f"| {self.name} | {self.n} | {with_interval(self.alone)} | {d.b:.3f} → {d.a:.3f} "
            f"| {signed(d, digits=4)} |"
        )


def table(study: Study, cache: Path, added: Sequence[str] = (), *, uncapped: bool = False) -> str:
    """Measure every family of a study.

    Parameters
    ----------
    cache
        Folder of the fits.
    added
        Families whose signals are measured as inputs although they are none by default.
    uncapped
        Measure those once more as if they did not rest on others, and whether they are null.

    Returns
    -------
    str
        Markdown.
    """
    study = study.with_columns(noise(study))
    label = study.judged["label"]
    whole = estimated(study, scores(study, _names(study), cache), study.metric)
    lines = [
        f"### {study.name}\n",
        f"{label.len():,} judged, {int(label.sum()):,} of them positive; trained on "
        f"{study.train.height:,} ({int(study.train['label'].sum()):,} positive); "
        f"{len(study.seeds)} fits averaged. "
        f"All {len(study.inputs)} inputs: {study.metric_name} {with_interval(whole)}.\n",
        f"| family | signals | {study.metric_name} alone [95 %] | of all, without → with "
        "| it adds [95 %] |",
        "|---|---:|---|---|---|",
    ]
    lines += [worth.row() for worth in measured(study, cache, added, uncapped=uncapped)]
    families = dict.fromkeys(signal.family for signal in (*study.inputs, *study.context))
    absent = [family.name for family in catalogue().families if family.name not in families]
    if absent:
        lines.append(f"\nNot seen on these rows: {', '.join(absent)}.")
    return "\n".join(lines) + "\n"


def measured(
    study: Study, cache: Path, added: Sequence[str], *, uncapped: bool = False
) -> Iterator[Worth]:
    """Measure one group of columns after another; see `table`."""
    every = _names(study)
    for family in dict.fromkeys(signal.family for signal in study.inputs):
        print(f"{study.name}: {family}", file=sys.stderr, flush=True)
        ours = _of(study, family)
        rest = [name for name in every if name not in ours]
        if not rest:
            break
        yield _worth(study, family, (ours, every, rest), cache)
    for name in added:
        further = [signal.name for signal in study.context if signal.family == name]
        if further:
            both = [*every, *further]
            alone = [*_of(study, name), *further]
            title, columns = f"{name}, were they inputs ({len(further)})", (alone, both, every)
            yield _worth(study, title, columns, cache)
            if uncapped and any(s.exposure for s in study.context if s.family == name):
                yield _worth(study, f"{title}, uncapped", columns, cache, uncapped=True)
                beside = nulls(study, further)
                told = [name for name in beside.columns if name not in _ROW]
                if told:
                    columns = (told, [*every, *told], every)
                    title = f"{name}, only whether null ({len(told)})"
                    yield _worth(study.with_columns(beside), title, columns, cache)
    for draw in range(NOISE_DRAWS):
        drawn = [f"{NOISE}_{draw}_{k}" for k in range(NOISE_COLUMNS)]
        yield _worth(study, f"({NOISE} {draw + 1})", (drawn, [*every, *drawn], every), cache)


def nulls(study: Study, names: Sequence[str]) -> pl.DataFrame:
    """Return whether signals are null, one row for each row of a study.

    Signals that are null in the same training rows share a column; those that never are, or always
    are, have none.
    """
    whether = study.train.select(pl.col(names).is_null())
    patterns: dict[bytes, str] = {}
    for name in names:
        if 0 < whether[name].sum() < whether.height:
            patterns.setdefault(whether[name].to_numpy().tobytes(), name)
    return _rows(study, patterns.values()).select(
        *_ROW, pl.col(list(patterns.values())).is_null().cast(pl.Float64).name.suffix("_is_null")
    )


def noise(study: Study) -> pl.DataFrame:
    """Return columns that say nothing, one row for each row of a study, the same every time."""
    keys = _rows(study)
    random = np.random.default_rng(4)
    return keys.with_columns(
        pl.Series(f"{NOISE}_{draw}_{k}", random.normal(size=keys.height))
        for draw in range(NOISE_DRAWS)
        for k in range(NOISE_COLUMNS)
    )


def _rows(study: Study, names: Iterable[str] = ()) -> pl.DataFrame:
    """Return all rows of a study once, in one order, with some columns."""
    sides = (study.train, study.validation, study.judged)
    rows = pl.concat([side.select(*_ROW, *names) for side in sides])
    return rows.unique(_ROW, keep="first", maintain_order=True).sort(_ROW)


def _worth(
    study: Study,
    name: str,
    columns: tuple[list[str], list[str], list[str]],
    cache: Path,
    *,
    uncapped: bool = False,
) -> Worth:
    """Compare the second columns with the third; the first are alone."""
    alone, with_them, without = (scores(study, some, cache, uncapped=uncapped) for some in columns)
    return Worth(
        name,
        len(columns[0]),
        estimated(study, alone, study.metric),
        difference(study, with_them, without, study.metric),
    )


def _names(study: Study) -> list[str]:
    return [signal.name for signal in study.inputs]


def _of(study: Study, family: str) -> list[str]:
    return [signal.name for signal in study.inputs if signal.family == family]


def main() -> None:
    """Print the tables."""
    parser = study_options(__doc__.splitlines()[0])
    families = [family.name for family in catalogue().families]
    parser.add_argument("--also-context", action="store_true", help="of every family")
    parser.add_argument("--add", nargs="+", default=[], choices=families, metavar="FAMILY")
    parser.add_argument(
        "--uncapped",
        action="store_true",
        help="the added ones without the cap too, and their nulls",
    )
    options = parser.parse_args()
    added, fits = families if options.also_context else options.add, options.cache / "fits"
    report_on(options, lambda study: table(study, fits, added, uncapped=options.uncapped))


if __name__ == "__main__":
    main()
