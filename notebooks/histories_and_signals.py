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
# # Histories and signals of a few addresses
#
# For somebody new. You will see what a transfer history is, draw the histories of four addresses
# that lead very different lives, turn them into signals, and see where the four stand among
# everybody else, and where a single signal would mislead you. No model is needed for any of it.
#
# The world is invented, so that we may look up who everybody is. In real life nobody can.

# %%
from __future__ import annotations

import json
from datetime import timedelta
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
pl.Config.set_fmt_str_lengths(160)

folder = TemporaryDirectory(prefix="unrinse-")
work = Path(folder.name)
world = unrinse.simulate(work / "world", addresses=1000, prevalence=0.1, seed=5)
transfers = pl.read_parquet(world.out / "transfers.parquet")
truth = pl.read_parquet(world.out / "truth.parquet").filter(
    pl.col("address").is_unique()  # who is on two chains has two histories
)

# %% [markdown]
# ## Four lives
#
# A *collector* is paid by the victims of a scam, and a *mule* passes money on. A *merchant* is
# paid by many too, and a *salary receiver* is paid by one. Of each kind we take the one whose
# history is nearest to forty transfers.

# %%
KINDS = {
    "scam_collector": "collector",
    "mule": "mule",
    "merchant": "merchant",
    "salary_receiver": "salary receiver",
}
COLOURS = alt.Scale(domain=list(KINDS.values()), range=["#b3322a", "#d9772b", "#1f7a80", "#5b7fa8"])

ends = [
    transfers.filter(pl.col("screened").is_null()).select("chain", "block_time", address=side)
    for side in ("sender", "receiver")
]
lives = (
    pl.concat(ends)
    .group_by("chain", "address")
    .agg(transfers=pl.len(), first=pl.col("block_time").min(), last=pl.col("block_time").max())
    .join(truth, on=["chain", "address"])
    .filter(pl.col("population").is_in(list(KINDS)))
    .sort((pl.col("transfers") - 40).abs(), "address")
    .group_by("population", maintain_order=True)
    .first()
    .with_columns(life=pl.col("population").replace(KINDS))
    .sort(pl.col("life").replace_strict({name: i for i, name in enumerate(KINDS.values())}))
)
lives.select("life", "chain", "address", "transfers", "first", "last")

# %% [markdown]
# ## A history
#
# A transfer has a sender, a receiver, an asset and an exact amount. Where a price is known, it has
# a value in micro-dollars as well. `screened` says why a row must be ignored: dust, counterfeit
# coins, spoofed senders. Such rows stay in the table, and no signal sees them.

# %%
us = lives.select("chain", "address", "life")
clean = transfers.filter(pl.col("screened").is_null() & pl.col("usd_micros").is_not_null())
sides = [("receiver", 1, "in"), ("sender", -1, "out")]
history = (
    pl.concat(
        clean.rename({side: "address"})
        .join(us, on=["chain", "address"])
        .select(
            "life",
            "block_time",
            "block_number",
            "tx_index",
            "log_index",
            usd=sign * pl.col("usd_micros") / 1e6,
            way=pl.lit(way),
        )
        for side, sign, way in sides
    )
    .sort("life", "block_time", "block_number", "tx_index", "log_index")
    .with_columns(balance=pl.col("usd").cum_sum().over("life"))
)
history.filter(life="mule").select("block_time", "way", "usd", "balance").head(8)


# %% [markdown]
# One picture for each. Bars above the line came in, bars below went out; the grey ground is what
# was left of all that came in. (It may fall below nothing: what was there before the first
# receipt, or came without a price, is not seen.)


# %%
def drawn(life: str) -> alt.LayerChart:
    rows = history.filter(life=life).with_columns(
        pl.col("block_time").dt.replace_time_zone(None).dt.strftime("%Y-%m-%dT%H:%M:%S")
    )
    base = alt.Chart(alt.Data(values=rows.select("block_time", "usd", "way", "balance").to_dicts()))
    time = alt.X("block_time:T", title=None, axis=alt.Axis(tickCount=4, format="%d %b %y"))
    money = alt.Axis(format="~s", tickCount=4)
    flows = base.mark_rule(strokeWidth=2).encode(
        x=time,
        y=alt.Y("usd:Q", title="dollars", axis=money),
        y2=alt.datum(0),
        color=alt.Color(
            "way:N",
            scale=alt.Scale(domain=["in", "out"], range=["#1f7a80", "#d9772b"]),
            legend=alt.Legend(title=None, orient="top"),
        ),
    )
    held = base.mark_area(interpolate="step-after", color="#d5dbe6").encode(x=time, y="balance:Q")
    return alt.layer(held, flows).properties(title=life, width=300, height=130)


alt.concat(*(drawn(life) for life in KINDS.values()), columns=2)

