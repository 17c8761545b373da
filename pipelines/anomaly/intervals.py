"""From stretches that are strange to intervals: overlapping ones resolved, near ones joined."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def overlap(first: Ints, last: Ints, other_first: Ints, other_last: Ints) -> Floats:
    """Intersection over union (IoU) of intervals of rows, both ends included.

    Args:
        first: ``(n,)`` first rows.
        last: ``(n,)`` last rows.
        other_first: ``(m,)`` first rows of others.
        other_last: ``(m,)`` their last rows.

    Returns:
        ``(n, m)`` shares from 0 to 1.

    Example:
        >>> overlap(np.array([0]), np.array([9]), np.array([5, 10]), np.array([14, 19])).round(3).tolist()
        [[0.333, 0.0]]
    """
    begin = np.maximum(first[:, None], other_first)
    end = np.minimum(last[:, None], other_last)
    shared = np.maximum(end - begin + 1, 0)
    union = (last - first + 1)[:, None] + (other_last - other_first + 1) - shared
    shares: Floats = shared / union
    return shares


def suppress_overlaps(first: Ints, last: Ints, evidence: Floats, iou: float = 0.0) -> Ints:
    """Keep the strongest of overlapping intervals: non-maximum suppression.

    Args:
        first: ``(n,)`` first rows.
        last: ``(n,)`` last rows.
        evidence: ``(n,)`` how much speaks for each; of equal ones the earlier and shorter is stronger.
        iou: An interval that overlaps a stronger one by more than this is dropped; with 0, any that shares a
            row with it.

    Returns:
        Positions of those that are kept, the strongest first.

    Example:
        >>> first, last = np.array([0, 4, 8]), np.array([9, 5, 9])
        >>> suppress_overlaps(first, last, np.array([1.0, 5.0, 3.0])).tolist()
        [1, 2]

    Reference:
        Jeng, Cai and Li (2010), Optimal Sparse Segment Identification, for one dimension; Rosenfeld and
        Thurston (1971), Edge and Curve Detection, for the name.
    """
    left = np.lexsort((last, first, -evidence))
    kept: list[int] = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        shared = overlap(first[left], last[left], first[[best]], last[[best]])[:, 0]
        left = left[shared <= iou]
    return np.array(kept, np.int64)


def join_near(first: Ints, last: Ints, gap: int) -> tuple[Ints, Ints]:
    """Join intervals that share rows, or between which few rows lie.

    Args:
        first: ``(n,)`` first rows, in any order.
        last: ``(n,)`` last rows.
        gap: Most rows between two that are joined.

    Returns:
        First and last rows of what is left, in order.

    Example:
        >>> join_near(np.array([9, 0, 3]), np.array([9, 1, 5]), gap=1)
        (array([0, 9]), array([5, 9]))
    """
    order = np.argsort(first, kind="stable")
    first, last = first[order], np.maximum.accumulate(last[order])
    begins = np.ones(len(first), bool)
    begins[1:] = first[1:] - last[:-1] - 1 > gap
    ends = np.append(begins[1:], True) if len(first) else begins
    return first[begins], last[ends]
