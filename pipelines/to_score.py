"""What a scoring run is given, read and allowed to be used together, before any transfer is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from data.schema import TIME
from data.services import Services, load_services
from data.transfers import Transfers, open_transfers
from models.bundle import Bundle
from pipelines.inputs import Asked, read_requests, resolved_as_of
from pipelines.prepared.lists import Prepared, open_for_list
from pipelines.recorded import recorded_inputs, rests_on

_NOBODY = pl.DataFrame(schema={"chain": pl.String, "address": pl.String, "as_of": TIME})


@dataclass(frozen=True)
class ToScore:
    """What a scoring run reads before the transfers: read, and allowed to be used together.

    Attributes
    ----------
    everybody
        Every covered address is asked for, and `asked` is empty.
    """

    bundle: Bundle
    transfers: Transfers
    services: Services
    asked: Asked
    as_of: datetime
    prepared: Prepared | None = None
    everybody: bool = False

    @property
    def requests(self) -> pl.DataFrame | None:
        """Who is asked for; None for every covered address."""
        return None if self.everybody else self.asked.requests

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """What it all rests on, beside the bundle and the transfers; results record it."""
        return recorded_inputs(self.as_of, self.requests, self.transfers, self.services)

    @property
    def rests_on(self) -> dict[str, Any]:
        """What a run that is resumed must still rest on."""
        inputs = rests_on(self.as_of, self.requests, self.transfers, self.services)
        return {"the bundle": self.bundle.sha256} | inputs


def to_score(
    bundle: str | Path,
    transfers: str | Path,
    addresses: str | Path | None,
    *,
    as_of: datetime | None = None,
    research_use: bool = False,
    services: str | Path | Sequence[str | Path] | None = None,
    assume_complete: bool = False,
) -> ToScore:
    """Read what a scoring run is given; see `score` for the parameters."""
    loaded = Bundle.load(Path(bundle))
    prepared = None
    if addresses is None:
        opened = open_transfers(Path(transfers), assume_complete=assume_complete)
    else:
        opened, prepared = open_for_list(Path(transfers), assume_complete=assume_complete)
    loaded.check_use(real=not opened.synthetic, research_use=research_use)
    known = load_services(services)
    asked = Asked(_NOBODY, ())
    if addresses is not None:
        asked = read_requests(Path(addresses), opened, prepared)
    moment = resolved_as_of(opened, as_of)
    return ToScore(loaded, opened, known, asked, moment, prepared, addresses is None)
