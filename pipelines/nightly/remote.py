"""Files that have an address rather than a path, such as s3://bucket/sales.parquet, through fsspec."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pipelines.errors import ConfigError, ForecastingError, PanelError
from pipelines.nightly.secrets import hide
from pipelines.nightly.transient import short

if TYPE_CHECKING:
    from pipelines.nightly.settings import JobSettings


def is_remote(path: str) -> bool:
    """Say whether fsspec is to reach a file.

    Args:
        path: Path or address.

    Returns:
        False for paths, and for addresses of this machine's own files.

    Example:
        >>> is_remote("s3://bucket/a.csv"), is_remote("data/a.csv"), is_remote("file:///data/a.csv")
        (True, False, False)
    """
    return "://" in path and not path.startswith("file://")


def local_path(path: str) -> Path:
    """Return the path of a file of this machine, given as a path or as its address.

    Args:
        path: Such as "data/a.csv" or "file:///data/a.csv".

    Returns:
        The path.

    Example:
        >>> local_path("file:///data/a%20b.csv").as_posix()
        '/data/a b.csv'
    """
    return Path(unquote(urlsplit(path).path) if path.startswith("file://") else path)


def open_filesystem(address: str, job: JobSettings) -> tuple[Any, str]:
    """Open what an address lies in.

    Args:
        address: Such as "s3://bucket/sales.parquet".
        job: Whose passwords must not be shown.

    Returns:
        fsspec's file system, and the path in it.

    Raises:
        ConfigError: If a package is missing, or there is no such kind of address.
    """
    shown = hide(address, job)
    try:
        import fsspec

        filesystem, path = fsspec.core.url_to_fs(address)
    except ImportError as error:
        wanted = str(error).strip().rstrip(".")
        raise ConfigError(
            f"A path that is an address needs fsspec and the package of its kind. Received: {shown} "
            f"({wanted}); pip install 'tcn-forecasting[remote]', and for s3:// s3fs, for gs:// gcsfs, for "
            "abfs:// adlfs."
        ) from error
    except ValueError as error:
        raise ConfigError(
            f"A path that is an address must be of a kind that fsspec knows. Received: {shown} "
            f"({hide(str(error), job)}); correct it."
        ) from error
    return filesystem, path


@contextmanager
def at_address(address: str, job: JobSettings) -> Iterator[None]:
    """Name what the package behind an address raises of its own.

    Args:
        address: Where a file lies.
        job: Whose passwords must not be shown.

    Yields:
        Nothing.

    Raises:
        ConfigError: In the place of what is no ``OSError``, such as missing credentials.
    """
    try:
        yield
    except (OSError, ForecastingError):
        raise
    except Exception as error:
        raise ConfigError(
            f"An address must be one that lets the job in. Received: {short(error, job)} for "
            f"{hide(address, job)}; see how its package takes credentials from the environment."
        ) from error


def fetch(address: str, folder: Path, job: JobSettings) -> Path:
    """Copy a file, or a folder of Parquet files, to this machine.

    Args:
        address: Where it lies.
        folder: Folder to put it into.
        job: Whose passwords must not be shown.

    Returns:
        Where it lies on this machine.

    Raises:
        PanelError: If the name of a file leads out of the folder.
        ConfigError: As for ``open_filesystem`` and ``at_address``.
    """
    filesystem, path = open_filesystem(address, job)
    base = path.strip("/")
    with at_address(address, job):
        if not filesystem.isdir(path):
            target = folder / Path(base).name
            filesystem.get_file(path, str(target))
            return target
        for file in filesystem.find(path):
            inside = file.strip("/").removeprefix(base).strip("/")
            if ".." in Path(inside).parts:
                raise PanelError(
                    f"Files of a source must lie below its folder. Received: {inside!r} in "
                    f"{hide(address, job)}; remove it."
                )
            target = folder / "rows" / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            filesystem.get_file(file, str(target))
    return folder / "rows"
