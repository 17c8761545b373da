"""What forecasts are made of: a table of the network's parts, and its figure in the run of a fit."""

from dataclasses import replace

import numpy as np
import pytest
from small_forecasters import HORIZON, SMALL, fitted, frame_of, training_frame, weekly

from pipelines import Covariates, Forecaster
from pipelines.forecast_parts import forecast_parts
from pipelines.jobs import Request, run_fit
from pipelines.plots import parts_chart
from pipelines.tracking import Tracker

pytestmark = pytest.mark.usefixtures("eagerly")


def test_each_part_has_a_size_at_each_step():
    parts = forecast_parts(fitted().fitted_)
    names = parts["part"].drop_duplicates().tolist()
    assert {"seasons", "look-back", "dilation 1", "dilation 2", "constant"} <= set(names)
    assert parts["step"].tolist() == [*range(1, HORIZON + 1)] * len(names)
    assert (np.isfinite(parts["size"]) & (parts["size"] >= 0)).all()
    shares = np.array(parts_chart(parts).data[0].z)
    np.testing.assert_allclose(shares.sum(axis=0), 100)


@pytest.mark.parametrize(
    "arguments",
    [
        {"covariates": Covariates(past=["load"], future=["temp"], static=["region"])},
        {"multivariate": True},
        {"architecture": "wavenet", "transform": "difference"},
    ],
    ids=str,
)
def test_all_kinds_of_networks_are_divided(arguments):
    frame = frame_of({"a": weekly(60), "b": weekly(60, 2)})
    frame = frame.assign(load=1.0 * np.arange(120), temp=np.sin(np.arange(120)), region=frame["unique_id"])
    if "covariates" not in arguments:
        frame = frame[["unique_id", "ds", "y"]]
    made = Forecaster(**{**SMALL, "max_steps": 1}, **arguments).fit(frame)
    parts = forecast_parts(made.fitted_)
    assert np.isfinite(parts["size"]).all()
    assert ("ahead" in set(parts["part"])) == ("covariates" in arguments)


def test_series_shorter_than_the_horizon_have_parts_too():
    frame = frame_of({"short": weekly(2), "long": weekly(60)})
    short = fitted().fitted_.read(frame)
    assert len(forecast_parts(replace(fitted().fitted_, panel=short)))


def test_a_network_of_onnx_runtime_is_not_divided():
    assert forecast_parts(replace(fitted().fitted_, network=object())) is None


def test_the_run_of_a_fit_has_the_figure(quick_stores, tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.network.can_export_onnx", lambda: False)
    training_frame().to_csv(tmp_path / "sales.csv", index=False)
    request = Request(str(tmp_path / "sales.csv"), horizon=3, preset="fast", max_steps=1)
    outcome = run_fit(request, tmp_path / "model", store=tmp_path)
    client = Tracker(tmp_path)._client
    assert [file.path for file in client.list_artifacts(outcome.run_id, "figures")] == [
        "figures/dilations.html"
    ]
    assert "data/parts.parquet" in [file.path for file in client.list_artifacts(outcome.run_id, "data")]
    assert "dilations" in client.get_run(outcome.run_id).data.tags["mlflow.note.content"]
