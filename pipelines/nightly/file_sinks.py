"""Forecasts in a file, with a manifest beside it that names and vouches for it."""

from __future__ import annotations

import csv
import errno
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from pipelines.disk import to_disk
from pipelines.errors import BusyError, ConfigError
from pipelines.jobs.files import FORMATS
from pipelines.nightly.contents import content_of, sealed_manifest, vouched
from pipelines.nightly.matching import CUTOFF, MODEL
from pipelines.nightly.remote import at_address, local_path, open_filesystem
from pipelines.nightly.secrets import hide
from pipelines.nightly.transient import attempt, short

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.nightly.settings import JobSettings

_DIGITS: Final = 16  # of a digest that is part of a file's name
_HEADER: Final = 65_536  # characters that a header has at most


class FileSink:
    """A file of this machine, replaced as a whole; then its manifest, ``FILE.manifest.json``.

    A link stays, and leads to the new file.

    Args:
        job: Settings.
        path: CSV or Parquet file.

    Raises:
        ConfigError: If it is neither.
    """

    holds_one_night = True

    def __init__(self, job: JobSettings, path: str) -> None:
        self.job, self.path = job, local_path(path)
        self._format = format_of(self.path.name)
        self._manifest = self.path.with_name(f"{self.path.name}.manifest.json")

    def current(self) -> dict[str, Any] | None:
        """Tell what is published; see ``Sink``."""
        try:
            return attempt(self._current, self.job, str(self.path))
        except OSError as error:
            raise _unusable(str(self.path), error, self.job) from error

    def publish(self, frame: pd.DataFrame, manifest: Mapping[str, Any]) -> None:
        """Publish a forecast; see ``Sink``."""
        content = content_of(frame, self._format)
        record = sealed_manifest(manifest, content, len(frame), file=self.path.name).encode()
        try:
            attempt(lambda: self._write(content, record), self.job, str(self.path))
        except OSError as error:
            raise _unusable(str(self.path), error, self.job) from error

    def _current(self) -> dict[str, Any] | None:
        self._refuse_folders()
        try:
            record = self._manifest.read_bytes()
        except FileNotFoundError:
            self._refuse_other_files()
            return None
        try:
            return vouched(record, lambda name: self.path.read_bytes())
        except FileNotFoundError:
            return None

    def _refuse_folders(self) -> None:
        if self.path.is_dir():
            raise ConfigError(
                f"sink.path must name a file. Received: {self.path}, which is a folder; name a file in it, "
                f"such as {self.path / 'forecasts.csv'}."
            )

    def _refuse_other_files(self) -> None:
        """Refuse a file that no job has written, as far as its columns tell: it would be lost."""
        if self.path.is_file() and not {CUTOFF, MODEL} <= {*_columns_of(self.path, self._format)}:
            raise ConfigError(
                "sink.path must not name a file of another kind, which would be lost. Received: "
                f"{self.path}, which holds no forecasts of a job; move it away, or name another sink.path."
            )

    def _write(self, content: bytes, record: bytes) -> None:
        self._refuse_folders()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for named, data in ((self.path, content), (self._manifest, record)):
            path = named.resolve()
            for left in path.parent.glob(f".{_escaped(path.name)}.*.tmp"):
                left.unlink(missing_ok=True)  # by a process that was killed
            draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            try:
                draft.write_bytes(data)
                to_disk(draft)
                os.replace(draft, path)
                to_disk(path.parent)
            finally:
                draft.unlink(missing_ok=True)


class RemoteFileSink:
    """A file that has an address: it is written under a name of its own, which the manifest then names.

    Whoever reads takes the manifest, ``FILE.manifest.json``, and the file that it names: objects of a store
    cannot be replaced two at once, so only the manifest is. The forecast before stays for whoever reads it.

    Args:
        job: Settings.
        address: Such as s3://bucket/forecasts.parquet.

    Raises:
        ConfigError: If it does not end in .csv or .parquet, or a package is missing.
    """

    holds_one_night = True

    def __init__(self, job: JobSettings, address: str) -> None:
        self.job, self._shown = job, hide(address, job)
        self._files, path = open_filesystem(address, job)
        self._path = PurePosixPath(path)
        self._format = format_of(self._path.name)
        self._manifest = str(self._path.with_name(f"{self._path.name}.manifest.json"))

    def current(self) -> dict[str, Any] | None:
        """Tell what is published; see ``Sink``."""
        try:
            return attempt(self._current, self.job, self._shown)
        except OSError as error:
            raise _unusable(self._shown, error, self.job) from error

    def publish(self, frame: pd.DataFrame, manifest: Mapping[str, Any]) -> None:
        """Publish a forecast; see ``Sink``."""
        content = content_of(frame, self._format)
        name = f"{self._path.stem}-{hashlib.sha256(content).hexdigest()[:_DIGITS]}{self._path.suffix}"
        record = sealed_manifest(manifest, content, len(frame), file=name).encode()
        try:
            with at_address(self._shown, self.job):
                attempt(lambda: self._write(name, content, record), self.job, self._shown)
        except OSError as error:
            raise _unusable(self._shown, error, self.job) from error

    def _current(self) -> dict[str, Any] | None:
        with at_address(self._shown, self.job):
            self._files.invalidate_cache()
            try:
                record = self._files.cat_file(self._manifest)
                return vouched(record, lambda name: self._files.cat_file(str(self._path.with_name(name))))
            except FileNotFoundError:
                return None

    def _write(self, name: str, content: bytes, record: bytes) -> None:
        former = self._current()
        self._files.makedirs(str(self._path.parent), exist_ok=True)
        self._files.pipe_file(str(self._path.with_name(name)), content)
        self._files.pipe_file(self._manifest, record)
        self._files.invalidate_cache()
        if former is None or former["file"] == name:
            return
        pattern = f"{_escaped(self._path.stem)}-{'[0-9a-f]' * _DIGITS}{self._path.suffix}"
        for file in self._files.glob(str(self._path.with_name(pattern))):
            if PurePosixPath(file).name not in (name, former["file"]):
                self._files.rm_file(file)


def format_of(name: str) -> str:
    """Return the format of a file of forecasts.

    Args:
        name: Path or name.

    Returns:
        "csv" or "parquet".

    Raises:
        ConfigError: If it ends otherwise.
    """
    kind = PurePosixPath(name).suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise ConfigError(f"sink.path must end in .csv or .parquet. Received: {name!r}.")
    return kind


def _columns_of(path: Path, kind: str) -> list[str]:
    """Names of the columns of a file; none of what is no table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if kind == "csv":
        with path.open(encoding="utf-8", errors="replace") as lines:
            return next(csv.reader([lines.readline(_HEADER)]), [])
    try:
        return [*pq.read_schema(path).names]
    except pa.ArrowException:
        return []


def _escaped(name: str) -> str:
    """A name as a pattern that only it matches."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _unusable(place: str, error: OSError, job: JobSettings) -> BusyError | ConfigError:
    kind = BusyError if error.errno in (errno.ENOSPC, errno.EDQUOT) else ConfigError
    return kind(
        f"A forecast must go to a folder with permission and space. Received: {short(error, job)} for "
        f"{place}; make room, or name another sink.path."
    )
