"""The scheduled job: reads, checks, forecasts, publishes as a whole, watches itself, retrains, promotes."""

from pipelines.nightly.settings import JobSettings

__all__ = ["JobSettings"]
