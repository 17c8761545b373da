"""The folder of results: one job at a time, all of its files or none, and no file of anybody else.

Files are written into a hidden folder inside and take their places once all are there. ``manifest.json``,
which names them with their SHA-256, comes last: whoever reads while files change, or after a power failure
between two of them, sees that they do not belong together. What the manifest of an earlier job does not name
is not a job's to replace.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pipelines.disk import to_disk
from pipelines.errors import BusyError, ConfigError
from pipelines.jobs.signals import signals_wait

MANIFEST = "manifest.json"
LOCK = ".lock"
_DRAFT = ".draft-"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ResultsFolder:
    """A folder that is locked for this job; made by `results_folder`.

    Args:
        path: The folder.
        draft: Folder inside it to write to.
    """

    def __init__(self, path: Path, draft: Path) -> None:
        self.path = path
        self.draft = draft

    def check(self, names: Iterable[str]) -> None:
        """Check that files may take their places.

        Args:
            names: Names of files and folders to publish.

        Raises:
            ConfigError: If one is the name of something that no earlier job has written.
        """
        listed = self._listed()
        foreign = [name for name in names if not _is_replaceable(self.path, name, listed)]
        if not read_manifest(self.path) and os.path.lexists(self.path / MANIFEST):
            foreign.append(MANIFEST)
        if foreign:
            raise _foreign(self.path, foreign)

    def holds(self, name: str, facts: Mapping[str, Any]) -> bool:
        """Whether the last job has published a folder of results beside these facts, and it is as it was.

        Args:
            name: Name of the folder.
            facts: Part of what the job has passed to ``publish``.

        Returns:
            Whether nothing else would be published.
        """
        listed = {
            file: sums for file, sums in read_manifest(self.path).items() if file.startswith(f"{name}/")
        }
        found = {f"{name}/{file}": sums for file, sums in digests(self.path / name).items()}
        known = read_facts(self.path)
        return bool(found) and found == listed and all(known.get(key) == facts[key] for key in facts)

    def publish(self, facts: Mapping[str, Any]) -> list[Path]:
        """Move everything from the draft to its place, and remove what only the former manifest named.

        A signal that arrives meanwhile waits until all is done.

        Args:
            facts: Written to the manifest beside the files, JSON-able.

        Returns:
            Files and folders as they lie now, without the manifest.

        Raises:
            ConfigError: The folder cannot be written to, or a file of somebody else lies in the way.
        """
        names = sorted(entry.name for entry in self.draft.iterdir())
        self.check(names)
        sums = digests(self.draft)
        manifest = self.draft / MANIFEST
        text = json.dumps({**facts, "files": sums}, indent=2, allow_nan=False, default=str)
        manifest.write_text(f"{text}\n", encoding="utf-8")
        for file in (self.draft / name for name in (*sums, MANIFEST)):
            to_disk(file)
        listed = self._listed()
        former = {Path(name).parts[0] for name in listed}
        try:
            with signals_wait():
                for name in names:
                    self._place(name)
                for name in former.difference(names):
                    if _is_replaceable(self.path, name, listed):
                        _remove(self.path / name)
                os.replace(manifest, self.path / MANIFEST)
                to_disk(self.path)
                for left in _drafts(self.path):
                    if left != self.draft:
                        _remove(left)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        return [self.path / name for name in names]

    def _listed(self) -> set[str]:
        """Files of earlier jobs, also of one that was killed while its files took their places."""
        places = (self.path, *(left for left in _drafts(self.path) if left != self.draft))
        return {name for place in places for name in read_manifest(place)}

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
def results_folder(path: str | os.PathLike[str], names: Collection[str] = ()) -> Iterator[ResultsFolder]:
    """Lock a folder of results, which is made if it is missing, and prepare a draft in it.

    Args:
        path: The folder.
        names: Files and folders that will be published, to learn now whether they may.

    Yields:
        The folder. What is not published when the block ends is removed.

    Raises:
        BusyError: Another job writes to it.
        ConfigError: It is no folder, cannot be written to, or holds files of somebody else in the places of
            those that will be published.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as place, results_folder(place) as folder:
        ...     _ = (folder.draft / "forecasts.csv").write_text("unique_id,ds,TCN")
        ...     [file.name for file in folder.publish({})], list(read_manifest(folder.path))
        (['forecasts.csv'], ['forecasts.csv'])
    """
    root = Path(path).absolute()
    folder = ResultsFolder(root, root / f"{_DRAFT}{os.getpid()}")
    try:
        root.mkdir(parents=True, exist_ok=True)
        _check_lock(root)
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
        folder.check(names)
        for left in _drafts(root):  # by a job that was killed, for this one holds the lock
            if left == folder.draft or not read_manifest(left):
                _remove(left)
        try:
            folder.draft.mkdir()
        except OSError as error:
            raise _unwritable(root, error) from error
        yield folder
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and error.filename is None:
            error.filename = str(root)  # a write that finds no room does not say where
        raise
    finally:
        with signals_wait():
            _remove(folder.draft)
            lock.release()


def read_manifest(path: Path) -> dict[str, str]:
    """Read which files a folder of results holds.

    Args:
        path: The folder.

    Returns:
        File name, with ``/`` between folders, to SHA-256; empty without a manifest that a job has written.
    """
    with suppress(OSError, ValueError, KeyError, TypeError):
        files = dict(json.loads((path / MANIFEST).read_text(encoding="utf-8"))["files"])
        # Names decide what a later job replaces, so none may lead out of the folder.
        if all(_is_inside(str(name)) and _SHA256.fullmatch(str(value)) for name, value in files.items()):
            return {str(name): str(value) for name, value in files.items()}
    return {}


def read_facts(path: Path) -> dict[str, Any]:
    """Read what the manifest of a folder of results holds beside its files.

    Args:
        path: The folder.

    Returns:
        The facts; empty without a manifest.
    """
    with suppress(OSError, ValueError, TypeError):
        return {**json.loads((path / MANIFEST).read_text(encoding="utf-8"))}
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


def _is_replaceable(root: Path, name: str, listed: Collection[str]) -> bool:
    """Whether nothing is lost that an earlier job has not written."""
    path = root / name
    if not os.path.lexists(path):
        return True
    known = any(Path(file).parts[0] == name for file in listed)
    if path.is_symlink():  # only the link would be replaced
        return known
    if not path.is_dir():
        return name in listed
    inside = (entry for entry in path.rglob("*") if entry.is_symlink() or not entry.is_dir())
    return known and all(entry.relative_to(root).as_posix() in listed for entry in inside)


def _drafts(root: Path) -> list[Path]:
    """Folders in which jobs prepare their files."""
    return [
        path
        for path in root.glob(f"{_DRAFT}*")
        if path.name.removeprefix(_DRAFT).isdecimal() and path.is_dir() and not path.is_symlink()
    ]


def _check_lock(root: Path) -> None:
    lock = root / LOCK
    # Locking empties the file, and ours always is empty.
    if os.path.lexists(lock) and (lock.is_symlink() or not lock.is_file() or lock.stat().st_size):
        raise _foreign(root, [LOCK])


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _foreign(path: Path, names: list[str]) -> ConfigError:
    return ConfigError(
        "The output folder must hold nothing but the results of an earlier forecast where new ones go. "
        f"Received: {str(path)!r}, where no forecast has written {', '.join(map(repr, names))} (or all that "
        "is in it); move that away, or name another folder with --output."
    )


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"The output must be a folder that can be written to. Received: {str(path)!r} ({error.strerror}); "
        "name another one with --output."
    )
