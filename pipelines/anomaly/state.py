"""What a calibration has learned, as a JSON file, and back."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipelines.anomaly.reference import Reference
from pipelines.anomaly.windows import window_lengths
from pipelines.errors import BundleError
from pipelines.fitted import Fitted
from pipelines.panel import Panel

_FORMAT: Final = 1


def write_detector(
    path: Path, fitted: Fitted, reference: Reference, ends: Panel, limits: dict[str, Any]
) -> None:
    """Write what a detector has learned; a file that is there is replaced as a whole or not at all.

    Args:
        path: File to write.
        fitted: What the forecaster has learned.
        reference: What is usual.
        ends: Last row of each series that was learned or calibrated on.
        limits: Arguments of the detector.
    """
    record = {
        "format": _FORMAT,
        "forecaster": fingerprint(fitted),
        "limits": limits,
        "reference": reference.to_dict(),
        "ends": [ends.ids.tolist(), ends.starts.view(np.int64).tolist()],
    }
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(json.dumps(record, allow_nan=False) + "\n", encoding="utf-8")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def read_detector(path: Path, fitted: Fitted) -> tuple[dict[str, Any], Reference, Panel]:
    """Read what ``write_detector`` wrote.

    Args:
        path: The file.
        fitted: What the forecaster has learned.

    Returns:
        Arguments, reference and ends.

    Raises:
        BundleError: If the file is missing or damaged, or belongs to another forecaster.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        reference = Reference.from_dict(record["reference"])
        if record["format"] != _FORMAT or len(reference.center) != 2 * len(_lengths(fitted)) - 1:
            raise ValueError("format")
        ids, stamps = (np.array(each) for each in record["ends"])
        limits = {name: record["limits"][name] for name in ("alpha", "false_alarms", "fdr", "gap", "iou")}
        same = record["forecaster"] == fingerprint(fitted)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(
            f"A calibration of a detector must be a file that Detector.save has written. Received: "
            f"{str(path)!r} ({error}); calibrate and save again."
        ) from None
    if not same:
        raise BundleError(
            f"A calibration belongs to the forecaster that it was made with. Received: {str(path)!r} of "
            "another one; load that one, or calibrate anew."
        )
    own = fitted.ends
    ends = replace(
        own,
        ids=ids.astype(own.ids.dtype),
        starts=stamps.astype(np.int64).view(own.starts.dtype),
        values=np.full(len(ids), np.nan),
        indptr=np.arange(len(ids) + 1),
        covariates=(),
        static=(),
    )
    return limits, reference, ends


def fingerprint(fitted: Fitted) -> str:
    """Tell one training from another.

    Args:
        fitted: What was learned.

    Returns:
        SHA-256 of its plan and its record of training, hexadecimal.
    """
    plan = {name: value for name, value in fitted.plan.to_dict().items() if name != "notes"}
    parts = [plan, fitted.history, fitted.calibration]
    text = json.dumps(parts, default=float, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _lengths(fitted: Fitted) -> tuple[int, ...]:
    return window_lengths(fitted.plan.horizon)
