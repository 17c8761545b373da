"""Mistakes in settings, each on a line: where it stands, the rule, what was received, the cure."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from pipelines.nightly.layers import Layers, Place
from pipelines.nightly.secrets import hide

_SECRET = ("url", "webhook")


def explained(error: ValidationError, layers: Layers, model: type[BaseModel]) -> list[str]:
    """Explain what pydantic has found.

    Args:
        error: What it raised.
        layers: Where the values come from.
        model: The settings.

    Returns:
        A line per setting.
    """
    found: dict[Place, list[tuple[str, str]]] = {}
    for problem in error.errors(include_url=False):
        place, table = _place(problem["loc"], model)
        message = problem["msg"].removeprefix("Value error, ").replace(".\n", "; ")
        found.setdefault(place, []).append((problem["type"], message))
        if problem["type"] in ("missing", "extra_forbidden"):
            found[place] = [(problem["type"], _known(place, table, problem["type"] == "missing"))]
    lines = {place: _line(place, problems, layers) for place, problems in found.items()}
    return list(lines.values())


def by_line(mistake: str) -> tuple[int, str]:
    """Key to sort mistakes by: those of the file by line, then the others.

    Args:
        mistake: What ``explained`` has returned.

    Returns:
        The key.
    """
    number = re.search(r", line (\d+): ", mistake)
    return (int(number[1]) if number else 10**9, mistake)


def _place(loc: tuple[int | str, ...], model: type[BaseModel]) -> tuple[Place, type[BaseModel]]:
    """Return the setting that pydantic means, without its own names for members of unions, and its table."""
    place: Place = ()
    table: type[BaseModel] | None = model
    for part in loc:
        if table is None:
            break
        model, place = table, (*place, str(part))
        field = table.model_fields.get(str(part))
        table = None if field is None else _table(field.annotation)
    return place, model


def _table(annotation: Any) -> type[BaseModel] | None:
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _known(place: Place, table: type[BaseModel], missing: bool) -> str:
    """Say what a name should have been, or that it is missing."""
    name, above = place[-1], place[:-1]
    if missing:
        field = table.model_fields[name]
        what = field.description or ""
        if _table(field.annotation) is not None:
            return f"must be given. Received: nothing; add the table [{name}]. {what}".rstrip()
        home = f"below [{'.'.join(above)}]" if above else "at the top of the file"
        return f"must be given. Received: nothing; add {name} = ... {home}. {what}".rstrip()
    close = get_close_matches(name, table.model_fields, n=1)
    if close:
        return f"is not a setting; did you mean '{close[0]}'?"
    return f"is not a setting; leave it out, or take one of: {', '.join(table.model_fields)}."


def _line(place: Place, problems: list[tuple[str, str]], layers: Layers) -> str:
    kinds = {kind for kind, _ in problems}
    origin = layers.origin(place)
    head = f"{origin}: '{'.'.join(place)}' "
    if kinds & {"missing", "extra_forbidden"}:
        return head + problems[0][1]
    if "model_type" in kinds:
        rule = "must be a table"
    else:
        rules = dict.fromkeys(re.sub(r"^\w+ should ", "must ", message) for _, message in problems)
        rule = re.sub(" or must (be )?", " or ", " or ".join(rules))
    if "Received:" not in rule:
        rule = f"{rule.rstrip('.')}. Received: {_shown(place, layers.value(place))}."
    if "string_type" in kinds and not origin.startswith(layers.file):
        rule = f"{rule[:-1]}; put it in quotes, \"'...'\"."
    return hide(head + rule)


def _shown(place: Place, value: Any) -> str:
    if place[-1] in _SECRET:
        return "***"
    if isinstance(value, dict):
        return f"a table with {', '.join(map(str, value))}" if value else "an empty table"
    return repr(value)
