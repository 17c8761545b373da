"""Figures of networks hold the numbers that they are given, at their places, and refuse what is none."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from sklearn.datasets import make_blobs

from pipelines import plots
from pipelines.plots.style import LIGHT

RNG = np.random.default_rng(0)
STAMPS = pd.date_range("2024-01-01", periods=6, freq="D")
DAYS = [f"2024-01-0{day}" for day in range(1, 7)]


def response_of(kernel: np.ndarray, dilation_rate: int = 1) -> SimpleNamespace:
    """Response by the Fourier transform of the kernel with its gaps, newest tap first."""
    spread = np.zeros(((len(kernel) - 1) * dilation_rate + 1, *kernel.shape[1:]))
    spread[::dilation_rate] = kernel[::-1]
    return SimpleNamespace(frequencies=np.fft.rfftfreq(64), magnitude=np.abs(np.fft.rfft(spread, 64, axis=0)))


def axis_of(figure: go.Figure, trace: Any) -> Any:
    """Horizontal axis of a trace."""
    return figure.layout[(trace.xaxis or "x").replace("x", "xaxis", 1)]


KERNEL = RNG.normal(size=(3, 2, 8))
FILTERS = SimpleNamespace(kernel=KERNEL, dilation_rate=4)
STRETCHES = SimpleNamespace(
    series=np.array([2, 0]),
    end=np.array([9, 1]),
    value=np.array([5.0, 4.0]),
    inputs=RNG.normal(size=(2, 4, 3)),
)
PARTS = SimpleNamespace(
    levels={1: RNG.normal(size=(2, 6, 3, 1)), 4: RNG.normal(size=(2, 6, 3, 1))},
    offset=np.full((2, 6, 3, 1), 0.25),
)
PARTS.output = PARTS.offset + PARTS.levels[1] + PARTS.levels[4]
FIELD = SimpleNamespace(steps=3, share=0.95, profile=np.array([0.5, 0.3, 0.16, 0.04, 0.0, 0.0]))
POINTS, GROUPS = make_blobs(30, n_features=5, centers=3, cluster_std=0.1, random_state=0)

EVERY = {
    "filters": lambda: plots.filters_chart(FILTERS, response_of(KERNEL, 4)),
    "activations": lambda: plots.activations_chart({"a": np.ones((1, 6, 2))}, inputs=np.ones(6)),
    "stretches": lambda: plots.stretches_chart(STRETCHES),
    "occlusion": lambda: plots.occlusion_chart([1.0, np.nan, 2.0], np.arange(3.0)),
    "contributions": lambda: plots.contributions_chart(PARTS, output=(0, 0)),
    "effective field": lambda: plots.effective_field_chart(FIELD, 5),
    "receptive field": lambda: plots.receptive_field_chart(2, [1, 2]),
    "embeddings": lambda: plots.embedding_map(POINTS, GROUPS),
    "values": lambda: plots.embedding_map(POINTS, values=np.where(GROUPS, np.arange(30.0), np.nan)),
    "augmentation": lambda: plots.augmentation_chart([1, 2, 3], {"a": [1, 1, 1]}),
    "streaming": lambda: plots.streaming_chart([1.0, 2.0], [1.0, 2.0]),
    "history": lambda: plots.history_chart({"loss": [2.0, 1.0], "val_loss": [2.0, 3.0]}),
}


@pytest.mark.parametrize("name", EVERY)
def test_every_color_has_a_dark_partner_and_the_json_is_valid(name: str) -> None:
    text = EVERY[name]().to_json()
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
    assert set(re.findall(r"#[0-9a-f]{6}", text)) <= set(LIGHT.values())
    assert "rgb(" not in text


def test_filters_are_the_strongest_ones_with_their_own_responses() -> None:
    response = response_of(KERNEL, 4)
    figure = plots.filters_chart(FILTERS, response, channel=1)
    strength = np.linalg.norm(KERNEL[:, 1], axis=0)
    strongest = sorted(range(8), key=lambda unit: -strength[unit])[:6]
    assert [note.text for note in figure.layout.annotations[:6]] == [f"filter {unit}" for unit in strongest]
    for unit, taps, magnitude in zip(strongest, figure.data[::2], figure.data[1::2], strict=True):
        assert list(taps.x) == [-8, -4, 0]
        assert list(taps.y) == KERNEL[:, 1, unit].tolist()
        assert list(magnitude.x) == response.frequencies.tolist()
        assert list(magnitude.y) == response.magnitude[:, 1, unit].tolist()
        assert axis_of(figure, taps).domain == axis_of(figure, magnitude).domain


def test_chosen_filters_keep_their_order() -> None:
    figure = plots.filters_chart(FILTERS, response_of(KERNEL), units=[5, 1])
    assert [list(bar.y) for bar in figure.data[::2]] == KERNEL[:, 0, [5, 1]].T.tolist()


def test_activations_are_shown_by_unit_with_their_own_range() -> None:
    small, large = RNG.normal(size=(2, 6, 3)), 100 * RNG.normal(size=(2, 6, 2))
    found = {"small": small, "state": (small, small), "large": large, "pooled": small[:, 0]}
    figure = plots.activations_chart(found, series=1, inputs=np.arange(6), stamps=STAMPS)
    line, *maps = figure.data
    assert list(line.y) == list(range(6))
    assert [one.name for one in maps] == ["small", "large"]
    for one, array in zip(maps, (small, large), strict=True):
        assert [list(unit) for unit in one.z] == array[1].T.tolist()
        assert list(one.x) == list(line.x) == DAYS
        assert -one.zmin == one.zmax == np.abs(array[1]).max()
    order = plots.activations_chart(found, layers=["large", "small"]).data
    assert [one.name for one in order] == ["large", "small"]


def test_a_layer_of_zeros_is_drawn() -> None:
    (silent,) = plots.activations_chart({"silent": np.zeros((1, 4, 2))}).data
    assert silent.zmax > 0
    assert not np.any(silent.z)


def test_stretches_end_at_the_present_and_their_mean_leaves_out_what_is_missing() -> None:
    inputs = RNG.normal(size=(3, 4, 2))
    inputs[0, 0] = inputs[1, :2] = inputs[:, 0] = np.nan
    found = SimpleNamespace(series=[0, 1, 2], end=[2, 1, 9], value=[3.0, 2.0, 1.0], inputs=inputs)
    figure = plots.stretches_chart(found, channel=1)
    *lines, mean = figure.data
    assert all(list(one.x) == [-3, -2, -1, 0] for one in figure.data)
    np.testing.assert_array_equal([one.y for one in lines], inputs[..., 1])
    assert np.isnan(mean.y[0])
    np.testing.assert_allclose(mean.y[1:], np.nanmean(inputs[:, 1:, 1], axis=0))
    assert sum(one.showlegend is not False for one in figure.data) == 2
    assert "series 2, up to step 9: unit 1" in lines[2].hovertemplate


def test_occlusion_colors_each_step_by_its_change_around_zero() -> None:
    series, change = np.array([1.0, np.nan, 3.0, 4.0, 5.0, 6.0]), np.array([0.1, 0.0, -0.5, 0.2, 0.0, 0.3])
    line, steps = plots.occlusion_chart(series, change, stamps=STAMPS).data
    np.testing.assert_array_equal([line.y, steps.y], [series, series])
    assert list(line.x) == list(steps.x) == DAYS
    assert list(steps.marker.color) == change.tolist()
    assert (steps.marker.cmin, steps.marker.cmax) == (-0.5, 0.5)
    middle = next(color for place, color in steps.marker.colorscale if place == 0.5)
    assert middle == LIGHT["surface"]


def test_bars_of_contributions_add_up_to_the_line() -> None:
    figure = plots.contributions_chart(PARTS, series=1, output=(2, 0), stamps=STAMPS)
    *bars, line = figure.data
    assert [bar.name for bar in bars] == ["Offset", "Dilation 1", "Dilation 4"]
    assert list(bars[2].y) == PARTS.levels[4][1, :, 2, 0].tolist()
    assert list(line.y) == PARTS.output[1, :, 2, 0].tolist()
    np.testing.assert_allclose(np.sum([bar.y for bar in bars], axis=0), line.y)
    assert figure.layout.barmode == "relative"
    assert all(list(one.x) == DAYS for one in figure.data)
    assert len({bar.marker.color for bar in bars}) == 3


def test_effective_field_marks_the_last_step_of_each_field() -> None:
    figure = plots.effective_field_chart(FIELD, 4)
    share, total = figure.data
    # Beyond the receptive field nothing is drawn; marks stand between the last step inside and the next.
    assert list(share.x) == [0, 1, 2, 3]
    np.testing.assert_allclose(share.y, [50, 30, 16, 4])
    np.testing.assert_allclose(total.y, [50, 80, 96, 100])
    assert [(mark.x0, mark.x1) for mark in figure.layout.shapes] == [(2.5, 2.5), (3.5, 3.5)]
    words = [note.text for note in figure.layout.annotations]
    assert words == ["95 % within 3 steps", "receptive field: 4 steps"]
    for chart, last in ((figure, 3.5), (plots.effective_field_chart(FIELD, 9), 8.5)):
        low, high = chart.layout.xaxis.range
        assert low < -0.5
        assert high >= last
    assert len(plots.effective_field_chart(FIELD).data[0].x) == 6


@pytest.mark.parametrize("stack", [(2, (1, 2, 4), 1), (3, (1, 3, 5), 2), (1, (7,), 1), (4, (), 1)])
def test_receptive_field_is_what_an_impulse_reaches(stack: tuple[int, tuple[int, ...], int]) -> None:
    kernel_size, dilations, convolutions = stack
    reached = np.ones(1)
    for rate in dilations:
        taps = np.zeros((kernel_size - 1) * rate + 1)
        taps[::rate] = 1
        for _ in range(convolutions):
            reached = np.convolve(reached, taps)
    figure = plots.receptive_field_chart(*stack)
    edges, points = figure.data
    inputs = sorted(-x for x, level in zip(points.x, points.y, strict=True) if level == 0)
    assert inputs == np.flatnonzero(reached).tolist()
    assert figure.layout.title.text == f"Receptive field: {len(reached)} steps"
    assert len(figure.layout.yaxis.ticktext) == 1 + convolutions * len(dilations)
    drawn = set(zip(points.x, points.y, strict=True))
    assert {(x, y) for x, y in zip(edges.x, edges.y, strict=True) if x is not None} <= drawn


def test_map_keeps_groups_together_and_names_true_neighbors() -> None:
    names = [f"<{row}>" for row in range(30)]
    figure = plots.embedding_map(POINTS, [f"group {group}" for group in GROUPS], names, neighbors=2)
    assert [trace.name for trace in figure.data] == [f"group {group}" for group in dict.fromkeys(GROUPS)]
    places, texts = np.empty((30, 2)), [""] * 30
    for trace, group in zip(figure.data, dict.fromkeys(GROUPS), strict=True):
        for row, x, y, text in zip(
            np.flatnonzero(group == GROUPS), trace.x, trace.y, trace.text, strict=True
        ):
            places[row], texts[row] = (x, y), text
    distances = np.linalg.norm(POINTS[:, None] - POINTS, axis=-1) + np.diag([np.inf] * 30)
    for row, text in enumerate(texts):
        first, second = distances[row].argsort()[:2]
        assert text == f"<b>&lt;{row}&gt;</b><br>like &lt;{first}&gt;, &lt;{second}&gt;"
    apart = np.linalg.norm(places[:, None] - places, axis=-1) + np.diag([np.inf] * 30)
    assert (GROUPS[apart.argmin(axis=1)] == GROUPS).all()


@pytest.mark.parametrize("features", [1, 4])
def test_map_is_the_same_for_the_same_seed(features: int) -> None:
    noise = RNG.normal(size=(12, features))
    one, same = (plots.embedding_map(noise, seed=1).to_json() for _ in range(2))
    assert one == same


@pytest.mark.parametrize("shape", [(3, 4), (6, 1)])
def test_map_of_a_small_panel(shape: tuple[int, int]) -> None:
    (trace,) = plots.embedding_map(RNG.normal(size=shape), neighbors=2).data
    assert np.isfinite([trace.x, trace.y]).all()
    assert trace.text[0].startswith("<b>0</b><br>like ")


def test_each_copy_lies_over_the_series_in_a_panel_of_its_own() -> None:
    series, copies = (
        np.array([1.0, np.nan, 3.0]),
        {"a": [3.0, 2.0, 1.0], "b": [1.0, 2.0], "<c>": [0.0, 0.0, 1.0]},
    )
    figure = plots.augmentation_chart(series, copies)
    assert [note.text for note in figure.layout.annotations] == ["a", "b", "&lt;c&gt;"]
    places = set()
    for below, above, (name, copy) in zip(figure.data[::2], figure.data[1::2], copies.items(), strict=True):
        np.testing.assert_array_equal(below.y, series)
        assert (above.name, list(above.y), list(above.x)) == (name, copy, list(range(len(copy))))
        assert (below.xaxis, below.yaxis) == (above.xaxis, above.yaxis)
        places.add(above.xaxis)
    assert len(places) == 3


def test_stream_lies_over_the_full_pass_and_their_difference_below() -> None:
    full, streamed = RNG.normal(size=6), RNG.normal(size=6)
    figure = plots.streaming_chart(full, streamed, stamps=STAMPS)
    one, other, difference = figure.data
    assert [list(one.y), list(other.y)] == [full.tolist(), streamed.tolist()]
    assert list(difference.y) == (streamed - full).tolist()
    assert all(list(line.x) == DAYS for line in figure.data)
    assert one.yaxis == other.yaxis != difference.yaxis
    assert figure.layout.annotations[0].text == f"difference, at most {np.abs(streamed - full).max():.2g}"


def test_history_marks_the_best_epoch_of_the_validation() -> None:
    history = {"loss": [5.0, 4.0, 3.0], "val_loss": [6.0, 3.5, 4.0], "mae": [3.0, 2.0, 1.0]}
    training, validation, best = plots.history_chart(history).data
    assert (list(training.x), list(training.y)) == ([1, 2, 3], history["loss"])
    assert (list(validation.x), list(validation.y)) == ([1, 2, 3], history["val_loss"])
    assert (list(best.x), list(best.y)) == ([2], [3.5])
    (mae,) = plots.history_chart(history, "mae").data
    assert list(mae.y) == history["mae"]


@pytest.mark.parametrize("name", [name for name in EVERY if name != "receptive field"])
def test_own_titles_are_shown_as_they_are(name: str) -> None:
    arguments = {
        "filters": (plots.filters_chart, FILTERS, response_of(KERNEL)),
        "activations": (plots.activations_chart, {"a": np.ones((1, 6, 2))}),
        "stretches": (plots.stretches_chart, STRETCHES),
        "occlusion": (plots.occlusion_chart, [1.0], [1.0]),
        "contributions": (lambda title: plots.contributions_chart(PARTS, output=(0, 0), title=title),),
        "effective field": (plots.effective_field_chart, FIELD),
        "embeddings": (plots.embedding_map, POINTS),
        "values": (lambda title: plots.embedding_map(POINTS, values=np.arange(30.0), title=title),),
        "augmentation": (plots.augmentation_chart, [1.0], {"a": [1.0]}),
        "streaming": (plots.streaming_chart, [1.0], [1.0]),
        "history": (plots.history_chart, {"loss": [1.0]}),
    }
    draw, *inputs = arguments[name]
    assert draw(*inputs, title="<A & B>").layout.title.text == "&lt;A &amp; B&gt;"
    assert draw(*inputs, title="").layout.title.text is None


NAN = np.array([1.0, np.nan])
WRONG = {
    "kernel axes": (
        lambda: plots.filters_chart(SimpleNamespace(kernel=[1.0], dilation_rate=1), None),
        "taps, ch",
    ),
    "another kernel": (
        lambda: plots.filters_chart(FILTERS, response_of(KERNEL[..., :2])),
        "that of the kernel",
    ),
    "channel": (lambda: plots.filters_chart(FILTERS, response_of(KERNEL), channel=2), "from 0 to 1"),
    "no filter": (lambda: plots.filters_chart(FILTERS, response_of(KERNEL), units=[]), "name a filter"),
    "filter": (lambda: plots.filters_chart(FILTERS, response_of(KERNEL), units=[8]), "from 0 to 7"),
    "no layers": (lambda: plots.activations_chart({"pooled": np.ones((2, 2))}), "Received: 0 layers"),
    "layer": (lambda: plots.activations_chart({"a": np.ones((1, 2, 2))}, layers=["b"]), "Received: 'b'"),
    "many layers": (
        lambda: plots.activations_chart(dict.fromkeys("abcdefghijklm", np.ones((1, 2, 2)))),
        "13 layers",
    ),
    "rates": (
        lambda: plots.activations_chart({"a": np.ones((1, 4, 2)), "b": np.ones((1, 2, 2))}),
        "the same number of steps",
    ),
    "series": (lambda: plots.activations_chart({"a": np.ones((1, 4, 2))}, series=1), "from 0 to 0"),
    "inputs": (lambda: plots.activations_chart({"a": np.ones((1, 4, 2))}, inputs=[1.0]), "1 steps for 4"),
    "NaN activation": (
        lambda: plots.activations_chart({"a": np.full((1, 4, 2), np.nan)}),
        "without any finite",
    ),
    "stretches": (
        lambda: plots.stretches_chart(
            SimpleNamespace(series=[1], end=[1], value=[1.0], inputs=np.ones((2, 3, 1)))
        ),
        "one by one",
    ),
    "no stretch": (
        lambda: plots.stretches_chart(
            SimpleNamespace(series=[], end=[], value=[], inputs=np.ones((0, 3, 1)))
        ),
        r"shape \(0, 3, 1\)",
    ),
    "NaN change": (lambda: plots.occlusion_chart([1.0, 2.0], NAN), "1 of 2 values NaN"),
    "infinite series": (lambda: plots.occlusion_chart([1.0, np.inf], [1.0, 2.0]), "1 of 2 values infinite"),
    "lengths": (lambda: plots.occlusion_chart([1.0, 2.0], [1.0]), "1 for 2 steps"),
    "words": (lambda: plots.occlusion_chart(["a"], [1.0]), "real numbers"),
    "batch": (lambda: plots.occlusion_chart([[1.0, 2.0]], [1.0, 2.0]), r"\(time\). Received: shape \(1, 2\)"),
    "stamps": (lambda: plots.occlusion_chart([1.0], [1.0], stamps=STAMPS), "6 for 1 steps"),
    "which output": (
        lambda: plots.contributions_chart(PARTS),
        r"\(3, 1\). Received: none; pass output=\(0, 0\)",
    ),
    "output": (lambda: plots.contributions_chart(PARTS, output=(3, 0)), "from 0 to 2"),
    "level": (
        lambda: plots.contributions_chart(
            SimpleNamespace(levels={2: np.ones((1, 2))}, offset=np.ones((1, 3)), output=np.ones((1, 3)))
        ),
        "'Dilation 2' must have the shape",
    ),
    "profile": (
        lambda: plots.effective_field_chart(SimpleNamespace(steps=1, share=0.95, profile=[2.0, 1.0])),
        "sum to 1",
    ),
    "field": (
        lambda: plots.effective_field_chart(SimpleNamespace(steps=3, share=0.95, profile=[0.5, 0.5])),
        "positive numbers of steps",
    ),
    "dilation": (lambda: plots.receptive_field_chart(2, [0]), "positive integers. Received: 0"),
    "few embeddings": (lambda: plots.embedding_map([[1.0], [2.0]]), "three embeddings"),
    "equal embeddings": (lambda: plots.embedding_map(np.ones((4, 2))), "all the same"),
    "labels": (lambda: plots.embedding_map(POINTS, ["a"]), "1 for 30"),
    "names": (lambda: plots.embedding_map(POINTS, names=["a"]), "'names' must be one"),
    "values": (lambda: plots.embedding_map(POINTS, values=[1.0]), "'values' must be one"),
    "labels and values": (lambda: plots.embedding_map(POINTS, GROUPS, values=GROUPS), "Received: both"),
    "perplexity": (lambda: plots.embedding_map(POINTS, perplexity=30.0), "below the number of series, 30"),
    "neighbors": (lambda: plots.embedding_map(POINTS, neighbors=30), "neighbors=30"),
    "no copy": (lambda: plots.augmentation_chart([1.0], {}), "hold a copy"),
    "stream": (lambda: plots.streaming_chart([1.0], [1.0, 2.0]), "Received: 1 and 2"),
    "NaN output": (lambda: plots.streaming_chart([1.0, 2.0], NAN), "'streamed' must be finite"),
    "metric": (lambda: plots.history_chart({"loss": [1.0]}, "mae"), "one of loss. Received: 'mae'"),
    "NaN loss": (lambda: plots.history_chart({"loss": NAN}), "'loss' must be finite"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_drawn_is_refused_with_its_rule(case: str) -> None:
    draw, message = WRONG[case]
    with pytest.raises(ValueError, match=message) as error:
        draw()
    assert "Received" in str(error.value)


def test_pictures_of_a_network_as_it_is_inspected() -> None:
    from tcn import WaveNet, inspection

    network = WaveNet(4, dilations=(1, 2), seed=0, name="network")
    x = RNG.normal(size=(4, 20, 1)).astype("float32")
    network.build(x.shape)
    found = inspection.first_layer_filters(network)
    response = inspection.frequency_response(found.kernel, found.dilation_rate)
    taps = plots.filters_chart(found, response, units=[3]).data[0]
    np.testing.assert_allclose(taps.y, found.kernel[:, 0, 3])
    activations = inspection.activations(network, x)
    drawn = plots.activations_chart(activations, layers=["network"], series=2).data[0]
    np.testing.assert_allclose(drawn.z, np.asarray(network(x))[2].T)
    *bars, line = plots.contributions_chart(inspection.contributions(network, x), series=3, output=(1,)).data
    np.testing.assert_allclose(np.sum([bar.y for bar in bars], axis=0), line.y, atol=1e-5)
    field = inspection.effective_field(network, x)
    assert len(plots.effective_field_chart(field, network.receptive_field).data[0].x) == 5
    top = inspection.top_stretches(network, x, "block_0/conv", 0, count=2)
    np.testing.assert_array_equal(plots.stretches_chart(top).data[0].y, top.inputs[0, :, 0])
    change = inspection.occlusion(network, x, output=lambda y: y[:, -1, 0])
    assert list(plots.occlusion_chart(x[0, :, 0], change[0]).data[1].marker.color) == change[0].tolist()
    assert len(plots.embedding_map(inspection.embeddings(network, x)).data[0].x) == 4
