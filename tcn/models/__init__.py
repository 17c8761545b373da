"""Networks of temporal convolutions, and models for tasks built on them."""

from tcn.models.autoregressive import AutoregressiveWaveNet
from tcn.models.bidirectional import BidirectionalTCN
from tcn.models.classifier import SequenceClassifier
from tcn.models.encoder import SequenceEncoder
from tcn.models.forecaster import SequenceForecaster, targets
from tcn.models.forking import ForkingTCN
from tcn.models.inception_time import InceptionTime
from tcn.models.multirate import MultiRateTCN
from tcn.models.separable import SeparableTCN
from tcn.models.specification import build, specification_of
from tcn.models.tcn import TCN
from tcn.models.wavenet import WaveNet

__all__ = [
    "TCN",
    "AutoregressiveWaveNet",
    "BidirectionalTCN",
    "ForkingTCN",
    "InceptionTime",
    "MultiRateTCN",
    "SeparableTCN",
    "SequenceClassifier",
    "SequenceEncoder",
    "SequenceForecaster",
    "WaveNet",
    "build",
    "specification_of",
    "targets",
]
