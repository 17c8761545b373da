"""Covariates: what a fit learns of them, and how the network reads them."""

from pipelines.windows.covariates.channels import add_channels, with_channels
from pipelines.windows.covariates.scales import center_and_spread
from pipelines.windows.covariates.state import CALENDAR, CovariateState
from pipelines.windows.covariates.table import CovariateTable

__all__ = [
    "CALENDAR",
    "CovariateState",
    "CovariateTable",
    "add_channels",
    "center_and_spread",
    "with_channels",
]
