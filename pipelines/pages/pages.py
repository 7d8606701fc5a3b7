"""From JSON to HTML: alerts and their index, and the one way any page is rendered.

Every text passes two gates on its way into a page, wherever a template shows it: characters that
cannot be seen are shown by their code point (`pipelines.visible`), and markup is escaped (Jinja's
autoescape). Only the drawings, which escape their own text, come in as markup.
"""

from __future__ import annotations

import functools
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from data.explorers import NO_EXPLORERS, Explorers
from models import sentences
from models.slices import TOO_FEW
from pipelines.amounts import coin_of
from pipelines.pages.alert_rows import short
from pipelines.pages.alert_views import alert_views
from pipelines.pages.scale import BAND_NAMES, scale
from pipelines.pages.timeline import moment, timeline
from pipelines.visible import identifier, visible

FAMILY_NAMES = {"otc": "OTC-like flows"}
BASIS_NAMES = {
    "usd": "US dollars at transfer time",
    "native": "the chain's own coin",
    "relative": "multiples of the address's own median transfer",
}
UNIT_NAMES = {**BASIS_NAMES, "usd": "US dollars", "relative": "multiples of the median transfer"}
LEFT_OUT_NAMES = {
    "zero_value": "of zero value",
    "counterfeit_asset": "of counterfeit tokens",
    "unlisted_asset": "of unlisted tokens",
    "spoofed_sender": "with a spoofed sender",
    "self_transfer": "to itself",
    "fee": "fees",
    "nft": "of NFTs",
    "outside_legs": "outside the model's legs",
    "unpriced": "without a value in this basis",
    "no_value": "without a value in this basis",
}


def alert_page(
    alert: Mapping[str, Any],
    explorers: Explorers = NO_EXPLORERS,
    case: Mapping[str, Any] | None = None,
) -> str:
    """Render one alert.

    Parameters
    ----------
    alert
        An object that obeys ``pipelines/schemas/alert.v1.schema.json``.
    explorers
        Where its addresses and transactions can be looked up.
    case
        Its case of two alerts or more, where ``cases.html`` stands beside: `href`, and `n` alerts.

    Returns
    -------
    str
        A whole HTML document.
    """
    # The verdict of an alert is its band's opening, then what every alert says.
    opening = alert["verdict"].removesuffix(sentences.CAUTION).strip()
    return render(
        "alert.html.jinja",
        alert=alert,
        explorers=explorers,
        case=case,
        notices=alert["notices"],
        signals={c["signal"]: c for c in alert["contributions"]},
        opening=opening,
        caution=sentences.CAUTION,
        scale=scale(alert),
        timeline=timeline(alert),
        **alert_views(alert),
    )


def alert_file(alert: Mapping[str, Any]) -> str:
    """Return the file name of an alert's page."""
    return f"{alert['alert_id']}.html"


def index_page(overview: Mapping[str, Any]) -> str:
    """Render the index of a run.

    Parameters
    ----------
    overview
        `generated_by`, `as_of`, `notices`, `bundle_sha256`, `transfers_sha256`; `base_rate`,
        `basis`, `decision_use`, `n_requested`, `n_scored`; `bands` (band, or ``none``, →
        addresses); `alerts` (`rank`, `band`, `role`, `score`, `score_low`, `score_high`,
        `address`, `chain`, `last_seen`, `received`, `reason` or None, `listed`, `href`);
        `statuses` (`status`, `n`, `meaning`); `unscored` (`address`, `chain`, `status`) and
        `unscored_left_out`, how many of them are not listed.

    The page's one script sorts and filters its table. The policy in its head names the script's
    hash, so that no other can run; without it the table is whole, in the order of the ranks.
    """
    script = (_FOLDER / "index.js").read_text(encoding="utf-8")
    return render(
        "index.html.jinja",
        overview=overview,
        notices=overview["notices"],
        filters=_filters(overview["alerts"]),
        script=script,
        script_sha256=b64encode(sha256(script.encode()).digest()).decode(),
    )


