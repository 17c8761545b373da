"""What a search has found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.forecaster import Forecaster
from pipelines.tuning.comparing import HeldOutScores
from pipelines.tuning.records import StudyRecord, TrialRecord

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.panel import Panel


@dataclass(frozen=True)
class Tuned:
    """A study that has ended.

    Attributes:
        record: All that is known of it.
        best_params: Best values of the hyper-parameters, arguments of ``Forecaster``.
        held_out: Best and default on origins that the search has not seen.
        spent: Why the search ended, such as "20 trials".
        forecaster: What was asked for, not fitted.
        panel: All rows.

    Example:
        >>> from pipelines import Forecaster, datasets, tune
        >>> df = datasets.load("us_unemployment")
        >>> tuned = tune(df, Forecaster(horizon=12), max_trials=20)  # doctest: +SKIP
        >>> tuned.best_params  # doctest: +SKIP
        {'filters': 64, 'learning_rate': 0.003}
    """

    record: StudyRecord
    best_params: Mapping[str, Any]
    held_out: HeldOutScores
    spent: str
    forecaster: Forecaster
    panel: Panel

    @property
    def best(self) -> TrialRecord:
        """The completed trial with the smallest score."""
        assert self.record.best is not None
        return self.record.best

    @property
    def importance(self) -> Mapping[str, float]:
        """Hyper-parameter to its share in the differences of scores; empty with too few trials."""
        return self.record.importance

    @property
    def results(self) -> pd.DataFrame:
        """A row per trial: ``trial`` from 1 on, ``status``, ``score``, the values, ``seconds``, ``error``."""
        import pandas as pd

        rows = [
            {"trial": trial.ordinal, "status": trial.status, "score": trial.score, **trial.values}
            | {"seconds": trial.seconds, "error": trial.error}
            for trial in self.record.trials
        ]
        return pd.DataFrame(rows)

    def unfitted(self) -> Forecaster:
        """Return a forecaster of the best values, with the rest as it was asked for."""
        return type(self.forecaster)(**{**self.forecaster.get_params(), **self.best_params})

    def best_forecaster(self) -> Forecaster:
        """Return the same, fitted to all rows."""
        return self.unfitted().fit(self.panel)
