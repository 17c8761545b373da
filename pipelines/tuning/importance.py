"""How much each hyper-parameter has to do with how trials scored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.tuning.records import TrialRecord

FEWEST: Final = 5
"""Completed trials that can tell something."""
_TREES: Final = 300


def importance_of(trials: Sequence[TrialRecord]) -> dict[str, float]:
    """Share of each hyper-parameter in the differences of scores, by a random forest.

    Args:
        trials: All trials.

    Returns:
        Hyper-parameter to its share, the largest first, 1 together: the share of the variance of scores that
        splits by it take away. Empty with fewer than `FEWEST` completed trials, or where all score alike.

    Example:
        >>> values = [{"filters": n, "head": h} for n in (16, 32, 64) for h in ("quantile", "normal")]
        >>> trials = [TrialRecord(str(i), i, v, "COMPLETED", v["filters"] / 64) for i, v in enumerate(values)]
        >>> [(name, round(share, 1)) for name, share in importance_of(trials).items()]
        [('filters', 1.0), ('head', 0.0)]

    Reference:
        Hutter, Hoos, Leyton-Brown (2014), An Efficient Approach for Assessing Hyperparameter Importance.
    """
    done = [trial for trial in trials if trial.score is not None]
    scores = np.array([trial.score for trial in done])
    if len(done) < FEWEST or scores.std() <= 1e-12 * np.abs(scores).max():
        return {}
    from sklearn.ensemble import RandomForestRegressor

    columns, owners = [], []
    for name in done[0].values:
        for column in _columns([trial.values[name] for trial in done]):
            columns.append(column)
            owners.append(name)
    # All features at each split: with some of them alone, those that do nothing would get a share too.
    forest = RandomForestRegressor(_TREES, min_samples_leaf=2 if len(done) >= 10 else 1, random_state=0)
    forest.fit(np.stack(columns, axis=1), (scores - scores.mean()) / scores.std())
    shares: dict[str, float] = dict.fromkeys(owners, 0.0)
    for name, share in zip(owners, forest.feature_importances_.tolist(), strict=True):
        shares[name] += share
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _columns(values: list[Any]) -> list[npt.NDArray[np.float64]]:
    """Numbers as they are; of other values a column each that says whether it is this one."""
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return [np.array(values, float)]
    kinds = sorted({repr(value) for value in values})
    return [np.array([repr(value) == kind for value in values], float) for kind in kinds]
