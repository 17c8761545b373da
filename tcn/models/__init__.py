"""Networks ready to train."""

from tcn.models.forking import ForkingTCN

__all__ = ["ForkingTCN"]
