"""Names of cutoffs, in the order of time where names are sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipelines.nightly.records import Cutoff


def label(cutoff: Cutoff) -> str:
    """Name of a cutoff, in the order of time where names are sorted.

    Args:
        cutoff: Time stamp or step.

    Returns:
        Digits and letters.

    Example:
        >>> import pandas as pd
        >>> label(pd.Timestamp("2024-01-31 06:00")), label(17)
        ('20240131T060000', '000000000017')
    """
    return f"{cutoff:012}" if isinstance(cutoff, int | np.integer) else cutoff.strftime("%Y%m%dT%H%M%S")


def unlabeled(text: str) -> Cutoff:
    """Return the cutoff that a name is that of.

    Args:
        text: What ``label`` has made.

    Example:
        >>> unlabeled("20240131T060000"), unlabeled("000000000017")
        (Timestamp('2024-01-31 06:00:00'), 17)
    """
    import pandas as pd

    return pd.to_datetime(text, format="%Y%m%dT%H%M%S") if "T" in text else int(text)
