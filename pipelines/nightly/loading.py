"""The file of a job, the environment and flags become its settings, or one error that names all mistakes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr, ValidationError

from pipelines import datasets
from pipelines.errors import ConfigError
from pipelines.nightly.cross_checks import PATHS, contradictions, unusable_places
from pipelines.nightly.explaining import by_line, explained
from pipelines.nightly.layers import Environment, Layers, Place, read_file
from pipelines.nightly.paths import absolute, seen_from
from pipelines.nightly.secrets import holds_secret
from pipelines.nightly.settings import JobSettings

_ADDRESSES: Final[tuple[Place, ...]] = (
    ("source", "url"), ("source", "path"), ("source", "static"), ("sink", "url"), ("sink", "path"),
    ("tracking", "uri"), ("partitions", "address"), ("notify", "webhook"),
)  # fmt: skip


def load_job(path: Path, overrides: Mapping[str, str] | None = None, look: bool = False) -> JobSettings:
    r"""Read the settings of a job: its file, then the environment, then flags; the last one counts.

    Args:
        path: TOML file. Relative paths in it, and in the other two, are relative to its folder.
        overrides: Setting, such as "retrain.every", to its value as the file would write it; text needs no
            quotes.
        look: Whether the places of this machine that they name must be usable now, too.

    Returns:
        The settings; every path in them is absolute, and the folder is named.

    Raises:
        ConfigError: If the file cannot be read, or for all settings that are not allowed, each with its line.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "job.toml"
        ...     _ = file.write_text('name = "sales"\n[source]\npath = "s.csv"\n[sink]\npath = "f.csv"\n')
        ...     load_job(file, {"model.horizon": "0"})
        Traceback (most recent call last):
        pipelines.errors.ConfigError: A job must have settings that are allowed; 1 is not:
        --set model.horizon: 'model.horizon' must be greater than or equal to 1. Received: 0.
    """
    layers, folder = read_file(path), path.absolute().parent
    mistakes = [*_laid(layers, overrides or {}), *contradictions(layers, folder)]
    if look:
        mistakes += unusable_places(layers, folder)
    try:
        job = JobSettings(**layers.values)
    except ValidationError as error:
        mistakes += explained(error, layers, JobSettings)
    if mistakes:
        mistakes.sort(key=by_line)
        verb = "is" if len(mistakes) == 1 else "are"
        raise ConfigError(
            "\n".join([f"A job must have settings that are allowed; {len(mistakes)} {verb} not:", *mistakes])
        )
    return _beside(job, folder)


def _laid(layers: Layers, overrides: Mapping[str, str]) -> list[str]:
    """Let the environment and flags count before the file; return a mistake for each open secret."""
    mistakes = [*_open_secrets(layers, "the file")]
    for place, (name, text) in Environment(JobSettings).texts.items():
        layers.lay(place, text, f"environment variable {name}")
    flagged = Layers(layers.file, {})
    for name, text in overrides.items():
        for each in (layers, flagged):
            each.lay(tuple(name.split(".")), text, f"--set {name}")
    return [*mistakes, *_open_secrets(flagged, "the list of processes")]


def _open_secrets(layers: Layers, readable: str) -> Iterator[str]:
    """Yield a mistake for each password where many can read it."""
    for place in _ADDRESSES:
        address = layers.value(place)
        if isinstance(address, str) and holds_secret(address, paths=place[0] == "notify"):
            yield (
                f"{layers.origin(place)}: '{'.'.join(place)}' must not hold a password or token where others "
                f"can read it. Received: one, in {readable}; take it out, and set the environment variable "
                f"{_variable(place)}."
            )


def _variable(place: Place) -> str:
    prefix: str = JobSettings.model_config["env_prefix"]
    return prefix + "__".join(place).upper()


def _beside(job: JobSettings, folder: Path) -> JobSettings:
    """Make the paths absolute; those of the source stay known as the file sees them."""
    tables: dict[str, dict[str, Any]] = {}
    seen: dict[str, str] = {}
    for table, name in (place for place in PATHS if len(place) == 2):
        value = getattr(getattr(job, table), name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text is None or ((table, name) == ("source", "path") and text in datasets.names()):
            continue
        moved = absolute(text, folder)
        if table == "source":
            seen[moved] = seen_from(folder, text)
        if moved != text:
            tables.setdefault(table, {})[name] = SecretStr(moved) if isinstance(value, SecretStr) else moved
    changed: dict[str, Any] = {
        table: getattr(job, table).model_copy(update=update) for table, update in tables.items()
    }
    place = Path(absolute(os.fspath(job.folder or job.name), folder))
    return job.model_copy(update={**changed, "folder": place}).seen_from_file(seen)
