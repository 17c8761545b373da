"""A scheduled job under Dagster, a partition a day: dagster dev -f dagster_job.py."""

import subprocess

from dagster import (
    DailyPartitionsDefinition,
    Definitions,
    Failure,
    MaterializeResult,
    RetryRequested,
    asset,
    build_schedule_from_partitioned_job,
    define_asset_job,
)

TRY_AGAIN = 75
DAYS = DailyPartitionsDefinition(start_date="2026-01-01")


@asset(partitions_def=DAYS)
def forecasts(context) -> MaterializeResult:
    """Forecasts of a night."""
    command = ["tcn", "job", "run", "/opt/forecasting/job.toml", "--cutoff", context.partition_key, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode == TRY_AGAIN:
        raise RetryRequested(max_retries=8, seconds_to_wait=900)
    if done.returncode:
        raise Failure(f"tcn job run ended with {done.returncode}: {done.stdout}", allow_retries=False)
    return MaterializeResult(metadata={"answer": done.stdout})


nightly = define_asset_job("tcn_job", selection=[forecasts], partitions_def=DAYS)
defs = Definitions(
    assets=[forecasts],
    jobs=[nightly],
    schedules=[build_schedule_from_partitioned_job(nightly, hour_of_day=3, minute_of_hour=15)],
)
