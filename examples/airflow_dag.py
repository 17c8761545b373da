"""A scheduled job under Airflow 3; backfills of the DAG are backfills of the job."""

import subprocess
from datetime import datetime, timedelta

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

TRY_AGAIN, DONE_ALREADY = 75, 99


@dag(schedule="15 3 * * *", start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1)
def tcn_job():
    """Forecasts of a night."""

    @task(retries=8, retry_delay=timedelta(minutes=15), execution_timeout=timedelta(hours=3))
    def forecast(data_interval_end: datetime) -> None:
        """Forecast from the day before; 75 may pass, and is tried again."""
        cutoff = (data_interval_end - timedelta(days=1)).date().isoformat()
        command = ["tcn", "job", "run", "/opt/forecasting/job.toml", "--cutoff", cutoff, "--skip-done"]
        done = subprocess.run([*command, "--log-format", "json"], check=False)
        if done.returncode == DONE_ALREADY:
            raise AirflowSkipException("the night is done and published")
        if done.returncode not in (0, TRY_AGAIN):
            raise AirflowFailException(f"tcn job run ended with {done.returncode}")
        done.check_returncode()

    forecast()


tcn_job()
