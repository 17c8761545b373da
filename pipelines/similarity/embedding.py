"""Series as vectors, by what the network of a forecaster makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.errors import ConfigError
from pipelines.fitted import Fitted
from pipelines.panel import Panel
from pipelines.runtime import OnnxNetwork

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.forecaster import Forecaster

# Origins that a season is seen from at most, and at least.
_MOST_ORIGINS: Final = 32
_FEWEST_ORIGINS: Final = 8


@dataclass(frozen=True, eq=False)
class Embeddings:
    """A vector for each series.

    Attributes:
        ids: ``(series,)`` ids, sorted.
        vectors: ``(series, features)``.
        id_col: Column of the ids in frames.

    Example:
        >>> embeddings = Embeddings(np.array(["A", "B"], object), np.eye(2))
        >>> len(embeddings), embeddings.vectors.shape
        (2, (2, 2))
    """

    ids: npt.NDArray[Any]
    vectors: npt.NDArray[np.float32]
    id_col: str = "unique_id"

    def __len__(self) -> int:
        """Number of series."""
        return len(self.ids)

    def to_frame(self) -> pd.DataFrame:
        """Return the vectors as a frame: the id column, then ``0``, ``1``, ... of each feature.

        Example:
            >>> Embeddings(np.array(["A"], object), np.array([[0.5, 2.0]])).to_frame().values.tolist()
            [['A', 0.5, 2.0]]
        """
        import pandas as pd

        frame = pd.DataFrame(self.vectors)
        frame.insert(0, self.id_col, pd.Series(self.ids))
        return frame


def embed(forecaster: Forecaster, df: Any = None, static: Any = None) -> Embeddings:
    """Make a vector of each series: the last features of the network, averaged over the newest season.

    What the network's output layer reads is all that a forecast is made of, so that series with like vectors
    are forecast alike. The network sees each series in its own units, and so does the vector: a series and
    a multiple of it have the same. It depends on no other series, unless all see each other
    (``multivariate=True``).

    Args:
        forecaster: A fitted forecaster, with a network of Keras.
        df: Long frame or panel; None for the data of the fit. Series that the fit did not see are welcome.
        static: As for ``Forecaster.predict``.

    Returns:
        The vectors, to compare by the angle between them.

    Raises:
        NotFittedError: Before ``fit``.
        PanelError: If the frame cannot be used.
        ConfigError: If the forecaster was loaded with ``runtime="onnx"``.

    Example:
        >>> import pandas as pd
        >>> from pipelines import Forecaster
        >>> days = pd.date_range("2024-01-01", periods=60)
        >>> frame = pd.DataFrame({"unique_id": "A", "ds": days, "y": 10.0 + days.day_of_week})
        >>> forecaster = Forecaster(horizon=7, preset="fast", max_steps=4, ensemble=1).fit(frame)
        >>> embed(forecaster).vectors.shape
        (1, 128)
    """
    fitted = forecaster.fitted_
    if isinstance(fitted.network, OnnxNetwork):
        raise ConfigError(
            "A forecaster must have been loaded with Keras to look into its network. Received: one loaded "
            "with runtime='onnx'; use Forecaster.load(path)."
        )
    panel = fitted.read(df, static)
    return Embeddings(panel.ids, _vectors(fitted, panel), panel.columns.id_col)


def _vectors(fitted: Fitted, panel: Panel) -> npt.NDArray[np.float32]:
    from pipelines.network.embedding import embed_series

    table, _ = fitted.table_and_notes(panel)
    season = max(fitted.plan.season_length, _FEWEST_ORIGINS)
    stride = -(-season // _MOST_ORIGINS)
    count = season // stride
    origins = (panel.indptr[1:] - 1)[:, None] - stride * np.arange(count - 1, -1, -1)
    # Before its first change a series says nothing; one that never changes is seen from its end.
    counts = origins >= table.moved[:, None]
    counts[:, -1] |= ~counts.any(axis=1)
    return embed_series(fitted.network, table, np.arange(panel.n_series), count, stride, counts)
