"""A scheduled job under Prefect: python prefect_flow.py serves the flow, and starts it every night."""

import subprocess
from datetime import date, timedelta

from prefect import flow, task

TRY_AGAIN = 75


def may_pass(task, task_run, state) -> bool:
    """Try again only what may pass."""
    try:
        state.result()
    except subprocess.CalledProcessError as error:
        return error.returncode == TRY_AGAIN
    except Exception:
        return False
    return False


@task(retries=8, retry_delay_seconds=900, retry_condition_fn=may_pass, timeout_seconds=3 * 3600)
def forecast(job: str, cutoff: date) -> None:
    """Run one night."""
    command = ["tcn", "job", "run", job, "--cutoff", cutoff.isoformat(), "--log-format", "json"]
    subprocess.run(command, check=True)


@flow(name="tcn-job")
def nightly(job: str = "/opt/forecasting/job.toml", cutoff: date | None = None) -> None:
    """Forecast for yesterday, or for the day that is asked for."""
    forecast(job, cutoff or date.today() - timedelta(days=1))


if __name__ == "__main__":
    nightly.serve(name="tcn-job", cron="15 3 * * *", limit=1)
