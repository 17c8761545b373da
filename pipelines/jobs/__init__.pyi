from .backtesting import Backtesting
from .exporting import run_export
from .main_job import Outcome, run_forecast
from .model_jobs import Tested, run_backtest, run_fit, run_plan
from .predicting import run_predict
from .stages import Progress
from .task import Request, Task

__all__ = [
    "Backtesting",
    "Outcome",
    "Progress",
    "Request",
    "Task",
    "Tested",
    "run_backtest",
    "run_export",
    "run_fit",
    "run_forecast",
    "run_plan",
    "run_predict",
]
