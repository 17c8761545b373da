"""Series as vectors, learned by telling them apart."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from pipelines.errors import ConfigError, NotFittedError, PanelError
from pipelines.frequency import season_length_of
from pipelines.panel import Panel
from pipelines.similarity.embedding import Embeddings
from pipelines.similarity.stretches import batches, stretches

# Rows of a stretch at least, and seasons in it.
_SHORTEST: Final = 16
_SEASONS: Final = 2
# Stretches that a series is seen by.
_MOST_STRETCHES: Final = 8


class ContrastiveEncoder:
    """Vectors of series that are learned with no forecast in mind: stretches of a series are alike.

    A small causal network is shown stretches of series, each in its own units, and learns to put those of one
    series closer together than those of two, by the triplet loss. A series is the mean direction of its
    newest stretches.

    Args:
        length: Rows of a stretch; "auto" for two seasons of the frequency, 16 at least.
        units: Length of the vectors.
        steps: Training steps.
        seed: Fixes weights and stretches: the same data and seed give the same vectors, on one machine.

    Raises:
        ConfigError: If a number is not allowed.

    Example:
        >>> import pandas as pd
        >>> days = pd.date_range("2024-01-01", periods=60)
        >>> series = {name: step * days.day_of_week for name, step in (("A", 1), ("B", 3), ("C", -1))}
        >>> frame = pd.concat([pd.DataFrame({"unique_id": n, "ds": days, "y": y}) for n, y in series.items()])
        >>> encoder = ContrastiveEncoder(length=14, units=8, steps=2).fit(frame)
        >>> encoder.embed(frame).vectors.shape
        (3, 8)

    Reference:
        Franceschi, Dieuleveut, Jaggi (2019), Unsupervised Scalable Representation Learning for Multivariate
        Time Series, for stretches of a series as positives and causal convolutions.
    """

    network_: Any
    losses_: list[float]

    def __init__(self, length: int | str = "auto", units: int = 32, steps: int = 200, seed: int = 0) -> None:
        numbers: dict[str, tuple[Any, int]] = {"units": (units, 1), "steps": (steps, 1), "seed": (seed, 0)}
        numbers |= {} if length == "auto" else {"length": (length, 2)}
        for name, (value, least) in numbers.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(f"{name} must be an integer from {least} on. Received: {value!r}.")
        self.length = length
        self.units = units
        self.steps = steps
        self.seed = seed

    def fit(self, df: Any) -> ContrastiveEncoder:
        """Learn from the series that are longer than a stretch.

        Args:
            df: Long frame with the columns ``unique_id``, ``ds`` and ``y``; or a panel, which may be read
                from other columns: ``Panel.from_frame(df, id_col=...)``.

        Returns:
            This encoder. ``losses_`` holds the loss of each step, ``network_`` the Keras model.

        Raises:
            PanelError: If the frame cannot be used, or fewer than two series are longer than a stretch.
        """
        from pipelines.network.encoder import build_encoder, train_encoder

        panel = _panel(df)
        length = self.length
        if not isinstance(length, int):
            length = max(_SEASONS * season_length_of(panel.freq), _SHORTEST)
        long = panel.lengths > length
        if long.sum() < 2:
            raise PanelError(
                f"Two series at least must be longer than a stretch of {length} rows. Received: "
                f"{int(long.sum())} of {panel.n_series}; pass a smaller length, or more rows."
            )
        network = build_encoder(length, self.units, self.seed)
        drawn = batches(panel.select(long), length, self.steps, self.seed)
        losses = train_encoder(network, drawn, self.steps)
        self.network_, self.losses_, self._length, self._freq = network, losses, length, panel.freq
        return self

    def embed(self, df: Any) -> Embeddings:
        """Make a unit vector of each series: the mean direction of its newest stretches, 8 at most.

        Args:
            df: As for ``fit``; also series that the fit did not see, or short ones.

        Returns:
            The vectors.

        Raises:
            NotFittedError: Before ``fit``.
            PanelError: If the frame cannot be used, or is of another frequency than the fit.
        """
        from pipelines.network.encoder import encode

        if not hasattr(self, "network_"):
            raise NotFittedError("An encoder must be fitted first; call fit(df).")
        panel = _panel(df, self._freq)
        counts = np.clip(panel.lengths // self._length, 1, _MOST_STRETCHES)
        series = np.repeat(np.arange(panel.n_series), counts)
        back = np.arange(len(series)) - np.repeat(np.cumsum(counts) - counts, counts)
        cut = stretches(panel, series, panel.lengths[series] - back * self._length, self._length)
        found = encode(self.network_, *cut)
        total = np.add.reduceat(found, np.cumsum(counts) - counts, axis=0)
        size = np.linalg.norm(total, axis=1, keepdims=True)
        vectors = (total / np.where(size > 0, size, 1)).astype(np.float32)
        return Embeddings(panel.ids, vectors, panel.columns.id_col)


def _panel(df: Any, freq: Any = None) -> Panel:
    panel = df if isinstance(df, Panel) else Panel.from_frame(df, freq)
    if freq is not None and panel.freq != freq:
        raise PanelError(
            f"Series must have the frequency of the fit, {freq.text!r}. Received: {panel.freq.text!r}."
        )
    return panel
