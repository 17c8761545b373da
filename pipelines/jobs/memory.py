"""Does a fit find the memory that it plans to take?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import ConfigError

if TYPE_CHECKING:
    from pipelines.plan import Plan

_PROC = Path("/proc/self/cgroup")
_CGROUP = Path("/sys/fs/cgroup")


def check_memory(plan: Plan) -> None:
    """Refuse a fit that this machine cannot hold, before it starts.

    Args:
        plan: Plan of the fit.

    Raises:
        ConfigError: If it takes more than all of the memory.
    """
    if problem := too_large(plan):
        raise ConfigError(problem)


def too_large(plan: Plan) -> str:
    """Say what is wrong with a plan that takes more memory than this machine, or this container, has.

    Args:
        plan: Plan of a fit.

    Returns:
        The rule, what was received, and the cure; empty if the plan fits.
    """
    limit = memory_limit()
    if limit is None or plan.memory_mb * 2**20 <= limit:
        return ""
    return (
        f"A fit must fit into the memory of the machine, {limit // 2**20:,} MB. Received: a plan of about "
        f"{plan.memory_mb:,} MB, with horizon {plan.horizon:,}, season length {plan.season_length:,} and "
        f"look-back {plan.lookback:,}; choose a shorter horizon, or a shorter season, which shortens the "
        "look-back, or fewer series."
    )


def memory_limit() -> int | None:
    """Find how much memory this process may take at most.

    Returns:
        Bytes of the machine, or of its control group if that has fewer; None if neither can be found.
    """
    return min(_limits(), default=None)


def _limits() -> Iterator[int]:
    with suppress(AttributeError, OSError, ValueError):  # where the system has no such numbers
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in _limit_files():
        with suppress(OSError, ValueError):  # where there is none, or none that may be read
            yield int(file.read_text(encoding="ascii"))


def _limit_files() -> Iterator[Path]:
    """Where Linux keeps the limits of this process' control group and of those around it."""
    try:
        groups = [line.split(":", 2) for line in _PROC.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        return
    for _, controllers, path in (group for group in groups if len(group) == 3):
        if controllers == "":
            root, name = _CGROUP, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = _CGROUP / "memory", "memory.limit_in_bytes"
        else:
            continue
        # A container sees its own group as the root, while the path may be that of the host.
        inner = Path(path.lstrip("/"))
        yield from (root / folder / name for folder in (inner, *inner.parents))
