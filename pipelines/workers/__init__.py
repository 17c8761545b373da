"""Calls made at the same time by other processes, of this machine or of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pipelines.errors import ConfigError
from pipelines.workers.pool import TRIES, Backend, Workers
from pipelines.workers.processes import Processes
from pipelines.workers.ray_cluster import RayCluster

__all__ = ["KINDS", "TRIES", "Workers", "open_workers"]

KINDS: Final = ("processes", "ray")


@contextmanager
def open_workers(kind: str = "processes", n: int = 2, address: str | None = None) -> Iterator[Workers]:
    """Open workers for the calls of a block; they have ended after it.

    The block's end waits for all calls. An exception, Ctrl-C among them, cancels those that have not begun
    and ends those that have. A call whose worker dies is begun again, three times in all, and no other call
    notices.

    Args:
        kind: "processes" of this machine, or those of a "ray" cluster.
        n: How many calls to make at a time.
        address: Of a Ray cluster to use; None to start one on this machine.

    Yields:
        What takes calls.

    Raises:
        ConfigError: If an argument is not allowed, or Ray is asked for and not installed.

    Example:
        >>> with open_workers(n=1) as workers:
        ...     futures = [workers.submit(divmod, number, 2) for number in (7, 8)]
        >>> [future.result() for future in futures]
        [(3, 1), (4, 0)]
    """
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ConfigError(f"n must be a positive integer. Received: {n!r}.")
    workers = Workers(n, _backend(kind, n, address))
    try:
        yield workers
        workers.finish()
    finally:
        workers.end()


def _backend(kind: str, n: int, address: str | None) -> Backend:
    if kind == "processes":
        if address is not None:
            raise ConfigError(
                f"address is that of a Ray cluster. Received: {address!r} with kind='processes'; use "
                "kind='ray'."
            )
        return Processes(n)
    if kind == "ray":
        return RayCluster(n, address)
    raise ConfigError(f"kind must be 'processes' or 'ray'. Received: {kind!r}.")
