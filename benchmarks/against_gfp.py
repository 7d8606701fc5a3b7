"""Our signals against Snap ML's Graph Feature Preprocessor, under the same LightGBM.

    python -m benchmarks.against_gfp worlds --worlds FOLDER --prevalence 0.15
    UNRINSE_REAL_DATA=/path/to/real python -m benchmarks.against_gfp real [--open-test "why"]

Same rows, same split, same parameters, same seeds as `benchmarks.ablation`; only the columns
differ. What the peer's columns are is told in `peers.snapml_addresses`; its setting is chosen on
the validation rows. It sees every transfer of a world, whoever's it is, in dollars; and on the real
accounts every transaction of the crawl, divided by the median of the account it was crawled for,
as our amounts are (one between two accounts counts in the scale of either).

The third row has both, to see what the peer knows that we do not. ``--add FAMILY`` adds a row: our
inputs and those of the families named, which see beyond the own history too but are no inputs by
default. What of it rests on others is held back as in the product (`models.association`): kept
apart, and capped. The peer's columns describe others too, but are not held back; ``--uncapped``
adds the row that compares features with features: the same columns of ours, as free as the peer's.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import polars as pl

from benchmarks.gfp_rows import RealFeatures, WorldFeatures
from benchmarks.peers.snapml_addresses import SETTINGS
from benchmarks.worth_fits import scores
from benchmarks.worth_measures import difference, estimated, on_validation, signed, with_interval
from benchmarks.worth_runs import report_on, study_options
from benchmarks.worth_studies import RealSources, Study, WorldSources
from features.catalogue import catalogue
from models.metrics import METRICS

ROC = METRICS["roc_auc"]


class Features(Protocol):
    """Where the peer's columns come from: a row for each ``chain``, ``address``, ``as_of``."""

    def to_choose(self, setting: str) -> pl.DataFrame:
        """Return the rows of train and validation, or more."""

    def everywhere(self, setting: str) -> pl.DataFrame:
        """Return all rows."""


def table(
    study: Study,
    features: Features,
    cache: Path,
    settings: Sequence[str] = tuple(SETTINGS),
    added: Sequence[str] = (),
    *,
    uncapped: bool = False,
) -> str:
    """Choose the peer's setting on validation, then compare on the judged rows.

    Parameters
    ----------
    cache
        Folder of the fits.
    settings
        Names of the settings tried.
    added
        Families whose signals are measured with ours although they are no inputs by default.
    uncapped
        Measure ours once more, with those families, as free as the peer's columns are.

    Returns
    -------
    str
        Markdown.
    """
    ours = [signal.name for signal in study.inputs]
    tried: dict[str, float] = {}
    for name in settings:
        print(f"{study.name}: GFP, {name}", file=sys.stderr, flush=True)
        wider, theirs = _widened(study, features.to_choose(name))
        tried[name] = on_validation(wider, scores(wider, theirs, cache))
    chosen = max(tried, key=lambda name: tried[name])
    wider, theirs = _widened(study, features.everywhere(chosen))
    own, peer = scores(wider, ours, cache), scores(wider, theirs, cache)
    results = {
        "ours": (len(ours), own),
        f"GFP, {chosen}": (len(theirs), peer),
        "both": (len(ours) + len(theirs), scores(wider, [*ours, *theirs], cache)),
    }
    further = [signal.name for signal in study.context if signal.family in added]
    wide = [*ours, *further]
    if further:
        name = f"ours, with {', '.join(added)}"
        results[name] = (len(wide), scores(wider, wide, cache))
    if uncapped:
        name = f"ours, with {', '.join(added)}, uncapped" if further else "ours, uncapped"
        results[name] = (len(wide), scores(wider, wide, cache, uncapped=True))
        free = scores(wider, [*wide, *theirs], cache, uncapped=True)
        results["both, uncapped"] = (len(wide) + len(theirs), free)
    label, unit = study.judged["label"], study.metric_name
    lines = [
        f"### {study.name}\n",
        f"{label.len():,} judged, {int(label.sum()):,} of them positive; "
        f"{len(study.seeds)} fits averaged. {unit} on validation: "
        f"ours {on_validation(wider, own):.3f}; "
        + "; ".join(f"GFP, {name}, {value:.3f}" for name, value in tried.items())
        + ".\n",
        f"| columns | n | {unit} [95 %] | ROC-AUC [95 %] | this less GFP: {unit} | ROC-AUC |",
        "|---|---:|---|---|---|---|",
    ]
    for name, (n, found) in results.items():
        cells = [with_interval(estimated(study, found, metric)) for metric in (study.metric, ROC)]
        gaps = [signed(difference(study, found, peer, metric)) for metric in (study.metric, ROC)]
        cells += ["", ""] if found is peer else gaps
        lines.append(f"| {name} | {n} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _widened(study: Study, features: pl.DataFrame) -> tuple[Study, list[str]]:
    """Put the peer's columns beside ours, marked as the peer's."""
    key = ["chain", "address", "as_of"]
    marked = features.select(*key, pl.exclude(key).name.prefix("gfp_"))
    return study.with_columns(marked), [name for name in marked.columns if name not in key]


def _features(sources: WorldSources | RealSources, cache: Path) -> Features:
    if isinstance(sources, WorldSources):
        return WorldFeatures(sources, cache)
    return RealFeatures(sources, cache)


def main() -> None:
    """Print the tables."""
    parser = study_options(__doc__.splitlines()[0])
    parser.add_argument("--settings", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    families = [family.name for family in catalogue().families]
    parser.add_argument("--add", nargs="+", default=[], choices=families, metavar="FAMILY")
    parser.add_argument("--uncapped", action="store_true", help="also ours as free as the peer's")
    options = parser.parse_args()

    def report(study: Study) -> str:
        return table(
            study,
            _features(study.sources, options.cache),
            options.cache / "fits",
            options.settings,
            options.add,
            uncapped=options.uncapped,
        )

    report_on(options, report)


if __name__ == "__main__":
    main()
