"""Covariates: what a fit learns of them, and how the network reads them."""

from pipelines.windows.covariates.scales import center_and_spread
from pipelines.windows.covariates.state import CovariateState
from pipelines.windows.covariates.table import CovariateTable

__all__ = ["CovariateState", "CovariateTable", "center_and_spread"]
