import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcn.receptive_field import (
    Resampled,
    check_lookback,
    dilations_for,
    receptive_field,
    resampled_receptive_field,
)
from tcn.sizes import convolution_parameters, output_length, transposed_output_length

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


@pytest.mark.parametrize(
    ("kernel_size", "dilations", "stacks", "field"),
    [
        (3, (1, 3, 5), 1, 37),
        (4, (1, 2, 4, 8, 16, 32), 1, 379),
        (3, (1, 2, 4, 8, 16, 32), 1, 253),
        (3, (1, 2, 4, 8), 2, 121),
        (5, (1, 2), 1, 25),
    ],
)
def test_fields_that_keras_tcn_states(kernel_size, dilations, stacks, field):
    assert receptive_field(kernel_size, dilations * stacks, convolutions_per_block=2) == field


layers = st.one_of(
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)).map(lambda t: Resampled(*t)),
    st.tuples(st.integers(1, 3), st.integers(0, 4)).map(lambda t: Resampled(t[0] + t[1], factor=t[0])),
)


def what_outputs_see(stack, length):
    """For each output the inputs that it sees, a Boolean matrix, layer by layer; time as in `tcn.layers`."""
    sees = np.eye(length, dtype=bool)
    for kernel_size, dilation_rate, stride, factor in stack:
        spread = np.zeros((len(sees) * factor, length), dtype=bool)
        spread[::factor] = sees
        sees = np.zeros_like(spread)
        for tap in range(kernel_size):
            lag = tap * dilation_rate
            sees[lag:] |= spread[: len(spread) - lag]
        sees = sees[::stride]
    return sees


