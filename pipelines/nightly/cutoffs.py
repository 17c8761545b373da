"""The cutoff of a night: as a person writes it, or the last whole step before a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipelines.errors import ConfigError

if TYPE_CHECKING:
    from pipelines.frequency import Freq
    from pipelines.nightly.records import Cutoff


def parse_cutoff(text: str) -> Cutoff:
    """Read a cutoff.

    Args:
        text: A date or time in ISO 8601, or a whole number for time stamps that are numbers.

    Returns:
        Time stamp or number.

    Raises:
        ConfigError: If it is neither, or a time too far away.

    Example:
        >>> parse_cutoff("2024-01-31"), parse_cutoff("17")
        (Timestamp('2024-01-31 00:00:00'), 17)
    """
    import pandas as pd

    if text.strip().removeprefix("-").isdecimal():
        return int(text)
    try:
        # pandas' own reader would take "now" and "3" for times, too.
        cutoff = pd.Timestamp(datetime.fromisoformat(text.strip()))
        cutoff.as_unit("ns")
        return cutoff
    except pd.errors.OutOfBoundsDatetime:
        raise ConfigError(f"A cutoff must lie between the years 1678 and 2261. Received: {text!r}.") from None
    except ValueError:
        raise ConfigError(
            "A cutoff must be a date or time such as 2024-01-31 or 2024-01-31T06:00, or a whole number where "
            f"time stamps are. Received: {text!r}."
        ) from None


def last_whole_step(freq: Freq, now: datetime, tz: str | None = None) -> Cutoff:
    """Return the last time stamp whose step was over at a moment: yesterday for days.

    Args:
        freq: Frequency of the data.
        now: The moment.
        tz: Time zone of the data; None for UTC. Of hours and less the time stamp is in UTC, then.

    Returns:
        The time stamp. Weeks and what is stamped at its end, such as ME, are over on the day after it.

    Raises:
        ConfigError: If time stamps are numbers, which know no moment.

    Example:
        >>> from pipelines.frequency import Freq
        >>> now = datetime(2026, 11, 23, 3, 20, tzinfo=UTC)
        >>> for freq in ("h", "D", "MS", "ME"):
        ...     print(last_whole_step(Freq.parse(freq), now))
        2026-11-23 02:00:00
        2026-11-22 00:00:00
        2026-10-01 00:00:00
        2026-10-31 00:00:00
    """
    import pandas as pd

    if freq.is_integer:
        raise ConfigError(
            "Time stamps that are numbers do not go with the clock. Received: no cutoff; name one with "
            "--cutoff."
        )
    moment = pd.Timestamp(now.astimezone(UTC)).tz_convert(tz or "UTC").tz_localize(None)
    if freq.is_clock:
        whole = pd.Timestamp(now.astimezone(UTC).replace(tzinfo=None)).floor(freq.text) - freq.offset
        return whole if tz is None else whole.tz_localize("UTC")
    today = moment.normalize()
    before, last = pd.date_range(end=today, periods=2, freq=freq.offset)
    at_end = freq.mark.endswith("end") or freq.cycle == 7
    return last if at_end and last < today else before
