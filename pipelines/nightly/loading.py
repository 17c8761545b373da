"""The file of a job, the environment and flags become its settings, or one error that names all mistakes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr, ValidationError

from pipelines import datasets
from pipelines.errors import ConfigError
from pipelines.nightly.explaining import by_line, explained
from pipelines.nightly.file_sinks import format_of
from pipelines.nightly.layers import Environment, Layers, Place, read_file
from pipelines.nightly.reach import beginning
from pipelines.nightly.secrets import holds_secret
from pipelines.nightly.settings import JobSettings

_ADDRESSES: Final[tuple[Place, ...]] = (
    ("source", "url"), ("source", "path"), ("source", "static"), ("sink", "url"), ("sink", "path"),
    ("tracking", "uri"), ("partitions", "address"), ("notify", "webhook"),
)  # fmt: skip
_PATHS: Final[tuple[Place, ...]] = (
    ("folder",), ("source", "path"), ("source", "static"), ("source", "url"), ("sink", "path"),
    ("sink", "url"), ("tracking", "uri"),
)  # fmt: skip
_SQLITE: Final = re.compile(r"sqlite(\+\w+)?:///")


def load_job(path: Path, overrides: Mapping[str, str] | None = None) -> JobSettings:
    r"""Read the settings of a job: its file, then the environment, then flags; the last one counts.

    Args:
        path: TOML file. Relative paths in it, and in the other two, are relative to its folder.
        overrides: Setting, such as "retrain.every", to its value as the file would write it; text needs no
            quotes.

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
    layers = read_file(path)
    mistakes: list[str] = []
    texts = {place: (f"environment variable {name}", text)
             for place, (name, text) in Environment(JobSettings).texts.items()}  # fmt: skip
    mistakes += _open_secrets(layers, "the file")
    for place, (origin, text) in texts.items():
        layers.lay(place, text, origin)
    flags = {tuple(name.split(".")): text for name, text in (overrides or {}).items()}
    flagged = Layers(layers.file, {})
    for place, text in flags.items():
        for each in (layers, flagged):
            each.lay(place, text, f"--set {'.'.join(place)}")
    mistakes += _open_secrets(flagged, "the list of processes")
    try:
        job = JobSettings(**layers.values)
    except ValidationError as error:
        mistakes = [*explained(error, layers, JobSettings), *mistakes]
    if mistakes:
        mistakes.sort(key=by_line)
        verb = "is" if len(mistakes) == 1 else "are"
        raise ConfigError(
            "\n".join([f"A job must have settings that are allowed; {len(mistakes)} {verb} not:", *mistakes])
        )
    beginning(job, 0)  # which knows what it needs of the settings
    if job.source.path == "":
        raise ConfigError("source.path must name a file, a folder or a data set. Received: ''.")
    if job.sink.path is not None:
        format_of(job.sink.path)
    return _apart(_beside(job, path.absolute().parent))


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
    for table, name in (place for place in _PATHS if len(place) == 2):
        value = getattr(getattr(job, table), name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text is None or ((table, name) == ("source", "path") and text in datasets.names()):
            continue
        moved = _absolute(text, folder)
        if table == "source":
            seen[moved] = _seen_from(folder, text)
        if moved != text:
            tables.setdefault(table, {})[name] = SecretStr(moved) if isinstance(value, SecretStr) else moved
    changed: dict[str, Any] = {
        table: getattr(job, table).model_copy(update=update) for table, update in tables.items()
    }
    place = Path(os.path.abspath(folder / (job.folder or job.name)))
    return job.model_copy(update={**changed, "folder": place}).seen_from_file(seen)


def _apart(job: JobSettings) -> JobSettings:
    """Refuse to publish over the data."""
    places = [os.path.realpath(place) for place in (job.source.path, job.source.static) if place]
    if job.sink.path is not None and os.path.realpath(job.sink.path) in places:
        raise ConfigError(
            f"Forecasts must not replace the data that they come from. Received: {job.sink.path!r} as source "
            "and as sink; name another sink.path."
        )
    if job.source.url is not None and (job.source.url, job.source.table) == (job.sink.url, job.sink.table):
        raise ConfigError(
            "Forecasts must not be mixed with the data that they come from. Received: table "
            f"{job.source.table!r} as source and as sink; name another sink.table."
        )
    return job


def _absolute(text: str, folder: Path) -> str:
    before, name, after = _parts(text)
    return f"{before}{os.path.abspath(folder / name)}{after}" if name else text


def _seen_from(folder: Path, text: str) -> str:
    """A place as the folder of the file sees it; an absolute one outside of that stays as it is."""
    before, name, after = _parts(text)
    place = Path(os.path.abspath(folder / name))
    if not name or (os.path.isabs(name) and not place.is_relative_to(folder)):
        return text
    return f"{before}{os.path.relpath(place, folder)}{after}"


def _parts(text: str) -> tuple[str, str, str]:
    """What stands before the path of a file, the path, and what comes after it; other addresses have none."""
    if (begin := _SQLITE.match(text)) is not None:
        name, mark, options = text[begin.end() :].partition("?")
        elsewhere = not name or name == ":memory:" or name.startswith("file:")
        return (text, "", "") if elsewhere else (begin[0], name, mark + options)
    return (text, "", "") if "://" in text else ("", text, "")
