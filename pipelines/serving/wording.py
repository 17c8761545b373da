"""Cures of errors, in words of a client that sends JSON rather than frames of pandas."""

from __future__ import annotations

import re
from typing import Final

_FRAME: Final = r"df\[.*?\]"
# What functions of Python are told to do, and what clients can do instead.
_WORDS: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"aggregate them, e\.g\. df\.groupby\(.*?\)\[.*?\]\.sum\(\)", "send one row for each of its stamps"),
        (r"; where clocks went back, give local times a time zone first", ""),
        (
            r"fill them or drop their rows, e\.g\. with df\.dropna\(.*?\)",
            "fill them, or leave out their rows",
        ),
        (r"keep one, e\.g\. with df\.drop_duplicates\(.*?\)", "keep one"),
        (r"pass freq=\d+, or convert them with pandas\.to_datetime\(.*\)", "send times as text in ISO 8601"),
        (r"convert the column, e\.g\. with pandas\.to_datetime\(.*\)", "send times as text in ISO 8601"),
        (r"freq=\S+ fits\.", "send the stamps of its steps."),
        (rf"drop stray rows, or round: {_FRAME}.*", "leave out stray rows, or round their stamps."),
        (r" or pass a coarser freq", ""),
        (
            r"pass future= \(--future\), (a row per series and step ahead)",
            r"send 'future', \1, with POST /forecast or /observations",
        ),
        (r"they go to future= \(--future\) alone", "they go to 'future' alone"),
        (r"pass static=, a row", "send them in the rows, or as 'static', a row"),
        (r"name its columns in Covariates\(.*?\), or leave it out", "leave it out"),
        (r"; for a single series, add a column: .*", ", the same text in each row for a single series."),
        (r"rename one of them or pass \w+=<its name>", "send it"),
        (r"rename one of them, or leave it out of covariates", "send it"),
        (r"correct it, or declare it as a past or future column", "correct it"),
        (r"make it NaN", "send null"),
        (r"pass data, or forecast the store with .*", "send rows to POST /forecast."),
        (r"fit groups of series apart, or keep fewer of each with Panel\.tail", "send fewer at a time"),
        (r"use transform='asinh', which takes any value", "send values above 0"),
    )
)


def for_clients(message: str) -> str:
    """Say the cure of an error, what follows a semicolon after what was received, in words for clients.

    Args:
        message: What a function says of its arguments.

    Returns:
        The same for those who send JSON.

    Example:
        >>> for_clients("Stamps must be unique. Received: 2; keep one, e.g. with df.drop_duplicates('ds').")
        'Stamps must be unique. Received: 2; keep one.'
    """
    rule, received, rest = message.partition("Received: ")
    what, semicolon, cure = rest.partition("; ")
    for pattern, words in _WORDS:
        cure = pattern.sub(words, cure)
    return rule + received + what + semicolon + cure
