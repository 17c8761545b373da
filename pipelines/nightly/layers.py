"""The layers that settings come from: a file, the environment, flags; and where each value stands."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from pipelines.errors import ConfigError

Place: TypeAlias = tuple[str, ...]
"""Names from the outermost table to a setting."""

DELIMITER: Final = "__"

_LARGEST: Final = 262_144  # bytes; the settings of a job are a hundredth of it
# A piece of TOML: brackets and texts, which may hold line ends, tell whether one ends a statement.
_TOKEN: Final = re.compile(
    r"""
    (?P<end>\n)
    | (?P<open>[\[{])
    | (?P<close>[\]}])
    | \#[^\n]*
    | \"{3}(?:\\.|[^\\])*?\"{3,5}
    | '{3}.*?'{3,5}
    | "(?:\\.|[^"\\\n])*"
    | '[^'\n]*'
    | [^\n\[\]{}\#"']+
    """,
    re.DOTALL | re.VERBOSE,
)


class Environment(PydanticBaseSettingsSource):
    """Settings from variables such as TCN_JOB_RETRAIN__EVERY, written as in the file; text needs no quotes.

    Args:
        settings_cls: The settings; ``env_prefix`` of its configuration begins each variable.

    Attributes:
        texts: Place to variable and text.
    """

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        prefix = settings_cls.model_config["env_prefix"]
        self.texts: dict[Place, tuple[str, str]] = {
            tuple(name.upper().removeprefix(prefix).lower().split(DELIMITER)): (name, text)
            for name, text in sorted(os.environ.items())
            if name.upper().startswith(prefix)
        }

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return a value of the outermost table, its name, and that it is read already."""
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return all values, those with unknown names too."""
        values: dict[str, Any] = {}
        for place, (_, text) in self.texts.items():
            put(values, place, literal(text))
        return values


@dataclass
class Layers:
    """Values, and where they come from.

    Args:
        file: Name of the file, for messages.
        values: Tables of values.
        origins: Where the value of a place, or a table, stands.
    """

    file: str
    values: dict[str, Any]
    origins: dict[Place, str] = field(default_factory=dict)

    def lay(self, place: Place, text: str, origin: str) -> None:
        """Let a text count in place of what was there.

        Args:
            place: The setting.
            text: Its value.
            origin: Where it comes from.
        """
        put(self.values, place, literal(text))
        self.origins = {known: where for known, where in self.origins.items() if known[: len(place)] != place}
        self.origins[place] = origin

    def origin(self, place: Place) -> str:
        """Say where a setting, or the table that lacks it, stands.

        Args:
            place: The setting.

        Returns:
            Such as "job.toml, line 7".
        """
        for end in range(len(place), 0, -1):
            if place[:end] in self.origins:
                return self.origins[place[:end]]
        return next(
            (where for below, where in self.origins.items() if below[: len(place)] == place), self.file
        )

    def value(self, place: Place) -> Any:
        """Return the value of a place; None where there is none."""
        found: Any = self.values
        for name in place:
            found = found.get(name) if isinstance(found, dict) else None
        return found


def read_file(path: Path) -> Layers:
    """Read a job file.

    Args:
        path: TOML file.

    Returns:
        Its values, with their lines.

    Raises:
        ConfigError: If it cannot be read.
    """
    try:
        _refuse_other_kinds(path)
        text = path.read_text(encoding="utf-8-sig")
        values = tomllib.loads(text)
        lines = {place: f"{path}, line {line}" for place, line in _lines(text)}
    except FileNotFoundError:
        raise ConfigError(
            f"A job needs a file that describes it. Received: {str(path)!r}, which does not exist; name "
            "another one, or write one with tcn job init."
        ) from None
    except OSError as error:
        raise ConfigError(f"A job file must be readable. Received: {path}, {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}, line {line}: a job file must be UTF-8; save it as such.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: a job file must be TOML. Received: {error}; correct it there.") from None
    return Layers(str(path), values, lines)


def literal(text: str) -> Any:
    """Read a value as TOML writes it; what is no such value is text.

    Args:
        text: The value.

    Returns:
        Number, truth, list, table or text.

    Example:
        >>> literal("7"), literal("[80, 95]"), literal("warn"), literal('"7"')
        (7, [80, 95], 'warn', '7')
    """
    try:
        read = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return read["value"] if len(read) == 1 else text


def put(values: dict[str, Any], place: Place, value: Any) -> None:
    """Set a value in tables of tables, which are made where they are missing.

    Args:
        values: The outermost table.
        place: Where.
        value: What.

    Example:
        >>> values = {"checks": {"gaps": "off"}}
        >>> put(values, ("checks", "rows"), "warn")
        >>> values
        {'checks': {'gaps': 'off', 'rows': 'warn'}}
    """
    for name in place[:-1]:
        inner = values.get(name)
        values[name] = values = inner if isinstance(inner, dict) else {}
    values[place[-1]] = value


def _refuse_other_kinds(path: Path) -> None:
    """Refuse what could not be read to its end, or not soon."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or device"
        raise ConfigError(
            f"A job file must be a regular file. Received: {str(path)!r}, which is {kind}; name a file that "
            "holds the settings."
        )
    if found.st_size > _LARGEST:
        raise ConfigError(
            f"A job file must have at most {_LARGEST:,} bytes. Received: {str(path)!r} with "
            f"{found.st_size:,}; see whether it is a job file, and leave out what is no setting."
        )


def _lines(text: str) -> Iterator[tuple[Place, int]]:
    """Yield each place and the first line of the statement that names it."""
    known, header = set[Place](), Place()
    for line, statement in _statements(text):
        table = tomllib.loads(statement)
        is_header = statement.lstrip().startswith("[")
        places = [*_places(table)]
        if is_header:
            header = places[-1] if places else header
        else:
            places = [(*header, *place) for place in places]
        for place in places:
            if place not in known:
                known.add(place)
                yield place, line


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number of its first line and the text of each statement of a file that is TOML."""
    depth, begin, line, number = 0, 0, 1, 1
    for token in _TOKEN.finditer(text):
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        number += token[0].count("\n")
        if token.lastgroup == "end" and depth == 0:
            yield line, text[begin : token.end()]
            begin, line = token.end(), number
    yield line, text[begin:]


def _places(table: Mapping[str, Any], above: Place = ()) -> Iterator[Place]:
    for name, value in table.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from _places(value, (*above, name))
