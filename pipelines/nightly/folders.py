"""Folders and files that a job must be able to use: what passes by itself, and what somebody must mend."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from pipelines.errors import BusyError, ConfigError

FOLDERS: Final = ("nights", "versions", "promotions")
"""Those in the folder of a job."""

_LASTING: Final = frozenset(
    {
        errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP,
        errno.ENAMETOOLONG,
    }
)  # fmt: skip


def refusal(error: OSError, path: Path | None = None) -> BusyError | ConfigError:
    """Say that a file or folder of a job cannot be used.

    Args:
        error: What the system says.
        path: The file or folder; None for the one that the error names.

    Returns:
        ``ConfigError`` for what stays until somebody changes permissions or settings, ``BusyError`` for what
        may pass, as a full disk does.

    Example:
        >>> refusal(PermissionError(13, "Permission denied", "sales/lock")).exit_code
        78
        >>> refusal(OSError(28, "No space left on device"), Path("sales")).exit_code
        75
    """
    place = str(path or error.filename or "")
    received = f"{error.strerror or error}{f' for {place!r}' if place else ''}"
    rule = f"A job must be able to read and write its files. Received: {received};"
    if error.errno in _LASTING:
        return ConfigError(f"{rule} change its permissions, or name another place for it.")
    return BusyError(f"{rule} make room or mend it, and run the job again.")


def make_writable(folder: Path) -> None:
    """Make a folder where it is missing, and see to it that files can be read, made and removed in it.

    Args:
        folder: The folder.

    Raises:
        ConfigError: If they cannot.
        BusyError: If the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refusal(error, folder) from error
    if (forbidden := why_unusable(folder)) is not None:
        raise refusal(forbidden)


def why_unusable(folder: Path) -> OSError | None:
    """Say why files cannot be read, made and removed in a folder.

    Args:
        folder: The folder, which exists.

    Returns:
        The error that whoever tries would get; None if they can.
    """
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    return None
