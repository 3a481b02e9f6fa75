"""dlt's rest_api source reading the same order lines into Parquet, as dlt's own advice for speed has it.

Run as a script by an interpreter that has `dlt[parquet]`, with one JSON argument; it knows nothing of the connector. Fair
rules: Parquet files instead of INSERTs, `parallelized` on the source, the types of the columns told beforehand, a
connection that was used before.
"""

import json
import sys
import time
from pathlib import Path

import dlt
from dlt.sources.helpers.requests import Session
from dlt.sources.rest_api import rest_api_source


def main(told: dict[str, str]) -> None:
    """Print rows, seconds and peak memory."""
    session = Session()
    session.get(
        f"{told['url']}/PorMasterDetail",
        params={"$top": "1"},
        auth=(told["username"], told["password"]),
        timeout=60,
    ).raise_for_status()
    source = rest_api_source(
        {
            "client": {
                "base_url": told["url"],
                "session": session,
                "auth": {"type": "http_basic", "username": told["username"], "password": told["password"]},
                "paginator": {
                    "type": "offset",
                    "limit": 5000,
                    "limit_param": "$top",
                    "offset_param": "$skip",
                    "total_path": None,
                    "stop_after_empty_page": True,
                },
            },
            "resources": [
                {
                    "name": "order_lines",
                    "columns": told["columns"],
                    "write_disposition": "replace",
                    "endpoint": {
                        "path": "PorMasterDetail",
                        "data_selector": "value",
                        "params": {
                            "$select": told["select"],
                            "$orderby": "PurchaseOrder,Line",
                            "$filter": told["filter"],
                        },
                    },
                }
            ],
        },
        parallelized=True,
    )
    folder = Path(told["folder"])
    pipeline = dlt.pipeline(
        "order_lines",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.filesystem(bucket_url=(folder / "loaded").as_uri()),
        dataset_name="raw",
    )
    started = time.monotonic()
    pipeline.run(source, loader_file_format="parquet").raise_on_failed_jobs()
    seconds = time.monotonic() - started
    rows = pipeline.last_trace.last_normalize_info.row_counts["order_lines"]
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    print(json.dumps({"rows": rows, "seconds": seconds, "peak": int(peak.split()[1]) // 1024}))  # noqa: T201


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
