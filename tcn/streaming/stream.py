"""Models that read a sequence as it comes, one step or some steps at a time."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn._backend import compiled, is_eager
from tcn.layers.checks import check_positive
from tcn.memory import Memory
from tcn.streaming.inputs import ModelInputs
from tcn.streaming.state import Layout, SingleStep, State, dtype_of
from tcn.streaming.streamable import find_hop, refuse_by_name

__all__ = ["Streaming"]

Tensor = Any

# Lengths of pieces that get a program of their own, which takes about as long to compile as 1,000 steps.
_PROGRAMS = 16


class Streaming:
    """Reads a sequence piece by piece and computes what the model computes of all of it.

    A step costs the same however long the sequence and the receptive field are. The model is used as it is
    after training: dropout is off and batch normalization uses its moving averages.

    Args:
        model: Keras model or layer that has weights, `(batch, time, channels)` to `(batch, time, ...)`, made
            of layers that act on each step alone and layers of this package that look back. An input of a
            functional model without an axis of unknown length, such as `(batch, size)`, says something of the
            whole series and is given with every piece.

    Attributes:
        model: The model. Steps use the weights that it has at the time.
        hop: Pieces have a multiple of so many steps: 1 unless the model changes the rate.

    Raises:
        ValueError: If the model has no weights yet, or does not compute in pieces what it computes in one
            pass, which is tried on random inputs.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from tcn.layers import CausalConv1D
        >>> from tcn.streaming import Streaming
        >>> model = keras.Sequential([keras.Input((None, 2)), CausalConv1D(4, 3, dilation_rate=8)])
        >>> stream = Streaming(model)
        >>> x = np.random.default_rng(0).normal(size=(1, 30, 2)).astype("float32")
        >>> state = stream.initial_state(batch=1)
        >>> history, state = stream.step(x[:, :20], state)
        >>> for t in range(20, 30):
        ...     y, state = stream.step(x[:, t], state)
        >>> bool(np.allclose(y, model(x)[:, -1], atol=1e-5))
        True

    Reference:
        Le Paine et al. (2016), Fast Wavenet Generation Algorithm.
    """

    def __init__(self, model: Any) -> None:
        if not getattr(model, "built", False):
            raise ValueError(
                "A stream needs a model that has weights: build it, or call it once on an input."
            )
        self.model = model
        self._inputs = ModelInputs(model)
        arguments = inspect.signature(model.call).parameters
        self._has_mode, self._reads_masks = "training" in arguments, "mask" in arguments
        refuse_by_name(model)
        layers = model._flatten_layers()
        self._jit = all(layer.supports_jit for layer in layers)
        half = any(layer.compute_dtype in ("float16", "bfloat16") for layer in layers)
        tolerance = 0.05 if half else 1e-4
        self.hop, self._timed = find_hop(model, self._inputs.random, self._read, tolerance)
        self._layouts: dict[tuple[int, bool], Layout] = {}
        self._programs: dict[Any, Callable[..., Any]] = {}
        self._seen: set[Any] = set()

    def initial_state(self, batch: int = 1, masked: bool = False) -> State:
        """State at the start of a sequence.

        Args:
            batch: Sequences that are read side by side.
            masked: Whether steps may be missing, as the `mask` of `step` tells.

        Returns:
            Arrays by name.

        Raises:
            ValueError: If `batch` is not a positive integer, or the model cannot be called with a mask.
        """
        check_positive(batch=batch)
        if masked and not self._reads_masks:
            raise ValueError(
                "A masked stream needs a model whose call has an argument 'mask'. "
                f"Received: '{self.model.name}' of class {type(self.model).__name__}"
            )
        layout = self._layout(batch, masked)
        return State(layout, dict(layout.initial))

    def step(self, x: Any, state: Mapping[str, Tensor], mask: Any = None) -> tuple[Any, State]:
        """Read the next piece.

        A program for pieces of `hop` steps is compiled when the first one is read. Longer ones are computed
        operation by operation, and a length that comes a second time gets a program too.

        Args:
            x: `(batch, steps, channels)` with a multiple of `hop` steps, or `(batch, channels)` for one step.
                Models of several inputs are given arrays in the structure of these.
            state: What `initial_state` or the step before returned, or arrays by name as `to_numpy` gives
                them. It is not changed: two steps may start from the same one.
            mask: Boolean, `(batch, steps)`, or `(batch,)` for one step: which steps were observed; None if
                all were. It needs the state of a masked stream.

        Returns:
            The outputs, `(batch, steps, ...)`, or `(batch, ...)` for one step, and the state for the next
            piece. Outputs without an axis of time are those of all that was read.

        Raises:
            ValueError: If the input has other sizes than the model's or is no numbers, or the state is none
                or belongs to another model or batch.
        """
        arrays, batch, steps = self._inputs.standardize(x, self.hop)
        state = self._own(state, batch, mask is not None)
        layout = state.layout
        if layout.masked:
            arrays.append(_standardize_mask(mask, (batch,) if steps is None else (batch, steps)))
        elif mask is not None:
            raise ValueError(
                "A mask needs the state of a masked stream. Start with initial_state(batch, masked=True)."
            )
        if steps is None or steps == self.hop:
            return self._hop(layout, state, arrays, single=steps is None)
        return self._piece(layout, state, arrays)

    def to_numpy(self, state: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
        """Arrays of a state, to be stored with `np.savez(file, **arrays)`.

        `step` takes them back, and so what `np.load(file)` returns. Numbers of half precision become 32 bits
        long, since files of NumPy do not know them all.

        Args:
            state: As `step` returned it.

        Returns:
            Arrays by name; past inputs are `(batch, steps, ...)`, the oldest step first.
        """
        arrays = {key: np.asarray(value) for key, value in state.items()}
        half = ("float16", "bfloat16")
        return {k: a.astype("float32") if dtype_of(a) in half else a for k, a in arrays.items()}

    def _hop(self, layout: Layout, state: State, arrays: list[Tensor], single: bool) -> tuple[Any, State]:
        """Read `hop` steps; `single` if the arrays have no axis of time."""
        count, groups = len(arrays), len(layout.groups)

        def advance(*tensors: Tensor) -> list[Tensor]:
            packs, carried = tensors[count : count + groups], tensors[count + groups :]
            given = self._inputs.with_time(tensors[:count]) if single else tensors[:count]
            with SingleStep(layout.unpack(packs, carried)) as memory:
                outputs = self._call(given)
            if single:
                outputs = [y[:, 0] if timed else y for y, timed in zip(outputs, self._timed, strict=True)]
            return [*outputs, *layout.pack(memory.next)]

        parts = [*arrays, *layout.read(state.queues), *state.carried]
        key = (layout, single, *(a.dtype for a in arrays))
        if key not in self._programs:
            self._programs[key] = compiled(advance, self.model.variables, parts, self._jit)
        results = self._programs[key](*parts)
        end = len(self._timed)
        added, carried = results[end : end + groups], results[end + groups :]
        kept = dict(zip(layout.carried, carried, strict=True))
        return self._assembled(results[:end]), State(layout, kept, layout.add(state.queues, added))

    def _piece(self, layout: Layout, state: State, arrays: list[Tensor]) -> tuple[Any, State]:
        """Read more than `hop` steps."""

        def advance(*tensors: Tensor) -> list[Tensor]:
            with Memory(dict(zip(layout.initial, tensors[len(arrays) :], strict=True))) as memory:
                outputs = self._call(tensors[: len(arrays)])
            return [*outputs, *(memory.next[key] for key in layout.initial)]

        parts = [*arrays, *state.values()]
        key = (layout, *((tuple(a.shape), a.dtype) for a in arrays))
        comes_again = key in self._seen or not is_eager()
        if comes_again and key not in self._programs and len(self._programs) < _PROGRAMS:
            self._programs[key] = compiled(advance, self.model.variables, parts, self._jit)
        self._seen.add(key)
        results = self._programs.get(key, advance)(*parts)
        end = len(self._timed)
        return self._assembled(results[:end]), State(
            layout, dict(zip(layout.initial, results[end:], strict=True))
        )

    def _call(self, arrays: Sequence[Tensor]) -> list[Tensor]:
        """Apply the model to its inputs, which the mask follows in a masked stream."""
        tensors = [ops.convert_to_tensor(array) for array in arrays]
        inputs, mask = tensors[: len(self._inputs)], tensors[len(self._inputs) :]
        options: dict[str, Any] = {"training": False} if self._has_mode else {}
        call = self.model
        if mask:
            options["mask"] = self._inputs.masks(mask[0])
            # Graphs of layers hand on a mask, but warn that they do not when they are called as a layer is.
            if isinstance(self.model, keras.Sequential) or hasattr(self.model, "operations"):
                call = self.model.call
        outputs = call(self._inputs.assembled(inputs), **options)
        self._outputs = keras.tree.map_structure(lambda y: None, outputs)
        return list(keras.tree.flatten(outputs))

    def _assembled(self, outputs: list[Tensor]) -> Any:
        """Outputs in the structure in which the model returns them."""
        return outputs[0] if self._outputs is None else keras.tree.pack_sequence_as(self._outputs, outputs)

    def _read(self, arrays: list[Tensor], state: dict[str, Tensor] | None) -> Any:
        """Outputs and next state of a piece; of a whole sequence if there is no state."""
        keys: list[str] = []

        def read(*tensors: Tensor) -> list[Tensor]:
            if state is None:
                return self._call(tensors)
            with Memory(dict(zip(state, tensors[len(arrays) :], strict=True))) as memory:
                outputs = self._call(tensors[: len(arrays)])
            keys[:] = memory.next
            return [*outputs, *memory.next.values()]

        results = self._run(read, [*arrays, *(state or {}).values()])
        end = len(results) - len(keys)
        return results[:end], dict(zip(keys, results[end:], strict=True))

    def _run(self, function: Callable[..., list[Tensor]], arrays: list[Tensor]) -> list[Tensor]:
        """Call a function once, in the way that takes the least time for one call."""
        return (function if is_eager() else compiled(function, self.model.variables, arrays))(*arrays)

    def _layout(self, batch: int, masked: bool) -> Layout:
        if (batch, masked) not in self._layouts:
            arrays = self._inputs.random(0, self.hop, batch)
            if masked:
                arrays.append(np.ones((batch, self.hop), "bool"))
            memory = Memory({})

            def start(*tensors: Tensor) -> list[Tensor]:
                with memory:
                    self._call(tensors)
                return list(memory.first.values())

            values = self._run(start, arrays)
            initial = dict(zip(memory.first, values, strict=True))
            self._layouts[batch, masked] = Layout(initial, memory.dilated, batch, masked)
        return self._layouts[batch, masked]

    def _own(self, state: Mapping[str, Tensor], batch: int, masked: bool) -> State:
        """The state as one of this stream, if it is one or has the arrays of one."""
        if not isinstance(state, Mapping):
            raise ValueError(
                "A state must be what initial_state or the step before returned, or arrays by name. "
                f"Received: {type(state).__name__}. Start with initial_state(batch={batch})."
            )
        if not isinstance(state, State) or state.layout not in self._layouts.values():
            return self._adopted(state, batch, masked)
        if state.layout.batch != batch:
            raise ValueError(
                f"A state and an input must have the same batch. Received: a state of {state.layout.batch} "
                f"sequences and an input of {batch}. Start with initial_state(batch={batch})."
            )
        return state

    def _adopted(self, state: Mapping[str, Tensor], batch: int, masked: bool) -> State:
        kinds = [masked, not masked] if self._reads_masks else [False]
        layouts = (self._layout(batch, kind) for kind in kinds)
        layout = next((each for each in layouts if each.initial.keys() == set(state)), None)
        if layout is None:
            wanted, given = self._layout(batch, kinds[0]).initial.keys(), set(state)
            raise ValueError(
                "A state must come from a stream of the same model. Received: arrays by name, of which "
                f"{_some(wanted - given)} are missing and {_some(given - wanted)} are of another model. "
                f"Start with initial_state(batch={batch})."
            )
        arrays = {}
        for key, like in layout.initial.items():
            value = np.asarray(state[key])
            if value.shape != tuple(like.shape) or _kind(value) != _kind(like):
                raise ValueError(
                    "A state must come from a stream of the same model and batch. "
                    f"Received: '{key}' is {dtype_of(value)} {value.shape} in place of {dtype_of(like)} "
                    f"{tuple(like.shape)}. Start with initial_state(batch={batch})."
                )
            arrays[key] = value if dtype_of(value) == dtype_of(like) else ops.cast(value, like.dtype)
        return State(layout, arrays)


def _standardize_mask(mask: Any, shape: tuple[int, ...]) -> Tensor:
    if mask is None:
        return np.ones(shape, "bool")
    mask = np.asarray(mask)
    if tuple(mask.shape) != shape or dtype_of(mask) != "bool":
        raise ValueError(
            f"The mask must be bool {shape}, as the input is. Received: {dtype_of(mask)} {tuple(mask.shape)}"
        )
    return mask


def _kind(array: Tensor) -> str:
    return dtype_of(array).rstrip("0123456789").removeprefix("b")


def _some(keys: Any) -> str:
    return ", ".join(f"'{key}'" for key in sorted(keys)[:3]) + (", ..." if len(keys) > 3 else "") or "none"
