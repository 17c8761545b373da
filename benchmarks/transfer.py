"""What a trained network is worth where data are few: the same network from scratch, and fine-tuned.

Two tasks with the hourly data sets that ship with the package. A network is trained on long series, then on
14 days of another one, and forecasts the 28 days after that at every hour, 24 steps ahead. It forecasts what
differs from the same hour a day earlier: seasonal naive is the network that says zero. Errors are mean
absolute errors as multiples of seasonal naive's on the same hours.

- "A new station": half a year of temperature at two airports, then 14 days at a third one, later in the
  year.
- "Another field": a year of weather at three airports, then 14 days of bicycle rentals.

Both sides have the same network, number of steps and stopping rule: the weights of the epoch that is best on
the last fifth of the short series. Both choose among four settings by that error, averaged over the short
series. What is tested then was neither trained on nor chosen by.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from _timing import row, wants_small

HORIZON = SEASON = 24
DAY = 24
KNOWN = 14 * DAY
TESTED = 28 * DAY
HELD_BACK = 0.2
STEPS_PER_EPOCH = 16


class Setting(NamedTuple):
    """A way to train: what trains, the learning rate, the dropout rate."""

    way: str
    rate: float
    dropout: float = 0.1

    def __str__(self) -> str:
        return f"{self.way}, rate {self.rate:g}, dropout {self.dropout:g}"


SCRATCH = [Setting("from scratch", rate, dropout) for rate in (3e-3, 1e-2) for dropout in (0.1, 0.3)]
FINE_TUNED = [
    Setting("only the head", 3e-3),
    Setting("all weights", 1e-3),
    Setting("rates fall with depth", 3e-3),
    Setting("gradual unfreezing", 3e-3),
]


@dataclass(frozen=True)
class Sizes:
    """How much is trained."""

    seeds: int = 3
    steps: int = 400
    epochs: int = 16
    filters: int = 16
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16)
    targets: int = 3
    one_setting_in: int = 1


@dataclass(frozen=True)
class Task:
    """Long series to learn from, and short ones, each with the days after it."""

    name: str
    sources: list[np.ndarray]
    targets: list[np.ndarray] = field(repr=False)


class Errors(NamedTuple):
    """Multiples of seasonal naive's error."""

    held_back: float
    tested: float


def main(small: bool) -> None:
    """Compare both sides for both tasks."""
    sizes = Sizes(1, 2, 2, 4, (1, 2), 1, 3) if small else Sizes()
    tune = Tuner(sizes)
    for task in tasks(sizes):
        print(f"{task.name}: {len(task.targets)} short series, {sizes.seeds} seeds")
        compare(task, sizes, tune)


def compare(task: Task, sizes: Sizes, tune: Tuner) -> None:
    """Choose a setting for each side on the rows held back, and print the errors of the rows after them."""
    trained = [pretrained(task, sizes, seed) for seed in range(sizes.seeds)]
    fresh = [network(sizes, seed).get_weights() for seed in range(sizes.seeds)]
    untouched = [tune.errors(weights, values) for weights in trained for values in task.targets]
    held = statistics.mean(found.held_back for found in untouched[: len(task.targets)])
    row("held back: pre-trained, as it is", f"{held:.3f}")
    sides = {}
    for name, starts, settings in (("from scratch", fresh, SCRATCH), ("fine-tuned", trained, FINE_TUNED)):
        tried = {
            s: [tune(s, starts[0], values) for values in task.targets]
            for s in settings[:: sizes.one_setting_in]
        }
        held_back = {s: statistics.mean(found.held_back for found in tried[s]) for s in tried}
        for setting, error in held_back.items():
            row(f"held back: {setting}", f"{error:.3f}")
        best = min(held_back, key=lambda s: held_back[s])
        others = [tune(best, start, values) for start in starts[1:] for values in task.targets]
        sides[name] = [found.tested for found in (*tried[best], *others)]
        row(f"{name} takes", str(best))
    row("tested: seasonal naive", "", 1.0, "seasonal naive")
    for name, errors in (("pre-trained, as it is", [found.tested for found in untouched]), *sides.items()):
        by_seed = np.reshape(errors, (sizes.seeds, -1)).mean(axis=1)
        spread = f"seeds {by_seed.min():.3f} to {by_seed.max():.3f}"
        row(f"tested: {name}", spread, statistics.mean(errors), "seasonal naive")
    ratios = [b / a for a, b in zip(sides["from scratch"], sides["fine-tuned"], strict=True)]
    better = f"better in {sum(ratio < 1 for ratio in ratios)} of {len(ratios)}"
    row("fine-tuned", better, statistics.mean(ratios), "from scratch")


