"""Which files a job must not write: its own data, and files that a manifest vouches for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from itertools import product
from pathlib import Path

from pipelines import datasets
from pipelines.errors import ConfigError
from pipelines.jobs.files import table_path
from pipelines.jobs.results_folder import MANIFEST


def refuse_data(sources: Iterable[str | None], *places: Path) -> None:
    """Refuse to write to a file that the data come from, by whatever name or link.

    Args:
        sources: Names of shipped data sets, or paths of files; None for neither.
        *places: Files and folders that will be replaced.

    Raises:
        ConfigError: If the data are one of the files, or lie in one of the folders.

    Example:
        >>> from tempfile import NamedTemporaryFile
        >>> with NamedTemporaryFile(suffix=".csv") as file:
        ...     refuse_data([file.name], Path(file.name))
        Traceback (most recent call last):
        pipelines.errors.ConfigError: The output must not replace the data. Received: ...
    """
    files = (Path(source) for source in sources if source is not None and source not in datasets.names())
    for data, place in product((file for file in files if file.is_file()), places):
        if place.exists() and (data.samefile(place) or data.resolve().is_relative_to(place.resolve())):
            raise ConfigError(
                f"The output must not replace the data. Received: the data {str(data)!r} and the output "
                f"{str(place)!r}; name another output."
            )


def refuse_listed(path: Path) -> Path:
    """Refuse to write a single file in the place of one that a manifest beside it names with its sum.

    Args:
        path: File that will be written.

    Returns:
        The path.

    Raises:
        ConfigError: If a results folder or a bundle holds this file.
    """
    listed: set[str] = set()
    with suppress(OSError, ValueError, AttributeError, TypeError):
        manifest = json.loads((path.absolute().parent / MANIFEST).read_text(encoding="utf-8"))
        # Results folders call their sums one way, bundles the other.
        listed = {*(manifest.get("files") or ()), *(manifest.get("sha256") or ()), MANIFEST}
    if path.name in listed:
        raise ConfigError(
            "The output must not be a file of earlier results, which would no longer fit their "
            f"{MANIFEST}. Received: {str(path)!r}; choose another name or folder."
        )
    return path


def output_path(output: str | Path, *sources: str | None) -> Path:
    """Check the path of a table that will be written.

    Args:
        output: The path.
        *sources: What the data come from, as for `refuse_data`.

    Returns:
        The path.

    Raises:
        ConfigError: If it is no table, cannot be written, or is the data or part of earlier results.
    """
    path = refuse_listed(table_path(output))
    refuse_data(sources, path)
    return path
