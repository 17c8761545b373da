"""Anomalies as a job: what is usual is learned, the rest is searched, files are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipelines.anomaly import Detection, Detector
from pipelines.anomaly.detector import split
from pipelines.errors import PanelError
from pipelines.jobs.files import plain, write_frame
from pipelines.jobs.fitting import fit, plan
from pipelines.jobs.model_jobs import as_in
from pipelines.jobs.outputs import refuse_data
from pipelines.jobs.predicting import load_for_prediction
from pipelines.jobs.results_folder import results_folder
from pipelines.jobs.stages import Progress, Stages
from pipelines.jobs.task import Request, Task
from pipelines.jobs.warned import note_gaps, warnings_as_notes
from pipelines.learned import learned_until

if TYPE_CHECKING:
    from pipelines.forecaster import Forecaster
    from pipelines.panel import Panel

ANOMALIES: Final = ("anomalies.csv", "anomalies.parquet")
ROWS, PAGE, DETECTOR, BUNDLE = "rows.parquet", "anomalies.html", "detector.json", "bundle"
# Of the rows that a saved network has not learned, what says how far off it usually is: as much, beside what
# is searched, as where a network is trained.
_CALIBRATED: Final = 1 / 4


@dataclass(frozen=True)
class Detecting:
    """How to search; see ``Detector``.

    Args:
        alpha: Chance of a false alarm in each stretch of a horizon, of one series.
        false_alarms: The same in false alarms a year.
        fdr: Share of false ones among the series that are reported for the same stretch of time.
        gap: Most rows between two intervals that are one.
        calibration: File of an earlier detector, whose calibration holds; None to calibrate on part of the
            rows.
        start: Stamp of the first row to search; None for the first after the calibration.

    Example:
        >>> Detecting(false_alarms=12, gap=3).limits
        {'false_alarms': 12, 'gap': 3}
    """

    alpha: float | None = None
    false_alarms: float | None = None
    fdr: float | None = None
    gap: int | None = None
    calibration: str | Path | None = None
    start: str | None = None

    @property
    def limits(self) -> dict[str, Any]:
        """Arguments of the detector that are not left open."""
        asked = {name: getattr(self, name) for name in ("alpha", "false_alarms", "fdr", "gap")}
        return {name: value for name, value in asked.items() if value is not None}


@dataclass(frozen=True)
class Detected:
    """What a search has left.

    Args:
        name: What the data are called.
        detection: What was found.
        detector: What it was found by.
        n_series: Number of series.
        files: Files and folders as they lie.
        seconds: Wall time of each stage.

    Example:
        >>> run_detect(Request("traffic.csv"), "anomalies").detection.anomalies  # doctest: +SKIP
          unique_id               start                 end  score  p_value direction  ...
        0      road 2024-11-02 01:00:00 2024-11-02 04:30:00   10.7    0.019       low  ...
    """

    name: str
    detection: Detection
    detector: Detector
    n_series: int
    files: Sequence[Path]
    seconds: dict[str, float]


def run_detect(
    request: Request,
    output: str | Path,
    how: Detecting | None = None,
    *,
    bundle: str | Path | None = None,
    progress: Progress | None = None,
) -> Detected:
    """Find anomalies.

    Without a bundle, a network learns from the first third of the rows and is calibrated on the next sixth;
    the newer half is searched. With one, a quarter of the rows that it has not learned is calibrated on; on
    ONNX Runtime, where that is installed and the bundle has ``model.onnx``.

    Args:
        request: Data and settings; with a bundle, none that it has already.
        output: Folder of the results.
        how: What counts as unusual, and what is searched.
        bundle: Folder of a bundle to search with instead of fitting.
        progress: Where to show the stages.

    Returns:
        What was found, and where it is.

    Raises:
        PanelError: The data are missing, too short, or cannot be used.
        ConfigError: A setting is not allowed or not that of the bundle, the fit needs more memory than there
            is, or the output cannot be written to.
        BundleError: The bundle or the calibration is missing or damaged.
        BusyError: Another job writes to the output.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     run_detect(Request("traffic.csv", horizon=48), folder)
        Traceback (most recent call last):
        pipelines.errors.PanelError: A data file must exist. Received: 'traffic.csv', no such file. ...
    """
    from pipelines.report.anomaly_page import write_anomaly_page

    stages, how = Stages(progress), how or Detecting()
    refuse_data((*request.files, None if how.calibration is None else str(how.calibration)), Path(output))
    names = [*ANOMALIES, ROWS, PAGE, DETECTOR, *([BUNDLE] if bundle is None else [])]
    with results_folder(output, names) as folder:
        saved = None if bundle is None else load_for_prediction(bundle, stages)
        with stages("read the data"):
            task = Task.load(request if saved is None else as_in(saved, request))
            note_gaps(task.panel, stages)
        forecaster = saved or _fitted(task, stages)
        with stages("calibrate"), warnings_as_notes(stages):
            if how.calibration is not None:
                detector = Detector.load(how.calibration, forecaster, **how.limits)
            else:
                rows = split(task.panel, task.horizon)[1] if saved is None else _first_unlearned(saved, task)
                detector = Detector(forecaster, **how.limits).calibrate(rows)
        with stages("search"):
            detection = detector.search(task.panel, start=how.start)
        if detection.skipped:
            some = ", ".join(map(str, detection.skipped[:3])) + ", ..." * (len(detection.skipped) > 3)
            stages.progress.note(
                f"{len(detection.skipped)} of {task.panel.n_series} series were not searched ({some}): too "
                "few rows, no value, or always the same one"
            )
        with stages("write"):
            for file in ANOMALIES:
                write_frame(detection.anomalies, folder.draft / file)
            write_frame(detection.rows, folder.draft / ROWS)
            detector.save(folder.draft / DETECTOR)
            if saved is None:
                forecaster.save(folder.draft / BUNDLE)
            write_anomaly_page(detection, decided(detector), task.name, folder.draft / PAGE)
            files = folder.publish({"name": task.name, "data_sha256": task.digest()})
    return Detected(task.name, detection, detector, task.panel.n_series, files, stages.seconds)


def decided(detector: Detector) -> dict[str, str]:
    """Say how it was decided what is an anomaly.

    Args:
        detector: What decided it.

    Returns:
        Text by what it is about.
    """
    plan, reference = detector.forecaster.plan_, detector.reference_
    stretches = f"stretches of {plan.horizon} rows"
    limits = []
    if detector.fdr is not None:
        among = f"the series that are reported for the same {plan.horizon} rows"
        limits.append(f"{100 * detector.fdr:.3g} % false ones among {among}")
    if detector.alpha_ is not None:
        limits.append(f"one false alarm in {1 / detector.alpha_:.4g} {stretches} of a series")
    if detector.false_alarms_ is not None:
        limits.append(f"{detector.false_alarms_:.3g} a year")
    return {
        "limit": ", ".join(limits),
        "longest stretch": f"{plan.horizon} rows at freq {plan.freq}",
        "calibration": f"{len(reference.maxima)} {stretches}, and {reference.left_out} that were left out as "
        "anomalies themselves",
        "network": f"looks back {plan.lookback} rows, learned from {plan.rows:,} of {plan.series:,} series",
    }


def detected_record(detected: Detected) -> dict[str, Any]:
    """What was found as plain data.

    Args:
        detected: What the job left.

    Returns:
        JSON-able data.
    """
    detection, detector = detected.detection, detected.detector
    rows = detection.rows[detection.columns.time_col]
    return plain(  # type: ignore[no-any-return]
        {
            "command": "detect",
            "name": detected.name,
            "series": detected.n_series,
            "skipped": list(detection.skipped),
            "searched": {"rows": len(rows), "start": rows.min(), "end": rows.max()},
            "horizon": detection.horizon,
            "alpha": detector.alpha_,
            "false_alarms_per_year": detector.false_alarms_,
            "fdr": detector.fdr,
            "expected_false_alarms": detection.expected_false_alarms,
            "anomalies": detection.anomalies.to_dict("records"),
            "files": {path.name: path for path in detected.files},
            "seconds": dict(detected.seconds),
        }
    )


def _fitted(task: Task, stages: Stages) -> Forecaster:
    """A forecaster that has learned from the first third of the rows."""
    learned, _ = split(task.panel, task.horizon)
    forecaster = task.forecaster()
    plan(forecaster, learned, stages)
    return fit(forecaster, learned, stages)


def _first_unlearned(saved: Forecaster, task: Task) -> Panel:
    """Rows up to the end of the first quarter of those that a network has not learned."""
    unlearned = task.panel.indptr[1:] - learned_until(saved.fitted_.ends, task.panel)
    left = int(np.median(unlearned))
    if not left:
        raise PanelError(
            "A search with a saved network needs rows that it has not learned. Received: none after those of "
            "its fit; add newer rows, or leave out --bundle."
        )
    return task.panel.before(left - int(_CALIBRATED * left))
