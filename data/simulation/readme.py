"""The page that lies in a world's folder: what it is, and what was drawn from what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data.simulation.case_parameters import CASE_PRIORS
from data.simulation.parameters import PRIORS
from data.simulation.populations import CRIMINAL_ROLES
from data.simulation.prior import table


def readme(facts: Mapping[str, Any]) -> str:
    """Describe a world.

    Parameters
    ----------
    facts
        The entries of its manifest.
    """
    populations = "\n".join(f"| {name} | {n} |" for name, n in facts["populations"].items())
    return f"""# A synthetic world

**Everything here is invented.** No address, payment or person is real; only the token contracts
are. A model trained on it resembles what its authors know of pig-butchering laundering, no more.

Made by `unrinse simulate --seed {facts["seed"]} --addresses {facts["addresses"]} \
--days {facts["days"]} --prevalence {facts["asked_prevalence"]}`.

- {facts["rows"]["transfers"]} transfers up to {facts["as_of"]}
- {facts["criminals"]} criminal accounts in {facts["cases"]} cases: prevalence
  {facts["prevalence"]:.2%}. The real one is not known; it is surely far lower
- labels: {facts["labels"]["criminal"]} criminal, {facts["labels"]["other"]} other, the rest empty

| file | what |
|---|---|
| transfers.parquet, coverage.parquet, quarantine.parquet, manifest.json | the store |
| labels.csv | training labels as one would hold them: partial, late, sometimes wrong |
| addresses.csv | every account worth scoring, with its `as_of` |
| services.csv | what a services registry would know: exchanges, bridges, mixers, part of the rest |
| prices.csv | invented daily prices of the native coins |
| truth.parquet, truth_flows.parquet | who is who, and who paid whom: for evaluation only |

`as_of` is drawn by one rule for all: a uniform share of the way from an account's first to its last
transfer, and a pause. Roles that count as criminal: {", ".join(CRIMINAL_ROLES)}. Victims,
and the exchange deposit addresses at which cases cash out, do not.

| population | accounts |
|---|---|
{populations}

## Drawn alike for everybody

{table(PRIORS.values())}

## Drawn for each scam case

{table(CASE_PRIORS.values())}

What distinguishes the populations stands in `data/simulation/populations.py` and `ordinary.py`.
"""
