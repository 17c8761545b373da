import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcn.receptive_field import dilations_for, receptive_field

kernel_sizes = st.integers(1, 5)
rates = st.lists(st.integers(1, 9), min_size=1, max_size=4)


def reach_of_an_impulse(kernel_size, dilations, convolutions_per_block):
    """Outputs that one input step moves, found by convolving, plus the steps that lie between them."""
    length = 400
    signal = np.zeros(length)
    signal[0] = 1.0
    for rate in np.repeat(dilations, convolutions_per_block):
        moved = np.zeros(length)
        for tap in range(kernel_size):
            moved[tap * rate :] += signal[: length - tap * rate]
        signal = moved
    return np.flatnonzero(signal).max() + 1


@given(kernel_sizes, rates, st.integers(1, 2))
def test_it_is_how_far_an_impulse_reaches(kernel_size, dilations, convolutions):
    assert receptive_field(kernel_size, dilations, convolutions) == reach_of_an_impulse(
        kernel_size, dilations, convolutions
    )


@given(st.integers(1, 5000), st.integers(2, 7), st.integers(1, 2))
def test_dilations_double_and_are_as_few_as_see_the_target(target, kernel_size, convolutions):
    dilations = dilations_for(target, kernel_size, convolutions)
    assert dilations == tuple(2**i for i in range(len(dilations)))
    assert receptive_field(kernel_size, dilations, convolutions) >= target
    if len(dilations) > 1:
        assert receptive_field(kernel_size, dilations[:-1], convolutions) < target


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ((0, [1]), "'kernel_size' must hold positive integers only. Received: 0"),
        ((2.0, [1]), "'kernel_size' must hold positive integers only. Received: 2.0"),
        ((True, [1]), "'kernel_size' must hold positive integers only. Received: True"),
        ((3, [1, 0]), "'dilations' must hold positive integers only. Received: 0"),
        ((3, [1], -1), "'convolutions_per_block' must hold positive integers only. Received: -1"),
    ],
)
def test_only_positive_integers(arguments, received):
    with pytest.raises(ValueError, match=received):
        receptive_field(*arguments)


@pytest.mark.parametrize("kernel_size", [1, 0, 2.5, "3"])
def test_one_tap_cannot_widen_the_field(kernel_size):
    with pytest.raises(ValueError, match=f"at least 2. Received: kernel_size={kernel_size!r}"):
        dilations_for(10, kernel_size)


def test_a_target_must_be_positive():
    with pytest.raises(ValueError, match=r"'target' must hold positive integers only. Received: 0"):
        dilations_for(0)


def test_no_framework_is_loaded():
    program = (
        "import sys, tcn.receptive_field; print(sorted({'keras', 'numpy', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
