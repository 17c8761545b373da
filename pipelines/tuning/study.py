"""A study: what is searched, what is known of it, and what it comes to."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipelines import __version__
from pipelines.config import Settings
from pipelines.errors import ConfigError
from pipelines.forecaster import Forecaster
from pipelines.panel import Panel, panel_digest
from pipelines.plan import scaling_of
from pipelines.tuning.comparing import Trainings, compare_held_out
from pipelines.tuning.folds import RollingOrigins
from pipelines.tuning.importance import importance_of
from pipelines.tuning.journal import Journal
from pipelines.tuning.oracles import Search
from pipelines.tuning.records import StudyObserver, StudyRecord
from pipelines.tuning.tuned import Tuned
from pipelines.wording import counted


@dataclass(frozen=True)
class Study:
    """What is searched, and on what.

    Attributes:
        panel: All rows.
        forecaster: What is tuned.
        shared: Settings that all trials share.
        search: Proposes values.
        origins: Folds and held-out windows.
        objective: What is minimized.
        folds: How many folds were asked for.
        name: Name for people.
    """

    panel: Panel
    forecaster: Forecaster
    shared: Settings
    search: Search
    origins: RollingOrigins
    objective: str
    folds: int
    name: str

    @property
    def identity(self) -> dict[str, Any]:
        """What another study would have otherwise, as plain data."""
        return {
            "version": __version__,
            "data": panel_digest(self.panel),
            "settings": _plain(dict(Settings.of(self.forecaster.get_params()))),
            "space": self.search.space.to_dict(),
            "method": self.search.method,
            "seed": self.search.seed,
            "objective": self.objective,
            "folds": self.folds,
        }

    @property
    def study_id(self) -> str:
        """A name made of that."""
        return hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()[:16]

    def arguments(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of the forecaster of a trial."""
        return {**dict(self.shared), **values}

    def default_values(self) -> dict[str, Any]:
        """What the searched hyper-parameters are by default, for people: settings, or what is planned."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            planned = type(self.forecaster)(**dict(self.shared)).plan(self.origins.rows).to_dict()
        planned["scaling"] = scaling_of(self.shared, self.origins.rows)
        shared = dict(self.shared)
        found = {
            name: planned.get(name, shared[name]) if shared[name] in (None, "auto") else shared[name]
            for name in self.search.space
        }
        return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}

    def record(self, journal: Journal) -> StudyRecord:
        """Return what is known so far."""
        identity = self.identity
        done = [trial for trial in journal.trials if trial.score is not None]
        return StudyRecord(
            study_id=self.study_id,
            name=self.name,
            objective=self.objective,
            method=self.search.method,
            seed=self.search.seed,
            space=identity["space"],
            settings={k: v for k, v in _plain(dict(self.shared)).items() if k not in self.search.space},
            data=self.name,
            digest=identity["data"],
            rows=self.panel.n_rows,
            series=self.panel.n_series,
            trials=tuple(journal.trials),
            default=journal.default,
            best=min(done, key=lambda trial: (trial.score, trial.number), default=None),
            importance=importance_of(journal.trials),
        )

    def concluded(
        self,
        journal: Journal,
        spent: str,
        observers: Sequence[StudyObserver],
        callbacks: Sequence[Callable[[dict[str, float]], None]],
        prepare: Callable[[], None] = lambda: None,
        kept: Path | None = None,
    ) -> Tuned:
        """Compare the best with the default on held-out windows, and end the study.

        Args:
            journal: What has happened.
            spent: Why no further trial started.
            observers: Told of the end.
            callbacks: Each takes the record of every epoch of the trainings.
            prepare: Called before them.
            kept: File in which what they forecast is kept, so that it is computed once.

        Returns:
            What was found.

        Raises:
            ConfigError: If no trial was completed.
        """
        record = self.record(journal)
        if record.best is None:
            raise ConfigError(_no_trial(record))
        best_params = self.search.without_resource(record.best.values)
        best = type(self.forecaster)(**{**self.forecaster.get_params(), **best_params})

        def report(epoch: dict[str, float]) -> None:
            for callback in callbacks:
                callback(epoch)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            trainings = Trainings(
                report, prepare, kept, {"study": self.study_id, "values": _plain(best_params)}
            )
            held_out = compare_held_out(
                best, self.forecaster, self.panel, self.origins, self.objective, trainings
            )
        p_value = None if math.isnan(held_out.p_value) else held_out.p_value
        record = replace(record, held_out=held_out.metrics, verdict=held_out.sentence, p_value=p_value)
        for observer in observers:
            observer.end(record)
        return Tuned(record, best_params, held_out, spent, self.forecaster, self.panel)


def _no_trial(record: StudyRecord) -> str:
    reasons = Counter(trial.error or "unknown" for trial in record.trials).most_common()
    told = "\n".join(f"{counted(count, 'trial')}: {reason}" for reason, count in reasons[:5])
    count = counted(len(record.trials), "trial")
    return (
        f"A study needs a completed trial. Received: {count}, all of which failed; change what their reasons "
        f"name in the settings, the search space or the data.\n{told}"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "to_dict"):
        return _plain(value.to_dict())
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