def _filters(alerts: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return what a reader can choose by: the name, the words for all, and the choices with theirs.

    >>> alert = {"band": "high", "role": None, "chain": "tron", "listed": True}
    >>> for filter in _filters([alert]):
    ...     print(filter)
    ('band', 'any band', [('high', 'high')])
    ('role', 'any role', [('none', 'no role')])
    ('chain', 'any chain', [('tron', 'tron')])
    ('listed', 'listed or not', [('yes', 'on a list')])
    """
    bands = {alert["band"] for alert in alerts}
    roles = sorted({alert["role"] or "" for alert in alerts})
    chains = sorted({identifier(alert["chain"]) for alert in alerts})
    listed = {bool(alert["listed"]) for alert in alerts}
    return [
        (
            "band",
            "any band",
            [(b or "none", w) for b, w in reversed(BAND_NAMES.items()) if b in bands],
        ),
        ("role", "any role", [(r or "none", r.replace("_", " ") or "no role") for r in roles]),
        ("chain", "any chain", [(chain, chain) for chain in chains]),
        (
            "listed",
            "listed or not",
            [
                (("no", "yes")[is_on], ("on no list", "on a list")[is_on])
                for is_on in sorted(listed)
            ],
        ),
    ]


def render(template: str, **values: Any) -> str:
    """Render one of the templates beside this file, with the style sheet in it."""
    style = (_FOLDER / "style.css").read_text(encoding="utf-8")
    return _environment().get_template(template).render(style=style, **values)


_FOLDER = Path(__file__).parent
_PER_CENT = re.compile(r"(?<=[0-9]) %")


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown_whole,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(_FILTERS)
    return environment


def _shown_whole(value: Any) -> Any:
    """Make the unseen visible in every text that is not markup of our own; part no figure and %."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return _PER_CENT.sub("\N{NO-BREAK SPACE}%", visible(value))


def _moment(text: str) -> str:
    at = moment(text)
    clock = f", {at:%H:%M}" if (at.hour, at.minute, at.second) != (0, 0, 0) else ""
    return f"{sentences.day(at)}{clock} UTC"


def _one_in(rate: float) -> str:
    """Write a base rate the way people think of it.

    >>> _one_in(0.01), _one_in(0.0003), _one_in(0.4)
    ('1 in 100', '1 in 3,333', '40 %')
    """
    return sentences.shown(rate, "share") if rate > 0.2 else f"1 in {round(1 / rate):,}"


def _running(text: str) -> str:
    r"""Return text as the running head of print takes it: a CSS string that nothing can end.

    >>> _running('alert-3f'), _running('x"; } \\ </style>')
    ('alert-3f', 'x?????????style?')
    """
    return "".join(c if c.isalnum() or c in ".:+-_" else "?" for c in text)


def _standing(percentile: Mapping[str, Any]) -> str:
    """Say on which side of a population a value lies.

    >>> _standing({"n": 2412, "population": "look-alikes", "share_below": 0.97, "share_above": 0})
    'higher than 97 % of 2,412 look-alikes'
    >>> _standing({"n": 45, "population": "look-alikes", "share_below": 0, "share_above": 1.0})
    'lower than all 45 look-alikes'
    """
    below, above = percentile["share_below"], percentile["share_above"]
    side, share = ("higher", below) if below >= above else ("lower", above)
    most = "all" if share == 1 else f"{sentences.shown(share, 'share')} of"
    return f"{side} than {most} {percentile['n']:,} {percentile['population']}"


def _times(multiplier: float) -> str:
    """Write what happens to the odds.

    >>> _times(2.304), _times(0.389), _times(41.7), _times(1.0), _times(0.951)
    ('×2.3', '×0.39', '×42', '×1.0', '×0.95')
    """
    if multiplier >= 1000:
        return "over ×1,000"
    if multiplier >= 10:
        return f"×{multiplier:.0f}"
    if multiplier >= 0.995:
        return f"×{multiplier:.1f}"
    return f"×{multiplier:.2f}" if multiplier >= 0.01 else "under ×0.01"


def _signed(value: float) -> str:
    text = f"{abs(value):.2f}"
    sign = "" if text == "0.00" else ("−" if value < 0 else "+")
    return sign + text


def _amount(row: Mapping[str, Any]) -> str:
    """Write an exact amount with its symbol; unregistered assets are named by their contract."""
    whole, dot, fraction = row["amount"].partition(".")
    grouped = f"{int(whole):,}" if whole.isascii() and whole.isdigit() else whole
    fraction = fraction.rstrip("0")
    number = grouped + (dot + fraction if fraction else "")
    return f"{number} {row['symbol']}" if row["symbol"] else f"{number} base units"


def _coins(row: Mapping[str, Any], asset: Mapping[str, Any]) -> str:
    """Write the amount of a trace's row with its asset.

    >>> _coins({"amount": "1234567.5"}, {"symbol": "USDT", "asset": "0xdac1"})
    '1,234,567.5 USDT'
    """
    return f"{_grouped(row['amount'])} {_symbol(asset)}"


def _symbol(row: Mapping[str, Any]) -> str:
    """Name an asset by its registered symbol, else by its contract; what it is counted in."""
    return row["symbol"] or f"base units of {identifier(row['asset'])}"


def _grouped(amount: str) -> str:
    """Group the digits of an exact amount, and cut it to six decimals.

    >>> _grouped("-1234567.0012"), _grouped("12"), _grouped("0.00000000000012")
    ('-1,234,567.0012', '12', 'under 0.000001')
    """
    whole, _, fraction = amount.partition(".")
    if whole == "0" and fraction and not fraction[:6].strip("0"):
        return "under 0.000001"
    fraction = fraction[:6].rstrip("0")
    dot = "." if fraction else ""
    digits = whole.lstrip("-")
    if not (digits.isascii() and digits.isdigit()):
        return amount
    return whole[: len(whole) - len(digits)] + f"{int(digits):,}" + dot + fraction


def _evidence_line(evidence: Mapping[str, Any]) -> str:
    n, shown = evidence["n_rows"], evidence["shown"]
    rests = {
        "members": "It counts",
        "extremal": "It is reached by",
        "distribution": "It is computed from",
        "absence": "It rests on",
        "neighbourhood": "It rests on",
    }[evidence["kind"]]
    line = f"{rests} {n:,} {'transfer' if n == 1 else 'transfers'}"
    if 0 < shown < n:
        most = f"the {shown:,} most telling are" if shown > 1 else "the most telling one is"
        line += f"; {most} below, all are in the digest in alerts.jsonl"
    return f"{line}."


def _elsewhere_line(evidence: Mapping[str, Any]) -> str:
    n, shown = evidence["n_elsewhere"], evidence["elsewhere"]
    plural = "transfer" if n == 1 else "transfers"
    if shown[0]["of_tx_id"] is not None:
        line = f"Probable other legs on other chains: {n:,} {plural}"
        return f"{line}; those of the rows above are below." if len(shown) < n else f"{line}."
    line = f"And on {n:,} {plural} between others"
    first = f"the first {len(shown):,} {'is' if len(shown) == 1 else 'are'}"
    return f"{line}; {first} below." if len(shown) < n else f"{line}."


def _overview_line(overview: Mapping[str, Any]) -> str:
    n, scored = overview["n_requested"], overview["n_scored"]
    bands = overview["bands"]
    review = sum(n for band, n in bands.items() if band not in ("below_review", "none"))
    requested = f"{n:,} address" + ("" if n == 1 else "es")
    if bands.get("none"):
        return (
            f"Of {requested}, {scored:,} could be scored; too few reference addresses are known "
            "to say which of them call for review."
        )
    verb = "resembles" if review == 1 else "resemble"
    return (
        f"Of {requested}, {scored:,} could be scored; {review:,} of them {verb} "
        "pig-butchering laundering closely enough for review."
    )


def _dollars(value: float) -> str:
    return f"${value:,.2f}"


def _value(value: float, unit: str, alert: Mapping[str, Any]) -> str:
    return sentences.shown(value, unit, alert["history"]["basis"], coin_of(alert["chain"]))


def _named(names: Mapping[str, str]) -> Callable[[str], str]:
    return lambda key: names.get(key, key.replace("_", " "))


def _family_name(family: str) -> str:
    return FAMILY_NAMES.get(family, family.replace("_", " ").capitalize())


def _by_kind(slices: list[dict[str, Any]]) -> list[tuple[str, list[Any], list[Any]]]:
    """Put slices of one kind together: those that say something, and those too small to.

    >>> [(by, large, small)] = _by_kind([{"by": "age", "n": 3, "says": TOO_FEW}])
    >>> by, len(large), len(small)
    ('age', 0, 1)
    """
    kinds = dict.fromkeys(one["by"] for one in slices)
    of = {by: [one for one in slices if one["by"] == by] for by in kinds}
    return [
        (by, [s for s in some if s["says"] != TOO_FEW], [s for s in some if s["says"] == TOO_FEW])
        for by, some in of.items()
    ]


_FILTERS: dict[str, Callable[..., Any]] = {
    "amount": _amount,
    "by_kind": _by_kind,
    "band_name": lambda band: BAND_NAMES[band],
    "basis_name": _named(BASIS_NAMES),
    "coins": _coins,
    "clock": lambda text: f"{moment(text):%Y-%m-%d %H:%M:%S}",
    "dated": lambda date: f" ({date})" if date else "",
    "date": lambda text: f"{moment(text):%Y-%m-%d}",
    "days": lambda n: "1 day" if n == 1 else f"{n} days",
    "dollars": _dollars,
    "elsewhere_line": _elsewhere_line,
    "evidence_line": _evidence_line,
    "family_name": _family_name,
    "grouped": _grouped,
    "identifier": identifier,
    "left_out_name": _named(LEFT_OUT_NAMES),
    "moment": _moment,
    "one_in": _one_in,
    "overview_line": _overview_line,
    "plain": _named({}),
    "running": _running,
    "seconds": lambda text: int(moment(text).timestamp()),
    "short": short,
    "shown": sentences.shown,
    "signed": _signed,
    "standing": _standing,
    "symbol": _symbol,
    "times": _times,
    "unit_name": _named(UNIT_NAMES),
    "value": _value,
}
