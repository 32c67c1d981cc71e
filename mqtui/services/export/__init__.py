"""Exporting messages of a range to a file: JSON lines, CSV, Parquet."""
