# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own exports and labels
#
# From files as explorers give them, and lists as others publish them, to a store and training
# labels. Nothing is guessed on the way: rows that cannot be read are set aside with their reason,
# and where lists disagree about an address nothing is settled in silence. The files here are
# written by the simulator in the genuine formats, so that the notebook needs nothing from outside.

# %%
from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

import unrinse
from pipelines.labels import import_labels, map_labels, show_labels

folder = TemporaryDirectory(prefix="unrinse-")
work = Path(folder.name)
world = unrinse.simulate(
    work / "world", addresses=800, prevalence=0.1, seed=2, exports=work / "exports", exports_of=5
)
sorted(path.name for path in (work / "exports").iterdir())

# %% [markdown]
# ## Exports become a store
#
# One call may take files of several kinds of one account; each row is counted once. A row that
# cannot be read is not dropped: it stands in the quarantine with file, row and reason.

# %%
files = sorted((work / "exports" / "trongrid_trc20").rglob("*.json"))
store = unrinse.ingest("trongrid_trc20", files, work / "store")
print(f"{store.transfers:,} transfers, {store.quarantined:,} rows set aside")
pl.read_parquet(work / "store" / "coverage.parquet").select("address", "complete", "legs").head()

# %% [markdown]
# *Coverage* says what the export can have shown of each address: which kinds of transfer, and
# whether it may have been cut off. What it cannot show is null in the signals, never zero.
#
# ## Lists become labels
#
# A list of one's own is a CSV with an address and a category. Two lists here disagree about one
# address, one of them on better grounds.

# %%
truth = pl.read_csv(world.out / "labels.csv", infer_schema_length=None).drop_nulls("label")
some = truth.head(40).select(
    "chain",
    "address",
    category=pl.when(pl.col("label") == 1)
    .then(pl.lit("pig_butchering"))
    .otherwise(pl.lit("reviewed_benign")),
    confidence=pl.lit("forensic"),
    available_at=pl.col("available_at"),
)
some.write_csv(work / "reviewed.csv")
other = some.head(1).with_columns(category=pl.lit("pig_butchering"), confidence=pl.lit("web_crawl"))
other.write_csv(work / "rumours.csv")
print(import_labels([work / "reviewed.csv", work / "rumours.csv"], work / "labels"))
show_labels(work / "labels", some["address"][0])

# %% [markdown]
# ## Labels become training labels
#
# By a stated and versioned rule: the surest labels decide, and every disagreement is listed,
# settled or not. Services and listed parties are kept apart; what a model propagated never teaches.

# %%
mapped = map_labels(work / "labels", work / "training")
print(f"{mapped.positive} positive, {mapped.negative} negative, {mapped.conflicts} conflicts")
pl.read_csv(work / "training" / "conflicts.csv")

# %%
training = pl.read_csv(mapped.labels)
assert training.height == mapped.positive + mapped.negative
assert training["source"].null_count() == 0
training.select("address", "label", "available_at", "source").head()

# %% [markdown]
# `source` says where each label is from: training asks for it, and the bundle and its model card
# tell it. (A table of one's own that has no such column is trained on with `labels_from="..."`, on
# the command line `--labels-from`.) Reviews of alerts are a list too: what `unrinse labels review`
# makes of them comes in by the same door.
#
# `as_of` is empty: no list says as of when an address behaved as it says. Fill it in, by one rule
# for both classes and before the report, or the audit will object when you train (see the notebook
# on retraining).

# %%
folder.cleanup()
