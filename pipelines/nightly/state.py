"""The folder of a job: nights, versions and promotions, each written once and never changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock, Timeout

from pipelines.bundle import MANIFEST, checksum
from pipelines.errors import BusyError, StateError
from pipelines.nightly.folders import FOLDERS, make_writable, refusal
from pipelines.nightly.labels import label, unlabeled
from pipelines.nightly.records import JUDGED, Cutoff, Night, Promotion, Version
from pipelines.nightly.sealed import read_sealed, remove_drafts, whole_folder, write_sealed

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.nightly.settings import JobSettings

FORECASTS: Final = "forecasts.parquet"
_PART: Final = 65_536  # rows
_SHORT: Final = 12  # digits of a fingerprint
_NIGHT, _VERSION, _BUNDLE = "night.json", "version.json", "bundle"


class JobFolder:
    """What a job keeps.

    Args:
        path: The folder; made, with those in it, by who first writes to it.
        own: Fingerprint of the settings whose nights count where others have run the same cutoff.
    """

    def __init__(self, path: Path, own: str = "") -> None:
        self.path, self.own = path.absolute(), own[:_SHORT]
        self.nights_path, self.versions_path, self.promotions_path = (self.path / name for name in FOLDERS)

    @classmethod
    def of(cls, job: JobSettings) -> JobFolder:
        """Open the folder of a job, with its settings' own nights.

        Args:
            job: Settings.
        """
        return cls(home_of(job), job.fingerprint)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes out, and remove what a killed one has left unfinished.

        Yields:
            Nothing.

        Raises:
            BusyError: If another process works on this job, or the disk is full.
            ConfigError: If the folder cannot be written to.
        """
        folders = (self.path, *(self.path / name for name in FOLDERS))
        for folder in folders:
            make_writable(folder)
        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise BusyError(
                f"A job runs once at a time. Received: {str(self.path)!r}, which another process works in; "
                "try again when it has ended."
            ) from None
        except OSError as error:
            raise refusal(error, self.path / "lock") from error
        try:
            for folder in folders:
                remove_drafts(folder)
            yield
        finally:
            lock.release()

    @property
    def is_fresh(self) -> bool:
        """Whether nothing was ever trained or decided; what is damaged counts."""
        return not (_numbered(self.promotions_path, ".json") or _numbered(self.versions_path))

    # Nights

    def night(self, cutoff: Cutoff, fingerprint: str) -> tuple[Night, pd.DataFrame] | None:
        """Find what a night has left.

        Args:
            cutoff: Its cutoff.
            fingerprint: That of the settings.

        Returns:
            The night and its forecasts; None if there is none.

        Raises:
            StateError: If it is damaged.
        """
        path = self.place(cutoff, fingerprint)
        return self._read_night(path) if path.exists() else None

    def nights(
        self,
        until: Cutoff | None = None,
        count: int | None = None,
        on_damage: Callable[[StateError], object] = lambda error: None,
    ) -> list[Night]:
        """List the nights, oldest first; of several of one cutoff that of the own settings, else one.

        Args:
            until: Leave out this cutoff and later ones.
            count: The last so many; None for all.
            on_damage: What to do with the error of each damaged one, which is left out.

        Returns:
            Those that can be read.
        """
        found: dict[str, Night] = {}
        for path in sorted(self.nights_path.glob("[!.]*"), key=self._order, reverse=True):
            if len(found) == count:
                break
            if until is not None and path.name.partition("-")[0] >= label(until):
                continue
            try:
                night = _night(read_sealed(path / _NIGHT))
            except StateError as error:
                on_damage(error)
                continue
            found.setdefault(label(night.cutoff), night)
        return [*found.values()][::-1]

    def forecasts(self, night: Night) -> pd.DataFrame:
        """Read the forecasts of a night.

        Args:
            night: A night of ``nights``.

        Returns:
            The frame.

        Raises:
            StateError: If they are damaged.
        """
        return self._read_night(self.place(night.cutoff, night.fingerprint))[1]

    def ids(self, night: Night, column: str) -> set[str]:
        """Return the series that a night has forecast, as text.

        Args:
            night: A night of ``nights``.
            column: Name of the column of ids.

        Raises:
            StateError: If its forecasts are damaged.
        """
        import pyarrow.parquet as pq

        _, file = _checked(self.place(night.cutoff, night.fingerprint))
        if column not in pq.read_schema(file).names:  # named otherwise since
            return set()
        found: set[str] = set()
        with pq.ParquetFile(file, read_dictionary=[column]) as parts:
            for batch in parts.iter_batches(_PART, columns=[column]):
                found.update(map(str, batch.column(0).unique().to_pylist()))
        return found

    def past(
        self,
        until: Cutoff,
        count: int,
        columns: Collection[str] = (),
        on_damage: Callable[[StateError], object] = lambda error: None,
    ) -> list[tuple[Cutoff, Path]]:
        """Find the forecasts of the last nights before a cutoff, as far as they are as they were written.

        Args:
            until: Leave out this cutoff and later ones.
            count: Most nights to find.
            columns: Leave out nights that lack one, as those of other levels do.
            on_damage: What to do with the error of each damaged one, which is left out.

        Returns:
            Cutoff and file of each, oldest first. Cutoffs are without their time zone, which some may have
            been given with and others without.
        """
        import pyarrow.parquet as pq

        found: list[tuple[Cutoff, Path]] = []
        for night in self.nights(until, count, on_damage):
            try:
                _, file = _checked(self.place(night.cutoff, night.fingerprint))
            except StateError as error:
                on_damage(error)
                continue
            if {*columns} <= {*pq.read_schema(file).names}:
                found.append((unlabeled(label(night.cutoff)), file))
        return found

    def write_night(self, night: Night, forecasts: pd.DataFrame) -> None:
        """Keep what a night has found out.

        Args:
            night: The night; the checksum of its forecasts is added.
            forecasts: Its forecasts.
        """
        self.nights_path.mkdir(parents=True, exist_ok=True)
        with whole_folder(self.place(night.cutoff, night.fingerprint)) as draft:
            # In parts, so that whoever wants some of the series need not read all of them.
            forecasts.to_parquet(draft / FORECASTS, index=False, row_group_size=_PART)
            record = {**asdict(night), "cutoff": _plain(night.cutoff), "sha256": checksum(draft / FORECASTS)}
            write_sealed(draft / _NIGHT, record)

    def place(self, cutoff: Cutoff, fingerprint: str) -> Path:
        """Return the folder of a night.

        Args:
            cutoff: Its cutoff.
            fingerprint: That of the settings.
        """
        return self.nights_path / f"{label(cutoff)}-{fingerprint[:_SHORT]}"

    def _order(self, path: Path) -> tuple[str, bool, str]:
        """The order of time, in which names are, then that in which the last one counts."""
        cutoff, _, fingerprint = path.name.partition("-")
        return cutoff, fingerprint == self.own, fingerprint

    def _read_night(self, path: Path) -> tuple[Night, pd.DataFrame]:
        import pandas as pd

        record, file = _checked(path)
        return _night(record), pd.read_parquet(file)

    # Versions

    def versions(self, on_damage: Callable[[StateError], object] = lambda error: None) -> list[Version]:
        """List the versions that are on disk, oldest first.

        Args:
            on_damage: What to do with the error of each damaged one, which is left out.

        Returns:
            Those whose records can be read; their bundles check themselves when they are loaded.
        """
        found = []
        for path in _numbered(self.versions_path):
            try:
                found.append(Version(int(path.name), path / _BUNDLE, read_sealed(path / _VERSION)))
            except (StateError, ValueError) as error:
                on_damage(StateError(str(error)))
        return found

    def write_version(
        self,
        write: Callable[[Path], None],
        record: Mapping[str, Any],
        judged: Callable[[Path], None] | None = None,
    ) -> Version:
        """Keep a network.

        Args:
            write: Writes its bundle to the folder it is given.
            record: What to remember of its training.
            judged: Writes the one that was tested, if that is another one.

        Returns:
            The version.
        """
        number = 1 + max((int(path.name) for path in _numbered(self.versions_path)), default=0)
        place = self.versions_path / f"{number:04}"
        self.versions_path.mkdir(parents=True, exist_ok=True)
        with whole_folder(place) as draft:
            write(draft / _BUNDLE)
            record = {**record, "bundle_sha256": checksum(draft / _BUNDLE / MANIFEST)}
            if judged is not None:
                judged(draft / JUDGED)
                record["judged_sha256"] = checksum(draft / JUDGED / MANIFEST)
            write_sealed(draft / _VERSION, record)
        return Version(number, place / _BUNDLE, read_sealed(place / _VERSION))

    def remove_versions(self, keep: int) -> list[int]:
        """Remove the oldest versions, but none that forecasts or that a rollback could go back to.

        Args:
            keep: How many to keep at least.

        Returns:
            Those that were removed.
        """
        used = {promotion.version for promotion in self.promotions()[-2:]}
        spare = [version for version in self.versions()[:-keep] if version.number not in used]
        for version in spare:
            shutil.rmtree(version.bundle.parent, ignore_errors=True)
        return [version.number for version in spare]

    # Promotions

    def promotions(self, on_damage: Callable[[StateError], object] = lambda error: None) -> list[Promotion]:
        """List the promotions, oldest first.

        Args:
            on_damage: What to do with the error of each damaged one, which is left out.

        Returns:
            Those that can be read.
        """
        found = []
        for path in _numbered(self.promotions_path, ".json"):
            try:
                record = read_sealed(path)
                found.append(Promotion(**{**record, "withdrawn": tuple(record["withdrawn"])}))
            except (StateError, TypeError, KeyError) as error:
                on_damage(StateError(str(error)))
        return found

    def promote(
        self, version: int | None, reason: str, cutoff: str, withdrawn: Sequence[int] = ()
    ) -> Promotion:
        """Decide which version forecasts from now on: one file, there or not.

        Args:
            version: The champion; None for seasonal naive.
            reason: Why.
            cutoff: Cutoff of the night.
            withdrawn: Versions that are set aside.

        Returns:
            The promotion.
        """
        number = 1 + max((int(path.stem) for path in _numbered(self.promotions_path, ".json")), default=0)
        made = Promotion(number, version, reason, cutoff, tuple(withdrawn))
        self.promotions_path.mkdir(parents=True, exist_ok=True)
        write_sealed(self.promotions_path / f"{number:06}.json", asdict(made))
        return made


