"""Experiment tracking with MLflow, which only this package imports, and only when a store is opened."""

from pipelines.tracking.run import TrackedRun
from pipelines.tracking.spool import UNSENT, send_all
from pipelines.tracking.store import TrackingStore
from pipelines.tracking.study import StudyTracker
from pipelines.tracking.tracker import Tracker
from pipelines.tracking.ui import open_ui, ui_command

__all__ = [
    "UNSENT",
    "StudyTracker",
    "TrackedRun",
    "Tracker",
    "TrackingStore",
    "open_ui",
    "send_all",
    "ui_command",
]
