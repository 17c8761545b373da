"""Where forecasts are published: readers see the former ones, or all of the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.nightly.settings import JobSettings


class Sink(Protocol):
    """A place that forecasts are published to.

    Attributes:
        holds_one_night: Whether a forecast takes the place of the one before it; otherwise nights are kept
            beside each other.
    """

    holds_one_night: bool

    def current(self) -> dict[str, Any] | None:
        """Tell what is published.

        Returns:
            The manifest of the latest forecast, if the data beside it are those that it names; else None.

        Raises:
            BusyError: If the place is out of reach for the moment.
        """
        ...

    def publish(self, frame: pd.DataFrame, manifest: Mapping[str, Any]) -> None:
        """Publish a forecast; the same one twice leaves the same bytes.

        Args:
            frame: A row per series and step.
            manifest: What there is to know of it, JSON-able: ``job``, ``night``, ``cutoff``, ``fingerprint``
                and ``key`` at least.

        Raises:
            ConfigError: If the place cannot take it as it is.
            BusyError: If the place is out of reach for the moment.
        """
        ...


def open_sink(job: JobSettings) -> Sink:
    """Open the place that a job publishes to.

    Args:
        job: Settings.

    Returns:
        The sink: for ``sink.path`` a file with a manifest beside it, for ``sink.url`` a table.

    Raises:
        ConfigError: If the path does not end in .csv or .parquet, or a package is missing.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import pandas as pd
        >>> from pipelines.nightly import JobSettings
        >>> with TemporaryDirectory() as folder:
        ...     job = JobSettings(name="a", source={"path": "a.csv"}, sink={"path": f"{folder}/f.csv"},
        ...                       model={"horizon": 1})
        ...     sink = open_sink(job)
        ...     sink.publish(pd.DataFrame({"unique_id": ["a"], "ds": [1], "TCN": [0.5]}), {"night": "0"})
        ...     sink.current()["rows"]
        1
    """
    if job.sink.path is None:
        from pipelines.nightly.sql_sink import TableSink

        return TableSink(job)
    from pipelines.nightly.remote import is_remote

    if is_remote(job.sink.path):
        from pipelines.nightly.file_sinks import RemoteFileSink

        return RemoteFileSink(job, job.sink.path)
    from pipelines.nightly.file_sinks import FileSink

    return FileSink(job, job.sink.path)
