"""The folder of a study: snapshots that outlive a kill at any moment, and one process at a time."""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from pipelines.disk import to_disk
from pipelines.errors import BusyError, ConfigError

LOCK: Final = ".lock"
_KEPT: Final = 3
_NAME: Final = re.compile(r"state-(\d{8})\.json")


class StudyFolder:
    """Keeps the newest snapshots of a study's state; made by `study_folder`.

    A snapshot is a file of its own, written beside its place, brought to the disk and put there in one step.
    So it is whole or not there; should a disk damage it all the same, its checksum tells, and the one before
    is read.

    Args:
        path: The folder; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._count = 0

    def file(self, name: str) -> Path | None:
        """Path of another file in the folder; None if nothing is kept."""
        return None if self._path is None else self._path / name

    def load(self) -> dict[str, Any] | None:
        """Read the newest good snapshot.

        Returns:
            The state; None if nothing was ever saved.

        Raises:
            ConfigError: If there are snapshots, and none of them is good.
        """
        if self._path is None:
            return None
        files = snapshots(self._path)
        self._count = max(files, default=0)
        for number, path in sorted(files.items(), reverse=True):
            state = _read(path)
            if state is not None:
                if number != self._count:
                    warnings.warn(
                        f"the newest snapshot of the study in {str(self._path)!r} is damaged; it goes on "
                        f"from {path.name}, the last good one",
                        UserWarning,
                        stacklevel=2,
                    )
                return state
        if files:
            raise ConfigError(
                f"A study needs one good snapshot to go on. Received: {str(self._path)!r}, where all "
                f"{len(files)} are damaged; remove the folder to begin again, or name another one."
            )
        return None

    def save(self, state: Mapping[str, Any]) -> None:
        """Write a snapshot.

        Args:
            state: JSON-able.

        Raises:
            ConfigError: If the folder cannot be written to.
        """
        if self._path is None:
            return
        self._count += 1
        content = json.dumps(state, allow_nan=False)
        text = f"{_checksum(content)}\n{content}\n"
        target = self._path / f"state-{self._count:08d}.json"
        draft = self._path / f".{target.name}.tmp"
        try:
            draft.write_text(text, encoding="utf-8")
            to_disk(draft)
            os.replace(draft, target)
            to_disk(self._path)
            for number, path in snapshots(self._path).items():
                if number <= self._count - _KEPT:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self._path, error) from error


@contextmanager
def study_folder(path: str | Path | None) -> Iterator[StudyFolder]:
    """Open the folder of a study, which is made if it is missing, for one process at a time.

    Args:
        path: The folder; None keeps nothing.

    Yields:
        The folder.

    Raises:
        BusyError: If another process has it open.
        ConfigError: If it cannot be written to.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as place:
        ...     with study_folder(place) as folder:
        ...         folder.save({"trials": 1})
        ...     with study_folder(place) as folder:
        ...         folder.load()
        {'trials': 1}
    """
    if path is None:
        yield StudyFolder(None)
        return
    root = Path(path).absolute()
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / LOCK, timeout=0)
        lock.acquire()
    except Timeout as error:
        raise BusyError(
            f"One process at a time may run a study. Received: {str(root)!r}, whose study another one runs "
            "now; try again when it has ended, or name another folder."
        ) from error
    except OSError as error:
        raise unwritable(root, error) from error
    try:
        for left in root.glob(".state-*.tmp"):  # of a process that was killed
            left.unlink(missing_ok=True)
        yield StudyFolder(root)
    finally:
        lock.release()


def snapshots(path: Path) -> dict[int, Path]:
    """Find the snapshots in a folder.

    Args:
        path: The folder.

    Returns:
        Number to file.
    """
    found = ((_NAME.fullmatch(entry.name), entry) for entry in path.iterdir())
    return {int(match[1]): entry for match, entry in found if match}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        checksum, _, content = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    content = content.removesuffix("\n")
    if checksum != _checksum(content):
        return None
    state: dict[str, Any] = json.loads(content)
    return state


def _checksum(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def unwritable(path: Path, error: OSError) -> ConfigError:
    """Say that the folder of a study cannot be written to.

    Args:
        path: The folder.
        error: What the system says.

    Returns:
        The error to raise.
    """
    return ConfigError(
        f"The folder of a study must be one that can be written to. Received: {str(path)!r} "
        f"({error.strerror}); name another one."
    )
