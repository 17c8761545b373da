"""The MLflow runs of a study, or none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.jobs.recording import open_tracker
from pipelines.jobs.versions import versions

if TYPE_CHECKING:
    from pipelines.jobs.stages import Stages
    from pipelines.tracking import StudyTracker


@contextmanager
def recorded_study(store: str | Path | None, stages: Stages) -> Iterator[StudyTracker | None]:
    """Keep the runs of a study for the time of a job; none of them is RUNNING afterwards.

    Args:
        store: Folder, ``sqlite:///FILE`` or address of an MLflow server; None keeps no runs.
        stages: Where to show and measure the opening of the store.

    Yields:
        The study's observer; None without a store.

    Raises:
        ConfigError: The store cannot be used.
        BusyError: The store cannot be used just now.

    Example:
        >>> from pipelines.jobs.stages import Stages
        >>> with recorded_study(None, Stages()) as observer:
        ...     observer is None
        True
    """
    if store is None:
        yield None
        return
    with stages.loading("MLflow"):
        from pipelines.plots import study_figures
        from pipelines.tracking import StudyTracker

        tracker = open_tracker(store)
    with StudyTracker(tracker, study_figures, versions()) as observer:
        yield observer
