"""Networks from plans and from files."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Final

import keras

from pipelines.errors import BundleError
from pipelines.plan import QUANTILES, Plan
from tcn.models import ForkingTCN

_ENTRIES: Final = ("metadata.json", "config.json", "model.weights.h5")


def build_network(plan: Plan, seed: int) -> ForkingTCN:
    """Make the untrained network that a plan describes.

    Args:
        plan: Sizes.
        seed: Fixes the initial weights.

    Returns:
        The network, built.
    """
    network = ForkingTCN(
        horizon=plan.horizon,
        quantiles=QUANTILES,
        lookback=plan.lookback,
        season_length=plan.season_length,
        phases=plan.phases,
        filters=plan.filters,
        kernel_size=plan.kernel_size,
        dilations=plan.dilations,
        members=plan.members,
        seed=seed,
        past_channels=plan.past_channels,
        ahead_features=plan.ahead_features,
        static_features=plan.static_features,
        known_steps=plan.known_steps or None,
        further_seasons=plan.further_seasons,
        global_scale=plan.global_scale or None,
        head=plan.head,
        fill_gaps=plan.fill_gaps,
        architecture=plan.architecture,
        name="forking_tcn",
    )
    network.build((None, None, 5 + plan.past_channels))
    return network


def save_network(network: ForkingTCN, path: Path) -> None:
    """Write a network in Keras' own format."""
    with warnings.catch_warnings():
        # Keras' variables do not know an argument that NumPy 2 asks arrays for.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        network.save(path)


def load_network(path: Path) -> ForkingTCN:
    """Read a network; only registered layers are accepted, no code is run, nothing is unpacked.

    Raises:
        BundleError: If the file holds another model, or what no network consists of.
        ValueError: If it cannot be read.
    """
    _check_archive(path)
    network = keras.saving.load_model(path, compile=False, safe_mode=True)
    if not isinstance(network, ForkingTCN):
        raise BundleError(f"{path} must hold a ForkingTCN. Received: a {type(network).__name__}.")
    return network


def _check_archive(path: Path) -> None:
    """Refuse an archive that Keras would not write: other files, or some that grow when they are read."""
    try:
        with zipfile.ZipFile(path) as archive:
            strange = [
                entry.filename
                for entry in archive.infolist()
                if entry.filename not in _ENTRIES or entry.compress_type != zipfile.ZIP_STORED
            ]
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path.name} is no archive of Keras: {error}") from error
    if strange:
        raise BundleError(
            f"A network must consist of {', '.join(_ENTRIES)}, none of them compressed. Received: {path} "
            f"with {strange[0]!r}; save it again."
        )
