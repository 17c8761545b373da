"""What a layer knows of the steps before its input: nothing in a full pass, its memory in a stream.

A layer that looks back asks `extend` or `extend_dilated` for the steps before its input, or keeps a running
value with `recall` and `keep`. In a full pass these are zeros and initial values. Inside `with Memory(state)`
they are what the same call left behind, so that a model reads a sequence piece by piece and computes what it
computes in one pass. No layer needs a second implementation for streaming.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from typing import Any

import keras
from keras import ops

__all__ = ["Memory", "extend", "extend_dilated", "keep", "observed_before", "recall"]

Tensor = Any

_ACTIVE: ContextVar["Memory | None"] = ContextVar("tcn_memory", default=None)


class Memory:
    """Context in which layers carry on from a state; afterwards `next` holds the one for the next piece.

    What is remembered is told apart by the order of the calls, so a state belongs to one model and one way to
    call it: a state that is not all recalled, in its shapes and types, is refused. A Memory serves one pass.
    It is seen by the code that runs inside the context, not by other threads.

    Args:
        state: Arrays by name, as `next` of the pass before; empty at the start of a sequence.

    Attributes:
        first: What the pass started from: `state`, or the initial values.
        next: What the next pass starts from.
        dilated: What `extend_dilated` remembered of single steps: taps before the present one, and steps
            between them.

    Raises:
        RuntimeError: When it is entered again.
        ValueError: When the state belongs to another model, another call or another batch.

    Example:
        >>> import numpy as np
        >>> from tcn.memory import Memory, extend
        >>> class Sum:  # of this step and the one before
        ...     def __call__(self, x):
        ...         x = extend(self, x, 1)
        ...         return x[:, 1:] + x[:, :-1]
        >>> layer, x = Sum(), np.array([[[1.0], [2.0], [3.0]]], "float32")
        >>> np.asarray(layer(x)).ravel().tolist()
        [1.0, 3.0, 5.0]
        >>> with Memory({}) as start:
        ...     _ = layer(x[:, :2])
        >>> with Memory(start.next):
        ...     np.asarray(layer(x[:, 2:])).ravel().tolist()
        [5.0]
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.state = dict(state)
        self.first: dict[str, Tensor] = {}
        self.next: dict[str, Tensor] = {}
        self.dilated: dict[str, tuple[int, int]] = {}
        self._token: Token[Memory | None] | None = None
        self._scope: Any = None

    def __enter__(self) -> "Memory":
        if self._token is not None:
            raise RuntimeError("A Memory serves one pass. Make another one, with the state in `next`.")
        self._token = _ACTIVE.set(self)
        self._scope = _symbolic_scope()
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if self._token is not None:
            _ACTIVE.reset(self._token)
        if error is None:
            self._check_that_all_was_used()

    def recall(self, layer: Any, name: str, initial: Callable[[], Tensor]) -> tuple[str, Tensor]:
        """See `tcn.memory.recall`.

        Args:
            layer: The caller.
            name: What is recalled.
            initial: Makes the value to start from.

        Returns:
            The key to `keep` the value under, and the value.

        Raises:
            ValueError: If the state has none of this key, or of another shape or type.
        """
        key = self._key(layer, name)
        value = initial()
        if self.state:
            value = self._stored(key, value)
        self.first[key] = value
        return key, value

    def keep(self, key: str, value: Tensor) -> None:
        """See `tcn.memory.keep`.

        Args:
            key: As `recall` gave it.
            value: Of the shape and type of the initial value.
        """
        _check_alike(
            key, value, self.first[key], "A value that is kept", "Keep what can be recalled in its place."
        )
        self.next[key] = value

    def extend_dilated(
        self, layer: Any, inputs: Tensor, kernel_size: int, dilation_rate: int, fill: float, name: str
    ) -> tuple[Tensor, int]:
        """See `tcn.memory.extend_dilated`.

        Args:
            layer: The caller.
            inputs: `(batch, time, ...)`.
            kernel_size: Taps.
            dilation_rate: Steps between taps.
            fill: What stands before the beginning of a sequence.
            name: A short word.

        Returns:
            The longer input, and the dilation rate to use on it.
        """
        if inputs.shape[1] == 1:
            self.dilated[self._key(layer, name)] = kernel_size - 1, dilation_rate
        return extend(layer, inputs, (kernel_size - 1) * dilation_rate, fill, name), dilation_rate

    def _key(self, layer: Any, name: str) -> str:
        # The class and not the name: Keras numbers names as a process goes on.
        return f"{len(self.first):03d}_{type(layer).__name__}_{name}"

    def _stored(self, key: str, initial: Tensor) -> Tensor:
        if key not in self.state:
            raise ValueError(
                "A state must come from the same model, called in the same way. "
                f"Received: a state without '{key}', with {_some(self.state)}. "
                "Start a sequence with an empty state."
            )
        value = ops.convert_to_tensor(self.state[key])
        _check_alike(key, value, initial, "A state", "Use the state of the same model and batch.")
        return value

    def _check_that_all_was_used(self) -> None:
        unused = self.state.keys() - self.first.keys()
        if unused:
            raise ValueError(
                "A state must come from the same model, called in the same way. "
                f"Received: a state with {_some(unused)}, which nothing recalled."
            )
        lost = self.first.keys() - self.next.keys()
        if lost:
            raise ValueError(
                f"What a layer recalls, it must keep for the next piece. Not kept: {_some(lost)}."
            )


