"""Forecasts from every step of a sequence."""

from typing import Any

import keras
from keras import ops

from tcn.layers.checks import check_positive
from tcn.models.task import TaskModel, check_layer

__all__ = ["SequenceForecaster", "targets"]


@keras.saving.register_keras_serializable(package="tcn")
class SequenceForecaster(TaskModel):
    """A forecast from each step, which knows the steps up to it: `head(backbone(x))`.

    All origins of a sequence are trained in one pass. `fit(x, y)` takes the series itself, `(batch, time)`,
    as `y` and makes the targets of all origins in the compiled step; `targets` makes them outside. Where the
    series ends there are none, but NaN, so the loss has to skip NaN, as those of `tcn.losses` do.

    Args:
        backbone: Causal layer or model, `(batch, time, channels)` to `(batch, time, features)`. One that is
            built already keeps its weights.
        head: Layer, `(batch, time, features)` to `(batch, time, horizon, ...)`.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        That of the head; the forecast of step `t + 1 + h` at `[:, t, h]`. Where the last one alone is wanted,
        the steps that it depends on do: `model(x[:, -model.receptive_field :])[:, -1]`.

    Raises:
        ValueError: If a part is no layer, or the backbone returns no sequence.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from tcn.models import SeparableTCN, SequenceForecaster
        >>> model = SequenceForecaster(SeparableTCN(8, depth=2), head=keras.layers.Dense(24))
        >>> tuple(model(np.ones((2, 100, 3), "float32")).shape)
        (2, 100, 24)
        >>> model.receptive_field
        61

    Reference:
        Wen et al. (2017), A Multi-Horizon Quantile Recurrent Forecaster, for training at every origin
        ("forking sequences").
    """

    def __init__(self, backbone: Any, head: Any, **kwargs: Any) -> None:
        super().__init__(backbone, **kwargs)
        check_layer(head=head)
        self.head = head

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        features = self.build_backbone(input_shape)
        if not self.head.built:
            self.head.build(features)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Forecast from every step."""
        return self.head(self.features(inputs, mask))

    def targets(self, y: Any) -> Any:
        """What each origin should have forecast; see the function of this name.

        Args:
            y: `(batch, time)`.

        Returns:
            `(batch, time, horizon)`.

        Raises:
            ValueError: If the head does not say how far ahead it forecasts.
        """
        horizon = getattr(self.head, "horizon", None)
        if horizon is None:
            raise ValueError(
                "To make targets of a series (batch, time), the head must have a 'horizon', as those of "
                f"tcn.heads do. Received: head={self.head.name!r} of class {type(self.head).__name__}. "
                "Pass y=targets(y, horizon)."
            )
        return targets(y, horizon)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Take the loss at every origin."""
        return super().compute_loss(x, self._at_origins(y), y_pred, sample_weight, training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Take the metrics at every origin."""
        return super().compute_metrics(x, self._at_origins(y), y_pred, sample_weight)

    def _at_origins(self, y: Any) -> Any:
        return self.targets(y) if y is not None and len(y.shape) == 2 else y

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the forecasts."""
        return tuple(self.head.compute_output_shape(self.backbone.compute_output_shape(input_shape)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "head": keras.saving.serialize_keras_object(self.head)}


def targets(y: Any, horizon: int) -> Any:
    """What each step should have forecast: the steps after it.

    Args:
        y: Series, `(batch, time)`; NaN where nothing was observed.
        horizon: Steps ahead.

    Returns:
        `(batch, time, horizon)`, of the default float type: `y[:, t + 1 + h]` at `[:, t, h]`, NaN after the
        end.

    Raises:
        ValueError: If `y` has another number of axes or `horizon` is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.models import targets
        >>> np.asarray(targets(np.array([[1.0, 2.0, 3.0]]), horizon=2))[0].tolist()
        [[2.0, 3.0], [3.0, nan], [nan, nan]]
    """
    check_positive(horizon=horizon)
    if len(y.shape) != 2:
        raise ValueError(f"'y' must be (batch, time). Received: shape {tuple(y.shape)}")
    y = ops.cast(y, keras.config.floatx())
    longer = ops.pad(y, ((0, 0), (0, horizon)), constant_values=float("nan"))
    steps = ops.shape(y)[1]
    return ops.stack([longer[:, h : h + steps] for h in range(1, horizon + 1)], axis=-1)
