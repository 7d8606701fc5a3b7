"""The page for those who warn and help victims. It judges nobody, and nobody is scored on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.pages.pages import render
from pipelines.pages.tables import money, span


def outreach_page(report: Mapping[str, Any]) -> str:
    """Render the outreach list.

    Parameters
    ----------
    report
        `generated_by`, `as_of`, `notices`, `decision_use`, `bundle_sha256`, `transfers_sha256`;
        `n` addresses in all and `n_paid`, those of them that paid an address with an alert;
        `victims`, the first of them, as `pipelines.alerting.outreach` has them.

    Returns
    -------
    str
        A whole HTML document. It links to no explorer: who a victim is, is nobody else's business.
    """
    return render(
        "outreach.html.jinja",
        report=report,
        notices=report["notices"],
        dealt=[one for one in report["victims"] if one["paid"]["n"] or one["back"]["n"]],
        others=[one for one in report["victims"] if not one["paid"]["n"] + one["back"]["n"]],
        headline=headline(report["n"]),
        money=money,
        span=span,
    )


def headline(n: int) -> str:
    """Say how many there are.

    >>> headline(0)
    'No address was set apart as perhaps a victim’s.'
    >>> headline(1), headline(1200)
    ('One address may belong to a victim.', '1,200 addresses may belong to victims.')
    """
    if n == 0:
        return "No address was set apart as perhaps a victim’s."
    return (
        "One address may belong to a victim."
        if n == 1
        else f"{n:,} addresses may belong to victims."
    )
