"""What the benchmarks share: ways of doing the same, timed in turn in one process, and a line per result."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping

# Before TensorFlow is imported, which the scripts do inside their functions.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def wants_small(text: str | None) -> bool:
    """Parse the command line of a benchmark.

    Args:
        text: Description shown by ``--help``.

    Returns:
        Whether ``--small`` was given: sizes that show that the script runs, not how fast.
    """
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="tiny sizes, to see that the script runs")
    return bool(parser.parse_args().small)


def timed(work: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turn(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Time several ways A B C A B C ..., so that what else the machine does meets them all alike.

    Args:
        ways: Name to a function that does the work once.
        rounds: Timed rounds; one more comes first, untimed, and compiles and warms up. With 0, it is
            the one that is timed.

    Returns:
        Name to the median of its seconds.
    """
    seconds = {name: [timed(work)] for name, work in ways.items()}
    if rounds:
        seconds = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            seconds[name].append(timed(work))
    return {name: statistics.median(values) for name, values in seconds.items()}


def row(name: str, figure: str, ratio: float | None = None, to: str = "") -> None:
    """Print a result: what, how much, and how many times another one."""
    ending = "" if ratio is None else f"{ratio:>8,.0f} x {to}" if ratio >= 100 else f"{ratio:>8.3g} x {to}"
    print(f"  {name:<52} {figure:>20} {ending}".rstrip(), flush=True)
