"""The texts of a SAR package: a draft narrative, and what to do before anybody files it.

The narrative answers who, what, when, where, why and how, as FinCEN's guidance on narratives asks
(FIN-2003-G002, second-hand: it was not read at its source). It is plain paragraphs, because tables
belong into the attachment. Where only a human knows, there is a placeholder in brackets.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.casework.case_wording import days_told
from pipelines.casework.sar_facts import Statement, name_of

MARK = "DRAFT, MADE BY A PROGRAM. NOT REVIEWED, NOT FILED."
SYNTHETIC = "INVENTED TRANSFERS: AN EXERCISE. NEVER FILE THIS."
LARGEST_ATTACHMENT = 1_000_000


def narrative(told: Statement, *, first: str, last: str, synthetic: bool) -> str:
    """Write the draft narrative.

    Parameters
    ----------
    first, last
        Moments of the first and the last transfer, as ISO text.
    synthetic
        Whether the transfers are invented.
    """
    days = [days_told({"first": at, "last": at}) for at in (first, last)]
    n = len(told.case.members)
    chains = ", ".join(sorted({chain for chain, _ in told.case.members}))
    blocks = [
        [_marks(synthetic)],
        [
            f"[Name of the filing institution] reports transfers of virtual currency by {n:,} "
            f"{'address' if n == 1 else 'addresses'} from {days[0]} to {days[1]}. F1, F2 and so on "
            "number the facts; the appendix names the transactions behind each."
        ],
        ["WHO", *_who(told)],
        [
            "WHAT",
            *_facts(told, "total"),
            "Dollars are those of the time of each transfer. [Products and services involved.]",
        ],
        [
            "WHEN",
            f"The first transfer is of {days[0]}, the last of {days[1]}. [Date on which the "
            "institution detected the activity.] [Dates of contact with the customer.]",
        ],
        [
            "WHERE",
            f"The transfers are on these chains: {chains}.",
            *_facts(told, "service"),
            "[Branch or office.] [Jurisdictions and internet addresses of the persons involved.]",
        ],
        [
            "WHY",
            "[Say in the institution's own words why the activity is suspicious for this customer: "
            "what was expected, what was asked, what was answered.]",
            *_opened("The transactions show:", _facts(told, "why")),
        ],
        [
            "HOW",
            *_facts(told, "link"),
            *_opened("The largest single transfers:", _facts(told, "largest")),
            "[How the activity came about, as far as the institution knows.]",
        ],
        ["POSSIBLE VICTIMS", *_victims(told)],
        [
            "[What the institution did: account restrictions, outreach, earlier reports.] [Law "
            "enforcement contacted, by whom and when.]"
        ],
        [_marks(synthetic)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def checklist(told: Statement, *, appendix_bytes: int, synthetic: bool) -> str:
    """Write what a person settles before anything is filed."""
    large = appendix_bytes > LARGEST_ATTACHMENT
    size = (
        f"evidence.csv has {appendix_bytes:,} bytes. A FinCEN SAR takes one CSV file of at most "
        "one megabyte (second-hand), so "
        + ("it must be cut to the facts you keep." if large else "it fits.")
    )
    lines = [
        _marks(synthetic),
        "",
        "BEFORE YOU FILE",
        "",
        "1. Decide. A program drafted this from transfers. Whether there is anything to report is "
        "for a person who knows the customer.",
        "2. Check every fact you keep against the chain: evidence.csv names each transaction, and "
        "its column facts says which facts it supports.",
        "3. Fill in every [placeholder], or take it out.",
        "4. Hear the other side. These facts set the addresses apart from those known for "
        "laundering; ask what else they may mean:",
        *_listed(told.against, "None stood out, which is no evidence of guilt."),
        "   Traders, payment processors, payrolls, over-the-counter desks and deposit addresses of "
        "exchanges can look alike.",
        "5. Keep people apart. Subjects are the alerted addresses alone. Those by association only "
        "and possible victims are no subjects: do not enter them as such.",
        "6. Key terms. None was chosen; whether one applies is for you to consider.",
        "   - Consider whether FIN-2023-PIGBUTCHERING applies. FinCEN's alert FIN-2023-Alert005 "
        "(8 September 2023) asks for it in field 2 and in the narrative, and for the description "
        '"Pig Butchering" in field 34(z), where the activity is that of the alert.',
        "   - Consider whether CMLN-2025-A003 applies. FinCEN's advisory FIN-2025-A003 (28 August "
        "2025) asks for it in field 2 and in the narrative where the filer suspects a network of "
        "the advisory. Nothing in this package bears on that: transfers do not show who is behind "
        "them, and neither do the hours at which they were made.",
        "   Both were read second-hand. Read the documents themselves before you use a term.",
        f"7. Attachment. {size}",
        "8. Secrecy. A SAR, and whatever reveals that there is one, is confidential (31 U.S.C. "
        "5318(g)(2), second-hand). Hand this folder to nobody without asking who may have it.",
        *_warnings(told),
        *(["Lists name these subjects:", *_listed(told.listed, "")] if told.listed else []),
    ]
    return "\n".join(lines) + "\n"


def readme(case_id: str, *, n_rows: int, synthetic: bool) -> str:
    """Write what the folder holds, and how to verify it."""
    return "\n".join(
        [
            _marks(synthetic),
            "",
            f"Package of {case_id}, for a human to review.",
            "",
            "  narrative.txt       the draft narrative",
            "  before-you-file.txt what a person has to settle first",
            f"  evidence.csv        the appendix: {n_rows:,} transactions, and their facts",
            "  evidence.json       the same, with facts, totals and exact amounts, for machines",
            "  SHA256SUMS          the hash of every other file",
            "",
            "To verify that nothing was changed, in this folder:",
            "",
            "  sha256sum -c SHA256SUMS",
            "",
            "(On macOS: shasum -a 256 -c SHA256SUMS.) That says the files belong together. That "
            "they are",
            "the ones that were sent, the sender says by telling you the hash of SHA256SUMS on "
            "another way:",
            "",
            "  sha256sum SHA256SUMS",
            "",
            "Every transaction can be looked up on its public chain by its id. Cells of the CSV "
            "that a",
            "spreadsheet could run as a formula begin with an apostrophe; evidence.json has them "
            "raw.",
            "",
        ]
    )


def _marks(synthetic: bool) -> str:
    return f"{MARK} {SYNTHETIC}" if synthetic else MARK


def _facts(told: Statement, part: str) -> list[str]:
    return [f"F{fact.number}. {fact.text}" for fact in told.facts if fact.part == part]


def _opened(opening: str, lines: list[str]) -> list[str]:
    return [opening, *lines] if lines else []


def _named(told: Statement, letter: str) -> list[str]:
    return [f"{label}: {name_of(key)}" for label, key in told.labelled(letter)]


def _who(told: Statement) -> list[str]:
    return [
        "Subjects:",
        *_named(told, "S"),
        "[For each: name, account number, and relation to the institution of the customer who "
        "holds it, or that the holder is not known.]",
        *_opened(
            "By association only, and no subjects (they stand between subjects in the facts "
            "below):",
            _named(told, "A"),
        ),
    ]


def _victims(told: Statement) -> list[str]:
    known = "[Victims known to the institution, and what they reported.]"
    named = _named(told, "V")
    if not named:
        return [known]
    opening = "By their transfers these may be addresses of victims. They are no subjects."
    return [opening, *named, *_facts(told, "victim"), known]


def _listed(texts: tuple[str, ...], none: str) -> Iterator[str]:
    yield from (f"   - {text}" for text in texts)
    if not texts:
        yield f"   {none}"


def _warnings(told: Statement) -> Iterator[str]:
    """Name published warnings of behaviour like the facts'; none of them is quoted."""
    cited: dict[tuple[str, str], list[int]] = {}
    for fact in told.facts:
        for flag in fact.flags:
            cited.setdefault(flag, []).append(fact.number)
    if not cited:
        return
    yield (
        "Published warnings of behaviour like some of the facts. A warning proves nothing, and "
        "most were read second-hand: read the source before you cite it."
    )
    for (name, source), numbers in sorted(cited.items(), key=lambda item: item[1]):
        facts = ", ".join(f"F{n}" for n in numbers)
        yield f"   - {name} ({facts}): {source}"
