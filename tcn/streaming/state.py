"""What a stream remembers, and how it is handed to a compiled step without copying it."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tcn.memory import Memory

__all__ = ["Layout", "SingleStep", "State"]

Tensor = Any


class SingleStep(Memory):
    """Memory of one step: recalls past steps only where a dilated convolution reads them."""

    def extend_dilated(
        self, layer: Any, inputs: Tensor, kernel_size: int, dilation_rate: int, fill: float, name: str
    ) -> tuple[Tensor, int]:
        """See `tcn.memory.extend_dilated`."""
        batch, steps, *rest = ops.shape(inputs)
        if steps != 1:
            return super().extend_dilated(layer, inputs, kernel_size, dilation_rate, fill, name)
        shape = (batch, kernel_size - 1, *rest)
        key, past = self.recall(layer, name, lambda: ops.full(shape, fill, dtype=inputs.dtype))
        self.next[key] = inputs
        return ops.concatenate([past, inputs], axis=1), 1


class _Line(NamedTuple):
    """Past inputs of a convolution: the newest come in, the oldest go out, some are read."""

    key: str
    taps: int
    rate: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        return prod(self.shape)


class Queue:
    """The last so many inputs of a convolution, oldest first. Not changed: adding one gives another queue.

    Both share a list that grows, so that adding costs the same however long the queue is.

    Args:
        entries: A list whose entries up to `end` belong to this queue, and which others may add to.
        end: Number of entries.
        size: How many of them, the newest, are remembered.
    """

    __slots__ = ("end", "entries", "size")

    def __init__(self, entries: list[np.ndarray], end: int, size: int) -> None:
        self.entries, self.end, self.size = entries, end, size

    def every(self, rate: int = 1) -> list[np.ndarray]:
        """The oldest entry and each `rate` steps after one."""
        return self.entries[self.end - self.size : self.end : rate]

    def with_newest(self, entry: np.ndarray) -> "Queue":
        """The queue one step later."""
        if self.end == len(self.entries) < 2 * self.size:
            self.entries.append(entry)
            # Not so if another thread went on from the same queue just now.
            if self.entries[self.end] is entry:
                return Queue(self.entries, self.end + 1, self.size)
        return Queue([*self.every()[1:], entry], self.size, self.size)


class Layout:
    """How a state is stored between single steps: past inputs as queues, all else as arrays.

    A step reads a few entries of each queue and adds one, which costs the same however long the queues are.
    The entries that it reads are handed over as one array, and so are those that it adds: every further
    argument of a compiled function costs about ten microseconds.

    Args:
        initial: State at the start of a sequence.
        dilated: `Memory.dilated` of a piece of one step (of `hop` steps).
        batch: Sequences side by side.
        masked: Whether steps can be missing.
    """

    def __init__(
        self, initial: dict[str, Tensor], dilated: dict[str, tuple[int, int]], batch: int, masked: bool
    ) -> None:
        self.initial, self.batch, self.masked = initial, batch, masked
        self.lines = [
            _Line(key, *dilated[key], tuple(value.shape[2:]), dtype_of(value))
            for key, value in initial.items()
            if key in dilated
        ]
        self.carried = [key for key in initial if key not in dilated]
        dtypes = sorted({line.dtype for line in self.lines})
        self.groups = [[i for i, line in enumerate(self.lines) if line.dtype == dtype] for dtype in dtypes]

    def read(self, queues: Sequence[Queue]) -> list[np.ndarray]:
        """What a step reads of the queues, an array for each type of numbers."""
        return [
            np.concatenate([tap for i in group for tap in queues[i].every(self.lines[i].rate)], axis=1)
            for group in self.groups
        ]

    def unpack(self, packs: Sequence[Tensor], carried: Sequence[Tensor]) -> dict[str, Tensor]:
        """State of a single step, within the compiled function."""
        state = dict(zip(self.carried, carried, strict=True))
        for group, pack in zip(self.groups, packs, strict=True):
            begin = 0
            for line in (self.lines[i] for i in group):
                end = begin + line.taps * line.size
                state[line.key] = ops.reshape(pack[:, begin:end], (self.batch, line.taps, *line.shape))
                begin = end
        return state

    def pack(self, kept: Mapping[str, Tensor]) -> list[Tensor]:
        """What a single step adds to the queues and then what it carries on, within the compiled function."""
        added = [
            ops.concatenate([ops.reshape(kept[self.lines[i].key], (self.batch, -1)) for i in group], axis=1)
            for group in self.groups
        ]
        return [*added, *(kept[key] for key in self.carried)]

    def add(self, queues: Sequence[Queue], packs: Sequence[Tensor]) -> list[Queue]:
        """Queues after a step."""
        moved = list(queues)
        for group, pack in zip(self.groups, packs, strict=True):
            newest, begin = np.asarray(pack), 0
            for i in group:
                end = begin + self.lines[i].size
                # A copy, or every queue would keep alive what was added to all of them.
                moved[i] = queues[i].with_newest(newest[:, begin:end].copy())
                begin = end
        return moved


class State(Mapping[str, Tensor]):
    """Arrays by name: what a stream knows of the past. Not to be changed.

    Args:
        layout: How it is stored.
        arrays: By name; those of the queues may be left out.
        queues: Past inputs of the layout's lines, if they have been made of their arrays already.
    """

    def __init__(
        self, layout: Layout, arrays: dict[str, Tensor], queues: Sequence[Queue] | None = None
    ) -> None:
        self.layout = layout
        self._arrays = arrays
        self._queues = queues

    def __getitem__(self, key: str) -> Tensor:
        if key not in self._arrays and self._queues is not None:
            for line, queue in zip(self.layout.lines, self._queues, strict=True):
                if line.key == key:
                    return np.stack(queue.every(), axis=1).reshape(self.layout.batch, queue.size, *line.shape)
        return self._arrays[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.initial)

    def __len__(self) -> int:
        return len(self.layout.initial)

    @property
    def queues(self) -> Sequence[Queue]:
        """Past inputs of the layout's lines, oldest step first."""
        if self._queues is None:
            self._queues = [_queue(np.asarray(self._arrays[line.key])) for line in self.layout.lines]
        return self._queues

    @property
    def carried(self) -> list[Tensor]:
        """All else."""
        return [self._arrays[key] for key in self.layout.carried]


def dtype_of(value: Tensor) -> str:
    """Name of the type of an array's numbers."""
    return str(keras.backend.standardize_dtype(value.dtype))


def _queue(array: np.ndarray) -> Queue:
    batch, steps = array.shape[:2]
    flat = array.reshape(batch, steps, -1)
    return Queue([np.ascontiguousarray(flat[:, i]) for i in range(steps)], steps, steps)
