"""Codes of a trace written out: addresses with what is known of them, assets with exact amounts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from data.assets import asset_registry
from models.tracing.tracing import Trace
from pipelines.amounts import exact_amount
from pipelines.moments import iso

MICROS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(microseconds: int | None) -> str | None:
    """Write microseconds as a moment.

    >>> moment_of(1_500_000), moment_of(None)
    ('1970-01-01T00:00:01.500000Z', None)
    """
    return None if microseconds is None else iso(_EPOCH + timedelta(microseconds=microseconds))


def dollars(micros: int, has_price: bool) -> float | None:
    """Write micro-dollars as dollars; None where nothing has a price."""
    return micros / MICROS if has_price else None


def tag_told(tag: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of a row of the services table."""
    kept = ("name", "category", "licit", "source", "date", "confidence", "verified", "origin")
    return {key: tag[key] for key in kept}


class Names:
    """Writes out the addresses and assets of one trace."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        addresses = trace.parties.addresses
        self._chains, self._texts = addresses["chain"], addresses["address"]

    def address(self, code: int) -> dict[str, Any]:
        """Return an address with its tags; a code below zero is value on its way over a bridge."""
        if code < 0:
            return {"chain": "in transit", "address": "in transit", "tags": []}
        return {**self.pair(code), "tags": [tag_told(tag) for tag in self.tags(code)]}

    def pair(self, code: int) -> dict[str, str]:
        """Return ``chain`` and ``address``."""
        return {"chain": self._chains[code], "address": self._texts[code]}

    def tags(self, code: int) -> list[dict[str, Any]]:
        """Return what the lists say of an address."""
        return self._trace.parties.tags.get(code, [])

    def asset(self, code: int) -> dict[str, Any]:
        """Return an asset: chain, contract, and the registry's symbol (None: not registered)."""
        chain, asset = self._trace.assets[code]
        return {"asset_chain": chain, "asset": asset, "symbol": self._known(code)[0]}

    def amount(self, code: int, units: int) -> str:
        """Write base units in whole coins where the registry knows their decimals."""
        sign = "-" if units < 0 else ""
        return sign + exact_amount(str(abs(units)), self._known(code)[1])

    def _known(self, code: int) -> tuple[str | None, int | None]:
        return self._registry.get(self._trace.assets[code], (None, None))

    @cached_property
    def _registry(self) -> dict[tuple[str, str], tuple[str, int]]:
        columns = asset_registry().select("chain", "address", "symbol", "decimals")
        return {(chain, asset): (symbol, n) for chain, asset, symbol, n in columns.iter_rows()}
