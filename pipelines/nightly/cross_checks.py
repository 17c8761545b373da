"""Mistakes that the type of a setting does not tell: what goes together, and places that cannot be used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipelines import datasets
from pipelines.errors import ConfigError
from pipelines.frequency import Freq
from pipelines.nightly.file_sinks import format_of
from pipelines.nightly.folders import FOLDERS, why_unusable
from pipelines.nightly.layers import Layers, Place
from pipelines.nightly.paths import absolute, lacks_home
from pipelines.nightly.remote import is_remote, local_path
from pipelines.nightly.secrets import hide

PATHS: Final[tuple[Place, ...]] = (
    ("folder",), ("source", "path"), ("source", "static"), ("source", "url"), ("sink", "path"),
    ("sink", "url"), ("tracking", "uri"),
)  # fmt: skip
"""Settings that are paths, or addresses that hold one."""

_FILES: Final = {("source", "path"): "a file, a folder or a data set", ("source", "static"): "a file"}


def contradictions(layers: Layers, folder: Path) -> Iterator[str]:
    """Find settings that cannot be meant, whatever this machine holds.

    Args:
        layers: Values, some of which may be of a wrong type: those are left to whoever checks types.
        folder: That of the job file.

    Yields:
        A line per setting: where it stands, the rule, what was received, the cure.
    """
    for check in (_frequency, _reach, _spellings, _kind_of_sink):
        yield from check(layers)
    yield from _over_the_data(layers, folder)


def unusable_places(layers: Layers, folder: Path) -> Iterator[str]:
    """Find places of this machine that the job could not read from or write to as things stand.

    Shipped data sets, addresses and databases are left out: only a night reaches those.

    Args:
        layers: Values, as for ``contradictions``.
        folder: That of the job file.

    Yields:
        A line per setting: where it stands, the rule, what was received, the cure.
    """
    if (data := _local(layers, ("source", "path"), folder)) is not None:
        yield from _unreadable(layers, ("source", "path"), data, folders=True)
    if (static := _local(layers, ("source", "static"), folder)) is not None:
        yield from _unreadable(layers, ("source", "static"), static, folders=False)
    if (output := _local(layers, ("sink", "path"), folder)) is not None and not [*_kind_of_sink(layers)]:
        yield from _unwritable_file(layers, ("sink", "path"), output)
    name, state = _text(layers, ("name",)), _local(layers, ("folder",), folder)
    if state is None and name is not None and not _text(layers, ("folder",)):
        state = str(folder / name)
    if state is not None:
        for place in (state, *(os.path.join(state, name) for name in FOLDERS)):
            if place == state or os.path.lexists(place):
                yield from _unwritable(layers, ("folder",), place)


def _frequency(layers: Layers) -> Iterator[str]:
    place = ("model", "freq")
    freq = layers.value(place)
    try:
        if freq is not None:
            Freq.parse(freq)
    except ConfigError as error:
        yield _mistake(layers, place, str(error).removeprefix("freq "))


def _reach(layers: Layers) -> Iterator[str]:
    place = ("source", "past")
    past = layers.value(place)
    if isinstance(past, int) and past > 0 and layers.value(("model", "freq")) is None:
        rule = "counts steps, so the job must know how long they are"
        yield _mistake(layers, place, f"{rule}. Received: {past} without model.freq; set it.")


def _spellings(layers: Layers) -> Iterator[str]:
    for place in PATHS:
        text = layers.value(place)
        if not isinstance(text, str):
            continue
        if place in _FILES and not text:
            yield _mistake(layers, place, f"must name {_FILES[place]}. Received: ''; name one.")
        if "\0" in text:
            rule = "must hold no null character, which no path has"
            yield _mistake(layers, place, f"{rule}. Received: {text!r}; take it out.")
        elif lacks_home(text):
            rule = "must begin with a home folder that there is, where it begins with '~'"
            cure = "write the path in full, with './' before a name that begins so"
            yield _mistake(layers, place, f"{rule}. Received: {text!r}; {cure}.")


def _kind_of_sink(layers: Layers) -> Iterator[str]:
    place = ("sink", "path")
    path = layers.value(place)
    try:
        if isinstance(path, str):
            format_of(path)
    except ConfigError as error:
        yield _mistake(layers, place, str(error).removeprefix("sink.path "))


def _over_the_data(layers: Layers, folder: Path) -> Iterator[str]:
    """Find a sink that takes the place of the source."""
    output = _path(layers, ("sink", "path"))
    inputs = [_path(layers, ("source", name)) for name in ("path", "static")]
    places = {os.path.realpath(absolute(text, folder)) for text in inputs if text is not None}
    if output is not None and os.path.realpath(absolute(output, folder)) in places:
        rule = "must not replace the data that the forecasts come from"
        received = f"Received: {output!r} as source and as sink; name another sink.path."
        yield _mistake(layers, ("sink", "path"), f"{rule}. {received}")
    urls = [_path(layers, (table, "url")) for table in ("source", "sink")]
    tables = [layers.value((table, "table")) for table in ("source", "sink")]
    same = [absolute(url, folder) for url in urls if url is not None]
    if len(same) == 2 and same[0] == same[1] and tables[0] == tables[1]:
        rule = "must not be mixed with the data that the forecasts come from"
        received = f"Received: table {tables[0]!r} as source and as sink; name another sink.table."
        yield _mistake(layers, ("sink", "table"), f"{rule}. {received}")


def _unreadable(layers: Layers, place: Place, path: str, folders: bool) -> Iterator[str]:
    what = "a file or folder" if folders else "a file"
    if not os.path.exists(path):
        problem, cure = "no such file or folder", "correct it, or put the data there"
    elif os.path.isdir(path) and not folders:
        problem, cure = "a folder", "name a file in it"
    elif not os.access(path, os.R_OK):
        problem, cure = "which may not be read", "change its permissions, or name another one"
    elif os.path.isdir(path) and next(Path(path).rglob("*.parquet"), None) is None:
        problem, cure = "a folder without Parquet files", "put them there, or name a file"
    else:
        return
    yield _mistake(
        layers, place, f"must name {what} that the job can read. Received: {path!r}, {problem}; {cure}."
    )


def _unwritable_file(layers: Layers, place: Place, path: str) -> Iterator[str]:
    if os.path.isdir(path):
        inside = os.path.join(path, "forecasts.csv")
        received = f"Received: {path!r}, which is a folder; name a file in it, such as {inside!r}."
        yield _mistake(layers, place, f"must name a file. {received}")
        return
    for place_of in dict.fromkeys((path, os.path.realpath(path))):  # a link, and where it leads
        yield from _unwritable(layers, place, os.path.dirname(place_of))


def _unwritable(layers: Layers, place: Place, folder: str) -> Iterator[str]:
    """Find a folder that cannot be made, or written to: the nearest one above it that there is tells."""
    there = folder
    while not os.path.lexists(there) and os.path.dirname(there) != there:
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        problem, cure = "is no folder", "name another place"
    elif why_unusable(Path(there)) is not None:
        problem, cure = "may not be written to", "change its permissions, or name another place"
    else:
        return
    yield _mistake(
        layers,
        place,
        f"must lie in a folder that the job can write to. Received: {folder!r}, where {there!r} {problem}; "
        f"{cure}.",
    )


def _local(layers: Layers, place: Place, folder: Path) -> str | None:
    """The path of this machine that a setting names; None where it names something else, or nothing."""
    text = _path(layers, place)
    return None if text is None or is_remote(text) else str(local_path(absolute(text, folder)))


def _path(layers: Layers, place: Place) -> str | None:
    """What a setting names, unless that is a shipped data set, or no path at all."""
    text = _text(layers, place)
    is_dataset = place == ("source", "path") and text in datasets.names()
    return None if text is None or is_dataset or "\0" in text or lacks_home(text) else text


def _text(layers: Layers, place: Place) -> str | None:
    value = layers.value(place)
    return value if isinstance(value, str) and value else None


def _mistake(layers: Layers, place: Place, rest: str) -> str:
    return hide(f"{layers.origin(place)}: '{'.'.join(place)}' {rest}")
