"""Options that are lists: text with commas or equals signs, read."""

from __future__ import annotations

import typer


def parse_levels(text: str) -> tuple[float, ...]:
    """Read interval levels.

    Args:
        text: Numbers with commas between them; nothing for no intervals.

    Returns:
        The numbers, sorted.

    Raises:
        typer.BadParameter: If they are none.
        ConfigError: If a forecaster would refuse them.

    Example:
        >>> parse_levels("80, 97.5")
        (80.0, 97.5)
    """
    try:
        levels = tuple(float(part) for part in text.split(",")) if text.strip() else ()
    except ValueError:
        raise typer.BadParameter(
            f"levels must be numbers with commas between them, such as 80,95. Received: {text!r}."
        ) from None
    from pipelines.config import Settings

    return Settings.of({"horizon": 1, "levels": levels}).levels


def parse_seasons(text: str) -> int | tuple[int, ...]:
    """Read season lengths.

    Args:
        text: A number of steps, or several with commas between them.

    Returns:
        The number, or the numbers.

    Raises:
        typer.BadParameter: If they are none.

    Example:
        >>> parse_seasons("24"), parse_seasons("24, 168")
        (24, (24, 168))
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter(
            "seasons must be positive whole numbers with commas between them, such as 24,168. Received: "
            f"{text!r}."
        )
    seasons = tuple(map(int, parts))
    return seasons if len(seasons) > 1 else seasons[0]


def parse_names(text: str | None) -> tuple[str, ...]:
    """Read names with commas between them.

    Args:
        text: The names; None for none.

    Returns:
        The names.

    Example:
        >>> parse_names("AutoETS, AutoTheta")
        ('AutoETS', 'AutoTheta')
    """
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def parse_lags(texts: list[str]) -> dict[str, int]:
    """Read publication lags.

    Args:
        texts: Each a column, ``=`` and a number of rows.

    Returns:
        Column to rows.

    Raises:
        typer.BadParameter: If one is something else.

    Example:
        >>> parse_lags(["load=6"])
        {'load': 6}
    """
    lags = {}
    for text in texts:
        column, _, rows = text.rpartition("=")
        if not column or not rows.isdecimal():
            raise typer.BadParameter(f"a lag must be a column and rows, such as load=6. Received: {text!r}.")
        lags[column] = int(rows)
    return lags
