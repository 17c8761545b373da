"""Stretches of input that excite a unit most."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tcn.inspection.fields import measured_receptive_field
from tcn.inspection.recording import Part
from tcn.inspection.running import as_array, check_mask, check_sequences, pieces
from tcn.layers.checks import check_positive

__all__ = ["Stretches", "highest_stretches", "top_stretches"]


@dataclass(frozen=True, eq=False)
class Stretches:
    """Stretches of input, the most exciting first.

    Attributes:
        series: Which sequence each is of, `(count,)`.
        end: Its last step, `(count,)`.
        value: Of the unit at that step, `(count,)`.
        inputs: `(count, length, channels)`; NaN before the first step of a sequence.

    Example:
        >>> import numpy as np
        >>> from tcn.inspection import highest_stretches
        >>> excited, inputs = np.array([[0.0, 3.0, 5.0]]), np.array([[7.0, 8.0, 9.0]])
        >>> highest_stretches(excited, inputs, 1, count=1).end.tolist()
        [2]
    """

    series: np.ndarray
    end: np.ndarray
    value: np.ndarray
    inputs: np.ndarray


def top_stretches(
    model: Any,
    inputs: Any,
    layer: str,
    unit: int,
    count: int = 9,
    length: int | None = None,
    mask: Any = None,
    batch_size: int = 256,
) -> Stretches:
    """Find the stretches of input for which a unit of a layer is highest.

    They do not overlap: where one is chosen, the next is looked for elsewhere.

    Args:
        model: A built causal model or layer of one input.
        inputs: `(batch, time, channels)` or `(batch, time)`.
        layer: Path of the layer, as in `layers_by_path`; its output is `(batch, time, units)`.
        unit: Channel of that output.
        count: How many, at most.
        length: Steps of a stretch. By default what the layer sees: its receptive field within the model, as
            `measured_receptive_field` finds it on noise. For that the model has to have a `receptive_field`.
        mask: Boolean, `(batch, time)`, passed on to the model; no stretch ends where it is False.
        batch_size: Sequences that the model computes at once.

    Returns:
        Series, last step, value and inputs of each.

    Raises:
        ValueError: If there is no such layer or unit, the layer changes the number of steps, or the length is
            not known.

    Example:
        >>> import numpy as np
        >>> from tcn.inspection import top_stretches
        >>> from tcn.layers import CausalConv1D
        >>> sums = CausalConv1D(1, kernel_size=2, kernel_initializer="ones", name="sums")
        >>> x = np.array([[0.0, 1.0, 5.0, 4.0, 0.0, 3.0]])[..., None]
        >>> sums.build(x.shape)
        >>> found = top_stretches(sums, x, layer="sums", unit=0, count=2)
        >>> found.end.tolist(), found.value.tolist(), found.inputs[..., 0].tolist()
        ([3, 5], [9.0, 3.0], [[5.0, 4.0], [0.0, 3.0]])

    Reference:
        Zeiler & Fergus (2014), Visualizing and Understanding Convolutional Networks, section 4.
    """
    check_positive(count=count)
    x = check_sequences(inputs)
    observed = check_mask(mask, x)
    part = Part(model, layer)
    values = np.concatenate(
        [
            _unit(part, x[rows], unit, None if observed is None else observed[rows])
            for rows in pieces(len(x), batch_size)
        ]
    )
    if observed is not None:
        values[~observed] = -np.inf
    if values.max() == -np.inf:
        raise ValueError(
            "Stretches need a step at which the unit has a value. Received: none, all masked or NaN"
        )
    return highest_stretches(values, x, _length(part, x) if length is None else length, count)


def highest_stretches(values: np.ndarray, inputs: np.ndarray, length: int, count: int = 9) -> Stretches:
    """Find the stretches at whose ends values are highest; they do not overlap.

    Args:
        values: `(batch, time)`, minus infinity where no stretch may end.
        inputs: `(batch, time, channels)` or `(batch, time)`, what stretches are cut from.
        length: Steps of a stretch.
        count: How many, at most.

    Returns:
        Series, last step, value and inputs of each; none where no stretch may end anywhere.

    Raises:
        ValueError: If `length` or `count` is not a positive integer.

    Example:
        >>> from tcn.inspection import highest_stretches
        >>> found = highest_stretches(np.array([[0.0, 3.0, 5.0, 4.0]]), np.array([[7.0, 8.0, 9.0, 6.0]]), 2)
        >>> found.end.tolist(), found.inputs.tolist()
        ([2, 0], [[8.0, 9.0], [nan, 7.0]])
    """
    check_positive(length=length, count=count)
    values = values.copy()
    chosen: list[tuple[int, int, float]] = []
    while len(chosen) < count and values.max() > -np.inf:
        row, end = map(int, np.unravel_index(values.argmax(), values.shape))
        chosen.append((row, end, float(values[row, end])))
        values[row, max(0, end - length + 1) : end + length] = -np.inf
    rows, ends = np.array([place[:2] for place in chosen], np.int64).reshape(-1, 2).T
    highest = np.array([value for *_, value in chosen])
    longer = np.concatenate([np.full((len(inputs), length, *inputs.shape[2:]), np.nan), inputs], axis=1)
    return Stretches(rows, ends, highest, longer[rows[:, None], ends[:, None] + 1 + np.arange(length)])


def _unit(part: Part, x: np.ndarray, unit: int, mask: np.ndarray | None) -> np.ndarray:
    """Values of the unit, `(batch, time)`."""
    output = as_array(part(x, mask))
    if output.ndim != 3 or output.shape[1] != x.shape[1]:
        raise ValueError(
            "The layer must have an output (batch, time, units), a step for each of the inputs. "
            f"Received: layer={part.path!r} with outputs of shape {output.shape} for {x.shape}"
        )
    if not 0 <= unit < output.shape[2]:
        raise ValueError(f"'unit' must be from 0 to {output.shape[2] - 1}. Received: unit={unit!r}")
    values: np.ndarray = output[..., unit].astype("float64")
    return np.where(np.isnan(values), -np.inf, values)


def _length(part: Part, x: np.ndarray) -> int:
    bound = getattr(part.model, "receptive_field", None)
    if bound is None or x.dtype.kind != "f" or x.ndim != 3:
        raise ValueError(
            "The length of a stretch is not known: the model must have a 'receptive_field', and its inputs "
            f"must be real, (batch, time, channels). Received: {part.model.name!r}, inputs of {x.dtype} "
            f"{x.shape}; pass length=..."
        )
    noise = np.random.default_rng(0).normal(size=(16, 2 * bound + 3, x.shape[2]))
    return measured_receptive_field(part, noise)
