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
# # First steps
#
# A small invented world, the signals of its addresses, a model, and one explanation. Nothing here
# is real: the world is simulated, so we know who in it launders money, and the model learns from
# what a compliance team would know: a few, late, sometimes wrong labels.

# %%
from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

import unrinse

folder = TemporaryDirectory(prefix="unrinse-")
work = Path(folder.name)

# %% [markdown]
# ## A world
#
# The result is a *store*, just as `unrinse ingest` makes one of exported files: transfers, and for
# each address what the exports can have shown of it (coverage). Labels and an address list lie
# beside it.

# %%
world = unrinse.simulate(work / "world", addresses=1200, prevalence=0.07, seed=1)
print(f"{world.transfers:,} transfers, {world.addresses:,} addresses, labels: {world.labels}")

# %%
labels = pl.read_csv(world.out / "labels.csv", infer_schema_length=None)
labels["label"].value_counts(sort=True)

# %% [markdown]
# Most labels are empty. Empty means that nobody has judged, not that the address is innocent.
#
# ## Signals
#
# One row for each address, one column for each signal. A null says that a signal is not defined
# there; it is never a zero.

# %%
unrinse.signals(world.out, work / "signals.parquet")
signals = pl.read_parquet(work / "signals.parquet")
known = signals.join(labels.select("address", "label").drop_nulls(), on="address")
known.group_by("label").agg(
    pl.len(),
    pl.col("forwarded_24h_share", "senders", "days_in_use", "retained_share").median(),
).sort("label")

# %% [markdown]
# What each column means stands in the catalogue.

# %%
catalogue = {s["name"]: s for s in json.loads(unrinse.catalogue())["signals"]}
print(catalogue["forwarded_24h_share"]["meaning"])
print(catalogue["forwarded_24h_share"]["formula"])

# %% [markdown]
# ## A model
#
# Training splits the labels by time and by case, calibrates on the later ones and measures on the
# latest. With this few labels the intervals are wide: look at them before you look at the values.

# %%
bundle = unrinse.train(world.out, world.out / "labels.csv", work / "bundle")
print(f"trained on {bundle.trained_on} labels, {bundle.positives} of them positive")
bundle.test

# %% [markdown]
# ## One explanation
#
# Every address asked for gets a row; only those with status `scored` have a score.

# %%
addresses, services = world.out / "addresses.csv", world.out / "services.csv"
told = unrinse.explain(bundle.out, world.out, addresses, work / "alerts", top=1, services=services)
told.statuses

# %%
alert = json.loads((told.out / "alerts.jsonl").read_text(encoding="utf-8"))
print(f"{alert['chain']} {alert['address']}")
low, high = alert["score_low"], alert["score_high"]
print(f"score {alert['score']:.2f} [{low:.2f}, {high:.2f}], base rate {alert['base_rate']:.2%}")
for reason in alert["reasons"]:
    print("-", reason["sentence"])
print("On the other side:")
for reason in alert["counter"]:
    print("-", reason["sentence"])

# %% [markdown]
# The contributions of all signals, and the base, add up to the score's log-odds exactly. That is
# why a reason may be read as part of the score.

# %%
parts = sum(c["contribution"] for c in alert["contributions"])
assert abs(alert["base"] + parts - alert["log_odds"]) < 1e-9

# %%
folder.cleanup()
