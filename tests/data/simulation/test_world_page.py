"""The pages about the world say what the code does, and their pictures can be drawn from it."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.case_flows import EXCHANGE, CaseFlows, telling_case
from benchmarks.case_picture import draw
from benchmarks.world_tables import half_between, populations_table, priors_page
from data.simulation.identities import CHAINS
from data.simulation.layering import TYPOLOGIES
from data.simulation.ordinary import LOOKALIKES, ORDINARY
from data.simulation.plan import PREVALENCE
from data.simulation.populations import CRIMINAL, VICTIMS
from data.simulation.prior import Prior
from data.simulation.world import LARGEST_WORLD, build
from tests.unwatched import unwatched

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "world.md").read_text(encoding="utf-8")
PICTURES = ("case.svg", "realism.svg")


@pytest.fixture(scope="module")
def case() -> CaseFlows:
    """A case of a small world."""
    with unwatched():
        found = telling_case(build(seed=6, addresses=1_500, prevalence=0.2), seed=6)
    assert found is not None
    return found


def test_the_priors_page_is_what_the_code_says() -> None:
    command = "python -m benchmarks.world_tables priors > docs/world-priors.md"
    written = (DOCS / "world-priors.md").read_text(encoding="utf-8")
    assert written == priors_page(), f"run: {command}"


def test_the_page_lists_every_ordinary_population() -> None:
    command = "python -m benchmarks.world_tables populations"
    assert populations_table() in PAGE, f"paste into docs/world.md: {command}"


def test_the_table_of_populations_is_complete() -> None:
    rows = populations_table().splitlines()[2:]
    named = {row.split("`")[1]: row for row in rows}
    assert set(named) - set(ORDINARY) == {
        "exchange_deposit",
        "exchange_hot_wallet",
        "exchange_cold_wallet",
    }
    assert {name for name, row in named.items() if "| yes |" in row} == set(LOOKALIKES)
    shares = [float(row.rsplit("|", 2)[1].strip(" %")) for row in rows]
    assert sum(shares) == pytest.approx(100, abs=1)
    assert shares == sorted(shares, reverse=True)


def test_typologies_stand_with_their_shares() -> None:
    rows = re.findall(r"^\| `(\w+)` \|[^|]+\| (\d+)% \|$", PAGE, flags=re.MULTILINE)
    assert dict(rows) == {name: f"{share:.0%}".rstrip("%") for name, share in TYPOLOGIES.items()}


def test_criminal_roles_and_victims_stand_with_their_stories() -> None:
    for role, profile in CRIMINAL.items():
        assert f"| `{role}` | {profile.story} |" in PAGE
    for population in VICTIMS:
        assert f"`{population}`" in PAGE


def test_what_the_page_says_of_size_is_so() -> None:
    assert f"{LARGEST_WORLD:,} accounts" in PAGE
    assert PREVALENCE == 0.01 and "one account in a hundred is criminal" in PAGE
    assert CHAINS == ("ethereum", "tron", "bsc", "arbitrum")
    assert "Ethereum, Tron, BSC and Arbitrum" in PAGE


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_small_named_and_loads_nothing(name: str) -> None:
    image = DOCS / "images" / name
    assert f"](images/{name})" in PAGE
    assert image.stat().st_size < 200_000
    root = ElementTree.parse(image).getroot()
    assert root.find("{http://www.w3.org/2000/svg}title") is not None
    assert "href" not in image.read_text(encoding="utf-8")


@pytest.mark.unwatched
def test_a_case_is_drawn_alike_twice(case: CaseFlows) -> None:
    again = telling_case(build(seed=6, addresses=1_500, prevalence=0.2), seed=6)
    assert again is not None
    assert draw(again) == draw(case)


def test_a_picture_shows_every_account_of_the_case(case: CaseFlows) -> None:
    text = draw(case)
    ElementTree.fromstring(text)
    moved = {*case.flows["source"], *case.flows["target"]}
    for name in set(case.roles) & moved:
        assert name.partition(":")[2][:6] in text


def test_a_way_leads_from_a_payer_to_an_exchange_and_never_grows(case: CaseFlows) -> None:
    assert case.way and case.way[-1].target == EXCHANGE
    for before, after in pairwise(case.way):
        assert before.target == after.source
        assert before.time <= after.time
        assert before.micros >= after.micros


@pytest.mark.parametrize(
    "law, numbers, said",
    [
        ("uniform", (0.0, 4.0), "1 to 3"),
        ("loguniform", (1.0, 16.0), "2 to 8"),
        ("lognormal", (10.0, 1e-9), "10 to 10"),
        ("beta", (1.0, 1.0), "0.25 to 0.75"),
        ("chance", (0.004,), "yes: 0.4 %"),
        ("exponential", (1.0,), "0.29 to 1.4"),
    ],
)
def test_half_of_the_draws(law: str, numbers: tuple[float, ...], said: str) -> None:
    assert half_between(Prior("any", "", law, numbers, "", "")) == said
