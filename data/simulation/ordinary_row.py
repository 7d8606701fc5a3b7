"""One ordinary population: its ranges, how common it is, and whether analysts confuse it."""

from __future__ import annotations

from dataclasses import dataclass

from data.simulation.profile import Profile


@dataclass(frozen=True)
class Ordinary:
    """A population of ordinary accounts.

    Parameters
    ----------
    profile
        Its ranges.
    weight
        Its share among ordinary accounts, before they are scaled to one (assumed).
    service
        Whether it is a firm's (firms' addresses are known more often).
    lookalike
        Whether analysts take it for laundering: the populations that the model must tell apart.
    """

    profile: Profile
    weight: float
    service: bool = False
    lookalike: bool = False


def firm(weight: float, profile: Profile, *, lookalike: bool = False) -> Ordinary:
    """Return the row of a firm's population."""
    return Ordinary(profile, weight, True, lookalike)


def person(weight: float, profile: Profile, *, lookalike: bool = False) -> Ordinary:
    """Return the row of a population of people."""
    return Ordinary(profile, weight, False, lookalike)
