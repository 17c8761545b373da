"""Inputs of a model that reads sequences: their shapes, pieces of them, and random ones."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tcn.streaming.state import dtype_of

__all__ = ["ModelInputs"]

Tensor = Any

# Random inputs repeat themselves after so many steps: a prime number, that no dilation divides.
_PERIOD = 257


class ModelInputs:
    """Inputs of a model, as a list of arrays.

    Args:
        model: Keras layer or model that has weights.

    Raises:
        ValueError: If they have a fixed length, or are several and the model is not a functional one.
    """

    def __init__(self, model: Any) -> None:
        if hasattr(model, "operations"):
            tensors = keras.tree.flatten(model.input)
            self._each = [_Input(tuple(t.shape[1:]), dtype_of(t), t.shape[1:2] == (None,)) for t in tensors]
            self._structure = model.input if keras.tree.is_nested(model.input) else None
        else:
            self._each, self._structure = [_only_input(model)], None
        if not any(each.moves for each in self._each) or any(None in each.rest for each in self._each):
            raise ValueError(
                "A stream needs inputs of any length whose other sizes are known: Input((None, channels)). "
                f"Received: {', '.join(str((None, *each.shape)) for each in self._each)}"
            )
        classes = [size for layer in model._flatten_layers() if (size := _classes(layer)) is not None]
        rng = np.random.default_rng(0)
        self._random = [each.random(rng, min(classes, default=2)) for each in self._each]

    def __len__(self) -> int:
        return len(self._each)

    def random(self, begin: int, end: int, batch: int = 2) -> list[np.ndarray]:
        """The same random inputs each time, from one step to another.

        Args:
            begin: First step.
            end: Step after the last one.
            batch: Sequences; they are two different ones in turn.

        Returns:
            Arrays `(batch, end - begin, ...)`, or `(batch, ...)` for inputs without time.
        """
        rows, steps = np.arange(batch) % 2, np.arange(begin, end) % _PERIOD
        pairs = zip(self._random, self._each, strict=True)
        return [array[rows][:, steps] if each.moves else array[rows] for array, each in pairs]

    def standardize(self, x: Any, hop: int) -> tuple[list[Tensor], int, int | None]:
        """Check a piece.

        Args:
            x: Array, or arrays in the structure of the model's inputs.
            hop: What its steps have to be a multiple of.

        Returns:
            Arrays of the types that are computed with, their batch, and their steps: None if it is one step
            without an axis of time.

        Raises:
            ValueError: If the shapes are not those of a piece, or an array does not hold numbers.
        """
        given = [x] if self._structure is None else keras.tree.flatten(x)
        arrays = [_standardize_type(array) for array in given]
        shapes = [tuple(array.shape) for array in arrays]
        pairs = list(zip(self._each, shapes, strict=False))
        steps = {each.steps(shape) for each, shape in pairs if each.moves}
        fit = len(shapes) == len(self._each) and all(each.fits(shape, hop) for each, shape in pairs)
        if not fit or len(steps) != 1 or len({shape[0] for shape in shapes}) != 1:
            rule = "; ".join(each.rule(hop) for each in self._each)
            raise ValueError(f"The input must be {rule}. Received: shape {', '.join(map(str, shapes))}")
        return arrays, shapes[0][0], steps.pop()

    def with_time(self, arrays: Sequence[Tensor]) -> list[Tensor]:
        """Give one step its axis of time; a mask may follow the inputs."""
        moves = [*(each.moves for each in self._each), True]
        return [ops.expand_dims(a, axis=1) if m else a for a, m in zip(arrays, moves, strict=False)]

    def assembled(self, arrays: Sequence[Tensor]) -> Any:
        """What the model is called with."""
        return (
            arrays[0]
            if self._structure is None
            else keras.tree.pack_sequence_as(self._structure, list(arrays))
        )

    def masks(self, mask: Tensor) -> Any:
        """The mask that the model is called with: of each input that has steps."""
        return mask if self._structure is None else [mask if each.moves else None for each in self._each]


class _Input(NamedTuple):
    """Shape without the batch; if the input `moves`, its first axis is time."""

    shape: tuple[int | None, ...]
    dtype: str
    moves: bool

    @property
    def rest(self) -> tuple[Any, ...]:
        return self.shape[1:] if self.moves else self.shape

    def steps(self, shape: tuple[int, ...]) -> int | None:
        return shape[1] if len(shape) > len(self.shape) else None

    def fits(self, shape: tuple[int, ...], hop: int) -> bool:
        steps = self.steps(shape)
        if not self.moves or steps is None:
            return shape[1:] == self.rest and (hop == 1 or not self.moves)
        return shape[2:] == self.rest and steps > 0 and steps % hop == 0

    def rule(self, hop: int) -> str:
        if not self.moves:
            return _listed("batch", *self.shape)
        piece = _listed("batch", "steps", *self.rest)
        if hop > 1:
            return f"{piece} with a multiple of {hop} steps"
        return f"{piece}, or {_listed('batch', *self.rest)} for one step"

    def random(self, rng: np.random.Generator, classes: int) -> np.ndarray:
        shape = (2, _PERIOD, *self.rest) if self.moves else (2, *self.rest)
        if self.dtype.startswith(("int", "uint", "bool")):
            return rng.integers(classes, size=shape).astype(self.dtype)
        return rng.normal(size=shape).astype("float32")


def _only_input(model: Any) -> _Input:
    """Of a layer or model that is not functional; sequences without channels are of integers."""
    config = model.get_build_config() or {}
    # An argument that was None when the model was built is no input.
    shapes = [s for s in config.get("shapes_dict", config).values() if s is not None]
    shape = shapes[0] if len(shapes) == 1 else shapes
    if not isinstance(shape, list | tuple) or not all(
        size is None or isinstance(size, int) for size in shape
    ):
        raise ValueError(
            "A stream needs a model of one input, or a functional one: keras.Model(inputs, outputs). "
            f"Received: '{model.name}' of class {type(model).__name__}, built for {shape}"
        )
    return _Input((None, *shape[2:]), "float32" if len(shape) > 2 else "int32", True)


def _classes(layer: Any) -> int | None:
    """How many integers, from 0, a layer can take."""
    return layer.input_dim if isinstance(layer, keras.layers.Embedding) else getattr(layer, "classes", None)


def _standardize_type(array: Any) -> Tensor:
    if hasattr(array, "dtype") and not isinstance(array, np.ndarray):
        return array
    array = np.asarray(array)
    if array.dtype.kind in "OSUMm":
        raise ValueError(
            f"The input must be numbers. Received: an array of {array.dtype}. Convert it: "
            'np.asarray(x, "float32").'
        )
    types = {"f": "float32", "i": "int32", "u": "int32"}
    return array.astype(types.get(array.dtype.kind, array.dtype), copy=False)


def _listed(*sizes: object) -> str:
    return f"({', '.join(map(str, sizes))})"
