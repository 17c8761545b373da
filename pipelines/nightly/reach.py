"""Where what a night knows begins and ends, on the stamps of its source."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pipelines.errors import ConfigError, PanelError
from pipelines.frequency import Freq

if TYPE_CHECKING:
    from pipelines.nightly.records import Cutoff
    from pipelines.nightly.settings import JobSettings
    from pipelines.panel import Stamps

_MARGIN: Final = timedelta(days=2)  # no time zone and no spelling of a date is further off


def beginning(job: JobSettings, cutoff: Cutoff) -> Cutoff | None:
    """Return the last time stamp that is too long ago to be known: ``source.past`` steps before the cutoff.

    Args:
        job: Settings.
        cutoff: Last time stamp to know.

    Returns:
        The time stamp; None if all of the past is known.

    Raises:
        ConfigError: If the frequency is not set, without which steps have no length.

    Example:
        >>> import pandas as pd
        >>> from pipelines.nightly import JobSettings
        >>> job = JobSettings(name="a", source={"path": "a.csv", "past": 3}, sink={"path": "b.csv"},
        ...                   model={"horizon": 1, "freq": "MS"})
        >>> beginning(job, pd.Timestamp("2024-04-01"))
        Timestamp('2024-01-01 00:00:00')
    """
    past = job.source.past
    if past is None:
        return None
    if job.model.freq is None:
        raise ConfigError(
            f"source.past counts steps, so the job must know how long they are. Received: {past} without "
            "model.freq; set it."
        )
    freq = Freq.parse(job.model.freq)
    if isinstance(cutoff, int):
        return cutoff - past * freq.step
    # A time where stamps are integers: whoever reads them says so.
    return cutoff if freq.offset is None else cutoff - past * freq.offset


def known_until(job: JobSettings, cutoff: Cutoff) -> Cutoff:
    """Return the last moment at which rows may have become known: ``source.known_hours`` after the cutoff.

    Args:
        job: Settings.
        cutoff: Last time stamp to know; steps that are numbers have no hours.

    Example:
        >>> import pandas as pd
        >>> from pipelines.nightly import JobSettings
        >>> source = {"path": "a.csv", "known_at": "loaded_at", "known_hours": 30}
        >>> job = JobSettings(name="a", source=source, sink={"path": "b.csv"}, model={"horizon": 1})
        >>> known_until(job, pd.Timestamp("2024-04-01"))
        Timestamp('2024-04-02 06:00:00')
    """
    return cutoff if isinstance(cutoff, int) else cutoff + timedelta(hours=job.source.known_hours)


def roughly(since: Cutoff) -> Cutoff:
    """Return a bound that leaves out less, for readers that do not know time zones.

    Args:
        since: A time stamp.
    """
    return since if isinstance(since, int) else since.tz_localize(None) - _MARGIN


def position_of(stamps: Stamps, cutoff: Cutoff, name: str) -> int:
    """Return a time stamp as a column holds its own.

    Args:
        stamps: Those of the column.
        cutoff: The time stamp; without a time zone it is in that of the column.
        name: Name of the column.

    Returns:
        Its place among ``stamps.unique``, which are integers.

    Raises:
        PanelError: If one is a time and the others are integers.
    """
    import pandas as pd

    if stamps.is_integer != isinstance(cutoff, int):
        kinds = ("integers", "an integer") if stamps.is_integer else ("times", "a time")
        raise PanelError(
            f"A cutoff must be of the kind of the column {name!r}, which holds {kinds[0]}. Received: "
            f"{cutoff!r}; give {kinds[1]}."
        )
    if isinstance(cutoff, int):
        return cutoff
    if stamps.tz is None:
        moment = cutoff.tz_localize(None)
    elif cutoff.tzinfo is None:
        moment = cutoff.tz_localize(stamps.tz, ambiguous=True, nonexistent="shift_forward")
        moment = moment.tz_convert(None)
    else:
        moment = cutoff.tz_convert(None)
    return int(pd.Timestamp(moment).as_unit("ns").value)
