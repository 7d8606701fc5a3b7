"""Whoever is registered occurs, and does what its story says: measured from its transfers.

Every ordinary population, exchange wallet, criminal role, kind of victim, typology and yes-or-no
trait of a case has a mark here. Who registers another one without a mark, fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pytest

from data.simulation import case, identities
from data.simulation.benign import COLD_WALLET, HOT_WALLET
from data.simulation.case_parameters import CASE_PRIORS, Style, draw_style
from data.simulation.layering import TYPOLOGIES, layers
from data.simulation.market import MICROS
from data.simulation.ordinary import ORDINARY
from data.simulation.parameters import PRIORS
from data.simulation.plan import (
    FIRST_CASE_UNIT,
    FIRST_COLD_UNIT,
    FIRST_ORDINARY_UNIT,
    CasePlan,
    Deal,
    ExchangePlan,
    OrdinaryPlan,
    Plan,
)
from data.simulation.playing import UnitPlan, play, stage_of
from data.simulation.populations import CRIMINAL, CRIMINAL_ROLES, DEPOSIT, VICTIMS
from data.simulation.prior import DAY
from tests.data.simulation.observed import Observed, observe

pytestmark = pytest.mark.unwatched

EACH = 24
"""Units played of everybody: enough for averages."""

MEMBERS = 6
"""Criminal accounts in the cases played: enough for every layer."""

CHAINS = len(identities.CHAINS)
DAYS = 540
EXCHANGES = tuple(ExchangePlan(1 + n, n % CHAINS, False) for n in range(2 * CHAINS))
STAGE = stage_of(Plan(EXCHANGES, (), ()), 3, DAYS)
HOT_WALLETS = np.concatenate(STAGE.hot_wallets)

Measure = Callable[[Observed], float]


@dataclass(frozen=True)
class Mark:
    """What accounts of a population show on average; `least` or `most` bounds it."""

    measure: Measure
    least: float = -np.inf
    most: float = np.inf

    def check(self, accounts: list[Observed]) -> None:
        """Assert it of accounts; those that were never paid show nothing."""
        values = [self.measure(a) for a in accounts if len(a.came["time"])]
        assert len(values) >= 0.7 * len(accounts)
        average = float(np.mean(values))
        assert self.least <= average <= self.most, f"{average:.3g}"


def at(kind: str) -> Measure:
    return lambda seen: seen.at_place(kind)


def kept_long(seen: Observed) -> float:
    return seen.kept_days > 20


def pays_the_scam(seen: Observed) -> float:
    return seen.pays("collector") > 0


def days_before_the_scam(seen: Observed) -> float:
    """Days from its first receipt to its first payment to a collector; endless if there is none."""
    to_scam = np.isin(seen.left["receiver"], seen.nodes("collector"))
    first = seen.left["time"][to_scam]
    return float(first[0] - seen.came["time"][0]) / DAY if len(first) else np.inf


def paid_after_the_scam(seen: Observed) -> float:
    """Payments to others after the last one to a collector."""
    to_scam = np.isin(seen.left["receiver"], seen.nodes("collector"))
    last = seen.left["time"][to_scam]
    return float((seen.left["time"][~to_scam] > last[-1]).sum()) if len(last) else 0.0


MARKS: dict[str, tuple[Mark, ...]] = {
    # firms
    "payroll": (
        Mark(lambda a: a.most_paid_in_a_day, 4.2),
        Mark(lambda a: a.evenness, 0.25),
        Mark(lambda a: a.senders, most=5),
    ),
    "merchant": (Mark(lambda a: a.senders_per_receiver, 2.2), Mark(lambda a: a.senders, 10)),
    "payment_processor": (Mark(lambda a: a.senders, 12), Mark(lambda a: a.passed_on, 0.75)),
    "legitimate_otc": (
        Mark(lambda a: a.given_back, 0.2),
        Mark(lambda a: a.payments_per_receipt, 1.1),
    ),
    "remittance_shop": (Mark(lambda a: a.senders, 5), Mark(lambda a: a.receivers, 5)),
    "aid_payout": (
        Mark(lambda a: a.most_paid_in_a_day, 9),
        Mark(lambda a: a.evenness, 0.4),
        Mark(lambda a: a.senders, most=4),
    ),
    "treasury": (
        Mark(lambda a: a.receipt_size, 1.4),
        Mark(lambda a: a.payments_per_receipt, 1.2),
        Mark(kept_long, 0.33),
    ),
    "charity": (
        Mark(lambda a: a.senders_per_receipt, 0.6),
        Mark(lambda a: a.receipt_size, most=1.0),
        Mark(lambda a: a.senders_per_receiver, 3),
    ),
    "gambling_site": (Mark(lambda a: a.given_back, 0.45), Mark(lambda a: a.senders, 4)),
    "custodian": (Mark(lambda a: a.relayed_to_it, 0.8),),
    # traders
    "market_maker": (
        Mark(lambda a: a.given_back, 0.45),
        Mark(lambda a: a.senders_per_receipt, most=0.4),
    ),
    "arbitrage_bot": (Mark(lambda a: a.swaps, 0.15), Mark(lambda a: a.swaps_back, 0.2)),
    "dex_trader": (Mark(lambda a: a.swaps > 0, 0.5), Mark(lambda a: a.quick, most=0.7)),
    "liquidity_provider": (Mark(at("liquidity_pool"), 0.1),),
    "lending_user": (Mark(at("lending_pool"), 0.1),),
    "bridge_user": (Mark(lambda a: a.bridged > 0, 0.35),),
    "airdrop_farmer": (
        Mark(lambda a: a.payments_per_receipt, 1.4),
        Mark(lambda a: a.receivers, 5),
        Mark(lambda a: a.given_back, 0.1),
    ),
    "nft_trader": (Mark(at("nft_market"), 0.3),),
    "p2p_merchant": (Mark(lambda a: a.senders, 7), Mark(lambda a: a.receivers, 6)),
    # people
    "diaspora_pool": (
        Mark(lambda a: a.senders_per_receiver, 2),
        Mark(lambda a: a.payments_per_receipt, most=0.75),
    ),
    "freelancer": (
        Mark(lambda a: a.senders_per_receiver, 1.1),
        Mark(lambda a: a.quick, 0.25),
        Mark(lambda a: a.passed_on, 0.7),
    ),
    "holder": (Mark(kept_long, 0.42), Mark(lambda a: a.passed_on, most=0.6)),
    "saver": (Mark(kept_long, 0.33), Mark(lambda a: a.quick, most=0.35)),
    "salary_receiver": (Mark(lambda a: a.on_a_rhythm, 0.38), Mark(lambda a: a.senders, most=4)),
    "gambler": (Mark(at("gambling_site"), 0.3),),
    "spammer": (Mark(lambda a: a.screened_sent, 10), Mark(lambda a: len(a.came["time"]), most=12)),
    "poisoner": (Mark(lambda a: a.forged, 10), Mark(lambda a: a.screened_sent, most=5)),
    "hobbyist": (Mark(lambda a: a.given_back, 0.3), Mark(lambda a: a.receivers, most=6)),
    "savings_circle": (Mark(lambda a: a.given_back, 0.95), Mark(lambda a: a.same_again, 0.9)),
    # exchanges
    "exchange_deposit": (
        Mark(lambda a: a.to_exchange, 0.95),
        Mark(lambda a: a.passed_on, 0.93, 1.01),
    ),
    "exchange_hot_wallet": (
        Mark(lambda a: a.receivers, 50),
        Mark(lambda a: a.to_exchange, most=0.0),
    ),
    "exchange_cold_wallet": (
        Mark(lambda a: a.from_exchange, 0.7),
        Mark(lambda a: a.receipt_size, 2.5),
        Mark(kept_long, 0.6),
    ),
    # launderers
    "scam_collector": (Mark(lambda a: a.senders, 9), Mark(lambda a: a.passed_on, 0.8, 1.01)),
    "consolidator": (
        Mark(lambda a: a.paid_by("collector", "mule", "swapper") > 0, 0.7),
        Mark(lambda a: a.passed_on, 0.75, 1.01),
    ),
    "mule": (
        Mark(lambda a: a.paid_by("collector", "mule", "consolidator") > 0, 0.4),
        Mark(lambda a: a.passed_on, 0.8, 1.01),
    ),
    "swapper": (Mark(lambda a: a.swaps, 0.08), Mark(lambda a: a.paid_by("collector") > 0, 0.2)),
    "criminal_otc": (
        Mark(lambda a: a.payments_per_receipt, 1.3),
        Mark(lambda a: a.paid_by("mule", "escrow") > 0, 0.3),
    ),
    "marketplace_escrow": (
        Mark(at("guarantee_marketplace"), 0.08),
        Mark(lambda a: a.paid_by("collector") > 0, 0.4),
    ),
    # victims
    "victim": (
        Mark(pays_the_scam, 0.4),
        Mark(lambda a: a.receivers, 2.5),
        Mark(lambda a: days_before_the_scam(a) > 7, 0.4),
    ),
    "fresh_victim": (
        Mark(pays_the_scam, 0.4),
        Mark(lambda a: a.from_exchange, 0.4),
        Mark(lambda a: a.minutes < 12 * 60, 0.5),
        Mark(lambda a: days_before_the_scam(a) < 7, 0.6),
    ),
    "recovery_victim": (
        Mark(pays_the_scam, 0.4),
        Mark(lambda a: paid_after_the_scam(a) > 0, 0.4),
    ),
}  # fmt: skip
"""Population -> what its story says."""


SHAPES: dict[str, tuple[str, Mark]] = {
    "direct": ("collector", Mark(lambda a: a.pays("collector"), most=0)),
    "relay": ("mule", Mark(lambda a: a.minutes < 90, 0.65)),
    "peel_chain": ("mule", Mark(lambda a: a.pairs, 0.5)),
    "scatter_gather": ("mule", Mark(lambda a: a.pays("mule"), most=0)),
    "gather_scatter": ("mule", Mark(lambda a: a.paid_by("mule"), most=0)),
    "swap_hop": ("swapper", Mark(lambda a: a.swaps > 0, 0.4)),
    "otc_desk": ("otc_desk", Mark(lambda a: a.receivers, 4)),
    "marketplace_escrow": ("escrow", Mark(at("guarantee_marketplace"), 0.08)),
}
"""Typology -> what the members in one role show; besides, money moves from layer to layer."""


def of(case: list[Observed], role: str) -> list[Observed]:
    return [a for a in case if a.account.role == role]


def pays(case: list[Observed], giver: str, taker: str) -> bool:
    return any(a.pays(taker) for a in of(case, giver))


@dataclass(frozen=True)
class Trait:
    """What a yes-or-no trait of a case changes in its accounts of a role, on average.

    With `rises` it is at least so much more where cases have the trait than where they do not;
    `among` are traits that all of them have.
    """

    role: str
    typology: str
    measure: Measure
    rises: float
    among: Mapping[str, bool] = field(default_factory=dict)


def _by_payer(seen: Observed) -> list[np.ndarray]:
    """Return what each payer paid, in order of time."""
    return [
        seen.came["micros"][seen.came["sender"] == payer]
        for payer in np.unique(seen.came["sender"])
    ]


def share_of_taxes(seen: Observed) -> float:
    """Share of returning payers whose last payment is a tenth to a third of all before."""
    last = [paid[-1] / paid[:-1].sum() for paid in _by_payer(seen) if len(paid) > 1]
    return float(np.mean([0.08 < one < 0.32 for one in last])) if last else 0.0


def paid_back_a_little(seen: Observed) -> float:
    """Share of payers who get back less than a third of their first payment."""
    got = []
    for payer in np.unique(seen.came["sender"]):
        first = seen.came["micros"][seen.came["sender"] == payer][0]
        back = seen.left["micros"][seen.left["receiver"] == payer]
        got.append(bool((back < first / 3).any()))
    return float(np.mean(got))


def begins_after_another_ends(seen: Observed) -> float:
    """1 if another collector of the case was paid for the last time before its first receipt."""
    book = seen.book
    counted = book["screened"] < 0
    others = seen.nodes("collector")
    ends = [book["time"][counted & (book["receiver"] == node)] for node in others]
    return float(any(len(t) and np.quantile(t, 0.9) <= seen.came["time"][0] for t in ends))


TRAITS = {
    "hoards": Trait("mule", "otc_desk", lambda a: min(a.kept_days, 200), 2.0),
    "gathers": Trait("collector", "otc_desk", lambda a: 1 / max(0.05, a.payments_per_receipt), 0.4),
    "tax": Trait("collector", "direct", share_of_taxes, 0.02),
    "induces": Trait("collector", "direct", paid_back_a_little, 0.05),
    "drains": Trait("collector", "direct", lambda a: a.stolen, 0.7),
    "rebrands": Trait("collector", "direct", begins_after_another_ends, 0.2),
    # Those who hoard have coins waiting that moment.
    "frozen": Trait("collector", "direct", lambda a: a.swaps > 0, 0.15, {"hoards": True}),
    "mimics": Trait("mule", "otc_desk", lambda a: a.passed_on < 0.9, 0.05),
    "structures": Trait("mule", "otc_desk", lambda a: a.below_limits, 0.03),
}
"""Name of the prior -> what it does."""


# --- play -----------------------------------------------------------------------------------------


def deal(n: int) -> Deal:
    """Deal the n-th of `EACH` hands, so that all places in the priors occur."""
    return Deal((n + 0.5) / EACH, n * 7 % EACH / EACH, n * 5 % EACH / EACH)


def seen(plan: UnitPlan, magnitude: float = 0.5) -> list[Observed]:
    typical = PRIORS["magnitude"].at(magnitude) * MICROS
    return observe(play(STAGE, [plan]), typical, HOT_WALLETS)


def case_of(typology: str, number: int, chain: int) -> CasePlan:
    first = FIRST_CASE_UNIT + 1_000 * list(TYPOLOGIES).index(typology)
    members = layers(typology, MEMBERS)
    hand = deal(number)
    return CasePlan(
        first + number, chain, f"case-{number}", typology, members, tuple(VICTIMS), 1, hand
    )


def cases_of(typology: str) -> list[list[Observed]]:
    plans = [case_of(typology, n, n % CHAINS) for n in range(EACH)]
    return [seen(plan, plan.deal.magnitude) for plan in plans]


def ordinary(population: str) -> list[Observed]:
    first = FIRST_ORDINARY_UNIT + 1_000 * [*ORDINARY, DEPOSIT.population].index(population)
    plans = [OrdinaryPlan(first + n, n % CHAINS, population, False, deal(n)) for n in range(EACH)]
    return [seen(plan, plan.deal.magnitude)[0] for plan in plans]


@pytest.fixture(scope="module")
def cases() -> dict[str, list[list[Observed]]]:
    """Return cases of every typology, their accounts observed."""
    return {typology: cases_of(typology) for typology in TYPOLOGIES}


def accounts_of(population: str, cases: dict[str, list[list[Observed]]]) -> list[Observed]:
    """Return played accounts of any population."""
    if population in ORDINARY or population == DEPOSIT.population:
        return ordinary(population)
    if population == HOT_WALLET.population:
        return [seen(plan)[0] for plan in EXCHANGES]
    if population == COLD_WALLET.population:
        cold = [ExchangePlan(FIRST_COLD_UNIT + n, n % CHAINS, True) for n in range(EACH)]
        return [seen(plan)[0] for plan in cold]
    everyone = [account for some in cases.values() for one in some for account in one]
    return [account for account in everyone if account.account.population == population]


EVERYBODY = (
    *ORDINARY,
    *(profile.population for profile in CRIMINAL.values()),
    *VICTIMS,
    DEPOSIT.population,
    HOT_WALLET.population,
    COLD_WALLET.population,
)


@pytest.mark.parametrize("population", EVERYBODY)
def test_a_population_does_what_its_story_says(
    population: str, cases: dict[str, list[list[Observed]]]
) -> None:
    assert population in MARKS, "a population needs a mark: what do its transfers show?"
    accounts = accounts_of(population, cases)
    assert len(accounts) >= min(EACH, len(EXCHANGES))
    for mark in MARKS[population]:
        mark.check(accounts)


def test_there_are_no_marks_of_nobody_and_every_story_is_told() -> None:
    assert set(MARKS) == set(EVERYBODY)
    assert {profile.role for profile in CRIMINAL.values()} == set(CRIMINAL_ROLES)
    profiles = [row.profile for row in ORDINARY.values()]
    profiles += [*CRIMINAL.values(), *VICTIMS.values(), DEPOSIT, HOT_WALLET, COLD_WALLET]
    assert len({profile.story for profile in profiles}) == len(profiles)
    assert all(profile.story.endswith(".") for profile in profiles)


def test_marks_tell_populations_apart() -> None:
    """An ordinary holder does not pass for anybody else."""
    holders = ordinary("holder")
    passed = []
    for population, marks in MARKS.items():
        try:
            for mark in marks:
                mark.check(holders)
            passed.append(population)
        except AssertionError:
            continue
    assert "holder" in passed
    assert set(passed) <= {"holder", "saver"}


@pytest.mark.parametrize("typology", TYPOLOGIES)
def test_a_typology_has_its_roles_and_its_shape(
    typology: str, cases: dict[str, list[list[Observed]]]
) -> None:
    assert typology in SHAPES, "a typology needs a mark: what do its members' transfers show?"
    role, mark = SHAPES[typology]
    mark.check([a for one in cases[typology] for a in of(one, role)])
    wanted = {role for layer in layers(typology, MEMBERS) for role in layer}
    for one in cases[typology]:
        criminals = [a.account for a in one if a.account.role in CRIMINAL_ROLES]
        assert {a.role for a in criminals} == wanted
        assert {a.typology for a in criminals} == {typology}
        assert len({a.account.case_id for a in one}) == 1


@pytest.mark.parametrize("typology", TYPOLOGIES)
def test_money_moves_downhill_from_layer_to_layer(
    typology: str, cases: dict[str, list[list[Observed]]]
) -> None:
    """Each layer pays the next in many cases, and seldom the one before.

    Not in all: most of what members pay goes to strangers, and not all are there at the same time.
    """
    steps = {(above[0], below[0]) for above, below in pairwise(layers(typology, MEMBERS))}
    for above, below in steps:
        down = np.mean([pays(one, above, below) for one in cases[typology]])
        assert down >= 0.2, (above, below)
        if above != below:
            assert down > np.mean([pays(one, below, above) for one in cases[typology]])


def test_typologies_are_all_described_and_their_shapes_are_their_own(
    cases: dict[str, list[list[Observed]]],
) -> None:
    """Layers alone do not make a relay or a peel chain: minutes and pairs do."""
    assert set(SHAPES) == set(TYPOLOGIES)
    for typology, other in (("relay", "peel_chain"), ("peel_chain", "relay")):
        with pytest.raises(AssertionError):
            SHAPES[typology][1].check([a for one in cases[other] for a in of(one, "mule")])


@pytest.mark.parametrize(
    "name", [name for name, prior in CASE_PRIORS.items() if prior.law == "chance"]
)
def test_a_trait_of_a_case_shows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trait = TRAITS[name]
    found = {}
    for has in (True, False):

        def drawn(rng: np.random.Generator, has: bool = has) -> Style:
            style = draw_style(rng)
            kind = bool if isinstance(getattr(style, name), bool) else float
            return replace(style, **{name: kind(has)}, **trait.among)  # type: ignore[arg-type]

        monkeypatch.setattr(case, "draw_style", drawn)
        accounts = [a for one in cases_of(trait.typology) for a in of(one, trait.role)]
        found[has] = float(np.mean([trait.measure(a) for a in accounts if len(a.came["time"])]))
    assert found[True] - found[False] >= trait.rises, found


def test_collectors_that_follow_one_another_fit_into_the_worlds_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(case, "draw_style", lambda rng: replace(draw_style(rng), rebrands=True))
    collectors = [a for one in cases_of("direct") for a in of(one, "collector")]
    begins = [a.came["time"][0] / DAY for a in collectors if len(a.came["time"])]
    assert len(begins) > 0.98 * len(collectors)
    assert np.mean(np.array(begins) > DAYS - 3) < 0.02


def test_who_bridges_with_a_case_cashes_out_on_the_other_side(
    cases: dict[str, list[list[Observed]]],
) -> None:
    doubles = [
        account
        for one in cases["swap_hop"]
        for account in of(one, "swapper")
        if identities.chain_of(account.account.node) != identities.chain_of(one[0].account.node)
    ]
    assert len(doubles) > 15
    assert np.mean([account.pays("cash_out_deposit") > 0 for account in doubles]) > 0.5
    beyond = [
        account
        for one in cases["swap_hop"]
        for account in of(one, "cash_out_deposit")
        if identities.chain_of(account.account.node) != identities.chain_of(one[0].account.node)
    ]
    swept = [account.to_exchange for account in beyond if len(account.came["time"])]
    assert len(swept) > 8
    assert np.mean(swept) > 0.9


def test_all_yes_or_no_traits_are_described() -> None:
    assert set(TRAITS) == {name for name, prior in CASE_PRIORS.items() if prior.law == "chance"}


def test_who_bridges_lives_on_at_its_own_address_in_the_same_role(
    cases: dict[str, list[list[Observed]]],
) -> None:
    doubled = 0
    for one in [one for some in cases.values() for one in some]:
        by_owner: dict[int, list[Observed]] = {}
        for account in one:
            by_owner.setdefault(identities.on_chain(account.account.node, 0), []).append(account)
        for wallets in by_owner.values():
            assert len({(a.account.role, a.account.case_id) for a in wallets}) == 1
            doubled += len(wallets) > 1 and any(a.bridged > 0 for a in wallets)
    assert doubled >= 10