def recall(layer: Any, name: str, initial: Callable[[], Tensor]) -> tuple[str, Tensor]:
    """What a layer kept at the end of the piece before.

    Args:
        layer: The caller.
        name: What is recalled, a short word.
        initial: Makes the value to start from. What it returns depends on the shape and type of the inputs
            alone.

    Returns:
        The key under which the layer has to `keep` the value to carry on from, and the value.

    Example:
        >>> import numpy as np
        >>> from tcn.memory import recall
        >>> recall(object(), "sum", lambda: np.zeros(2))[1].tolist()  # nothing was kept outside of a Memory
        [0.0, 0.0]
    """
    memory = _active()
    return (name, initial()) if memory is None else memory.recall(layer, name, initial)


def keep(key: str, value: Tensor) -> None:
    """Keep a value for the next piece; in a full pass nothing is kept.

    Args:
        key: As `recall` gave it.
        value: Of the shape and type of the initial value.

    Example:
        >>> import numpy as np
        >>> from tcn.memory import Memory, keep, recall
        >>> with Memory({}) as first:
        ...     key, value = recall("layer", "sum", lambda: np.zeros(1, "float32"))
        ...     keep(key, value + 3)
        >>> [np.asarray(value).tolist() for value in first.next.values()]
        [[3.0]]
    """
    memory = _active()
    if memory is not None:
        memory.keep(key, value)


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

    Example:
        >>> import numpy as np
        >>> from tcn.memory import extend
        >>> np.asarray(extend("layer", np.ones((1, 2, 1), "float32"), steps=2)).ravel().tolist()
        [0.0, 0.0, 1.0, 1.0]
    """
    if steps == 0:
        return inputs
    if _active() is None:
        edges = [(0, 0), (steps, 0), *[(0, 0)] * (len(inputs.shape) - 2)]
        return ops.pad(inputs, edges, constant_values=fill)
    batch, _, *rest = ops.shape(inputs)
    key, past = recall(layer, name, lambda: ops.full((batch, steps, *rest), fill, dtype=inputs.dtype))
    longer = ops.concatenate([past, inputs], axis=1)
    keep(key, longer[:, -steps:])
    return longer


def extend_dilated(
    layer: Any,
    inputs: Tensor,
    kernel_size: int,
    dilation_rate: int = 1,
    fill: float = 0.0,
    name: str = "past",
) -> tuple[Tensor, int]:
    """Put the steps that a dilated convolution reads in front of its input.

    A stream that advances by single steps remembers every step but hands over those under the taps alone, and
    the convolution is then not dilated. So its cost does not grow with the dilation.

    Args:
        layer: The caller.
        inputs: `(batch, time, ...)`.
        kernel_size: Taps.
        dilation_rate: Steps between taps.
        fill: What stands before the beginning of a sequence.
        name: A short word.

    Returns:
        `(batch, (kernel_size - 1) * rate + time, ...)`, and the rate to convolve it with.

    Example:
        >>> import numpy as np
        >>> from tcn.memory import extend_dilated
        >>> x = np.ones((1, 2, 1), "float32")
        >>> longer, rate = extend_dilated("layer", x, kernel_size=3, dilation_rate=4)
        >>> tuple(longer.shape), rate
        ((1, 10, 1), 4)
    """
    memory = _active()
    if memory is None or kernel_size == 1:
        return extend(layer, inputs, (kernel_size - 1) * dilation_rate, fill, name), dilation_rate
    return memory.extend_dilated(layer, inputs, kernel_size, dilation_rate, fill, name)


def observed_before(layer: Any, mask: Tensor) -> Tensor:
    """Whether a sequence has begun: something was observed at a step or before it.

    Args:
        layer: The caller.
        mask: Boolean, `(batch, time)`.

    Returns:
        Boolean, `(batch, time)`.

    Example:
        >>> import numpy as np
        >>> from tcn.memory import observed_before
        >>> np.asarray(observed_before("layer", np.array([[False, True, False]]))).tolist()
        [[False, True, True]]
    """
    key, begun = recall(layer, "begun", lambda: ops.zeros_like(mask[:, :1]))
    so_far = ops.cumsum(ops.cast(ops.concatenate([begun, mask], axis=1), "int32"), axis=1) > 0
    keep(key, so_far[:, -1:])
    return so_far[:, 1:]


def _active() -> Memory | None:
    """The innermost Memory, but none while Keras runs a layer only to learn its shapes and build it."""
    memory = _ACTIVE.get()
    return memory if memory is not None and memory._scope is _symbolic_scope() else None


def _symbolic_scope() -> Any:
    with keras.SymbolicScope() as scope:
        return scope.original_scope


def _check_alike(key: str, value: Tensor, like: Tensor, what: str, cure: str) -> None:
    """Compare type, rank and the sizes that are known while tracing."""
    of_value, of_like = _facts(value), _facts(like)
    pairs = zip(of_value[1], of_like[1], strict=False)
    if (
        of_value[0] != of_like[0]
        or len(of_value[1]) != len(of_like[1])
        or any(a is not None and b is not None and a != b for a, b in pairs)
    ):
        raise ValueError(
            f"{what} must have the shapes and types of the initial one. "
            f"Received: '{key}' is {of_value[0]} {of_value[1]} in place of {of_like[0]} {of_like[1]}. {cure}"
        )


def _facts(value: Tensor) -> tuple[str, tuple[int | None, ...]]:
    return keras.backend.standardize_dtype(value.dtype), tuple(value.shape)


def _some(keys: Any) -> str:
    """A few of the keys, in order."""
    few = [f"'{key}'" for key in sorted(keys)[:3]]
    return ", ".join(few) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
