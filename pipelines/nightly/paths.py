"""Paths and addresses of a job file: absolute ones for the job, relative ones for the key of its nights."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

_SQLITE: Final = re.compile(r"sqlite(\+\w+)?:///")


def absolute(text: str, folder: Path) -> str:
    """Return a path as it holds in any working directory.

    Args:
        text: Path, which may begin with "~" for a home folder, or address; of those of SQLite databases the
            part that is a path counts.
        folder: That of the job file.

    Returns:
        The absolute path; other addresses as they are.

    Example:
        >>> absolute("../a.csv", Path("/jobs/sales")), absolute("s3://bucket/a.csv", Path("/jobs"))
        ('/jobs/a.csv', 's3://bucket/a.csv')
    """
    before, name, after = _parts(text)
    return f"{before}{os.path.abspath(folder / os.path.expanduser(name))}{after}" if name else text


def seen_from(folder: Path, text: str) -> str:
    """Return a place as the folder of the job file sees it.

    Args:
        folder: That of the job file.
        text: Path or address.

    Returns:
        The relative path; an absolute one outside of the folder, and an address, as it is.

    Example:
        >>> seen_from(Path("/jobs"), "/jobs/a.csv"), seen_from(Path("/jobs"), "/data/a.csv")
        ('a.csv', '/data/a.csv')
    """
    before, name, after = _parts(text)
    name = os.path.expanduser(name)
    place = Path(os.path.abspath(folder / name))
    if not name or (os.path.isabs(name) and not place.is_relative_to(folder)):
        return f"{before}{name}{after}"
    return f"{before}{os.path.relpath(place, folder)}{after}"


def lacks_home(text: str) -> bool:
    """Say whether a path begins with a home folder that there is none of.

    Args:
        text: Path or address.

    Returns:
        Whether it does.

    Example:
        >>> lacks_home("~nobody-of-this-name/a.csv"), lacks_home("a~.csv")
        (True, False)
    """
    name = _parts(text)[1]
    return name.startswith("~") and os.path.expanduser(name) == name


def _parts(text: str) -> tuple[str, str, str]:
    """What stands before the path of a file, the path, and what comes after it; other addresses have none."""
    if (begin := _SQLITE.match(text)) is not None:
        name, mark, options = text[begin.end() :].partition("?")
        elsewhere = not name or name == ":memory:" or name.startswith("file:")
        return (text, "", "") if elsewhere else (begin[0], name, mark + options)
    return (text, "", "") if "://" in text else ("", text, "")
