from .backtesting import Backtesting
from .detecting import Detected, Detecting, run_detect
from .explaining import Explained, run_explain
from .exporting import run_export
from .fit_record import FitOutcome
from .folders import is_folder, run_fit_folder, run_predict_folder
from .main_job import Outcome, run_forecast
from .model_jobs import Tested, run_backtest, run_fit, run_plan
from .predicting import run_predict
from .reporting import Reported, run_report
from .stages import Progress
from .task import Request, Task
from .tuning import Searching, TunedOutcome, run_tune

__all__ = [
    "Backtesting",
    "Detected",
    "Detecting",
    "Explained",
    "FitOutcome",
    "Outcome",
    "Progress",
    "Reported",
    "Request",
    "Searching",
    "Task",
    "Tested",
    "TunedOutcome",
    "is_folder",
    "run_backtest",
    "run_detect",
    "run_explain",
    "run_export",
    "run_fit",
    "run_fit_folder",
    "run_forecast",
    "run_plan",
    "run_predict",
    "run_predict_folder",
    "run_report",
    "run_tune",
]
