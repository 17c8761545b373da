"""Parts of a forecast sum to it, whatever the head; units are those that the network computes."""

import keras
import numpy as np
import pytest
from test_inspection_origins import MORE, QUANTILES, inputs_of, network_of

from tcn.inspection import block_units, forecast_contributions, origin_contributions
from tcn.inspection.forecasts import _shares
from tcn.inspection.origins import Divided

GLOBAL = {"global_scale": (True, False), "architecture": "wavenet"}


def members_of(network, inputs, given, quantile):
    made = keras.ops.convert_to_numpy(network.forecast_members(inputs, **given))
    return made[..., QUANTILES.index(quantile)]


@pytest.mark.parametrize(
    ("head", "quantile", "more"),
    [
        ("quantile", 0.5, GLOBAL),
        ("quantile", 0.1, MORE),
        ("normal", 0.9, GLOBAL),
        ("laplace", 0.5, MORE),
        ("hurdle", 0.5, GLOBAL),
        ("hurdle", 0.9, MORE),
    ],
)
def test_parts_sum_to_each_quantile_of_each_member(head, quantile, more):
    network = network_of(head=head, **more)
    inputs, given = inputs_of(network)
    inputs[..., 0] = np.abs(inputs[..., 0]) + 5
    found = forecast_contributions(network, inputs, **given, quantile=quantile)
    expected = members_of(network, inputs, given, quantile)
    np.testing.assert_allclose(found.output, expected, rtol=1e-5, atol=1e-6)
    total = sum(found.parts.values())
    size = np.abs(list(found.parts.values())).max()
    np.testing.assert_allclose(total, expected, rtol=1e-5, atol=1e-5 * size)
    assert next(iter(found.parts)) == "level"


@pytest.mark.parametrize("head", ["quantile", "laplace"])
def test_parts_of_a_median_are_those_of_its_number(head):
    network = network_of(head=head)
    inputs, given = inputs_of(network)
    network.shrink.assign(0.7)
    numbers = origin_contributions(network, inputs, **given).parts
    found = forecast_contributions(network, inputs, **given).parts
    for name, part in numbers.items():
        share = found[name] / np.where(np.abs(part) > 1e-3, part, np.nan)
        # Each origin's own scale, less what the calibration takes away, whatever the part.
        np.testing.assert_allclose(share, np.nanmean(share, axis=-1, keepdims=True) + 0 * share, rtol=1e-3)


def test_what_two_numbers_do_together_is_shared_evenly():
    first, second = np.array([[2.0, 0.0]]), np.array([[0.0, 3.0]])
    parts = {"first": first, "second": second, "constant": np.zeros((1, 2))}
    base, shares = _shares(lambda x: 1 + x[..., 0] * x[..., 1], Divided(parts, first + second, None))
    assert base == 1
    assert (shares["first"], shares["second"], shares["constant"]) == (3, 3, 0)


def test_numbers_near_zero_have_the_slope_of_the_function_there():
    parts = {"up": np.array([[4.0]]), "down": np.array([[-4.001]]), "constant": np.zeros((1, 1))}
    base, shares = _shares(lambda x: 5 * x[..., 0], Divided(parts, sum(parts.values()), None))
    np.testing.assert_allclose([base[0], shares["up"][0], shares["down"][0]], [0, 20, -20.005], rtol=1e-6)


def test_a_quantile_that_there_is_not_is_refused():
    network = network_of()
    with pytest.raises(ValueError, match="must be one of"):
        forecast_contributions(network, inputs_of(network)[0], quantile=0.3)


@pytest.mark.parametrize("architecture", ["tcn", "wavenet"])
def test_units_are_those_of_the_network(architecture):
    network = network_of(architecture=architecture, **{**MORE, "fill_gaps": True})
    inputs, _ = inputs_of(network, origins=9)
    found = block_units(network, inputs[0])
    assert [block.dilation for block in found] == [1, 2, 1, 4]
    assert [block.field - network.positions.context for block in found] == [3, 7, 9, 17]
    assert found[-1].field == network.stack_field + network.positions.context
    for i, block in enumerate(found):
        newest = block.values[:, :, -1]
        for oldest, moves in ((block.field + 1, False), (block.field, True)):
            changed = inputs[0].copy()
            changed[:, -oldest, :2] = 3.0, 1.0
            again = block_units(network, changed)[i].values[:, :, -1]
            assert (np.abs(again - newest).max() > 1e-4) == moves
