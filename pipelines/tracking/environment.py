"""Which packages are installed where a run was made."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import distributions
from typing import Final

ENVIRONMENT: Final = "environment.txt"
"""Name of the file among a run's artifacts."""


@cache
def environment_text() -> str:
    """List Python, the system and every installed package with its version.

    Returns:
        Lines such as ``numpy==2.1.0``, in the form of a requirements file, sorted.

    Example:
        >>> lines = environment_text().splitlines()
        >>> lines[0].startswith("# Python 3."), any(line.startswith("numpy==") for line in lines)
        (True, True)
    """
    names = {one.metadata["Name"]: one.version for one in distributions()}
    lines = sorted((f"{name}=={version}" for name, version in names.items() if name), key=str.lower)
    return "\n".join([f"# Python {platform.python_version()} on {platform.platform()}", *lines, ""])
