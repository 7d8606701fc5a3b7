"""The trace job: where an address's funds went and came from, as JSON, tables and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from data.address_lists import KnownAddresses
from data.errors import Refused
from data.services import load_services
from data.storage import refuse_foreign, whole_directory, write_manifest, write_parquet
from data.transfers import Transfers, open_transfers
from models.tracing.limits import MICROS, Limits
from models.tracing.tracing import Tracer
from pipelines.inputs import explorers_of, known_addresses, resolved_as_of, service_notes
from pipelines.moments import iso
from pipelines.outputs import program, write_json, write_rows
from pipelines.pages.trace import trace_page
from pipelines.tracing.trace_flows import flows_table
from pipelines.tracing.trace_report import Asked, trace_report


@dataclass(frozen=True)
class TraceResult:
    """What `trace` did.

    Attributes
    ----------
    out
        The folder: trace.json, trace.html, flows.parquet, flows.csv, manifest.json.
    page
        The page to open.
    chain, address
        What was traced, in its canonical form.
    n_transfers
        Transfers that were looked at.
    fifo, haircut
        Going forward: dollars by kind of end; None where nothing has a price.
    notes
        What must be said besides.
    exit_code
        0.
    """

    out: Path
    page: Path
    chain: str
    address: str
    n_transfers: int
    fifo: Mapping[str, float | None]
    haircut: Mapping[str, float | None]
    notes: tuple[str, ...]
    exit_code: int = 0


def trace(
    transfers: str | Path,
    address: str,
    out: str | Path,
    *,
    chain: str | None = None,
    as_of: datetime | None = None,
    max_hops: int = 6,
    min_usd: float = 1.0,
    max_degree: int = 500,
    without_swaps: bool = False,
    without_bridges: bool = False,
    follow_ambiguous: bool = False,
    services: str | Path | Sequence[str | Path] | None = None,
    assume_complete: bool = False,
    explorers: str | Path | None = None,
    explorer_links: bool = True,
) -> TraceResult:
    """Trace the funds of an address forward to exits and back to sources.

    By two conventions, FIFO and haircut; neither follows "the same money".

    Parameters
    ----------
    transfers
        A path of transfers.
    address
        The address, on `chain` where its form and the transfers leave that open.
    out
        The folder to write.
    as_of
        Only transfers before this moment count; default: the one recorded at ingest.
    max_hops, min_usd, max_degree
        Payments in a row, the least traced part of a payment that is followed, in dollars, and the
        most counterparties of an address that is followed. What they stop is reported.
    without_swaps, without_bridges
        Do not follow value through swaps, or through matched bridges.
    follow_ambiguous
        Follow a crossing to its likeliest release where that is not likelier than not.
    services
        Services tables and label lists of the user's own, over the registry.
    assume_complete
        Declare full coverage for every address (for tables without a coverage sidecar).
    explorers, explorer_links
        Explorers of the user's own, over the registry; whether the page links to any.

    Raises
    ------
    Refused
        An input is unusable, or the address is not among the transfers or not covered by them.
    """
    refuse_foreign(Path(out))
    opened = open_transfers(Path(transfers), assume_complete=assume_complete)
    linked = explorers_of(opened, explorers, linked=explorer_links)
    at = resolved_as_of(opened, as_of)
    pair = _one_address(opened, address, chain)
    limits = Limits(
        max_hops=max_hops,
        min_usd_micros=round(min_usd * MICROS),
        max_degree=max_degree,
        swaps=not without_swaps,
        bridges=not without_bridges,
        ambiguous=follow_ambiguous,
    )
    known = load_services(services)
    tracer = Tracer(opened, known, before=at)
    origins = tracer.codes_of([pair])
    if not origins:
        raise Refused(
            f"{pair[1]} on {pair[0]} is in no transfer before {iso(at)}.",
            expected="an address that the transfers name",
            hint="Dust, failed and counterfeit transfers do not count.",
        )
    traced = tracer.trace(origins, limits)
    report = trace_report(traced, Asked(*pair, at, opened.sha256, opened.synthetic))
    flows = flows_table(traced)
    with whole_directory(Path(out)) as folder:
        write_json(report, folder / "trace.json")
        (folder / "trace.html").write_text(
            trace_page(report, linked), encoding="utf-8", newline="\n"
        )
        write_parquet(flows, folder / "flows.parquet")
        write_rows(flows, folder / "flows.csv")
        write_manifest(folder, "trace", _facts(report, flows.height))
    ends = {name: _dollars_by_kind(report, name) for name in ("fifo", "haircut")}
    return TraceResult(
        out=Path(out),
        page=Path(out) / "trace.html",
        chain=pair[0],
        address=pair[1],
        n_transfers=traced.rows.height,
        fifo=ends["fifo"],
        haircut=ends["haircut"],
        notes=(*service_notes(known), *report["notices"]),
    )


def _one_address(transfers: Transfers, address: str, chain: str | None) -> tuple[str, str]:
    """Return the chain and the canonical form of what is asked for, if it is one thing."""
    known = KnownAddresses.among([address], known_addresses(transfers))
    try:
        found = known.resolve(address.strip(), chain)
    except ValueError as error:
        raise Refused(
            f"{address!r} cannot be traced: {error}.", expected="an address of one chain"
        ) from error
    if len(found) > 1:
        chains = ", ".join(name for name, _ in found)
        raise Refused(
            f"{address} is known on several chains: {chains}.",
            expected="one of them in --chain",
            hint="Value that crosses between them over a matched bridge is followed.",
        )
    return found[0]


def _dollars_by_kind(report: Mapping[str, Any], convention: str) -> dict[str, float | None]:
    kinds = report["directions"]["forward"][convention]["kinds"]
    return {kind["end"]: kind["usd"] for kind in kinds}


def _facts(report: Mapping[str, Any], n_flows: int) -> dict[str, Any]:
    return {
        "program": program(),
        "as_of": report["as_of"],
        "chain": report["chain"],
        "address": report["address"],
        "transfers_sha256": report["transfers_sha256"],
        "rows": {"flows": n_flows},
    }
