"""Names and values in the form that MLflow takes; plain functions of plain data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

KEY_LENGTH = 250
PARAM_LENGTH = 6000
TAG_LENGTH = 8000
_ILLEGAL = re.compile(r"[^\w.\- /]")


def legal_name(name: str) -> str:
    """Turn any text into a name that MLflow takes for metrics and params on every platform.

    Args:
        name: Any text. Slashes stay: the UI groups charts by what stands before them.

    Returns:
        At most 250 word characters, dots, dashes, spaces and slashes; ``_`` in place of anything else.

    Example:
        >>> legal_name("coverage 80%"), legal_name("a//../b[0]"), legal_name("")
        ('coverage 80_', 'a/b_0_', '_')
    """
    parts = (part for part in _ILLEGAL.sub("_", name)[:KEY_LENGTH].split("/") if part not in ("", ".", ".."))
    return re.sub(r"^\.\.", "__", "/".join(parts)) or "_"  # two dots would lead out of a directory


def legal_names(names: Iterable[str]) -> dict[str, str]:
    """Give each name a legal one of its own, so that no two of them write to the same metric.

    Args:
        names: Different names, in order of precedence.

    Returns:
        Name to legal name; where two would be equal, the later gets a number.

    Example:
        >>> legal_names(["TCN[a]", "TCN(a)"])
        {'TCN[a]': 'TCN_a_', 'TCN(a)': 'TCN_a_2'}
    """
    legal: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        base, number = legal_name(name), 1
        candidate = base
        while candidate in taken:
            number += 1
            candidate = f"{base[: KEY_LENGTH - len(str(number))]}{number}"
        taken.add(candidate)
        legal[name] = candidate
    return legal


def clip(text: str, length: int) -> str:
    """Cut a text to a length, with an ellipsis where something is missing.

    Args:
        text: The text.
        length: Most characters to return, at least 1.

    Returns:
        The text, or its beginning and ``…``.

    Example:
        >>> clip("abcdef", 4), clip("abc", 4)
        ('abc…', 'abc')
    """
    return text if len(text) <= length else text[: length - 1] + "…"


def flatten(values: Mapping[str, Any], prefix: str) -> dict[str, str]:
    """Flatten nested settings into params.

    Args:
        values: Settings; mappings may nest, sequences of plain values become JSON.
        prefix: What each key starts with, as in ``prefix.key``; nothing if it is empty.

    Returns:
        Legal keys, with values of at most 6,000 characters.

    Example:
        >>> flatten({"levels": [80, 95], "network": {"filters": 32, "head": None}}, "plan")
        {'plan.levels': '[80, 95]', 'plan.network.filters': '32', 'plan.network.head': 'None'}
    """
    flat = dict(_leaves(values, prefix))
    legal = legal_names(flat)
    return {legal[key]: clip(value, PARAM_LENGTH) for key, value in flat.items()}


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, str]]:
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, name)
        else:
            yield name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)
