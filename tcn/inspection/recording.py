"""What each layer of a model computes, noted while the model runs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tcn.inspection.running import as_array, run
from tcn.members.dense import MemberDense
from tcn.members.gated import MemberGLUBlock, MemberRMSNorm
from tcn.members.wavenet import MemberWaveNetBlock

__all__ = ["Call", "activations", "layers_by_path", "recorded"]

# Backends run what these hold in loops that they compile.
_STEP_BY_STEP = (keras.layers.RNN, keras.layers.TimeDistributed)
# Their outputs are (members, batch, time, units).
_OF_MEMBERS = (MemberDense, MemberGLUBlock, MemberRMSNorm, MemberWaveNetBlock)


class Call(NamedTuple):
    """A layer's call.

    Attributes:
        arguments: Those given by name.
        outputs: What came out.
    """

    arguments: Mapping[str, Any]
    outputs: Any


def layers_by_path(model: Any) -> dict[str, Any]:
    """All layers that a model holds, at any depth.

    Args:
        model: A built model or layer.

    Returns:
        The layers by the names on the way to them, "backbone/block_0/conv"; before them the model itself, by
        its own name. Of layers with the same path, the second is "path:2". A layer that is held twice is
        there once. What a recurrent or a `TimeDistributed` layer holds computes single steps and is left out.

    Raises:
        ValueError: If the model is not built.

    Example:
        >>> import keras
        >>> from tcn.inspection import layers_by_path
        >>> inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="narrow")], name="inner")
        >>> model = keras.Sequential([inner, keras.layers.Dense(1, name="last")], name="model")
        >>> list(layers_by_path(model))
        ['model', 'inner', 'inner/narrow', 'last']
    """
    if not model.built:
        raise ValueError(
            f"A model must be built before its layers are known; call it on a batch. Received: {model.name!r}"
        )
    found = {str(model.name): model}
    seen = {id(model)}

    def walk(layer: Any, prefix: str) -> None:
        for child in layer._flatten_layers(include_self=False, recursive=False):
            if id(child) not in seen and not isinstance(child, keras.layers.InputLayer):
                seen.add(id(child))
                path = _free(prefix + child.name, found)
                found[path] = child
                if not isinstance(child, _STEP_BY_STEP):
                    walk(child, path + "/")

    if not isinstance(model, _STEP_BY_STEP):
        walk(model, "")
    return found


@contextmanager
def recorded(layers: Mapping[str, Any]) -> Iterator[dict[str, Call]]:
    """Note what layers compute, as long as the context lasts.

    Args:
        layers: Layers by name.

    Yields:
        Their calls by name, in the order in which they end; the second call of a layer is "name:2".
    """
    calls: dict[str, Call] = {}
    own = [(layer, layer.__dict__["call"]) for layer in layers.values() if "call" in layer.__dict__]
    try:
        for name, layer in layers.items():
            # On the instance, and past Keras' bookkeeping of attributes: nothing else sees the difference.
            object.__setattr__(layer, "call", _noting(layer.call, name, calls))
        yield calls
    finally:
        for layer in layers.values():
            layer.__dict__.pop("call", None)
        for layer, call in own:
            object.__setattr__(layer, "call", call)


def activations(model: Any, inputs: Any, mask: Any = None) -> dict[str, Any]:
    """Compute what each layer of a model puts out, at any depth, in inference mode.

    The model stays as it is. It runs eagerly, so a subclassed model shows its layers too; those whose weights
    are used without calling them do not appear.

    Args:
        model: Any built model or layer.
        inputs: What the model takes; all of it is computed at once.
        mask: Boolean, `(batch, time)`, passed on to the model; False where nothing was observed.

    Returns:
        Arrays by path (see `layers_by_path`), in the order in which layers end, the model itself last. A
        layer that is called again is "path:2". One with several outputs has them in the structure that it
        returns.

    Raises:
        ValueError: If the model is not built, or takes no mask and there is one.

    Example:
        >>> import numpy as np
        >>> from tcn import TCN
        >>> from tcn.inspection import activations
        >>> layer, x = TCN(4, dilations=(1, 2), return_sequences=True, name="tcn"), np.ones((1, 10, 3))
        >>> layer.build(x.shape)
        >>> found = activations(layer, x)
        >>> [path for path in found if "block_1" in path][0], found["residual_block_1/conv1D_0"].shape
        ('residual_block_1/conv1D_0', (1, 10, 4))
    """
    with recorded(layers_by_path(model)) as calls:
        run(model, inputs, mask)
    return {path: keras.tree.map_structure(_array, call.outputs) for path, call in calls.items()}


def _noting(call: Callable[..., Any], name: str, calls: dict[str, Call]) -> Callable[..., Any]:
    @wraps(call)
    def noting(*args: Any, **arguments: Any) -> Any:
        outputs = call(*args, **arguments)
        calls[_free(name, calls)] = Call(arguments, outputs)
        return outputs

    return noting


def _array(output: Any) -> np.ndarray | None:
    return None if output is None else as_array(output)


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """The name, or that with the first number that is free."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}:{number}"
    return free


class Part:
    """A layer inside a model as a model of its own: the model's inputs, the layer's output.

    Of a layer that computes the members of an ensemble, their units stand side by side, `(batch, time,
    members * units)`.

    Args:
        model: A built model.
        path: Of the layer, as in `layers_by_path`.

    Raises:
        ValueError: If there is no such layer.
    """

    def __init__(self, model: Any, path: str) -> None:
        layers = layers_by_path(model)
        if path not in layers:
            raise ValueError(f"'layer' must be one of {', '.join(layers)}. Received: layer={path!r}")
        self.model = model
        self.path = path
        self.layer = layers[path]

    def __call__(self, inputs: Any, mask: Any = None) -> Any:
        """Compute the layer's output, at its first call."""
        with recorded({self.path: self.layer}) as calls:
            run(self.model, inputs, mask)
        if self.path not in calls:
            raise ValueError(
                f"'layer' must be called by the model. Received: layer={self.path!r}, which is not"
            )
        output = calls[self.path].outputs
        if isinstance(output, dict | list | tuple):
            raise ValueError(
                f"'layer' must have one output. Received: layer={self.path!r} with {len(output)}; "
                "choose a layer inside it or after it."
            )
        if isinstance(self.layer, _OF_MEMBERS) and len(output.shape) == 4:
            output = ops.concatenate([output[member] for member in range(output.shape[0])], axis=-1)
        return output

    call = __call__
