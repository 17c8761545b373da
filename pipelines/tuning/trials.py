"""One trial: a forecaster of some values, trained and scored on every fold; also in processes of workers."""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.errors import ForecastingError
from pipelines.tuning.records import FoldRecord

if TYPE_CHECKING:
    from pipelines.forecaster import Forecaster
    from pipelines.tuning.folds import RollingOrigins


@dataclass(frozen=True)
class Outcome:
    """What came of a trial.

    Attributes:
        score: Mean of the objective over the folds; None if the trial failed.
        folds: What was trained and scored.
        seconds: Time that it took.
        error: Why it failed.
    """

    score: float | None = None
    folds: tuple[FoldRecord, ...] = ()
    seconds: float = 0.0
    error: str | None = None


def run_trial(
    kind: type[Forecaster], arguments: Mapping[str, Any], origins: RollingOrigins, objective: str
) -> Outcome:
    """Train and score a forecaster.

    Args:
        kind: ``Forecaster``, or one like it.
        arguments: Those of its constructor.
        origins: Folds to score it on.
        objective: Metric, of which smaller is better.

    Returns:
        The outcome; an exception becomes the reason of a failed trial.
    """
    began = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of the data, which say the same in every trial
            folds = origins.score(kind(**arguments))
        scores = [fold.metrics.get(objective) for fold in folds]
        if lacking := [fold.number for fold, score in zip(folds, scores, strict=True) if score is None]:
            raise ForecastingError(
                f"A trial needs a finite {objective} in every fold. Received: none in folds {lacking}; "
                "choose another objective, such as mae, or fewer folds."
            )
        score = sum(score for score in scores if score is not None) / len(scores)
    except ForecastingError as error:
        return Outcome(seconds=time.monotonic() - began, error=str(error))
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
        return Outcome(seconds=time.monotonic() - began, error=text)
    return Outcome(score, folds, time.monotonic() - began)
