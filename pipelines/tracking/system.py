"""What the machine does while a run is made, measured by MLflow itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from pipelines.errors import ConfigError
from pipelines.tracking.quiet import only_errors, quiet


@contextmanager
def system_metrics(run_id: str, uri: str) -> Iterator[None]:
    """Log processor, memory, disk and network, and GPUs where there are, as metrics ``system/...`` of a run.

    A thread measures every 10 s, or every ``MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL``.

    Args:
        run_id: A run that has begun.
        uri: Tracking URI of its store.

    Yields:
        Nothing, while it is measured.

    Raises:
        ConfigError: psutil is not installed.
    """
    if find_spec("psutil") is None:
        raise ConfigError(
            "System metrics need psutil. Received: an environment without it; "
            "pip install 'tcn-forecasting[system]'."
        )
    with quiet(), only_errors("mlflow"):
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        monitor = SystemMetricsMonitor(run_id, tracking_uri=uri)  # type: ignore[no-untyped-call]
        monitor.start()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        with quiet(), only_errors("mlflow"):
            monitor.finish()  # type: ignore[no-untyped-call]
