"""What the traces of a run's alerts cost: CPU seconds an alert, and how large their blocks are.

    python -m benchmarks.alert_traces STORE ALERTS --services FILE

ALERTS is the `alerts.jsonl` of `unrinse explain` over the store.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from datetime import datetime
from pathlib import Path

from data.services import load_services
from data.transfers import open_transfers
from pipelines.alerting.alert_traces import alert_traces


def main(arguments: list[str]) -> int:
    """Print one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("store", type=Path)
    parser.add_argument("alerts", type=Path)
    parser.add_argument("--services", type=Path)
    asked = parser.parse_args(arguments)
    alerts = [json.loads(line) for line in asked.alerts.read_text(encoding="utf-8").splitlines()]
    rows = [
        {
            "chain": alert["chain"],
            "address": alert["address"],
            "as_of": datetime.fromisoformat(alert["as_of"]),
        }
        for alert in alerts
    ]
    transfers, known = open_transfers(asked.store), load_services(asked.services)
    for moments in (rows, [{**row, "as_of": max(r["as_of"] for r in rows)} for row in rows]):
        cpu, wall = time.process_time(), time.perf_counter()
        blocks = [followed.block for followed in alert_traces(transfers, known, moments)]
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        sizes = [len(json.dumps(block)) for block in blocks]
        looked = [block["n_transfers"] for block in blocks]
        print(
            f"{len(blocks)} alerts of {len({row['as_of'] for row in moments})} moments: "
            f"{cpu / len(blocks):.2f} CPU s and {wall / len(blocks):.2f} s an alert; blocks of "
            f"{statistics.median(sizes):,.0f} bytes, {max(sizes):,} at most; "
            f"{statistics.median(looked):,.0f} transfers looked at, {max(looked):,} at most"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