def tasks(sizes: Sizes) -> list[Task]:
    """Cut the shipped data sets."""
    weather = hourly("nyc_airport_weather", ("y", "dewp", "humid", "pressure"))
    rentals = hourly("bike_sharing", ("y",))["capital_bikeshare", "y"]
    temperature = {station: values for (station, column), values in weather.items() if column == "y"}
    half = 180 * DAY
    new = temperature.pop("LGA")
    before = [values[:half] for values in temperature.values()]
    return [
        Task("A new station", before, stretches(new[half:], sizes.targets)),
        Task("Another field", list(weather.values()), stretches(rentals, sizes.targets)),
    ]


def hourly(name: str, columns: tuple[str, ...]) -> dict[tuple[str, str], np.ndarray]:
    """Every hour of a shipped data set by series and column, NaN where there is none."""
    from pipelines import datasets

    frame = datasets.load(name)
    return {
        (series, column): rows.set_index("ds")[column].asfreq("h").to_numpy("float64")
        for series, rows in frame.groupby("unique_id")
        for column in columns
    }


def stretches(values: np.ndarray, count: int) -> list[np.ndarray]:
    """Stretches to train and to test on, spread evenly."""
    starts = np.linspace(0, len(values) - KNOWN - TESTED, count).astype(int)
    return [values[start : start + KNOWN + TESTED] for start in starts]