def _checked(path: Path) -> tuple[dict[str, Any], Path]:
    """The record of a night and the file of its forecasts, which is as it was written."""
    record = read_sealed(path / _NIGHT)
    file = path / FORECASTS
    if not file.is_file() or checksum(file) != record["sha256"]:
        raise StateError(
            f"The forecasts of a night must be as they were written. Received: {file}, damaged or "
            "missing; put it back from a backup, or remove its folder, and the night is run again."
        )
    return record, file


def home_of(job: JobSettings) -> Path:
    """Return the folder of a job: by default one of its name in the working directory."""
    return Path(job.folder or job.name)


def _numbered(folder: Path, suffix: str = "") -> list[Path]:
    """What the job has numbered in a folder, in order; what others have put there is not looked at."""
    if not folder.exists():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix == suffix and path.stem.isdecimal())


def _plain(cutoff: Cutoff) -> int | str:
    return cutoff if isinstance(cutoff, int) else cutoff.isoformat()


def _night(record: Mapping[str, Any]) -> Night:
    import pandas as pd

    cutoff = record["cutoff"]
    try:
        return Night(
            cutoff=cutoff if isinstance(cutoff, int) else pd.Timestamp(cutoff),
            fingerprint=record["fingerprint"],
            rows=record["rows"],
            series=record["series"],
            models=record["models"],
            record=record["record"],
        )
    except (KeyError, ValueError, TypeError) as error:
        raise StateError(f"A night must be recorded as this version does. Received: {error!r}.") from error
