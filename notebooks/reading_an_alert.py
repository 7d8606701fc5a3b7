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
# # Reading one alert, as an investigator
#
# A score lands on your desk. This notebook walks through one alert as you should before you act:
# what it says and does not say, the reasons and the transfers behind them, what was not seen, what
# speaks against it, and one of its figures recomputed by hand. At the end we look up who the
# addresses really are, which only an invented world lets us do.

# %%
from __future__ import annotations

import json
from collections import deque
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import altair as alt
import polars as pl

import unrinse

alt.renderers.enable("svg")  # pictures, which need nothing from outside
quiet = {"domain": False, "ticks": False, "labelColor": "#566074", "gridColor": "#e3e6ec"}
look = {
    "axis": {**quiet, "labelLimit": 260, "labelPadding": 8, "labelFlush": False},
    "view": {"stroke": None},
    "padding": 24,
}
alt.theme.register("quiet", enable=True)(lambda: alt.theme.ThemeConfig({"config": look}))
pl.Config.set_fmt_str_lengths(240)

folder = TemporaryDirectory(prefix="unrinse-")
work = Path(folder.name)

# %% [markdown]
# ## A queue
#
# A small world, a model of it, and the highest scores explained. How such a model comes about is
# the subject of another notebook. Here it is whatever stands behind your queue.

# %%
world = unrinse.simulate(work / "world", addresses=1400, prevalence=0.1, seed=5)
bundle = unrinse.train(world.out, world.out / "labels.csv", work / "bundle", base_rate=0.1)
told = unrinse.explain(
    bundle.out,
    world.out,
    world.out / "addresses.csv",
    work / "alerts",
    top=20,
    services=world.out / "services.csv",
)
lines = (told.out / "alerts.jsonl").read_text(encoding="utf-8").splitlines()
alerts = [json.loads(line) for line in lines]
pl.DataFrame(
    {
        "rank": alert["rank"],
        "address": alert["address"],
        "score": round(alert["score"], 3),
        "transfers": alert["history"]["n_transfers"],
        "reasons": len(alert["reasons"]),
    }
    for alert in alerts[:8]
)

# %% [markdown]
# We open the first that rests on at least twenty transfers and has three reasons or more. (A score
# of a handful of transfers can be right. There is little to check about it.) `unrinse explain`
# writes each alert as a page too; this notebook reads the same facts from `alerts.jsonl`.

# %%
alert = next(a for a in alerts if a["history"]["n_transfers"] >= 20 and len(a["reasons"]) >= 3)
print(f"{alert['chain']} {alert['address']}, as of {alert['as_of']}")
for notice in alert["notices"]:
    print("!", notice)
print(alert["verdict"])

# %% [markdown]
# ## What it says
#
# The score is the probability that this address moves scam proceeds **if** one in so many
# addresses does (the base rate), and if those like it behave as the labelled ones did. If you
# believe that far fewer do, the same evidence means less: odds are multiplied, and where they
# start is yours to judge.

# %%
odds = alert["score"] / (1 - alert["score"])
start = alert["base_rate"] / (1 - alert["base_rate"])
print(f"score {alert['score']:.1%} at a base rate of {alert['base_rate']:.1%}")
for rate in (0.01, 0.001):
    restated = odds / start * rate / (1 - rate)
    print(f"the same evidence at a base rate of {rate:.1%}: {restated / (1 + restated):.1%}")

# %% [markdown]
# ## Why
#
# Each sentence is made of figures, and each figure of transfers. "times the odds" is by how much
# the signal multiplies the odds of this score, exactly. "look-alikes below" says how unusual the
# value is among addresses that were reviewed and are no launderers.

# %%
parts = {part["signal"]: part for part in alert["contributions"]}
pl.DataFrame(
    {
        "reason": reason["sentence"],
        "times the odds": round(reason["odds_multiplier"], 2),
        "look-alikes below": parts[reason["signal"]]["percentile_look_alikes"]["share_below"],
    }
    for reason in alert["reasons"]
)

# %% [markdown]
# The reasons are not all of the score. Starting point and families sum to its log-odds, and you
# may check it: here no rounding and no story comes in between.

# %%
total = alert["base"] + sum(part["contribution"] for part in alert["contributions"])
assert abs(total - alert["log_odds"]) < 1e-9

steps = [{"part": "starting point", "from": 0.0, "to": alert["base"], "way": "start"}]
at = alert["base"]
for family in alert["families"]:
    end = at + family["contribution"]
    way = "raises" if end > at else "lowers"
    steps.append({"part": family["family"].replace("_", " "), "from": at, "to": end, "way": way})
    at = end
steps.append({"part": "the score", "from": 0.0, "to": alert["log_odds"], "way": "score"})
order = [step["part"] for step in steps]
ways = alt.Scale(
    domain=["start", "raises", "lowers", "score"],
    range=["#b9c4d6", "#b3322a", "#1f7a80", "#18202e"],
)
alt.Chart(alt.Data(values=steps)).mark_bar(height=12).encode(
    x=alt.X("from:Q", title="log-odds"),
    x2="to:Q",
    y=alt.Y("part:N", sort=order, title=None),
    color=alt.Color("way:N", scale=ways, legend=alt.Legend(title=None, orient="top")),
).properties(width=440, height=alt.Step(20))

# %% [markdown]
# ## The evidence
#
# Under a reason stand the transfers that it rests on: all of them, or the most telling ones with
# how many there are. They are claims about a public ledger: look a few of them up. We do it in the
# store, by transaction and log index.

