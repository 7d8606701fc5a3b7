"""The two windows that `monitor` compares: the list as it stands, and a reference.

**The reference is a list of its own** where one is given: what was asked then, at the moments of
then. An address that stands on both lists is looked at in one of them only.

**Otherwise it is the same list at an earlier moment.** An address that had a history then would
stand on both sides and be compared with itself; so half of these addresses, chosen by a hash of
the address alone, are looked at as they were then, the other half as they are now, and those that
came later as they are now. Addresses that vanished from the list in between are not seen.

The moment is 52 weeks earlier, the same season and the same day of the week, unless that leaves
fewer than half of the pairs of equal age that 4 weeks earlier leaves: then the store does not
reach back far enough, and it is 4 weeks. Which it was is always said. The choice looks at ages
alone, never at what it compares.

Either way an address counts once, on whichever chain and at whichever moment its hash picks, and of
addresses that pay one another one is looked at (`pipelines.labelling.witnesses`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from data.errors import Refused
from data.schema import TIME
from models.drift import Pairing, Side
from models.drift_questions import AGE, ORDER
from pipelines.inputs import Asked, read_requests
from pipelines.labelling.witnesses import lot, witnesses
from pipelines.score import Scored, score_asked

SEASON, FALLBACK = timedelta(weeks=52), timedelta(weeks=4)

FEW_ON_BOTH = 0.05
"""Where a larger share stands on both lists, their ages are not compared."""

EARLIER_LIST, SAME_LIST = "another list", "the same list, earlier"

_KEY = ["chain", "address", "as_of"]


@dataclass(frozen=True)
class Window:
    """One side of the comparison.

    Attributes
    ----------
    rows : polars.DataFrame
        Signals and scores with `AGE` and `ORDER`, one row per address that is looked at.
    n_asked : int
        Rows of its list.
    earliest, latest : datetime
        The first and last moment at which it is looked at.
    """

    rows: pl.DataFrame
    n_asked: int
    earliest: datetime
    latest: datetime


@dataclass(frozen=True)
class Windows:
    """Both sides, and how the reference was chosen.

    Attributes
    ----------
    current, reference : Window
        The sides; no address is in both.
    kind : str
        `EARLIER_LIST` or `SAME_LIST`.
    chosen : str
        How, in words.
    n_on_both : int
        Addresses on both lists.
    asked : Asked
        The reference as it was asked for.
    """

    current: Window
    reference: Window
    kind: str
    chosen: str
    n_on_both: int
    asked: Asked

    @property
    def ages_compare(self) -> bool:
        """Whether ages may be compared: few addresses stand on both lists.

        Those on both have grown older by the time in between, and nothing but that would be found.
        """
        smaller = min(self.current.rows.height, self.reference.rows.height)
        return self.kind == EARLIER_LIST and self.n_on_both <= FEW_ON_BOTH * smaller


def windows(
    run: Scored,
    *,
    reference: Path | None = None,
    reference_as_of: datetime | None = None,
    threads: int | None = None,
) -> Windows:
    """Make both windows.

    Parameters
    ----------
    run
        The list as it stands, scored.
    reference
        A list of its own; None: the same list, earlier.
    reference_as_of
        The moment of the reference. For a list of its own, of its rows without an `as_of`.
    threads
        Worker threads.

    Raises
    ------
    Refused
        A row of the reference list has no moment, the reference is not earlier, or no address had a
        history then.
    """
    now = standing(run)
    if reference is not None:
        asked = _listed(reference, run, reference_as_of)
        then = standing(_scored_again(run, asked, threads))
        alone = _alone(run, pl.concat([now["address"], then["address"]]))
        now, then = now.filter(alone), then.filter(alone)
        overlap = set(now["address"]) & set(then["address"])
        of_both = pl.col("address").is_in(list(overlap))
        now = now.filter(~(of_both & ~_first_half()))
        then = then.filter(~(of_both & _first_half()))
        chosen = f"the list {reference.name}, at the moments it names"
        return Windows(
            current=_window(now, run.scores.height),
            reference=_window(then, asked.requests.height),
            kind=EARLIER_LIST,
            chosen=chosen,
            n_on_both=len(overlap),
            asked=asked,
        )
    now = now.filter(_alone(run, now["address"]))
    asked, back = _earlier(now, reference_as_of)
    then = standing(_scored_again(run, asked, threads))
    lent = pl.col("address").is_in(asked.requests["address"].to_list())
    chosen = (
        f"the same list as of {reference_as_of:%Y-%m-%d}, as asked for"
        if back is None
        else f"the same list {back.days // 7} weeks earlier"
        + ("" if back == SEASON else ", because the transfers do not reach back 52 weeks for it")
    )
    return Windows(
        current=_window(now.filter(~lent), run.scores.height),
        reference=_window(then, asked.requests.height),
        kind=SAME_LIST,
        chosen=chosen,
        n_on_both=now.height,
        asked=asked,
    )


def standing(run: Scored) -> pl.DataFrame:
    """Put signals, scores, age and order side by side, one row per address.

    Returns
    -------
    polars.DataFrame
        Sorted by `ORDER`.
    """
    scores = run.scores.select("status", "log_odds")
    frame = pl.concat([run.measured.signals, scores], how="horizontal")
    age = (pl.col("as_of") - pl.col("first_seen").cast(TIME)).dt.total_seconds() / 86_400
    keys = frame.select(pl.concat_str(_KEY, separator="|"))
    return (
        frame.with_columns(
            age.alias(AGE),
            pl.Series(ORDER, [lot(address) for address in frame["address"]], dtype=pl.UInt64),
            pl.Series("_pick", [lot(key) for key in keys.to_series()], dtype=pl.UInt64),
        )
        .sort("_pick")
        .unique("address", keep="first", maintain_order=True)
        .sort(ORDER, "address")
        .drop("_pick")
    )


def _alone(run: Scored, addresses: pl.Series) -> pl.Expr:
    kept = witnesses(run.transfers, addresses, run.as_of)
    return pl.col("address").is_in(list(kept))


def _first_half() -> pl.Expr:
    return pl.col(ORDER) % 2 == 0


def _listed(reference: Path, run: Scored, moment: datetime | None) -> Asked:
    asked = read_requests(reference, run.transfers)
    unknown = asked.requests["as_of"].null_count()
    if unknown and moment is None:
        raise Refused(
            f"{unknown:,} of {asked.requests.height:,} rows of {reference} do not say as of when.",
            expected="an as_of in every row of a reference list",
            hint="Add a column as_of, or give one moment for all of them with --reference-as-of.",
        )
    filled = asked.requests.with_columns(pl.col("as_of").fill_null(pl.lit(moment, dtype=TIME)))
    return Asked(filled, asked.problems)


def _earlier(now: pl.DataFrame, moment: datetime | None) -> tuple[Asked, timedelta | None]:
    """Ask for the first half of those that had a history at an earlier moment."""
    if moment is not None:
        return Asked(_refuse_none(_asked_at(now, pl.lit(moment, dtype=TIME))), ()), None
    asked = {back: _asked_at(now, pl.col("as_of") - back) for back in (SEASON, FALLBACK)}
    pairs = {back: _n_pairs(now, requests) for back, requests in asked.items()}
    back = SEASON if 2 * pairs[SEASON] >= max(1, pairs[FALLBACK]) else FALLBACK
    return Asked(_refuse_none(asked[back]), ()), back


def _asked_at(now: pl.DataFrame, moment: pl.Expr) -> pl.DataFrame:
    """Return the requests of those that may stand for the reference, at a moment of each row.

    Those without any transfer are halved too: their statuses can still be compared.
    """
    then = now.with_columns(_then=moment)
    was_there = pl.col("first_seen").is_null() | (pl.col("first_seen").cast(TIME) < pl.col("_then"))
    return then.filter(was_there & _first_half() & (pl.col("_then") < pl.col("as_of"))).select(
        "chain", "address", "first_seen", as_of="_then"
    )


def _n_pairs(now: pl.DataFrame, requests: pl.DataFrame) -> int:
    """Count the pairs of equal age with a history that a reference would leave."""
    with_history = requests.filter(pl.col("first_seen").is_not_null())
    rest = now.filter(
        ~pl.col("address").is_in(requests["address"].to_list()) & pl.col("first_seen").is_not_null()
    )
    age = (pl.col("as_of") - pl.col("first_seen").cast(TIME)).dt.total_seconds() / 86_400
    sides = [
        Side(frame.select(age).to_series().to_numpy(), frame.with_row_index()["index"].to_numpy())
        for frame in (rest, with_history)
    ]
    return len(Pairing(*sides).pairs()[0])


def _refuse_none(requests: pl.DataFrame) -> pl.DataFrame:
    if not requests["first_seen"].count():
        raise Refused(
            "no address of the list had a history at the reference moment.",
            expected="a reference earlier than the list's own moment, within what the transfers "
            "show",
            hint="Name another moment with --reference-as-of, or an earlier list with --reference.",
        )
    return requests.drop("first_seen")


def _scored_again(run: Scored, asked: Asked, threads: int | None) -> Scored:
    return score_asked(run.bundle, run.transfers, run.services, asked, run.as_of, threads=threads)


def _window(rows: pl.DataFrame, n_asked: int) -> Window:
    if not rows.height:
        raise Refused(
            "every address of one list stands on the other as well, on the half that is looked at "
            "there.",
            expected="lists of more addresses, or of other addresses",
        )
    earliest, latest = rows["as_of"].min(), rows["as_of"].max()
    assert isinstance(earliest, datetime)
    assert isinstance(latest, datetime)
    return Window(rows, n_asked, earliest, latest)
