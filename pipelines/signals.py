"""The `signals` job: every behavioural signal of every address, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from data.errors import Refused, did_you_mean
from data.services import load_services
from features.catalogue import catalogue
from features.passes import Question
from features.signal import Family
from pipelines.engines.choice import Engine
from pipelines.inputs import (
    Capped,
    leg_names,
    read_requests,
    resolved_as_of,
    resolved_basis,
    service_notes,
)
from pipelines.outputs import check_output, write_table
from pipelines.prepared.lists import few_histories, open_for_list
from pipelines.recorded import rests_on
from pipelines.resuming import Earlier, resumable


@dataclass(frozen=True)
class SignalsResult:
    """What the job did."""

    out: Path
    addresses: int
    transfers: int
    signals: int
    as_of: datetime
    basis: str
    content_sha256: str
    spilled_bytes: int | None
    read_bytes: int | None
    read_share: float | None
    notes: tuple[str, ...]
    exit_code: int


def signals(
    transfers: str | Path,
    out: str | Path,
    *,
    addresses: str | Path | None = None,
    as_of: datetime | None = None,
    basis: str = "usd",
    legs: str | Iterable[str] | None = None,
    services: str | Path | Sequence[str | Path] | None = None,
    engine: str = "local",
    spark_master: str | None = None,
    threads: int | None = None,
    assume_complete: bool = False,
    also: Sequence[str] = (),
    memory: int | str | None = None,
    spill: str | Path | None = None,
    resume: bool = False,
    start_again: bool = False,
) -> SignalsResult:
    """Compute the signals of some addresses, or of every covered one.

    Parameters
    ----------
    transfers
        A store, a canonical Parquet file, a folder of them or a glob.
    out
        The result, Parquet, CSV or JSON Lines by its suffix: ``chain``, ``address``, ``as_of``,
        the coverage columns, ``n_transfers``, ``first_seen``, ``last_seen``, then one column per
        signal, null where it is not defined.
    addresses
        An address list; default: every address that the coverage names.
    as_of
        Only transfers before it count; default: the moment recorded at ingest.
    basis
        ``usd``, ``native`` or ``relative``.
    legs
        Look at these legs only.
    services
        Further known services and listed parties, as for `score`; a row counts from the day after
        its date.
    assume_complete
        Every address is covered in full (for tables without a coverage sidecar).
    also
        Families that follow money from hand to hand through all transfers (``motifs``), which
        costs about as much as all other signals. Each adds its signals and, before all of them, a
        column ``{family}_capped``: how often it looked no further for an address.
    engine
        ``local``, this process, or ``spark``, a cluster; the result is the same.
    spark_master
        The cluster, as Spark names it; default: what Spark is set up for, else this machine.
    memory
        What the process may take, as bytes or as text (``2GiB``); what does not fit is spilled to
        disk, and the result is the same. Default: everything is held in memory.
    spill
        The folder to spill to; default: that of `out`.
    resume
        Go on where an earlier run with this `out` was stopped, if one was (`pipelines.resuming`).
    start_again
        Throw away what such a run has done.

    Raises
    ------
    Refused
        An input cannot be used, or there is no such family; the message says what was expected.
    """
    out = Path(out)
    families = _families(also)
    check_output(out)
    chosen = Engine(engine, spark_master)
    cap, shown = chosen.cap(memory, spill, out), leg_names(legs)
    with resumable(
        out, Earlier(resume, start_again), spill=None if cap is None else cap.folder
    ) as work:
        opened, prepared = open_for_list(Path(transfers), assume_complete=assume_complete)
        known = load_services(services)
        moment = resolved_as_of(opened, as_of)
        asked = None
        if addresses is not None:
            asked = read_requests(Path(addresses), opened, prepared)
        requests = None if asked is None else asked.requests
        facts = {
            "transfers_sha256": opened.sha256,
            "as_of": moment.isoformat(),
            "basis": basis,
            "catalogue_hash": catalogue().hash(),
        }
        work.rests_on(
            rests_on(moment, requests, opened, known)
            | {
                "the job": "signals",
                "--basis": basis,
                "--legs": shown,
                "--also": [family.name for family in families],
            }
        )
        kept, capped = work.stage("signals"), Capped()
        few = few_histories(
            prepared,
            opened,
            requests,
            families,
            Question(moment, resolved_basis(basis), None if shown is None else tuple(shown), known),
            memory=None if cap is None else cap.memory,
        )
        with chosen.run(
            opened,
            requests,
            as_of=moment,
            basis=resolved_basis(basis),
            legs=shown,
            services=known,
            families=families,
            cap=cap,
            threads=threads,
            few=few.histories,
        ) as histories:
            fresh = histories.parts(after=kept.rows)
            parts = map(capped.seen, kept.tables(fresh))
            manifest = write_table(parts, out, kind="signals", facts=facts)
    return SignalsResult(
        out=out,
        addresses=len(histories),
        transfers=histories.transfers,
        signals=sum(len(family.signals) for family in families),
        as_of=moment,
        basis=basis,
        content_sha256=manifest["content_sha256"],
        spilled_bytes=histories.spilled_bytes,
        read_bytes=few.read_bytes,
        read_share=few.read_share,
        notes=(() if asked is None else asked.notes)
        + service_notes(known)
        + histories.notes
        + capped.notes()
        + few.notes,
        exit_code=3 if asked is not None and asked.problems else 0,
    )


def _families(also: Sequence[str]) -> tuple[Family, ...]:
    """Return the families to compute: all but those that are dear and were not asked for."""
    known = catalogue().families
    names = [family.name for family in known]
    for name in also:
        if name not in names:
            raise Refused(
                f"--also: there is no family {name!r}.",
                expected=f"one of {', '.join(names)}",
                hint=did_you_mean(name, names),
            )
    return tuple(family for family in known if family.scope != "graph" or family.name in also)
