"""Dilated convolutions against GRU and LSTM of as many weights: seconds per epoch, and error.

Each network forecasts 24 hours from every hour of a chunk, trained on all origins of the chunk at once: the
recurrent ones too can give a forecast at every step. They have the same input, head, loss, optimizer, batches
and number of epochs, each the better of two learning rates on hours before the test. Tested are all origins
of the last fifth. Errors are of the scaled values; beside them those of repeating the last day.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from _timing import row, timed, wants_small

HORIZON, CHUNK, SEASON = 24, 336, 24


class Task(NamedTuple):
    """Scaled hours of some series: chunks to learn from, and histories with the origins tested in them."""

    chunks: Any
    tuning: Any
    test: Any
    lead: int


def main(small: bool) -> None:
    """Compare on two data sets."""
    for name in ("bike_sharing",) if small else ("bike_sharing", "nyc_airport_weather"):
        task = read(name, small)
        print(f"{name}: {len(task.chunks):,} chunks of {CHUNK} hours, {HORIZON} ahead")
        results = {kind: best(kind, task, small) for kind in ("TCN", "GRU", "LSTM")}
        seconds, error, _ = results["TCN"]
        for kind, (time, mae, weights) in results.items():
            row(f"{kind}, {weights:,} weights: an epoch", f"{time:.3g} s", time / seconds, "of the TCN's")
            row(f"{kind}: mean absolute error", f"{mae:.3f}", mae / error, "of the TCN's")
        repeat = last_day(task)
        row("the last day repeated: mean absolute error", f"{repeat:.3f}", repeat / error, "of the TCN's")


def read(name: str, small: bool) -> Task:
    """Scale by the training hours; gaps are NaN and become 0 with a channel that says so."""
    import numpy as np

    from pipelines import Panel, datasets

    panel = Panel.from_frame(datasets.load(name), "h")
    length = int(panel.lengths.min())
    length = 6 * CHUNK if small else length
    values = np.stack([panel.series(i)[:length] for i in range(panel.n_series)]).astype("float32")
    begin, tuned = int(0.8 * length), int(0.7 * length)
    past = values[:, :tuned]
    center = np.nanmean(past, axis=1, keepdims=True)
    values = (values - center) / np.nanstd(past, axis=1, keepdims=True)
    starts = range(0, tuned - CHUNK + 1, CHUNK // 4)
    chunks = np.concatenate([values[:, s : s + CHUNK] for s in starts])
    lead = CHUNK - HORIZON
    return Task(chunks, values[:, tuned - lead : begin], values[:, begin - lead :], lead)


def network(kind: str, small: bool) -> Any:
    """A backbone with the same head; the widths give about as many weights."""
    import keras

    from tcn import TCN, PointHead, SequenceForecaster

    keras.utils.set_random_seed(0)
    if small:
        backbone = {
            "TCN": lambda: TCN(4, dilations=(1, 2), return_sequences=True),
            "GRU": lambda: keras.layers.GRU(4, return_sequences=True),
            "LSTM": lambda: keras.layers.LSTM(4, return_sequences=True),
        }
    else:
        backbone = {
            "TCN": lambda: TCN(32, dilations=(1, 2, 4, 8, 16, 32), return_sequences=True),
            "GRU": lambda: keras.layers.GRU(108, return_sequences=True),
            "LSTM": lambda: keras.layers.LSTM(93, return_sequences=True),
        }
    return SequenceForecaster(backbone[kind](), PointHead(HORIZON))


def best(kind: str, task: Task, small: bool) -> tuple[float, float, int]:
    """Seconds per epoch, test error and number of weights with the better of two learning rates."""
    import keras
    import numpy as np

    from tcn.losses import Masked

    epochs, rates = (1, (1e-3,)) if small else (30, (1e-3, 4e-3))
    found = []
    for rate in rates:
        model = network(kind, small)
        steps = epochs * -(-len(task.chunks) // 16)
        schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
        model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), loss=Masked("mae"))
        x = channels(task.chunks)
        model.train_on_batch(x[:16], task.chunks[:16])  # compiles
        fit = lambda: model.fit(x, task.chunks, batch_size=16, epochs=epochs, verbose=0)  # noqa: E731, B023
        seconds = timed(fit) / epochs
        scores = [error_of(model, part, task.lead) for part in (task.tuning, task.test)]
        found.append((*scores, seconds, model.count_params()))
    _, test, _, weights = min(found)
    return float(np.median([each[2] for each in found])), test, weights


def channels(values: Any) -> Any:
    """Values and whether they were observed."""
    import numpy as np

    seen = np.isfinite(values)
    return np.stack([np.where(seen, values, 0.0), seen], axis=-1).astype("float32")


def error_of(model: Any, values: Any, lead: int) -> float:
    """Mean absolute error over all origins after the lead."""
    import numpy as np

    forecasts = np.asarray(model.predict(channels(values), verbose=0))[..., 0]
    return absolute(forecasts, np.asarray(model.targets(values)), lead)


def last_day(task: Task) -> float:
    """The same of repeating the last day."""
    import numpy as np

    from tcn.models.forecaster import targets

    wanted = np.asarray(targets(task.test, HORIZON))
    days = np.stack([np.roll(task.test, SEASON - 1 - h, axis=1) for h in range(HORIZON)], axis=-1)
    return absolute(days, wanted, task.lead)


def absolute(forecasts: Any, wanted: Any, lead: int) -> float:
    """Mean absolute error of what was observed."""
    import numpy as np

    return float(np.nanmean(np.abs(forecasts - wanted)[:, lead:]))


if __name__ == "__main__":
    main(wants_small(__doc__))
