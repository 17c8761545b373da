"""A bundle as a folder that MLflow reads: signature, example, requirements, and no pickle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from pipelines import __version__
from pipelines.fitted import Fitted
from pipelines.saving import ONNX
from pipelines.serving.kinds import Kinds
from pipelines.tracking.quiet import only_errors, quiet

if TYPE_CHECKING:
    from mlflow.models import Model, ModelSignature

_SHIM: Final = Path(__file__).with_name("pyfunc_shim.py")
# Enough for a season of most data, and short enough to read.
_EXAMPLE_ROWS: Final = 60


def pack(bundle: Path, fitted: Fitted, path: Path, model: Model | None = None) -> None:
    """Write the folder of a model.

    Args:
        bundle: Folder of the bundle.
        fitted: What it holds.
        path: New folder.
        model: What MLflow knows of the model already; None for a folder by itself.
    """
    with quiet():
        import mlflow.pyfunc

        from pipelines.serving.pyfunc_model import ARTIFACT

        with only_errors("mlflow"):
            mlflow.pyfunc.save_model(
                path,
                python_model=str(_SHIM),
                artifacts={ARTIFACT: str(bundle)},
                signature=signature_of(fitted),
                input_example=(example_of(fitted), {"horizon": fitted.plan.horizon}),
                pip_requirements=requirements_of(bundle),
                mlflow_model=model,
            )


def signature_of(fitted: Fitted) -> ModelSignature:
    """Describe what the model takes and returns.

    Columns take any type: text, integers and times with a time zone are brought to what the bundle learned,
    which MLflow would refuse in one place and convert in another.

    Args:
        fitted: What the bundle holds.

    Returns:
        Columns of the rows, none of them required, as an empty frame stands for the history of the bundle;
        the params ``horizon`` and ``levels``; and columns of forecasts.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType

    kinds, levels = Kinds.of(fitted), list(fitted.settings.levels)
    id_type = DataType.long if issubclass(kinds.id_type, int) else DataType.string
    time_type = DataType.long if kinds.is_integer else DataType.datetime
    any_type = AnyType()  # type: ignore[no-untyped-call]
    keys = [ColSpec(id_type, kinds.id_col), ColSpec(time_type, kinds.time_col)]
    return ModelSignature(
        inputs=Schema([ColSpec(any_type, name, required=False) for name in kinds.columns]),
        outputs=Schema([*keys, *(ColSpec(DataType.double, name) for name in fitted.columns(None, None))]),
        params=ParamSchema(
            [
                ParamSpec("horizon", DataType.long, fitted.plan.horizon),
                ParamSpec("levels", DataType.double, levels, shape=(-1,)),
            ]
        ),
    )


def example_of(fitted: Fitted) -> pd.DataFrame:
    """Return rows of one series that the model can forecast from.

    Args:
        fitted: What the bundle holds.

    Returns:
        Its last rows as JSON holds them; with future covariates, the very last are steps ahead without value.
    """
    kinds = Kinds.of(fitted)
    panel = fitted.panel if fitted.settings.multivariate else fitted.panel.select([0])
    frame = panel.tail(_EXAMPLE_ROWS).to_frame()
    for column in panel.static:
        frame[column.name] = panel.static_frame()[column.name].iloc[0]
    if kinds.future:
        ahead = frame.groupby(kinds.id_col).cumcount(ascending=False) < fitted.plan.horizon
        frame.loc[ahead, [kinds.target_col, *kinds.past]] = None
    if not kinds.is_integer:
        frame[kinds.time_col] = frame[kinds.time_col].map(lambda stamp: stamp.isoformat())
    plain: dict[str, Any] = {name: frame[name].astype(object).to_list() for name in frame}
    missing = {name: pd.isna(pd.Series(values, dtype=object)) for name, values in plain.items()}
    return pd.DataFrame(
        {
            name: pd.Series(np.where(missing[name], None, pd.Series(values, dtype=object)), dtype=object)
            for name, values in plain.items()
        }
    )


def requirements_of(bundle: Path) -> list[str]:
    """Return what to install to load the model: this version of the package, with ONNX Runtime if it helps.

    Args:
        bundle: Folder of the bundle.
    """
    extra = "[predict]" if (bundle / ONNX).is_file() else ""
    return [f"tcn-forecasting{extra}=={__version__}"]
