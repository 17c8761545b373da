"""All checks of sktime's `check_estimator`, on networks that are trained and on networks that are not.

The tests run those that do not multiply with one another; here all run, on every set of
`TCNForecaster.get_test_params`. They fit hundreds of networks that live for a moment: computed without
compiling, which would take hours and says nothing of sktime. It needs the extra sktime, and pytest.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import Counter

from _timing import row, wants_small


def main(small: bool) -> None:
    """Print how many checks of each kind there were, and the errors of those that failed."""
    import tensorflow as tf
    from sktime.utils.estimator_checks import check_estimator

    from pipelines.sktime import TCNForecaster

    tf.config.run_functions_eagerly(True)
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    results = check_estimator(TCNForecaster, verbose=False, tests_to_run="test_score" if small else None)
    seconds = time.perf_counter() - began
    tf.config.run_functions_eagerly(False)
    for name, count in sorted(Counter(check.partition("[")[0] for check in results).items()):
        row(name, f"{count}")
    failed = {check: error for check, error in results.items() if error != "PASSED"}
    passed = len(results) - len(failed)
    row("all checks", f"{passed} passed in {seconds:.0f} s", passed / len(results), "those that ran")
    for check, error in failed.items():
        print(f"{check}: {error!r}")
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main(wants_small(__doc__))
