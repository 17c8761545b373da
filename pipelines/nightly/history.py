"""The series of a night, each of them up to the cutoff."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipelines.frequency import Freq
from pipelines.nightly.snapshot import read_snapshot
from pipelines.panel import Panel

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.config import Settings
    from pipelines.nightly.records import Cutoff, Snapshot
    from pipelines.nightly.settings import JobSettings

Ints = npt.NDArray[np.int64]


def read_history(snapshot: Snapshot, settings: Settings, freq: str | None) -> Panel:
    """Read the rows of a snapshot as a panel.

    Args:
        snapshot: The data.
        settings: Names of the columns, and covariates.
        freq: Frequency; None to infer it.

    Returns:
        The panel; each series ends with its own last row. Series that a file of static covariates lacks are
        left out, for nothing can be said of them.

    Raises:
        PanelError: If the rows cannot be used.
    """
    history, static = snapshot.history, None
    if snapshot.static is not None and settings.covariates is not None and settings.covariates.static:
        static = snapshot.static
        history = history[history[settings.id_col].isin(static[settings.id_col])]
    return Panel.from_frame(
        history,
        freq,
        settings.id_col,
        settings.time_col,
        settings.target_col,
        covariates=settings.covariates,
        static=static,
    )


def read_night(job: JobSettings, cutoff: Cutoff, settings: Settings) -> tuple[Snapshot, Panel, Cutoff]:
    """Read what a night knows.

    Args:
        job: Settings of the job.
        cutoff: Last time stamp to know, maybe between two of the data.
        settings: Of the model, with its frequency where it is known.

    Returns:
        The data, their series, and the cutoff by which the night is known. What became known after that is
        not seen, however the cutoff was written.

    Raises:
        PanelError, ConfigError, BusyError: As ``read_snapshot``.
    """
    snapshot = read_snapshot(job, cutoff)
    panel = read_history(snapshot, settings, settings.freq)
    found = on_grid(panel, cutoff)
    if job.source.known_at is None or are_one(panel, cutoff, found):
        return snapshot, panel, found
    snapshot = read_snapshot(job, found)
    return snapshot, read_history(snapshot, settings, panel.freq.text), found


def up_to(panel: Panel, cutoff: Cutoff) -> Panel:
    """Let every series go on to the cutoff, unobserved, so that all are forecast for the steps after it.

    Args:
        panel: The series.
        cutoff: Last time stamp to know; between two stamps, the one before it counts.

    Returns:
        The panel, where series that ended before the cutoff have rows without a value at their end.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"unique_id": "A", "ds": ["2024-01-01", "2024-02-01"], "y": [1.0, 2.0]})
        >>> up_to(Panel.from_frame(frame, "MS"), pd.Timestamp("2024-04-15")).values
        array([ 1.,  2., nan, nan])
    """
    first, _ = panel.freq.locate(panel.starts)
    return panel.extended(_positions(panel, cutoff)[0] - first + 1)


def on_grid(panel: Panel, cutoff: Cutoff) -> Cutoff:
    """Return the last time stamp of the grid of a panel up to a cutoff: that by which a night is known.

    Args:
        panel: The series; where their grids differ, each is asked.
        cutoff: Last time stamp to know, maybe between two of the grid, maybe in another time zone.

    Returns:
        The time stamp, in the local time of the data without a time zone. Hours and less of data with a time
        zone are in UTC, for local time has some of them twice.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"unique_id": "A", "ds": ["2024-01-01", "2024-02-01"], "y": [1.0, 2.0]})
        >>> on_grid(Panel.from_frame(frame, "MS"), pd.Timestamp("2024-04-15"))
        Timestamp('2024-04-01 00:00:00')
    """
    position, phase = _positions(panel, cutoff)
    return _cutoff(panel, panel.freq.at(position, phase).max())


def last_known(panel: Panel) -> Cutoff:
    """Return the last time stamp of a panel, as ``on_grid`` does.

    Args:
        panel: The series.
    """
    return _cutoff(panel, panel.last_stamps.view(np.int64).max())


def doubt_of(panel: Panel, cutoff: Cutoff) -> str | None:
    """Say what is doubtful about a cutoff in local time.

    Args:
        panel: The series.
        cutoff: A cutoff.

    Returns:
        What the clocks did then; None if there is no doubt.

    Example:
        >>> import pandas as pd
        >>> stamps = pd.date_range("2024-10-26", periods=30, freq="h", tz="Europe/Oslo")
        >>> panel = Panel.from_frame(pd.DataFrame({"unique_id": "A", "ds": stamps, "y": 1.0}))
        >>> doubt_of(panel, pd.Timestamp("2024-10-27 02:00"))
        'comes twice in Europe/Oslo, and counts as the first of the two'
        >>> doubt_of(panel, pd.Timestamp("2024-10-27 02:00+01:00"))
    """
    if isinstance(cutoff, int) or cutoff.tzinfo is not None or panel.tz is None or not panel.freq.is_clock:
        return None
    first, second = (
        cutoff.tz_localize(panel.tz, ambiguous=at, nonexistent="shift_forward") for at in (True, False)
    )
    if first != second:
        return f"comes twice in {panel.tz}, and counts as the first of the two"
    if first.tz_localize(None) != cutoff:
        return f"does not come in {panel.tz}, where clocks skip it, and counts as the first time after it"
    return None


def are_one(panel: Panel, cutoff: Cutoff, other: Cutoff) -> bool:
    """Tell whether two cutoffs are the same moment, in the time of a panel where they have no time zone.

    Args:
        panel: The series.
        cutoff: A cutoff.
        other: Another one.
    """
    return bool(_stamp(panel, cutoff) == _stamp(panel, other))


def known_at(panel: Panel, cutoff: Cutoff) -> npt.NDArray[np.bool_]:
    """Tell which rows of a panel are not after a cutoff.

    Args:
        panel: The series.
        cutoff: A cutoff.

    Returns:
        ``(rows,)``.
    """
    first, _ = panel.freq.locate(panel.starts)
    row = np.arange(panel.n_rows) - np.repeat(panel.indptr[:-1], panel.lengths)
    return row <= np.repeat(_positions(panel, cutoff)[0] - first, panel.lengths)


def is_on_grid(panel: Panel, cutoff: Cutoff) -> bool:
    """Tell whether a cutoff is a stamp on the grid of any series.

    Args:
        panel: The series.
        cutoff: A cutoff, of the kind of the stamps.
    """
    return bool(np.isin(panel.freq.locate(_stamp(panel, cutoff))[1], panel.freq.locate(panel.starts)[1]))


def _positions(panel: Panel, cutoff: Cutoff) -> tuple[Ints, Ints]:
    """Place of the last stamp up to a cutoff on the grid of each series, and the phases of these grids."""
    stamp = _stamp(panel, cutoff)
    first, phase = panel.freq.locate(panel.starts)
    position = np.broadcast_to(panel.freq.locate(stamp)[0], first.shape)
    return position - (panel.freq.at(position, phase) > stamp.astype(np.int64)), phase


def _cutoff(panel: Panel, stamp: np.int64) -> Cutoff:
    import pandas as pd

    if panel.freq.is_integer:
        return int(stamp)
    moment = pd.Timestamp(int(stamp))
    return moment.tz_localize("UTC") if panel.tz is not None and panel.freq.is_clock else moment


def steps_between(freq: str, earlier: Cutoff, later: Cutoff) -> int:
    """Count the steps from one cutoff to another.

    Args:
        freq: Frequency.
        earlier: The first.
        later: The second.

    Returns:
        Whole steps, negative if the second comes first.

    Example:
        >>> import pandas as pd
        >>> steps_between("D", pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-29"))
        28
    """
    parsed = Freq.parse(freq)
    first, second = (parsed.locate(_naive(each))[0] for each in (earlier, later))
    return int(second - first)


def unobserved_since(panel: Panel) -> Ints:
    """Count the rows of each series after its last value.

    Args:
        panel: The series.

    Returns:
        ``(series,)`` rows; all of them where nothing was observed.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"unique_id": ["A", "A", "B"], "ds": [1, 2, 2], "y": [5, None, 7]})
        >>> unobserved_since(Panel.from_frame(frame))
        array([1, 0])
    """
    known = np.flatnonzero(~np.isnan(panel.values))
    last = panel.indptr[:-1] - 1  # as if before the first row
    np.maximum.at(last, panel.series_of_rows[known], known)
    after: Ints = panel.indptr[1:] - 1 - last
    return after


def _stamp(panel: Panel, cutoff: Cutoff) -> npt.NDArray[np.generic]:
    """The cutoff as the panel holds its stamps: UTC for clocks of a time zone, else local time."""
    if isinstance(cutoff, int) or panel.tz is None:
        return _naive(cutoff)
    if cutoff.tzinfo is None:
        cutoff = cutoff.tz_localize(panel.tz, ambiguous=True, nonexistent="shift_forward")
    zoned = cutoff.tz_convert(panel.tz)
    return _naive(zoned.tz_convert("UTC") if panel.freq.is_clock else zoned)


def _naive(cutoff: pd.Timestamp | int) -> npt.NDArray[np.generic]:
    if isinstance(cutoff, int):
        return np.asarray(cutoff)
    return np.asarray(cutoff.tz_localize(None).to_datetime64().astype("M8[ns]"))
