"""What to try next: keras-tuner's oracles, told of all trials so far each time they are asked.

An oracle keeps nothing from one question to the next, so there is no state of it that a kill could harm: the
same trials give the same proposal.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipelines.config import Settings
from pipelines.errors import ConfigError
from pipelines.tuning.domains import Choice, Domain, IntRange, LogUniform
from pipelines.tuning.records import TrialRecord
from pipelines.tuning.space import SearchSpace

if TYPE_CHECKING:
    import keras_tuner

METHODS: Final = ("random", "bayesian", "hyperband")
"""RandomSearch, BayesianOptimization and Hyperband."""
BEGAN, ENDED = "began", "ended"
"""What happens to a trial."""

_RESOURCE: Final = "max_steps"
# Hyperband's shares of the training steps are 1/9, 1/3 and all of them; of three trials one goes on.
_UNITS: Final = 9
_FACTOR: Final = 3
WHOLE_BRACKET: Final = _UNITS + _UNITS // _FACTOR + _UNITS // _FACTOR**2
"""Trials of Hyperband until one is trained in full."""
# Draws of values that were not tried before, and points of a space that are looked through for the last ones.
_DRAWS: Final = 50
_POINTS: Final = 100_000
# Of the variance of scores: so much of it is chance.
_NOISE: Final = 0.01


def load_oracles() -> None:
    """Import keras-tuner, which imports TensorFlow: that takes seconds, and writes to the terminal."""
    import keras_tuner  # noqa: F401


@dataclass(frozen=True)
class Search:
    """Proposes values of hyper-parameters.

    Args:
        space: What they may be.
        method: One of `METHODS`.
        seed: Seed of the search; 0 is one like any other.
        settings: What all trials share.
        steps: Training steps of a trial that Hyperband spends all on.

    Raises:
        ConfigError: If there is no such method, or the space holds what Hyperband decides.
    """

    space: SearchSpace
    method: str
    seed: int
    settings: Settings
    steps: int

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(
                f"method must be one of {', '.join(METHODS)}. Received: {self.method!r}; take one of these."
            )
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or self.seed < 0:
            raise ConfigError(
                f"seed must be an integer, 0 or more. Received: {self.seed!r}; pass one, such as 0."
            )
        if self.method == "hyperband" and _RESOURCE in self.space:
            raise ConfigError(
                f"Hyperband decides how long each trial trains. Received: a search space with {_RESOURCE!r}; "
                "leave it out, or take another method."
            )

    def propose(
        self, trials: Sequence[TrialRecord], events: Iterable[tuple[str, int]]
    ) -> dict[str, Any] | None:
        """Choose values for the next trial.

        Args:
            trials: All trials so far by number, those that have not ended among them.
            events: What happened, in its order: `BEGAN` or `ENDED`, and the number of the trial.

        Returns:
            A value of each hyper-parameter, and of ``max_steps`` with Hyperband; None if there is nothing
            to try, or not before a trial ends.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a process that was fitted to few trials
            if self.method == "hyperband":
                return self._by_hyperband(trials, events)
            if self.method == "bayesian":
                return self._by_model(trials) or self._at_random(trials)
            return self._at_random(trials)

    def without_resource(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values of hyper-parameters without what Hyperband has set."""
        return {name: value for name, value in values.items() if name in self.space}

    def _at_random(self, trials: Sequence[TrialRecord]) -> dict[str, Any] | None:
        from keras_tuner.oracles import RandomSearchOracle

        for draw in range(_DRAWS):
            oracle = RandomSearchOracle(**self._arguments(len(trials), draw))
            values = self._decoded(oracle.populate_space("")["values"])
            if self._is_fresh(values, trials):
                return values
        if self.space.size > _POINTS:
            return None
        return next((values for values in self.space.points() if self._is_fresh(values, trials)), None)

    def _by_model(self, trials: Sequence[TrialRecord]) -> dict[str, Any] | None:
        """The point that a Gaussian process of the scores promises most of; None with too few of them."""
        from keras_tuner.oracles import BayesianOptimizationOracle
        from sklearn import config_context
        from threadpoolctl import threadpool_limits

        scores = [trial.score for trial in trials if trial.score is not None]
        if len(scores) < max(3, len(self.space) // 2 + 2):
            return None
        arguments = self._arguments(len(trials), 0)
        oracle = BayesianOptimizationOracle(**arguments, num_initial_points=1, alpha=_NOISE)
        for trial in trials:
            # What failed, or is under way, counts as bad, so that nothing like it is tried now.
            score = max(scores) if trial.score is None else trial.score
            _tell(oracle, trial.trial_id, self._encoded(trial.values), score)
        # Thousands of predictions from few points: threads and checks would take most of the time.
        with threadpool_limits(1), config_context(assume_finite=True, skip_parameter_validation=True):
            values = self._decoded(oracle.populate_space("")["values"])
        return values if self._is_fresh(values, trials) else None

    def _by_hyperband(
        self, trials: Sequence[TrialRecord], events: Iterable[tuple[str, int]]
    ) -> dict[str, Any] | None:
        from keras_tuner.oracles import HyperbandOracle

        oracle = HyperbandOracle(
            **self._arguments(), max_epochs=_UNITS, factor=_FACTOR, hyperband_iterations=None
        )
        for what, number in events:
            name = str(number)
            if what == BEGAN:
                _tell(oracle, name, oracle.populate_space(name)["values"])
                oracle.ongoing_trials[name] = oracle.trials[name]
            else:
                trial = oracle.ongoing_trials.pop(name)
                trial.score = trials[number].score
                trial.status = trials[number].status
        values = oracle.populate_space(str(len(trials))).get("values")
        if values is None:
            return None
        return {**self._decoded(values), _RESOURCE: -(-self.steps * values["tuner/epochs"] // _UNITS)}

    def _arguments(self, *place: int) -> dict[str, Any]:
        """What all oracles are made with; each place in a study has a seed of its own."""
        import keras_tuner

        # keras-tuner takes a seed of 0 for none.
        seed = max(int(np.random.SeedSequence([self.seed, *place]).generate_state(1)[0]), 1)
        return {
            "objective": keras_tuner.Objective("score", "min"),
            "hyperparameters": self._hyperparameters(),
            "seed": seed,
        }

    def _hyperparameters(self) -> keras_tuner.HyperParameters:
        import keras_tuner

        found = keras_tuner.HyperParameters()
        for name, domain in self.space.items():
            if isinstance(domain, Choice):  # of any types, which keras-tuner does not take: by position
                found.Int(name, 0, len(domain.values) - 1)
            elif isinstance(domain, IntRange):
                how: dict[str, Any] = {"sampling": "log"} if domain.log else {"step": domain.step}
                found.Int(name, domain.low, domain.high, **how)
            else:
                sampling = "log" if isinstance(domain, LogUniform) else "linear"
                found.Float(name, domain.low, domain.high, sampling=sampling)
        return found

    def _is_fresh(self, values: Mapping[str, Any], trials: Sequence[TrialRecord]) -> bool:
        tried = {_key(self.without_resource(trial.values)) for trial in trials}
        return _key(values) not in tried and self.space.allows(self.settings, values)

    def _decoded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: _value(domain, values[name]) for name, domain in self.space.items()}

    def _encoded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: domain.values.index(values[name]) if isinstance(domain, Choice) else values[name]
            for name, domain in self.space.items()
        }


def _value(domain: Domain, drawn: Any) -> Any:
    if isinstance(domain, Choice):
        return domain.values[int(drawn)]
    if isinstance(domain, IntRange):
        return min(int(drawn), domain.high)
    # Four digits tell more than any score does.
    return min(max(float(f"{drawn:.4g}"), float(domain.low)), float(domain.high))


def _tell(oracle: Any, name: str, values: Mapping[str, Any], score: float | None = None) -> None:
    """Let an oracle know of a trial; one without a score is under way."""
    from keras_tuner.engine.trial import Trial

    hyperparameters = oracle.get_space()
    hyperparameters.values = dict(values)
    trial = Trial(hyperparameters, name, "RUNNING" if score is None else "COMPLETED")
    trial.score = score
    oracle.trials[name] = trial
    oracle._record_values(trial)  # what `Oracle.create_trial` does, which would write files too


def _key(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, default=str)
