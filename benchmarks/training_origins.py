"""Origins trained per second: every origin of a chunk in one pass, against a window for each origin.

Both sides train the same network (look-back 192, horizon 24, 32 filters, one member) from the same initial
weights with the same loss and optimizer on the hourly series ``bike_sharing``. The windowed side is what one
would write with Keras: ``timeseries_dataset_from_array`` cuts windows of just the rows that an origin can
see, and ``Model.fit`` trains on batches of 32. Neither compilation nor the start of ``fit`` is timed.

An origin is a forecast of 24 steps that the loss is taken at. Neighbors share most of what they teach, so
this says how fast data are gone through, not how fast a model learns.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from _timing import row, wants_small

HORIZON, LOOKBACK, SEASON, BATCH = 24, 192, 24, 32
AS_FAR_AS_THE_LOOKBACK = (1, 2, 4, 8, 16, 32, 64)


def main(small: bool) -> None:
    """Compare for the network of the defaults, and for a slim one whose convolutions see all that it sees."""
    from pipelines import Forecaster, Panel, datasets
    from pipelines.network import build_network
    from pipelines.windows import SeriesTable
    from tcn.models import ForkingTCN

    frame = datasets.load("bike_sharing").tail(1000 if small else 17379)
    table = SeriesTable.from_panel(Panel.from_frame(frame, "h"), SEASON)
    sizes = (
        {"lookback": 25, "filters": 4, "dilations": (1,)} if small else {"lookback": LOOKBACK, "filters": 32}
    )
    plan = Forecaster(HORIZON, "h", ensemble=1, **sizes).plan(frame)

    def planned() -> Any:
        return build_network(plan, seed=0)

    def slim() -> Any:
        settings = {**planned().get_config(), "width": 32, "hidden": 64, "dilations": AS_FAR_AS_THE_LOOKBACK}
        network = ForkingTCN(**settings)
        network.build((None, None, 5))
        return network

    print(f"As planned by default: 128 channels of state, {plan.origins_per_chunk} origins a chunk")
    if small:
        compare(table, replace(plan, steps=20), planned, steps=2, xla=(False,))
    else:
        compare(table, replace(plan, steps=200), planned, steps=20)
        print("32 channels throughout, dilations as far as the look-back, 128 origins a chunk")
        compare(table, replace(plan, steps=60, origins_per_chunk=128), slim, steps=12)


def compare(
    table: Any, plan: Any, make_network: Callable[[], Any], steps: int, xla: tuple[bool, ...] = (False, True)
) -> None:
    """Let ``pipelines.training`` run, and between its blocks the windowed loops."""
    from pipelines.training import train

    names = {False: "Keras fit, a window per origin", True: "the same with jit_compile=True"}
    loops = {names[kind]: WindowedLoop(make_network(), table, plan, kind) for kind in xla}
    rates: dict[str, list[float]] = {name: [] for name in loops}
    blocks: list[float] = []
    per_block = plan.chunks * plan.origins_per_chunk * -(-plan.steps // 20)
    began = 0.0

    def after_block(record: dict[str, float]) -> None:
        nonlocal began
        blocks.append(per_block / (time.perf_counter() - began))
        if len(blocks) % 5 == 0:
            for name, loop in loops.items():
                rates[name].append(loop.origins_per_second(steps))
        began = time.perf_counter()

    network = make_network()
    train(network, table, plan, seed=0, callbacks=[after_block])
    ours = statistics.median(blocks[1:])  # compilation comes before the first
    print(f"  (receptive field {network.stack_field}, {network.count_params():,} weights)")
    row("pipelines.training, every origin in one pass", f"{ours:,.0f} origins/s")
    for name, found in rates.items():
        theirs = statistics.median(found)
        row(name, f"{theirs:,.0f} origins/s", ours / theirs, "slower")


class WindowedLoop:
    """The usual way: a window of inputs and one of targets for every origin, trained on by ``fit``."""

    def __init__(self, network: Any, table: Any, plan: Any, xla: bool) -> None:
        import keras
        import numpy as np
        import tensorflow as tf

        from tcn.losses import pinball

        length = network.context + 1
        known = table.observed
        rows = np.stack([table.values, known, 0 * known, table.phase, table.change], axis=-1)

        class OneOrigin(keras.Model):
            def __init__(self) -> None:
                super().__init__()
                self.network = network

            def call(self, inputs: Any, training: bool = False) -> Any:
                return self.network.forecast_members(inputs[None], training=training)[0, :, 0]

        def split(window: Any) -> tuple[Any, Any, Any]:
            window = tf.ensure_shape(window, (None, length + plan.horizon, 5))
            return window[:, :length], window[:, length:, 0], window[:, length:, 1]

        windows = keras.utils.timeseries_dataset_from_array(
            rows.astype("float32"), None, length + plan.horizon, batch_size=BATCH, shuffle=True
        )
        self.data = (
            windows.map(split, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE).repeat()
        )
        self.model = OneOrigin()
        quantiles = tf.constant(network.quantiles, tf.float32)
        self.model.compile(
            keras.optimizers.AdamW(
                plan.learning_rate,
                weight_decay=1e-3,
                beta_2=0.99,
                global_clipnorm=1.0,
                use_ema=True,
                ema_momentum=0.99,
            ),
            loss=lambda target, forecast: pinball(target, forecast, quantiles),
            jit_compile=xla,
        )
        self.model.fit(self.data, steps_per_epoch=2, shuffle=False, verbose=0)

    def origins_per_second(self, steps: int) -> float:
        """Speed inside one call of ``fit``, from the end of its first step to the end of its last."""
        import keras

        ends: list[float] = []

        class Clock(keras.callbacks.Callback):
            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                ends.append(time.perf_counter())

        self.model.fit(self.data, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[Clock()])
        return BATCH * (len(ends) - 1) / (ends[-1] - ends[0])


if __name__ == "__main__":
    main(wants_small(__doc__))
