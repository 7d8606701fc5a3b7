"""Which questions were asked before a score is shown: of the victim, of the parts, of the rule.

One reading of a page must not happen: that a part which the model cannot name has been excluded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.bands import LOWEST
from models.bundle import Bundle
from models.deposit_address import proven
from models.roles import LAUNDERERS
from models.saying import count, listed, share, tell, whole
from models.sentences import Sentence
from pipelines.tracing.spoken import spoken

PART_NAMES = {part: part.replace("otc_desk", "OTC desk") for part in LAUNDERERS}
"""Parts as sentences write them."""


def questions(bundle: Bundle, row: Mapping[str, Any], deposit: bool | None) -> dict[str, Any]:
    """Say how the question of the victim was asked and answered, and which parts could come out.

    Parameters
    ----------
    bundle
        The model.
    row
        Of the scores, of status ``scored``.
    deposit
        Whether it looks like an exchange's deposit address by the rule (`models.deposit_address`);
        None where that cannot be asked.
    """
    limits = {} if bundle.roles is None else bundle.roles.facts.told_from
    known = [] if bundle.roles is None else list(bundle.roles.facts.parts)
    never = [part for part in known if part in LAUNDERERS and limits[part] is None]
    answer = _victim(row, has_roles=bundle.roles is not None)
    return {
        "victim": {"answer": answer, **spoken(tell(_VICTIM_WORDS[answer]))},
        "parts": {
            "known": [part for part in known if part in LAUNDERERS],
            "never_told": never,
            "unknown": [part for part in LAUNDERERS if part not in known],
            **spoken(_parts(known, never)),
        },
        "exchange_deposit": {
            "by_rule": deposit,
            "proven": proven() if deposit else None,
            **spoken(_by_rule(deposit)),
        },
    }


def _victim(row: Mapping[str, Any], *, has_roles: bool) -> str:
    if not has_roles:
        return "rule_only"
    if row["band"] in (LOWEST, None):
        return "not_likeliest"
    return "list_decides" if row["role"] is None else "not_supported"


_VICTIM_WORDS = {
    "not_supported": "Whether it is a victim’s wallet was asked first; the data do not support it.",
    "not_likeliest": "Whether it is a victim’s wallet was asked: of victim, launderer and neither, "
    "victim is not the likeliest. The stricter test for victims is made of scores that call for "
    "review only.",
    "list_decides": "Whether it is a victim’s wallet was asked; its behaviour may be a victim’s "
    "too, but it stands on a list, and the list decides.",
    "rule_only": "Whether it is a victim’s wallet cannot be asked of this model, which knows no "
    "roles; a rule of thumb, which misses most victims, does not hold here.",
}


_DEPOSIT_NOT_LEARNT = (
    "That of an exchange’s deposit address is no part that can be learnt: labels count such "
    "addresses among those that do not launder."
)
_DEPOSIT_WORDS = {
    True: "By rule it looks like an exchange’s deposit address, whatever part is told: nearly all "
    "that it sent went to known addresses of exchanges. Of {n} on synthetic worlds that look so, "
    "{right} are one (95 % interval: {low} to {high}), the others cold wallets of exchanges; there "
    "hardly anybody else pays a known wallet of an exchange.",
    False: f"{_DEPOSIT_NOT_LEARNT} The rule for one, which needs to know the exchanges that it "
    "pays, does not hold here.",
    None: f"{_DEPOSIT_NOT_LEARNT} The rule for one cannot be asked here.",
}


def _by_rule(deposit: bool | None) -> Sentence:
    """Say whether it looks like a deposit address and, if so, how often that was right."""
    was = proven()
    return tell(
        _DEPOSIT_WORDS[deposit],
        n=count(int(was["n"]), "address", "addresses"), right=whole(int(was["right"])),
        low=share(was["low"]), high=share(was["high"]),
    )  # fmt: skip


def _parts(known: list[str], never: list[str]) -> Sentence:
    """Say which parts could come out, and which could not."""
    learnt = [PART_NAMES[part] for part in known if part in LAUNDERERS]
    missing = [name for part, name in PART_NAMES.items() if part not in known]
    if not learnt:
        why = "no part was labelled often enough" if known else "this model knows no roles"
        return tell(f"Which part it plays cannot be asked: {why}.")
    clear = [PART_NAMES[part] for part in known if part in LAUNDERERS and part not in never]
    said = [f"Where it is clear, the model tells {listed(clear)}"] if clear else []
    if never:
        weak = listed([PART_NAMES[part] for part in never])
        said.append(f"{weak} it never tells, because it is not right often enough")
    if missing:
        said.append(f"{listed(missing)} it cannot name")
    together = "; ".join(said)
    return tell(f"{together[0].upper()}{together[1:]}.")