# %%
reason = alert["reasons"][0]
print(reason["sentence"])
shown = pl.DataFrame(
    [
        {k: row[k] for k in ("tx_id", "log_index", "block_time", "direction", "symbol", "usd")}
        for row in reason["evidence"]["rows"]
    ]
)
print(f"{reason['evidence']['shown']} of {reason['evidence']['n_rows']} transfers")
shown

# %%
transfers = pl.read_parquet(world.out / "transfers.parquet")
mine = transfers.filter(
    (pl.col("chain") == alert["chain"])
    & ((pl.col("sender") == alert["address"]) | (pl.col("receiver") == alert["address"]))
)
found = shown.join(
    mine.select("tx_id", pl.col("log_index").cast(pl.Int64), "usd_micros"),
    on=["tx_id", "log_index"],
)
assert found.height == shown.height
assert (found["usd"] - found["usd_micros"] / 1e6).abs().max() < 1e-6
print(f"All {found.height} stand in the ledger, with these amounts.")

# %% [markdown]
# The whole history at a glance. Ask what ordinary life looks like this: a shop on its busy days, a
# payroll, somebody who changes coins.

# %%
bins = [
    {"start": b["start"], "dollars": sign * b[f"value_{way}"], "way": way}
    for b in alert["timeline"]["bins"]
    for way, sign in (("in", 1), ("out", -1))
]
colours = alt.Scale(domain=["in", "out"], range=["#1f7a80", "#d9772b"])
alt.Chart(alt.Data(values=bins)).mark_bar(size=7).encode(
    x=alt.X("start:T", title=None, axis=alt.Axis(tickCount=6, format="%d %b %y")),
    y=alt.Y("dollars:Q", title="dollars in (up) and out (down)", axis=alt.Axis(format="~s")),
    color=alt.Color("way:N", scale=colours, legend=alt.Legend(title=None, orient="top")),
).properties(width=560, height=190)

# %% [markdown]
# ## What was seen, and what was not
#
# An export shows some kinds of transfer and not others, over some time. What was not supplied is
# unknown, and nothing follows from it. Rows that were left out (dust, counterfeit coins) are
# counted.

# %%
seen = alert["history"]
print(f"{seen['n_transfers']} transfers, {seen['first_seen']} to {seen['last_seen']}")
print("kinds that the export shows:", ", ".join(seen["legs"]))
print("kinds that it does not:", ", ".join(seen["legs_missing"]) or "none")
print("left out:", seen["left_out"] or "nothing")
coverage = pl.read_parquet(world.out / "coverage.parquet")
mine_seen = coverage.filter(chain=alert["chain"], address=alert["address"])
mine_seen.select("from", "to", "complete", "source")

# %% [markdown]
# ## What speaks against it
#
# Signals that lower the score noticeably, as sentences, and all that lower it at all, as a sum. An
# alert that shows only one side is an accusation.

# %%
for reason in alert["counter"]:
    print("-", reason["sentence"])
lowering = [part for part in alert["contributions"] if part["contribution"] < 0]
print(
    f"{len(lowering)} of {len(parts)} signals lower the log-odds, "
    f"by {-sum(part['contribution'] for part in lowering):.2f} together."
)
print("on lists:", alert["list_hits"] or "none that was supplied names it")

# %% [markdown]
# ## One figure by hand
#
# How much of what came in left again within 24 hours? By the catalogue, money is matched first in,
# first out, over all coins in dollars. So do it on paper: keep what came in a queue, take payments
# from its front, and count what had come less than a day before.

# %%
signal = "forwarded_24h_share"
catalogue = {s["name"]: s for s in json.loads(unrinse.catalogue())["signals"]}
print(catalogue[signal]["formula"])

as_of = datetime.fromisoformat(alert["as_of"])
paper = mine.filter(pl.col("screened").is_null() & (pl.col("block_time") < as_of))
paper = paper.filter(pl.col("usd_micros").is_not_null())
held: deque[list] = deque()
received = within_a_day = 0
for row in paper.iter_rows(named=True):
    if row["receiver"] == alert["address"]:
        held.append([row["block_time"], row["usd_micros"]])
        received += row["usd_micros"]
        continue
    to_pay = row["usd_micros"]
    while to_pay and held:
        came, value = held[0]
        part = min(to_pay, value)
        if row["block_time"] - came < timedelta(hours=24):
            within_a_day += part
        to_pay, held[0][1] = to_pay - part, value - part
        if not held[0][1]:
            held.popleft()

by_hand = within_a_day / received
print(f"by hand {by_hand:.6f}, in the alert {parts[signal]['value']:.6f}")
assert paper.height == alert["history"]["n_transfers"]
assert abs(by_hand - parts[signal]["value"]) < 1e-12

# %% [markdown]
# ## Who they are
#
# Before you read on, write down what you would do: close it, ask somebody, or file it. Now the
# truth.

# %%
truth = pl.read_parquet(world.out / "truth.parquet")
who = truth.filter(chain=alert["chain"], address=alert["address"])
print("this one:", who["role"][0], "of the population", who["population"][0])
ranked = pl.DataFrame({key: [a[key] for a in alerts] for key in ("rank", "chain", "address")})
named = ranked.join(truth, on=["chain", "address"], how="left")
named["role"].value_counts(sort=True)

# %% [markdown]
# Some of the twenty are no launderers, and a victim may be among them: a person to be helped.
# Their alerts have sentences as smooth as the others. That is why a score is a place to start
# looking, and why your verdict goes back as a review (`unrinse labels review`), with a reason and
# an end.

# %%
folder.cleanup()
