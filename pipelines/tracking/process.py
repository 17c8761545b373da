"""Which process writes a run, so that runs of processes that were killed can be told from living ones."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

HOST, PID, SPACE, START = "tcn.host", "tcn.pid", "tcn.pid_space", "tcn.process_start"
"""Tags of a run. A process id is used again after a while, so the time of the start belongs to it; and two
containers of one host have the same ids for different processes."""
_PROC: Final = Path("/proc")


def process_tags() -> dict[str, str]:
    """Describe this process.

    Returns:
        Host and process id; also name space and start of the process where the system tells them.

    Example:
        >>> process_tags()["tcn.pid"] == str(os.getpid())
        True
    """
    tags = {HOST: socket.gethostname(), PID: str(os.getpid()), SPACE: _space(), START: _start(os.getpid())}
    return {name: value for name, value in tags.items() if value}


def is_gone(tags: Mapping[str, str]) -> bool:
    """Whether the process that a run describes has ended.

    Args:
        tags: Tags of a run.

    Returns:
        False also where that cannot be told: for another host or container, and without the tags.

    Example:
        >>> is_gone(process_tags()), is_gone({})
        (False, False)
    """
    if tags.get(HOST) != socket.gethostname() or not tags.get(PID, "").isdecimal():
        return False
    began, boot = tags.get(START, ""), _boot()
    if began and boot and not began.startswith(f"{boot}:"):
        return True  # the host was started anew
    if tags.get(SPACE, "") != _space():
        return False
    pid = int(tags[PID])
    if began and boot:
        return _start(pid) != began
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False  # it is there, and someone else's
    return False


def _start(pid: int) -> str:
    """Start of a process, as the boot and the ticks since then; empty if it has ended or cannot be told."""
    text = _read(_PROC / str(pid) / "stat")
    # The name of the program stands in parentheses and may hold anything.
    fields = text.rpartition(")")[2].split()
    ended = not fields or fields[0] in "ZX"
    return "" if ended or not _boot() else f"{_boot()}:{fields[19]}"


def _boot() -> str:
    return _read(_PROC / "sys" / "kernel" / "random" / "boot_id").strip()


def _space() -> str:
    try:
        return os.readlink(_PROC / "self" / "ns" / "pid")
    except OSError:
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
