"""Jobs: what the commands do, as functions that read like the flow of the data."""

from pipelines.jobs.main_job import Outcome, run_forecast
from pipelines.jobs.model_jobs import Tested, run_backtest, run_fit, run_plan, run_predict
from pipelines.jobs.stages import Progress
from pipelines.jobs.task import Request, Task

__all__ = [
    "Outcome",
    "Progress",
    "Request",
    "Task",
    "Tested",
    "run_backtest",
    "run_fit",
    "run_forecast",
    "run_plan",
    "run_predict",
]
