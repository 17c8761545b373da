"""Anomalies: intervals in which series are not as a forecaster expects, and how well they are found.

Example:
    >>> import pandas as pd
    >>> found = pd.DataFrame({"unique_id": ["A"], "start": [3], "end": [6]})
    >>> events = pd.DataFrame({"unique_id": ["A"], "start": [5], "end": [8]})
    >>> score_intervals(found, events, freq=1).recall
    1.0
"""

from pipelines.anomaly.detecting import detect
from pipelines.anomaly.detection import Detection
from pipelines.anomaly.detector import Detector
from pipelines.anomaly.evaluation import IntervalScores, score_intervals
from pipelines.anomaly.intervals import join_near, overlap, suppress_overlaps
from pipelines.anomaly.multiplicity import false_discovery_cut
from pipelines.anomaly.stream import Stream

__all__ = [
    "Detection",
    "Detector",
    "IntervalScores",
    "Stream",
    "detect",
    "false_discovery_cut",
    "join_near",
    "overlap",
    "score_intervals",
    "suppress_overlaps",
]
