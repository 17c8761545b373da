"""The folder of results: one job at a time, and all of its files or none.

Files are written into a hidden folder inside and take their places once all are there. ``manifest.json``,
which names them with their SHA-256, comes last: whoever reads while files change, or after a power failure
between two of them, sees that they do not belong together.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pipelines.errors import BusyError, ConfigError
from pipelines.jobs.signals import signals_wait

MANIFEST = "manifest.json"
LOCK = ".lock"
_DRAFT = ".draft-"


class ResultsFolder:
    """A folder that is locked for this job; made by `results_folder`.

    Args:
        path: The folder.
        draft: Folder inside it to write to.
    """

    def __init__(self, path: Path, draft: Path) -> None:
        self.path = path
        self.draft = draft

    def publish(self, facts: Mapping[str, Any]) -> list[Path]:
        """Move everything from the draft to its place, and remove what only the former manifest named.

        A signal that arrives meanwhile waits until all is done.

        Args:
            facts: Written to the manifest beside the files, JSON-able.

        Returns:
            Files and folders as they lie now, without the manifest.

        Raises:
            ConfigError: The folder cannot be written to.
        """
        names = sorted(entry.name for entry in self.draft.iterdir())
        sums = digests(self.draft)
        manifest = self.draft / MANIFEST
        text = json.dumps({**facts, "files": sums}, indent=2, allow_nan=False, default=str)
        manifest.write_text(f"{text}\n", encoding="utf-8")
        for file in (self.draft / name for name in (*sums, MANIFEST)):
            _to_disk(file)
        former = {Path(name).parts[0] for name in read_manifest(self.path)}
        try:
            with signals_wait():
                for name in names:
                    self._place(name)
                for name in former.difference(names):
                    _remove(self.path / name)
                os.replace(manifest, self.path / MANIFEST)
                _to_disk(self.path)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        return [self.path / name for name in names]

    def _place(self, name: str) -> None:
        source, target = self.draft / name, self.path / name
        if not target.is_dir():
            os.replace(source, target)
            return
        aside = self.draft / f"{_DRAFT}{name}"  # a folder that holds something cannot be replaced in one step
        os.replace(target, aside)
        try:
            os.replace(source, target)
        except OSError:
            os.replace(aside, target)
            raise


@contextmanager
def results_folder(path: str | os.PathLike[str]) -> Iterator[ResultsFolder]:
    """Lock a folder of results, which is made if it is missing, and prepare a draft in it.

    Args:
        path: The folder.

    Yields:
        The folder. What is not published when the block ends is removed.

    Raises:
        BusyError: Another job writes to it.
        ConfigError: It is no folder, or cannot be written to.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as place, results_folder(place) as folder:
        ...     _ = (folder.draft / "forecasts.csv").write_text("unique_id,ds,TCN")
        ...     [file.name for file in folder.publish({})], list(read_manifest(folder.path))
        (['forecasts.csv'], ['forecasts.csv'])
    """
    root = Path(path).absolute()
    draft = root / f"{_DRAFT}{os.getpid()}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / LOCK, timeout=0)
        lock.acquire()
    except Timeout as error:
        raise BusyError(
            f"One job at a time may write to a folder. Received: {str(root)!r}, to which another one writes "
            "now; try again when it has ended, or name another folder."
        ) from error
    except OSError as error:
        raise _unwritable(root, error) from error
    try:
        for left in root.glob(f"{_DRAFT}*"):  # by a job that was killed, for this one holds the lock
            _remove(left)
        try:
            draft.mkdir()
        except OSError as error:
            raise _unwritable(root, error) from error
        yield ResultsFolder(root, draft)
    finally:
        with signals_wait():
            _remove(draft)
            lock.release()


def read_manifest(path: Path) -> dict[str, str]:
    """Read which files a folder of results holds.

    Args:
        path: The folder.

    Returns:
        File name, with ``/`` between folders, to SHA-256; empty without a manifest that can be read.
    """
    with suppress(OSError, ValueError, KeyError, TypeError):
        files = dict(json.loads((path / MANIFEST).read_text(encoding="utf-8"))["files"])
        # Names decide what a later job removes, so none may lead out of the folder.
        return {str(name): str(value) for name, value in files.items() if _is_inside(str(name))}
    return {}


def digests(folder: Path) -> dict[str, str]:
    """Fingerprint every file in a folder.

    Args:
        folder: The folder.

    Returns:
        File name, with ``/`` between folders, to SHA-256, sorted.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def _is_inside(name: str) -> bool:
    path = Path(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"The output must be a folder that can be written to. Received: {str(path)!r} ({error.strerror}); "
        "name another one with --output."
    )
