"""What a trained network is worth where data are few: the same network from scratch, and fine-tuned.

Two tasks with the hourly data sets that ship with the package. A network is trained on long series, then on a
short one, and forecasts the 28 days after that at every hour, 24 steps ahead. It forecasts what differs from
the same hour a day earlier: seasonal naive is the network that says zero. Errors are mean absolute errors as
multiples of seasonal naive's on the same hours, averaged over targets and seeds.

- "A new station": half a year of temperature at two airports, then 14 days at a third one, later in the
  year.
- "Another field": a year of weather at three airports, then 21 days of bicycle rentals.

Every way has the same network, learning rate, number of epochs and stopping rule: the weights of the epoch
that is best on the last fifth of the short series. Nothing that is tested was trained on before.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from _timing import row, wants_small

HORIZON = SEASON = 24
DAY = 24
TESTED = 28 * DAY
HELD_BACK = 0.2
WAYS = (
    "from scratch",
    "pre-trained, as it is",
    "pre-trained, only the head trains",
    "pre-trained, all of it trains",
    "pre-trained, rates fall with depth",
    "pre-trained, gradual unfreezing",
)


@dataclass(frozen=True)
class Sizes:
    """How much is trained."""

    seeds: int = 3
    steps: int = 400
    epochs: int = 200
    filters: int = 24
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    targets: int = 3


@dataclass(frozen=True)
class Task:
    """Long series to learn from, and short ones, each with the days after it."""

    name: str
    sources: list[np.ndarray]
    targets: list[np.ndarray] = field(repr=False)
    days: int = 14


def main(small: bool) -> None:
    """Compare the ways for both tasks."""
    sizes = Sizes(1, 2, 3, 4, (1, 2), 1) if small else Sizes()
    for task in tasks(sizes):
        print(f"{task.name}: {len(task.targets)} targets of {task.days} days, {sizes.seeds} seeds")
        errors = compare(task, sizes)
        row("seasonal naive", "", 1.0, "seasonal naive")
        for way in WAYS:
            better = sum(a < b for a, b in zip(errors[way], errors[WAYS[0]], strict=True))
            note = "" if way == WAYS[0] else f"better in {better} of {len(errors[way])}"
            row(way, note, statistics.mean(errors[way]), "seasonal naive")


def tasks(sizes: Sizes) -> list[Task]:
    """Cut the shipped data sets."""
    weather = hourly("nyc_airport_weather", ("y", "dewp", "humid", "pressure"))
    rentals = hourly("bike_sharing", ("y",))["capital_bikeshare", "y"]
    temperature = {station: values for (station, column), values in weather.items() if column == "y"}
    half = 180 * DAY
    new = temperature.pop("LGA")
    return [
        Task(
            "A new station",
            [values[:half] for values in temperature.values()],
            stretches(new[half:], 14 * DAY, sizes.targets),
            14,
        ),
        Task("Another field", list(weather.values()), stretches(rentals, 21 * DAY, sizes.targets), 21),
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


def stretches(values: np.ndarray, length: int, count: int) -> list[np.ndarray]:
    """Stretches to train and to test on, spread evenly."""
    starts = np.linspace(0, len(values) - length - TESTED, count).astype(int)
    return [values[start : start + length + TESTED] for start in starts]


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


def network(sizes: Sizes, seed: int) -> Any:
    """A TCN and a head that begins near seasonal naive."""
    import keras

    from tcn import TCN

    inputs = keras.Input((None, 1))
    small = keras.initializers.RandomNormal(stddev=0.01, seed=seed)
    states = TCN(
        sizes.filters, 3, dilations=sizes.dilations, return_sequences=True, dropout_rate=0.1, seed=seed
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


def compare(task: Task, sizes: Sizes) -> dict[str, list[float]]:
    """Errors of each way, by target and seed."""
    tuners = {way: tuner(way, sizes) for way in WAYS}
    errors: dict[str, list[float]] = {way: [] for way in WAYS}
    for seed in range(sizes.seeds):
        fresh, trained = network(sizes, seed).get_weights(), pretrained(task, sizes, seed)
        for values in task.targets:
            for way, tune in tuners.items():
                weights = fresh if way == WAYS[0] else trained
                errors[way].append(tune(weights, values, task.days * DAY))
    return errors


def tuner(way: str, sizes: Sizes) -> Callable[[list[np.ndarray], np.ndarray, int], float]:
    """A function that trains from given weights on a short series, and gives the error after it."""
    import keras

    from tcn.transfer import GradualUnfreezing, LayerwiseLearningRates, freeze, multipliers_by_depth

    model = network(sizes, 0)
    optimizer = keras.optimizers.Adam(2e-3)
    callbacks: list[Any] = []
    if "only the head" in way:
        freeze(model, depth=-1)
    elif "fall with depth" in way:
        optimizer = LayerwiseLearningRates(optimizer, multipliers_by_depth(model, decay=1.3))
    elif "gradual" in way:
        optimizer = LayerwiseLearningRates(optimizer)
        callbacks = [GradualUnfreezing(epochs_per_block=max(1, sizes.epochs // 20))]
    model.compile(optimizer, loss=error_of_observed, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    at_first = [variable.numpy() for variable in model.optimizer.variables]

    def tune(weights: list[np.ndarray], values: np.ndarray, known: int) -> float:
        model.set_weights(weights)
        for variable, value in zip(model.optimizer.variables, at_first, strict=True):
            variable.assign(value)
        inputs, ahead = prepared(values, known)
        held_back = known - int(HELD_BACK * known)
        if "as it is" not in way:
            stopping = keras.callbacks.EarlyStopping(patience=sizes.epochs // 4, restore_best_weights=True)
            model.fit(
                inputs[None, :known],
                between(ahead[:known], 0, held_back),
                validation_data=(inputs[None, :known], between(ahead[:known], held_back - 1, known)),
                epochs=sizes.epochs,
                verbose=0,
                callbacks=[stopping, *callbacks],
            )
        forecast = np.asarray(model(inputs[None]))
        wanted = between(ahead, known - 1, len(values))
        return float(np.nanmean(np.abs(wanted - forecast)) / np.nanmean(np.abs(wanted)))

    return tune


if __name__ == "__main__":
    main(wants_small(__doc__))
