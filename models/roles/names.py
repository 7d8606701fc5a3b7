"""The names of roles, and which of them a label may teach."""

from __future__ import annotations

import polars as pl

VICTIM = "victim"

LAUNDERERS = ("collector", "consolidator", "mule", "swapper", "otc_desk", "escrow")
"""Parts in a laundering scheme: takes victims' deposits; gathers what others bring; lends a wallet;
changes coins and chains; sells coins for cash; holds deals of a guarantee marketplace."""

NOT_CLEAR = "not_clear"
"""What is answered where no part is clear enough to be told."""

MEANINGS = {
    "collector": "takes deposits from many and passes them on",
    "consolidator": "gathers what several others bring",
    "mule": "takes a payment and passes most of it on",
    "swapper": "changes coins and chains",
    "otc_desk": "takes large tickets and pays out in many small ones",
    "escrow": "holds deals for a day or two, for a fee",
    "launderer": "its part could not be learnt from the labels",
    NOT_CLEAR: "the behaviour fits more than one part, or fits none well enough to be told",
}
"""What each part does, as a page says it."""

ROLES = (VICTIM, *LAUNDERERS)
"""What the `role` of a label may say to be learnt from; other words are kept and teach nothing."""


def known_role() -> pl.Expr:
    """Return the role that a labelled row teaches, null for none.

    A victim is never a positive and a launderer never a negative: where role and label contradict
    each other, the role teaches nothing.
    """
    role, label = pl.col("role").str.strip_chars().str.to_lowercase(), pl.col("label")
    fits = ((role == VICTIM) & (label == 0)) | (role.is_in(LAUNDERERS) & (label == 1))
    return pl.when(fits).then(role)
