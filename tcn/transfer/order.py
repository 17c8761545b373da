"""In which order the parts of a model are called."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import keras

__all__ = ["in_order_of_calls"]

Layer = Any


def in_order_of_calls(model: Layer, parts: list[Layer]) -> list[Layer]:
    """Parts of a model in the order in which they are first called; those that are not called come last.

    The model is called on symbolic inputs of the shape that it was built with. If that is not known, or it
    cannot be called on such inputs alone, the parts are returned as they stand.

    Args:
        model: A built model or layer.
        parts: Layers that it holds.

    Returns:
        The same layers.
    """
    inputs = _inputs(model)
    if inputs is None:
        return parts
    called: dict[int, int] = {}
    own = {id(part): part.__dict__.get("call") for part in parts}
    try:
        for part in parts:
            # On the instance, and past Keras' bookkeeping of attributes: nothing else sees the difference.
            object.__setattr__(part, "call", _counting(part.call, id(part), called))
        _Call(model)(inputs)
    except Exception:
        return parts  # It needs more than one input, or values: there is no order to be seen.
    finally:
        for part in parts:
            part.__dict__.pop("call", None)
            if own[id(part)] is not None:
                object.__setattr__(part, "call", own[id(part)])
    return sorted(parts, key=lambda part: called.get(id(part), len(called)))


class _Call(keras.Operation):
    """A call of a model that is traced on symbolic inputs, even if the model says which shape comes out."""

    def __init__(self, model: Layer) -> None:
        super().__init__()
        self.model = model

    def call(self, inputs: Any) -> Any:
        return self.model(inputs)


def _inputs(model: Layer) -> Any:
    """Symbolic inputs of a model, or None."""
    if isinstance(model, keras.Sequential):
        return model.inputs[0]
    if isinstance(model, keras.Function):
        return model.input
    shape = (model.get_build_config() or {}).get("input_shape")
    if not isinstance(shape, tuple | list) or not all(isinstance(size, int | None) for size in shape):
        return None
    return keras.KerasTensor(tuple(shape))


def _counting(call: Callable[..., Any], part: int, called: dict[int, int]) -> Callable[..., Any]:
    @wraps(call)
    def counting(*args: Any, **arguments: Any) -> Any:
        called.setdefault(part, len(called))
        return call(*args, **arguments)

    return counting
