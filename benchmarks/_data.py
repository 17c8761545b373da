"""Arguments of benchmarks whose data are not shipped."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser(doc: str | None, data: str) -> argparse.ArgumentParser:
    """Make a parser with ``--data`` and ``--small``; scripts add their own.

    Args:
        doc: The script's docstring, which says where the data are from.
        data: What ``--data`` is.

    Returns:
        The parser.
    """
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", type=Path, help=data)
    made.add_argument(
        "--small", action="store_true", help="tiny sizes and made-up numbers, to see that it runs"
    )
    return made


def parsed(of: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line, which must name the data unless the run is small."""
    given = of.parse_args()
    if given.data is None and not given.small:
        of.error("the data are not shipped: pass them with --data (see --help for their sources)")
    return given
