"""What a layer knows of the steps before its input: nothing in a full pass, its memory in a stream.

A layer that looks back asks `extend` for the steps before its input, or keeps a running value with `recall`
and `keep`. In a full pass these are zeros and initial values. Inside `with Memory(state)` they are what the
same call left behind, so that a model reads a sequence piece by piece and computes what it computes in one
pass. No layer needs a second implementation for streaming.
"""

from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any

from keras import ops

__all__ = ["Memory", "extend", "keep", "observed_before", "recall"]

Tensor = Any

_ACTIVE: ContextVar["Memory | None"] = ContextVar("tcn_memory", default=None)


class Memory:
    """Context in which layers carry on from a state; afterwards `next` holds the one for the next piece.

    Layers are told apart by the order of their calls, so a state belongs to one model and one way to call it.
    A Memory serves one pass.

    Args:
        state: Arrays by name, as `next` of the pass before; empty at the start of a sequence.

    Attributes:
        first: What the pass started from: `state`, completed by initial values.
        next: What the next pass starts from.

    Example:
        >>> import numpy as np
        >>> from tcn.memory import Memory, extend
        >>> class Sum:  # of this step and the one before
        ...     name = "sum"
        ...     def __call__(self, x):
        ...         x = extend(self, x, 1)
        ...         return x[:, 1:] + x[:, :-1]
        >>> layer, x = Sum(), np.array([[[1.0], [2.0], [3.0]]])
        >>> np.asarray(layer(x)).ravel().tolist()
        [1.0, 3.0, 5.0]
        >>> with Memory({}) as start:
        ...     _ = layer(x[:, :2])
        >>> with Memory(start.next):
        ...     np.asarray(layer(x[:, 2:])).ravel().tolist()
        [5.0]
    """

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state
        self.first: dict[str, Tensor] = {}
        self.next: dict[str, Tensor] = {}

    def __enter__(self) -> "Memory":
        self._token: Token[Memory | None] = _ACTIVE.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        _ACTIVE.reset(self._token)


def recall(layer: Any, name: str, initial: Callable[[], Tensor]) -> tuple[str, Tensor]:
    """What a layer kept at the end of the piece before.

    Args:
        layer: The caller.
        name: What is recalled, a short word.
        initial: Makes the value to start from.

    Returns:
        The key under which the layer has to `keep` the value to carry on from, and the value.
    """
    memory = _ACTIVE.get()
    if memory is None:
        return name, initial()
    key = f"{len(memory.first):03d}_{layer.name}_{name}"
    value = memory.state[key] if key in memory.state else initial()
    memory.first[key] = value
    return key, value


def keep(key: str, value: Tensor) -> None:
    """Keep a value for the next piece; in a full pass nothing is kept.

    Args:
        key: As `recall` gave it.
        value: Of the shape and type of the initial value.
    """
    memory = _ACTIVE.get()
    if memory is not None:
        memory.next[key] = value


def extend(layer: Any, inputs: Tensor, steps: int, fill: float = 0.0, name: str = "past") -> Tensor:
    """Put the steps before the input in front of it.

    Args:
        layer: The caller.
        inputs: `(batch, time, ...)`.
        steps: Number of steps, 0 or more.
        fill: What stands before the beginning of a sequence.
        name: A short word.

    Returns:
        `(batch, steps + time, ...)`.
    """
    if steps == 0:
        return inputs
    if _ACTIVE.get() is None:
        edges = [(0, 0), (steps, 0), *[(0, 0)] * (len(inputs.shape) - 2)]
        return ops.pad(inputs, edges, constant_values=fill)
    batch, _, *rest = ops.shape(inputs)
    key, past = recall(layer, name, lambda: ops.full((batch, steps, *rest), fill, dtype=inputs.dtype))
    longer = ops.concatenate([past, inputs], axis=1)
    keep(key, longer[:, -steps:])
    return longer


def observed_before(layer: Any, mask: Tensor) -> Tensor:
    """Whether a sequence has begun: something was observed at a step or before it.

    Args:
        layer: The caller.
        mask: Boolean, `(batch, time)`.

    Returns:
        Boolean, `(batch, time)`.
    """
    key, begun = recall(layer, "begun", lambda: ops.zeros_like(mask[:, :1]))
    so_far = ops.cumsum(ops.cast(ops.concatenate([begun, mask], axis=1), "int32"), axis=1) > 0
    keep(key, so_far[:, -1:])
    return so_far[:, 1:]