# %% [markdown]
# ## Signals
#
# A signal is one number, made of one history before one moment by a stated formula. Each has a
# meaning for people, a unit, and a rule for when it is null. Null means *not defined* or *not
# seen*, and never zero.

# %%
unrinse.signals(world.out, work / "signals.parquet")
signals = pl.read_parquet(work / "signals.parquet")
catalogue = {s["name"]: s for s in json.loads(unrinse.catalogue())["signals"]}
LOOKED_AT = [
    "senders",
    "once_only_sender_share",
    "forwarded_24h_share",
    "retained_share",
    "sweep_share",
    "round_100_share",
    "activity_hours_entropy",
]
ours = us.join(signals, on=["chain", "address"], maintain_order="left").select("life", *LOOKED_AT)
values = ours.transpose(include_header=True, header_name="signal", column_names="life")
meanings = {name: catalogue[name]["meaning"] for name in LOOKED_AT}
values.with_columns(meaning=pl.col("signal").replace_strict(meanings))

# %% [markdown]
# ## Where the four stand among everybody
#
# A value says little by itself. Is half of the money gone within a day a lot? So a signal is read
# beside those of others: each dot shows which share of all addresses has a lower value.

# %%
everybody = signals.filter(pl.col("n_transfers") >= 5)
placed = [
    {
        "signal": name.replace("_", " "),
        "life": life,
        "below": (everybody[name] < value).sum() / everybody[name].count(),
    }
    for life, *found in ours.iter_rows()
    for name, value in zip(LOOKED_AT, found, strict=True)
    if value is not None
]
order = [name.replace("_", " ") for name in LOOKED_AT]
share = alt.Axis(format="%", tickCount=5)
alt.Chart(alt.Data(values=placed)).mark_point(filled=True, size=90, opacity=0.9).encode(
    x=alt.X(
        "below:Q", title="share of addresses with less", axis=share, scale=alt.Scale(domain=[0, 1])
    ),
    y=alt.Y("signal:N", sort=order, title=None, axis=alt.Axis(grid=True)),
    color=alt.Color("life:N", scale=COLOURS, legend=alt.Legend(title=None, orient="top")),
    yOffset=alt.YOffset("life:N", sort=list(KINDS.values())),
).properties(width=420, height=alt.Step(7))

# %% [markdown]
# ## What one signal can and cannot tell
#
# Take the share of its receipts that an address forwards within a day. The lines show which share
# of each kind stays at or below a value.

# %%
criminal = ["collector", "consolidator", "mule", "swapper", "otc_desk", "escrow"]
groups = {
    "moves scam proceeds": pl.col("role").is_in(criminal),
    "victim": pl.col("role") == "victim",
    "anybody else": pl.col("role") == "benign",
}
known = everybody.join(truth, on=["chain", "address"]).drop_nulls("forwarded_24h_share")
curve = [
    {"value": step / 50, "of": name, "share": (mine <= step / 50).mean()}
    for name, which in groups.items()
    for mine in [known.filter(which)["forwarded_24h_share"]]
    for step in range(51)
]
alt.Chart(alt.Data(values=curve)).mark_line(interpolate="step-after", strokeWidth=2).encode(
    x=alt.X("value:Q", title="share of its receipts that it forwards within 24 hours", axis=share),
    y=alt.Y("share:Q", title="share of addresses at or below", axis=share),
    color=alt.Color(
        "of:N",
        scale=alt.Scale(domain=list(groups), range=["#b3322a", "#d9aa2b", "#1f7a80"]),
        legend=alt.Legend(title=None, orient="top"),
    ),
).properties(width=420, height=240)

# %% [markdown]
# Launderers forward more, and yet no line on this axis parts them from the rest. Who in the world
# forwards nearly everything, and launders nothing?

# %%
quick = known.filter((pl.col("forwarded_24h_share") > 0.95) & ~groups["moves scam proceeds"])
quick["population"].value_counts(sort=True).head(8)

# %% [markdown]
# That is why a model looks at many signals together, why it is measured on such look-alikes, and
# why its every score comes apart into reasons that somebody can check: see the notebook on reading
# an alert.
#
# ## The future does not count
#
# A signal is of a moment. Cut the same history earlier, and nothing that came later may show.

# %%
mule = lives.filter(life="mule").row(0, named=True)
early = mule["first"] + (mule["last"] - mule["first"]) / 2 + timedelta(microseconds=1)
(work / "mule.txt").write_text(mule["address"] + "\n")
unrinse.signals(world.out, work / "early.parquet", addresses=work / "mule.txt", as_of=early)
then = pl.read_parquet(work / "early.parquet").filter(chain=mule["chain"])
before = clean.filter(
    (pl.col("chain") == mule["chain"])
    & (pl.col("receiver") == mule["address"])
    & (pl.col("block_time") < early)
)
print(f"senders by {early:%d %B %Y}: {then['senders'][0]:.0f}")
assert then["senders"][0] == before["sender"].n_unique()

# %%
folder.cleanup()