@settings(deadline=None)
@given(st.lists(layers, min_size=1, max_size=4))
def test_several_rates_reach_as_far_back_as_an_output_sees(stack):
    sees = what_outputs_see(stack, length=648)
    strides, factors = np.prod([layer.stride for layer in stack]), np.prod([layer.factor for layer in stack])
    late = np.arange(len(sees) * 5 // 6, len(sees) - factors)
    reach = max(j * strides // factors - np.flatnonzero(sees[j])[0] + 1 for j in late)
    assert resampled_receptive_field(stack) == reach


@given(kernel_sizes, rates, st.integers(1, 2))
def test_one_rate_is_a_case_of_several(kernel_size, dilations, convolutions):
    stack = [(kernel_size, rate) for rate in dilations for _ in range(convolutions)]
    assert resampled_receptive_field(stack) == receptive_field(kernel_size, dilations, convolutions)


@pytest.mark.parametrize("layer", [(2, 1, 1, 3), (4, 2, 1, 2), (4, 1, 2, 2)])
def test_upsampling_leaves_no_gaps(layer):
    with pytest.raises(ValueError, match=r"neither dilation nor stride. Received: Resampled\(kernel_size="):
        resampled_receptive_field([layer])


def test_layers_have_positive_sizes():
    with pytest.raises(ValueError, match=r"'stride' must be a positive integer. Received: stride=0"):
        resampled_receptive_field([(3, 1, 0)])


@given(st.integers(1, 5000), st.integers(2, 7), st.integers(1, 2))
def test_dilations_double_and_are_as_few_as_see_the_target(target, kernel_size, convolutions):
    dilations = dilations_for(target, kernel_size, convolutions)
    assert dilations == tuple(2**i for i in range(len(dilations)))
    assert receptive_field(kernel_size, dilations, convolutions) >= target
    if len(dilations) > 1:
        assert receptive_field(kernel_size, dilations[:-1], convolutions) < target


@given(st.integers(1, 300), st.integers(2, 5), st.integers(1, 70))
def test_dilations_start_again_after_the_largest(target, kernel_size, largest):
    dilations = dilations_for(target, kernel_size, max_dilation=largest)
    cycle = [2**i for i in range(20) if 2**i <= largest]
    assert list(dilations) == (cycle * len(dilations))[: len(dilations)]
    assert receptive_field(kernel_size, dilations) >= target
    if len(dilations) > 1:
        assert receptive_field(kernel_size, dilations[:-1]) < target


@given(st.integers(1, 300), st.integers(1, 300))
def test_a_field_covers_the_look_back_and_is_at_most_twice_as_long(field, lookback):
    problem = check_lookback(field, lookback)
    assert (problem is None) == (lookback <= field <= 2 * lookback)
    if field < lookback:
        assert f"oldest {lookback - field} steps are never seen" in problem
    elif problem is not None:
        assert f"of the rest, {field - lookback} steps, the network sees zeros alone" in problem


def test_the_cure_for_a_field_that_is_too_short_is_one():
    assert check_lookback(31, 48).endswith("Use dilations=dilations_for(48, kernel_size), or lookback=31.")
    assert check_lookback(receptive_field(3, dilations_for(48, 3)), 48) is None
    assert check_lookback(31, 31) is None


@pytest.mark.parametrize(("field", "lookback"), [(0, 5), (5, 0), (5.0, 5)])
def test_fields_and_look_backs_are_positive(field, lookback):
    with pytest.raises(ValueError, match=r"must be a positive integer"):
        check_lookback(field, lookback)


lengths = st.integers(1, 40)
sizes = st.integers(1, 5)


@given(lengths, sizes, sizes, sizes, st.sampled_from(["causal", "same", "valid"]))
def test_lengths_are_those_of_windows_that_are_laid_out(length, kernel_size, stride, rate, padding):
    reach = 1 + (kernel_size - 1) * rate
    padded = length + (0 if padding == "valid" else reach - 1)
    starts = range(0, padded - reach + 1, stride)
    assert output_length(length, kernel_size, stride, padding, rate) == len(starts)


@given(lengths, sizes, sizes, st.sampled_from(["same", "valid"]))
def test_transposed_lengths_are_those_of_kernels_that_are_laid_out(length, kernel_size, stride, padding):
    ends = [step * stride + max(kernel_size, stride) for step in range(length)]
    expected = max(ends) if padding == "valid" else length * stride
    assert transposed_output_length(length, kernel_size, stride, padding) == expected


def test_keras_counts_the_same():
    keras = pytest.importorskip("keras")
    for padding in ("causal", "same", "valid"):
        for stride, rate in ((1, 1), (3, 1), (1, 2)):
            layer = keras.layers.Conv1D(6, 4, stride, padding, dilation_rate=rate, groups=2)
            shape = layer.compute_output_shape((1, 17, 8))
            assert shape[1] == output_length(17, 4, stride, padding, rate)
            layer.build((None, None, 8))
            assert layer.count_params() == convolution_parameters(8, 6, 4, groups=2)
    for padding in ("same", "valid"):
        for kernel_size, stride in ((2, 3), (3, 3), (5, 2)):
            layer = keras.layers.Conv1DTranspose(6, kernel_size, stride, padding, use_bias=False)
            layer.build((None, 17, 8))
            assert layer.compute_output_shape((1, 17, 8))[1] == transposed_output_length(
                17, kernel_size, stride, padding
            )
            assert layer.count_params() == convolution_parameters(8, 6, kernel_size, use_bias=False)
    separable = keras.layers.SeparableConv1D(6, 5, use_bias=False)
    separable.build((None, None, 8))
    parts = convolution_parameters(8, 8, 5, use_bias=False, groups=8), convolution_parameters(8, 6, 1, False)
    assert separable.count_params() == sum(parts)


def test_sizes_are_checked():
    with pytest.raises(ValueError, match=r"'stride' must be a positive integer. Received: stride=0"):
        output_length(10, 3, stride=0)
    with pytest.raises(
        ValueError, match=r"'padding' must be 'causal', 'same' or 'valid'. Received: padding=1"
    ):
        output_length(10, 3, padding=1)
    with pytest.raises(ValueError, match=r"'padding' must be 'same' or 'valid'. Received: padding='causal'"):
        transposed_output_length(10, 3, 2, padding="causal")
    with pytest.raises(
        ValueError, match=r"must divide 'channels' and 'filters'. Received: groups=3, channels=8"
    ):
        convolution_parameters(8, 6, 3, groups=3)


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ((0, [1]), "'kernel_size' must be a positive integer. Received: kernel_size=0"),
        ((2.0, [1]), "'kernel_size' must be a positive integer. Received: kernel_size=2.0"),
        ((True, [1]), "'kernel_size' must be a positive integer. Received: kernel_size=True"),
        ((3, [1, 0]), r"'dilations' must hold positive integers, one at least. Received: dilations=\[1, 0\]"),
        ((3, []), r"'dilations' must hold positive integers, one at least. Received: dilations=\[\]"),
        ((3, "12"), "'dilations' must hold positive integers, one at least. Received: dilations='12'"),
        ((3, 4), "'dilations' must hold positive integers, one at least. Received: dilations=4"),
        (
            (3, [1], -1),
            "'convolutions_per_block' must be a positive integer. Received: convolutions_per_block=-1",
        ),
    ],
)
def test_only_positive_integers(arguments, received):
    with pytest.raises(ValueError, match=received):
        receptive_field(*arguments)


def test_integers_of_numpy_are_as_good_and_do_not_overflow():
    rates = 2 ** np.arange(6)
    assert receptive_field(np.int8(100), rates) == receptive_field(100, [1, 2, 4, 8, 16, 32])
    assert type(receptive_field(np.int64(3), rates)) is int
    assert type(output_length(np.int64(10), np.int64(3))) is int


@pytest.mark.parametrize("kernel_size", [1, 0, 2.5, "3"])
def test_one_tap_cannot_widen_the_field(kernel_size):
    with pytest.raises(ValueError, match=f"Received: kernel_size={kernel_size!r}"):
        dilations_for(10, kernel_size)


def test_a_target_must_be_positive():
    with pytest.raises(ValueError, match=r"'target' must be a positive integer. Received: target=0"):
        dilations_for(0)


def test_no_framework_is_loaded():
    program = "import sys, tcn.sizes; print(sorted({'keras', 'numpy', 'tensorflow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
