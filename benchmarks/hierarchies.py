"""What reconciliation is worth: forecasts of all levels of a hierarchy, made to add up.

Nights that Australians spent away from home, by quarter, 1998 to 2017: 304 series of region and purpose,
with all sums 425 (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, chapter 11). They are not
shipped: export `tsibble::tourism` of R with columns `ds`, `y`, `state`, `region`, `purpose` to
`aus_tourism_hier.parquet` (or .csv) of a folder, and pass the folder with `--data`.

One network learns all 425 series but their last 8 quarters, and forecasts these. `hierarchicalforecast`
reconciles the forecasts; MinTrace weighs the series by the errors of `Forecaster.fitted_values`. Errors are
scaled by those of the seasonal naive method in training (MASE), and averaged over the series of a level.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _data import load, parsed, parser
from _timing import row, timed

SPEC = [
    ["total"],
    ["total", "state"],
    ["total", "purpose"],
    ["total", "state", "region"],
    ["total", "state", "purpose"],
    ["total", "state", "region", "purpose"],
]
COLUMNS = ["ds", "y", "state", "region", "purpose"]
HORIZON, SEASON = 8, 4


def main(data: Path | None, small: bool) -> None:
    """Print the mean scaled error of each level, before and after."""
    from hierarchicalforecast.core import HierarchicalReconciliation
    from hierarchicalforecast.methods import BottomUp, MinTrace
    from hierarchicalforecast.utils import aggregate
    from utilsforecast.losses import mase

    from pipelines import Forecaster

    bottom = synthetic() if data is None else load(data, "aus_tourism_hier", COLUMNS)
    frame, sums, tags = aggregate(bottom.assign(total="All"), SPEC)
    last = frame["ds"].drop_duplicates().nlargest(HORIZON).min()
    known, truth = frame[frame["ds"] < last], frame[frame["ds"] >= last]
    tiny: dict[str, Any] = {"max_steps": 0, "ensemble": 1, "filters": 4, "dilations": (1,)}
    forecaster = Forecaster(HORIZON, season_length=SEASON, **(tiny if small else {}))
    seconds = timed(lambda: forecaster.fit(known))
    print(f"{len(sums)} series, {HORIZON} steps from {last:%Y-%m-%d} on; fitted in {seconds:.0f} s")
    methods = [
        BottomUp(),
        MinTrace("ols"),
        MinTrace("wls_struct"),
        MinTrace("wls_var"),
        MinTrace("mint_shrink"),
    ]
    base = forecaster.predict(levels=[])
    reconciled = HierarchicalReconciliation(methods).reconcile(
        Y_hat_df=base, S_df=sums, tags=tags, Y_df=forecaster.fitted_values(levels=[])
    )
    models = [name for name in reconciled if name.startswith("TCN")]
    errors = mase(reconciled.merge(truth), models, SEASON, known).set_index("unique_id")
    for level, ids in [*tags.items(), ("all series", errors.index)]:
        print(f" {level}, {len(ids)} series")
        means = errors.loc[ids, models].mean()
        row("as forecast", f"MASE {means['TCN']:.3f}")
        for name in models[1:]:
            row(
                name.removeprefix("TCN/"),
                f"MASE {means[name]:.3f}",
                means[name] / means["TCN"],
                "as forecast",
            )


def synthetic() -> pd.DataFrame:
    """Numbers of the same form, to see that the script runs."""
    rng = np.random.default_rng(0)
    quarters = pd.date_range("2010-01-01", periods=40, freq="QS")
    names = [(f"S{r // 2}", f"R{r}", purpose) for r in range(4) for purpose in ("business", "holiday")]
    return pd.concat(
        pd.DataFrame(
            {
                "ds": quarters,
                "y": 9 + quarters.quarter + rng.normal(size=40),
                "state": state,
                "region": region,
            }
        ).assign(purpose=purpose)
        for state, region, purpose in names
    )


if __name__ == "__main__":
    given = parsed(parser(__doc__))
    main(given.data, given.small)