def prepared(values: np.ndarray, known: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs `(time, 1)`, gaps filled, and what follows each step `(time, horizon)`, gaps NaN.

    Both in standard deviations of the known steps; what follows is what differs from a season before.
    """
    seen = ~np.isnan(values)
    clock = np.arange(len(values))
    filled = np.interp(clock, clock[seen], values[seen])
    location, scale = filled[:known].mean(), filled[:known].std()
    filled, values = (filled - location) / scale, (values - location) / scale
    ahead = np.full((len(values), HORIZON), np.nan)
    for step in range(1, HORIZON + 1):
        ahead[:-step, step - 1] = values[step:] - filled[np.arange(step, len(values)) - SEASON]
    ahead[:SEASON] = np.nan
    return filled[:, None].astype("float32"), ahead.astype("float32")


def between(ahead: np.ndarray, begin: int, end: int) -> np.ndarray:
    """What follows those steps alone whose whole horizon lies between two times; a batch of one."""
    inside = np.arange(len(ahead))[:, None]
    return np.where((inside >= begin) & (inside + HORIZON < end), ahead, np.nan).astype("float32")[None]


def error_of_observed(ahead: Any, forecast: Any) -> Any:
    """Mean absolute error where there is something to compare with."""
    from keras import ops

    seen = ops.logical_not(ops.isnan(ahead))
    error = ops.where(seen, ops.abs(ops.where(seen, ahead, forecast) - forecast), 0.0)
    return ops.sum(error) / ops.maximum(ops.sum(ops.cast(seen, "float32")), 1.0)


def network(sizes: Sizes, seed: int, dropout: float = 0.1) -> Any:
    """A TCN and a head that begins near seasonal naive."""
    import keras

    from tcn import TCN

    inputs = keras.Input((None, 1))
    small = keras.initializers.RandomNormal(stddev=0.01, seed=seed)
    states = TCN(
        sizes.filters, 3, dilations=sizes.dilations, return_sequences=True, dropout_rate=dropout, seed=seed
    )(inputs)
    return keras.Model(inputs, keras.layers.Dense(HORIZON, kernel_initializer=small)(states))


def pretrained(task: Task, sizes: Sizes, seed: int) -> list[np.ndarray]:
    """Weights after training on random chunks of the long series."""
    import keras

    rng = np.random.default_rng(seed)
    series = [prepared(values, len(values)) for values in task.sources]
    chunks: list[tuple[np.ndarray, np.ndarray]] = []
    for _ in range(8 * sizes.steps):
        inputs, ahead = series[rng.integers(len(series))]
        begin = rng.integers(len(inputs) - 384)
        chunks.append((inputs[begin : begin + 384], ahead[begin : begin + 384]))
    x, y = (np.stack(parts) for parts in zip(*chunks, strict=True))
    model = network(sizes, seed)
    rates = keras.optimizers.schedules.CosineDecay(2e-3, sizes.steps)
    model.compile(keras.optimizers.Adam(rates), loss=error_of_observed, jit_compile=False)
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    return list(model.get_weights())


class Tuner:
    """Trains from given weights on a short series, with a compiled model for each setting."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.plain = network(sizes, 0)
        self.fits: dict[Setting, Callable[[list[np.ndarray], np.ndarray], Errors]] = {}

    def __call__(self, setting: Setting, weights: list[np.ndarray], values: np.ndarray) -> Errors:
        """Errors after training."""
        if setting not in self.fits:
            self.fits[setting] = self._compiled(setting)
        return self.fits[setting](weights, values)

    def errors(self, weights: list[np.ndarray], values: np.ndarray) -> Errors:
        """Errors of given weights, of the rows held back and of those after the short series."""
        self.plain.set_weights(weights)
        inputs, ahead = prepared(values, KNOWN)
        forecast = np.asarray(self.plain(inputs[None]))
        begin = KNOWN - int(HELD_BACK * KNOWN) - 1
        wanted = between(ahead, begin, KNOWN), between(ahead, KNOWN - 1, len(values))
        return Errors(*(float(np.nanmean(np.abs(y - forecast)) / np.nanmean(np.abs(y))) for y in wanted))

    def _compiled(self, setting: Setting) -> Callable[[list[np.ndarray], np.ndarray], Errors]:
        import keras

        from tcn.transfer import GradualUnfreezing, LayerwiseLearningRates, freeze, multipliers_by_depth

        model = network(self.sizes, 0, setting.dropout)
        optimizer = keras.optimizers.Adam(setting.rate)
        callbacks: list[Any] = []
        if setting.way == "only the head":
            freeze(model, depth=-1)
        elif setting.way == "rates fall with depth":
            optimizer = LayerwiseLearningRates(optimizer, multipliers_by_depth(model, decay=1.5))
        elif setting.way == "gradual unfreezing":
            optimizer = LayerwiseLearningRates(optimizer)
            callbacks = [GradualUnfreezing(epochs_per_block=2)]
        model.compile(
            optimizer, loss=error_of_observed, jit_compile=False, steps_per_execution=STEPS_PER_EPOCH
        )
        model.optimizer.build(model.trainable_variables)
        at_first = [variable.numpy() for variable in model.optimizer.variables]

        def fit(weights: list[np.ndarray], values: np.ndarray) -> Errors:
            model.set_weights(weights)
            for variable, value in zip(model.optimizer.variables, at_first, strict=True):
                variable.assign(value)
            inputs, ahead = (part[:KNOWN] for part in prepared(values, KNOWN))
            begin = KNOWN - int(HELD_BACK * KNOWN)
            stopping = keras.callbacks.EarlyStopping(patience=6, restore_best_weights=True)
            model.fit(
                np.repeat(inputs[None], STEPS_PER_EPOCH, axis=0),
                np.repeat(between(ahead, 0, begin), STEPS_PER_EPOCH, axis=0),
                batch_size=1,
                validation_data=(inputs[None], between(ahead, begin - 1, KNOWN)),
                epochs=self.sizes.epochs,
                verbose=0,
                callbacks=[stopping, *callbacks],
            )
            return self.errors(model.get_weights(), values)

        return fit


if __name__ == "__main__":
    main(wants_small(__doc__))
