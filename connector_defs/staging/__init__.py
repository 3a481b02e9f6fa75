"""Staged rows: Parquet partitions on disk, DuckDB in memory as the engine over them."""
