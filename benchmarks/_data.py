"""Data of benchmarks that are not shipped: files of a folder, which ``--data`` names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Make a parser with ``--data`` and ``--small``; scripts add their own.

    Args:
        doc: The script's docstring, which says where the data are from.

    Returns:
        The parser.
    """
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--data", type=Path, metavar="FOLDER", help="folder of Parquet or CSV files, named as above"
    )
    made.add_argument(
        "--small", action="store_true", help="tiny sizes and made-up numbers, to see that it runs"
    )
    return made


def parsed(of: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line, which must name the data unless the run is small."""
    given = of.parse_args()
    if given.data is None and not given.small:
        of.error("the data are not shipped: pass their folder with --data (see --help for their sources)")
    if given.data is not None and not given.data.is_dir():
        of.error(f"--data must be a folder. Received: {given.data}")
    return given


def load(folder: Path, name: str, columns: Sequence[str] = ("unique_id", "ds", "y")) -> pd.DataFrame:
    """Read a set, its rows in the order of the file.

    Args:
        folder: Where it lies.
        name: What the file is called, without its ending.
        columns: Which columns.

    Returns:
        The rows.

    Raises:
        SystemExit: If the folder has no such file.
    """
    parquet, csv = (folder / f"{name}.{ending}" for ending in ("parquet", "csv"))
    if parquet.exists():
        return pd.read_parquet(parquet, columns=[*columns])
    if csv.exists():
        return pd.read_csv(csv, usecols=[*columns], parse_dates=["ds"])[[*columns]]
    raise SystemExit(f"--data must hold {name}.parquet or {name}.csv. Received: {folder}, which has neither.")
