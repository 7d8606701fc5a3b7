"""The model card: for whom, from what, how good, and what it must not be used for.

Generated from the bundle's own facts and evaluation, so that it cannot promise more than they hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from models.association import MOST
from models.facts import BundleFacts
from models.markdown import code, counted_share
from models.roles.clearness import MOST_WRONG
from models.roles.settling import RoleFacts

_BASIS = {
    "synthetic": "simulated addresses with known roles; none of them is real",
    "research": "public research labels that nobody reviewed for this purpose",
    "reviewed": "labels that the user reviewed",
}

_METRICS = {
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "recall_at_fpr_0.01": "recall at 1 % false positives",
    "recall_at_fpr_0.001": "recall at 0.1 % false positives",
    "precision_at_100": "precision in the top 100",
    "brier": "Brier score",
    "expected_calibration_error": "calibration error",
}


def model_card(facts: BundleFacts, evaluation: Mapping[str, Any]) -> str:
    """Write the card as Markdown.

    Parameters
    ----------
    facts
        The bundle's facts.
    evaluation
        The content of `evaluation.json`.
    """
    sections = (
        _purpose(facts),
        _data(facts),
        _audit(facts),
        _performance(evaluation),
        _bands(facts),
        _roles(facts, evaluation),
        _populations(evaluation),
        _limits(facts),
    )
    return "\n\n".join(sections) + "\n"


def _roles(facts: BundleFacts, evaluation: Mapping[str, Any]) -> str:
    title = "## Victims and roles\n\n"
    if facts.roles is None:
        return title + (
            "The labels name too few victims, or too few launderers, to learn who is a victim. "
            "A rule of thumb stands in, which finds few of them: expect victims among the suspects."
        )
    learnt = ", ".join(f"{n:,} {name}" for name, n in facts.roles.counts.items())
    told = title + (
        f"Learnt from {learnt} (labelled rows of train and validation). An address whose score "
        "reaches a band is presented only where victim is not supported: log odds of victim "
        f"against launderer below {facts.roles.ruled_out_below:.2f}, set on "
        f"{facts.roles.n_victims:,} labelled victims that the trees did not see."
    )
    told += f"\n\n{_parts(facts.roles)}"
    measured = evaluation.get("roles")
    if measured is None or not measured["victims"]["n"]:
        return told + "\n\nThere are no labelled victims in test to measure it on."
    victims, cost = measured["victims"], measured["cost"]["medium"]
    return told + (
        f"\n\nIn test, of {victims['n']:,} labelled victims {victims['presented']:,} are "
        f"presented as suspects ({victims['presented_without']:,} without the role model; "
        f"one-sided 95 % upper limit of the share {victims['upper']:.1%}), and of "
        f"{cost['n']:,} launderers whose score reaches a band {cost['kept']:,} still are "
        f"[{cost['low']:.0%}, {cost['high']:.0%}]."
    )


def _parts(roles: RoleFacts) -> str:
    """Say which parts in the scheme are told, and how often they were right."""
    if not roles.told_from:
        return "The labels name too few parts of launderers to tell one."
    lines = ["| part | told from a chance of | launderers told so | who had that part |"]
    lines += ["|---|---|---:|---|"]
    for name, limit in roles.told_from.items():
        counts = roles.told.get(name, {})
        n = sum(counts.values())
        shown = "never" if limit is None else f"{limit:.0%}"
        share = counted_share(counts.get(name, 0), n)
        lines.append(f"| {name.replace('_', ' ')} | {shown} | {n:,} | {share} |")
    unclear = sum(sum(counts.values()) for counts in roles.unclear.values())
    return (
        "Which part in the scheme a suspect plays is told only from a chance on that is proven on "
        f"labelled launderers whom the trees did not see: at most {MOST_WRONG:.0%} of those told "
        f"play another. Of the others ({unclear:,} of those launderers) the part is said not to be "
        "clear.\n\n" + "\n".join(lines)
    )


def _purpose(facts: BundleFacts) -> str:
    decisions = (
        "Decisions may rest on it (`decision_use` is true), each reviewed by a person."
        if facts.decision_use
        else "**Not for decisions** (`decision_use` is false): on real transfers it runs only with "
        "`--research-use`, and every row it writes says so."
    )
    return (
        "# Model card\n\n"
        "Scores blockchain addresses for behaviour that resembles pig-butchering (romance-baiting) "
        "laundering: collectors, consolidators, mules, swappers, criminal OTC desks, escrow. "
        f"A score is a resemblance, not a finding about a person.\n\n{decisions}\n\n"
        "A score is the probability of such an address, given its transfers before `as_of`, at a "
        f"base rate of {facts.calibration.base_rate:.4g}. Where the true share of such addresses "
        "differs, the probability is off by that much; the order of addresses is not."
    )


def _data(facts: BundleFacts) -> str:
    told, calibration = facts.training, facts.calibration
    inverted = (
        "\n- **Warning:** validation ranked the wrong way round; the calibration's slope stands "
        "at its floor and the scores tell next to nothing."
        if calibration.slope <= 0.01
        else ""
    )
    return (
        "## Training\n\n"
        f"- Labels: {facts.training_basis}: {_BASIS[facts.training_basis]}.\n"
        f"- Where they are from: {_labels_from(told.get('labels_from'))}\n"
        f"- Trained on {told['n']:,} addresses, {told['n_positive']:,} of them positive, up to "
        f"{facts.population.date}; split {told['split']}.\n"
        f"- {_unlabelled(told)}\n"
        f"- {told['n_known_too_late']:,} labels became known only after the next split began and "
        f"were {'kept, as the split was given' if 'given' in told['split'] else 'left out'}.\n"
        f"- {len(facts.signals)} signals, value basis `{facts.basis}`, legs "
        f"`{','.join(facts.legs)}`, at least {facts.min_transfers} transfers.\n"
        f"{_search(told.get('search'))}"
        f"- LightGBM, {told['rounds']} trees, seed {told['seed']}; calibrated log-odds = "
        f"{calibration.slope:.4g} x raw {calibration.intercept:+.4g} "
        f"{calibration.prior_shift:+.4g}.{inverted}\n"
        f"- {_association(facts)}"
    )


def _labels_from(told: Mapping[str, Any] | None) -> str:
    if told is None:
        return "**not recorded**."
    named = [_source(record["source"], record) for record in told["sources"]]
    further = told["further"]
    if further["sources"]:
        named.append(_source(f"{further['sources']:,} more", further))
    return "; ".join(named) + "."


def _source(name: str | None, counted: Mapping[str, Any]) -> str:
    shown = "not stated" if name is None else code(name)
    return f"{shown} ({counted['n']:,}, {counted['n_positive']:,} positive)"


def _unlabelled(told: Mapping[str, Any]) -> str:
    n, used = told["n_unlabelled"], told["unlabelled"]
    if not used["n"]:
        return (
            f"{n:,} unlabelled addresses were not used: unlabelled is not benign, and this model "
            "learned nothing from them."
        )
    if used["method"] == "negative":
        return (
            f"{used['n']:,} of {n:,} unlabelled addresses were taken for negatives. Some of them "
            "are not: the model was taught that they are harmless."
        )
    return (
        f"{used['n']:,} of {n:,} unlabelled addresses count as both, by their chance to be "
        f"positive (Elkan and Noto; {used['labelled_share']:.0%} of positives taken to be "
        f"labelled, {used['expected_positives']:,.1f} positives expected among them). That holds "
        "if positives are labelled at random, which they never quite are."
    )


def _search(told: Mapping[str, Any] | None) -> str:
    if told is None:
        return "- Parameters: the defaults of this version; nothing was searched.\n"
    return (
        f"- Parameters: the best of {told['trials']:,} trials ({told['pruned']:,} pruned), by "
        f"{told['judged_by']}: {told['loss_of_best']:.4f}, with the defaults "
        f"{told['loss_of_defaults']:.4f}.\n"
    )


def _association(facts: BundleFacts) -> str:
    exposure = facts.training["exposure"]
    if not exposure:
        return "Behaviour only: no input rests on what others are or do."
    bound = math.exp(facts.calibration.slope * MOST)
    return (
        f"{len(exposure)} inputs rest on what others are or do. Their trees stand apart, and all "
        f"together they multiply the odds by {bound:.2g} at most, against the average training row."
    )


def _audit(facts: BundleFacts) -> str:
    found = facts.training.get("audit")
    if found is None:
        return "## Leakage audit\n\n**Not audited**: this bundle is from before there was an audit."
    verdict = {
        "clean": f"{len(found['ran'])} checks looked for ways in which the labels tell what a "
        "model could not know. None found any that blocks.",
        "accepted": "**The labels leak, and whoever trained the model accepted it**: its figures "
        "promise more than they hold, in the ways told here.",
    }[found["verdict"]]
    told = [
        f"- `{f['kind']}`{', accepted' if f['allowed'] else ''}: {f['what']} {f['how_bad']}"
        for f in found["findings"]
    ]
    told += [f"- Not checked, `{kind}`: {why}." for kind, why in found["not_run"].items()]
    return "\n\n".join(["## Leakage audit", verdict, *(["\n".join(told)] if told else [])])


def _performance(evaluation: Mapping[str, Any]) -> str:
    splits = [name for name in evaluation["splits"] if name != "train"]
    head = "| | " + " | ".join(splits) + " |\n|---|" + "---|" * len(splits)
    counts = [
        ("addresses", "n", "{:,}"),
        ("positive", "n_positive", "{:,}"),
        ("prevalence", "prevalence", "{:.3f}"),
    ]
    rows = [
        f"| {words} | " + " | ".join(_count(evaluation, s, key, form) for s in splits) + " |"
        for words, key, form in counts
    ]
    rows += [
        f"| {words} | " + " | ".join(_metric(evaluation, s, key) for s in splits) + " |"
        for key, words in _METRICS.items()
    ]
    note = (
        "Intervals: 95 %, bootstrap over groups (cases). A dash: too few addresses to tell. "
        "PR-AUC depends on the prevalence above it."
    )
    if any(evaluation["splits"][name].get("weighted") for name in splits):
        note += (
            " Weighted: a row counts weight / selection_probability, so that rates are those of "
            "all the addresses the rows were chosen from."
        )
    table = "\n".join([head, *rows])
    return "\n\n".join(["## Performance", table, note, *_rivals(evaluation)])


def _rivals(evaluation: Mapping[str, Any]) -> list[str]:
    """Say how simpler models do on the same rows of test, where that could be measured."""
    told = evaluation.get("rivals")
    if not told:
        return []
    lines = ["| on test | PR-AUC | this model is better by |", "|---|---|---|"]
    for name, found in told["rivals"].items():
        m = found["pr_auc"]
        lines.append(
            f"| {name.replace('_', ' ')} | {m['rival']:.3f} | {m['difference']:+.3f} "
            f"[{m['low']:+.3f}, {m['high']:+.3f}] |"
        )
    return [f"### Simpler models\n\n{told['verdict']}", "\n".join(lines)]


def _count(evaluation: Mapping[str, Any], split: str, key: str, form: str) -> str:
    value = evaluation["splits"][split][key]
    return "–" if value is None else form.format(value)


def _metric(evaluation: Mapping[str, Any], split: str, key: str) -> str:
    found = evaluation["splits"][split][key]
    if found is None:
        return "–"
    limits = [found["low"], found["high"]]
    shown = "" if None in limits else f" [{limits[0]:.3f}, {limits[1]:.3f}]"
    return f"{found['value']:.3f}{shown}"


def _bands(facts: BundleFacts) -> str:
    counted = facts.threshold_population
    lines = [
        f"- `{band}`: "
        + (
            f"not given out; {counted.n:,} negatives cannot show a rate of {rate:.1%}"
            if facts.thresholds[band] is None
            else f"from log-odds {facts.thresholds[band]:.4g}; at most {rate:.1%} of them reach it"
        )
        for band, rate in counted.rates.items()
    ]
    return (
        "## Bands\n\n"
        f"By false-positive rate on the {counted.n:,} {counted.name} (up to {counted.date}). On "
        "another population the rates are others.\n\n" + "\n".join(lines)
    )


def _populations(evaluation: Mapping[str, Any]) -> str:
    split = evaluation["splits"].get("test") or {}
    found = split.get("populations") or {}
    if not found:
        return "## Populations\n\nThe labels name no populations to tell apart."
    lines = ["| population (test) | addresses | positive | reach `medium` |", "|---|---|---|---|"]
    for name, facts in found.items():
        medium = facts["flagged"].get("medium")
        share = (
            "–"
            if medium is None
            else f"{medium['value']:.1%} [{medium['low']:.1%}, {medium['high']:.1%}]"
        )
        lines.append(
            f"| {code(name, in_table=True)} | {facts['n']:,} | {facts['n_positive']:,} | {share} |"
        )
    return "## Populations\n\n" + "\n".join(lines)


def _limits(facts: BundleFacts) -> str:
    world = (
        "- It learned from a simulation: it knows what the simulation shows and nothing else. How "
        "well that carries over to real wallets is not known from these figures.\n"
        if facts.training_basis == "synthetic"
        else ""
    )
    return (
        "## Limits\n\n" + world + "- It sees behaviour in the transfers supplied, not identity, "
        "intent, or what happens off these chains.\n"
        "- It knows one typology. The lowest band, `below_review`, means below review for this "
        "typology only, never clean; an address without a score is not clean either.\n"
        "- Legitimate services can behave alike: look at the populations above and the reasons.\n"
        "- Whoever knows the signals can pad, split and delay to evade them.\n"
        "- Victims are kept out of the scores by a simple rule that can miss them.\n"
        "- The probability is right at the stated base rate and for addresses like those of "
        "validation; both change over time."
    )
