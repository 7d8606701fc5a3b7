"""W1 in DuckDB: one SQL query over the Parquet file, range windows for the greatest sums."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

_WRAPPED_ETHER = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
_STABLE_CODES = "asset <> 3"

_QUERY = """
WITH transfers AS (
    SELECT file_row_number AS row, sender, receiver, asset, {stable} AS stable,
        epoch_us(block_time) AS t, usd_micros AS v
    FROM read_parquet(?, file_row_number = true)
), events AS (
    SELECT sender AS address, receiver AS other, true AS out, row, asset, stable, t, v
    FROM transfers
    UNION ALL
    SELECT receiver, sender, false, row, asset, stable, t, v FROM transfers
), followed AS (
    SELECT *,
        (t - lag(t) OVER history) / 1e6 AS gap,
        CASE WHEN NOT out THEN (min(CASE WHEN out THEN t END) OVER (
            PARTITION BY address ORDER BY row ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) - t) / 1e6 END AS dwell
    FROM events WINDOW history AS (PARTITION BY address ORDER BY row)
), rolled AS (
    SELECT address,
        sum(v) OVER (PARTITION BY address ORDER BY t
            RANGE BETWEEN 3599999999 PRECEDING AND CURRENT ROW) AS hour,
        sum(v) OVER (PARTITION BY address ORDER BY t
            RANGE BETWEEN 86399999999 PRECEDING AND CURRENT ROW) AS day
    FROM events WHERE out
), greatest_windows AS (
    SELECT address, max(hour) AS max_out_1h, max(day) AS max_out_24h FROM rolled GROUP BY address
), shares AS (
    SELECT address, n / sum(n) OVER (PARTITION BY address) AS share
    FROM (SELECT address, asset, count(*) AS n FROM events GROUP BY address, asset)
), entropies AS (
    SELECT address, -sum(share * log2(share)) AS entropy FROM shares GROUP BY address
), sums AS (
    SELECT address,
        count(*) FILTER (out) AS n_out, count(*) FILTER (NOT out) AS n_in,
        coalesce(sum(v) FILTER (out), 0)::BIGINT AS sum_out,
        coalesce(sum(v) FILTER (NOT out), 0)::BIGINT AS sum_in,
        avg(v) FILTER (out) AS mean_out, avg(v) FILTER (NOT out) AS mean_in,
        stddev_pop(v) FILTER (out) AS sd_out, stddev_pop(v) FILTER (NOT out) AS sd_in,
        max(v) FILTER (out) AS max_out, max(v) FILTER (NOT out) AS max_in,
        count(DISTINCT other) FILTER (out) AS receivers,
        count(DISTINCT other) FILTER (NOT out) AS senders,
        min(t) AS first, max(t) AS last,
        count(DISTINCT t // 86400000000) AS active_days,
        median(gap) AS median_gap, median(dwell) AS median_dwell,
        coalesce(sum(v) FILTER (stable), 0) / sum(v) AS stable_share,
        avg((v % 100000000 = 0)::INTEGER) FILTER (out) AS round_share
    FROM followed GROUP BY address
)
SELECT sums.*, max_out_1h::BIGINT AS max_out_1h, max_out_24h::BIGINT AS max_out_24h, entropy
FROM sums LEFT JOIN greatest_windows USING (address) JOIN entropies USING (address)
"""


def from_strings(path: Path) -> pa.Table:
    """Read canonical Parquet with string addresses and compute W1."""
    return _run(path, f"asset <> '{_WRAPPED_ETHER}'")


def from_codes(path: Path) -> pa.Table:
    """Read integer-coded Parquet and compute W1."""
    return _run(path, _STABLE_CODES)


def query_of_codes() -> str:
    """Return the query over integer-coded Parquet, whose parameter is the file."""
    return _QUERY.format(stable=_STABLE_CODES)


def _run(path: Path, stable: str) -> pa.Table:
    with duckdb.connect() as connection:
        query = _QUERY.format(stable=stable)
        return connection.sql(query, params=[str(path)]).to_arrow_table()
