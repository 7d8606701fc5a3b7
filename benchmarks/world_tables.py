"""The tables of docs/world.md and docs/world-priors.md, from the code that draws the world.

    python -m benchmarks.world_tables priors > docs/world-priors.md
    python -m benchmarks.world_tables populations

The second prints the table of ordinary populations that stands in docs/world.md; a test holds both
pages to what is printed.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist

from scipy.special import betaincinv

from data.simulation.benign import COLD_WALLET, HOT_WALLET
from data.simulation.case_parameters import CASE_PRIORS
from data.simulation.ordinary import (
    COLD_WALLET_SHARE,
    DEPOSIT_SHARE,
    HOT_WALLET_SHARE,
    LOOKALIKES,
    ORDINARY,
)
from data.simulation.parameters import PRIORS
from data.simulation.populations import DEPOSIT
from data.simulation.prior import Prior
from data.simulation.profile import Profile

_QUARTILE = NormalDist().inv_cdf(0.75)

_HEAD = """\
# The world's priors

Written by `python -m benchmarks.world_tables priors`; a test holds the page to the code. What the
world is stands in [world.md](world.md).

Hardly anything in the world is set to one number. A parameter is a distribution, from which every
account, payment or case draws its own value: half of the draws lie between the two numbers of the
third column. A chance is drawn as yes or no. FIELD.md, which some sources name, is the project's
collection of field evidence; it is not part of this repository. "DFPI" are wallets of the
California DFPI Crypto Scam Tracker.
"""


def priors_page() -> str:
    """Return docs/world-priors.md."""
    parts = [
        _HEAD,
        _section(
            "Drawn alike for everybody",
            "Whoever it is, from the same distribution: none of these tells who is criminal.",
            PRIORS.values(),
        ),
        _section(
            "Drawn for each scam case",
            "Once for a case, so that its members share a style and cases differ.",
            CASE_PRIORS.values(),
        ),
    ]
    return "\n".join(parts)


def populations_table() -> str:
    """Return the ordinary populations as a Markdown table, the most common first."""
    others = 1 - HOT_WALLET_SHARE - COLD_WALLET_SHARE
    total = sum(row.weight for row in ORDINARY.values())
    rows: list[tuple[float, Profile]] = [
        (others * (1 - DEPOSIT_SHARE) * row.weight / total, row.profile)
        for row in ORDINARY.values()
    ]
    rows += [
        (others * DEPOSIT_SHARE, DEPOSIT),
        (HOT_WALLET_SHARE, HOT_WALLET),
        (COLD_WALLET_SHARE, COLD_WALLET),
    ]
    lines = ["| population | what it does | look-alike | share |", "|---|---|---|---:|"]
    for share, profile in sorted(rows, key=lambda row: (-row[0], row[1].population)):
        alike = "yes" if profile.population in LOOKALIKES else ""
        lines.append(f"| `{profile.population}` | {profile.story} | {alike} | {share:.1%} |")
    return "\n".join(lines) + "\n"


def half_between(prior: Prior) -> str:
    """Say between which values half of the draws lie.

    >>> half_between(PRIORS["opens"]), half_between(PRIORS["case_known"])
    ('6 to 18', 'yes: 30 %')
    """
    if prior.law == "chance":
        return f"yes: {100 * prior.numbers[0]:g} %"
    ends = (min(max(value, prior.low), prior.high) for value in _quartiles(prior))
    return " to ".join(_short(value) for value in ends)


def _section(title: str, claim: str, priors: Iterable[Prior]) -> str:
    known = list(priors)
    lines = [f"## {title}", "", claim, ""]
    lines += ["| parameter | unit | half of the draws | law | meaning |", "|---|---|---|---|---|"]
    for prior in known:
        law = f"{prior.law}({', '.join(f'{number:g}' for number in prior.numbers)})"
        half = half_between(prior)
        lines.append(f"| `{prior.name}` | {prior.unit} | {half} | {law} | {prior.meaning} |")
    sourced = [prior for prior in known if not prior.source.startswith("assumed")]
    assumed = [prior for prior in known if prior not in sourced]
    lines += ["", "Where they come from:", ""]
    lines += [f"- `{prior.name}`: {prior.source}" for prior in sourced]
    lines += ["", "Assumed, with no published measurement behind the numbers:", ""]
    lines += [f"- `{p.name}`{p.source.removeprefix('assumed')}" for p in assumed]
    return "\n".join(lines) + "\n"


def _quartiles(prior: Prior) -> tuple[float, float]:
    a, b = prior.numbers[0], prior.numbers[-1]
    if prior.law == "lognormal":
        return a * math.exp(-_QUARTILE * b), a * math.exp(_QUARTILE * b)
    if prior.law == "exponential":
        return -a * math.log(0.75), -a * math.log(0.25)
    if prior.law == "beta":
        return float(betaincinv(a, b, 0.25)), float(betaincinv(a, b, 0.75))
    return prior.at(0.25), prior.at(0.75)


def _short(value: float) -> str:
    """Write a number with two digits that count.

    >>> [_short(value) for value in (0.01234, 0.999, 18.0, 3_271.0, 41_550.0)]
    ['0.012', '1', '18', '3,300', '42,000']
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return f"{rounded:,.0f}" if abs(rounded) >= 10 else f"{rounded:g}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", choices=("priors", "populations"))
    asked = parser.parse_args(arguments)
    print(priors_page() if asked.which == "priors" else populations_table(), end="")


if __name__ == "__main__":
    main()
