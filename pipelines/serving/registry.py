"""Bundles in MLflow's model registry: registered, named by alias, and loaded again without pickle."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from pipelines.bundle import MANIFEST, checksum, read_bundle
from pipelines.errors import BundleError
from pipelines.forecaster import Forecaster
from pipelines.saving import runtime_of
from pipelines.serving.aliases import (
    CHALLENGER,
    CHAMPION,
    DIGEST,
    Reference,
    Registered,
    Registry,
    check_alias,
    check_name,
)
from pipelines.serving.packing import pack
from pipelines.tracking.store import experiment_id

_EXPERIMENT: Final = "tcn-forecasting"  # of a bundle that no run is named for
_CONTENT: Final = "tcn.content_sha256"
"""Tag of a version: SHA-256 of what its bundle says. Files of weights hold the time of their writing, so that
those of the same training that was done again differ."""
_IN_USE: Final = {CHAMPION, CHALLENGER}
_SAYING: Final = ("config.json", "golden.parquet", "history.parquet")


def register(
    bundle: str | Path,
    name: str,
    tracking: str | Path,
    alias: str | None = CHALLENGER,
    run_id: str | None = None,
) -> Registered:
    """Make a bundle the next version of a registered model.

    Args:
        bundle: Folder of the bundle; its checksums are verified first.
        name: Name of the model, created where it is missing.
        tracking: Folder of the MLflow store, ``sqlite:///FILE``, or the address of a server.
        alias: What to call the version; None for nothing.
        run_id: MLflow run that the bundle came from.

    Returns:
        The version.

    Raises:
        BundleError: If the bundle is missing or damaged.
        ConfigError: If the store cannot be used, or does not allow the name or alias.
        BusyError: If the store cannot be used just now.

    Example:
        >>> register("no-such-bundle", "sales", tracking="output")
        Traceback (most recent call last):
        pipelines.errors.BundleError: ...
    """
    path = Path(bundle).resolve()
    check_name(name)
    if alias is not None:
        check_alias(alias)
    fitted = Forecaster.load(path, runtime_of(path)).fitted_
    registry = Registry(tracking)
    client = registry.client
    with registry.refusals(f"model {name!r} with alias {alias!r}"):
        from mlflow.entities import LoggedModelOutput
        from mlflow.models import Model

        home = (
            experiment_id(client, registry.store, _EXPERIMENT)
            if run_id is None
            else client.get_run(run_id).info.experiment_id
        )
        registry.ensure(name)
        logged = client.create_logged_model(home, name=name, source_run_id=run_id, model_type="forecaster")
        status: Literal["READY", "FAILED"] = "FAILED"
        try:
            with TemporaryDirectory() as folder:
                place = Path(folder) / "model"
                pack(path, fitted, place, Model(run_id=run_id, model_id=logged.model_id))
                # Another process may have replaced the bundle meanwhile: what counts is what was packed.
                [packed] = place.glob(f"artifacts/*/{MANIFEST}")
                read_bundle(packed.parent)
                digest, content = checksum(packed), _content(packed.parent)
                client.log_model_artifacts(logged.model_id, str(place))
            status = "READY"
        finally:
            client.finalize_logged_model(logged.model_id, status)
        if run_id is not None:
            client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        made = client.create_model_version(
            name,
            logged.artifact_location,
            run_id=run_id,
            tags={DIGEST: digest, _CONTENT: content},
            # A server wants to know it; a local store would look for its run in MLflow's global store.
            model_id=None if run_id is None and registry.store.database is not None else logged.model_id,
        )
    reference = Reference(name, version=str(made.version))
    return registry.find(reference) if alias is None else registry.promote(reference, alias)


def register_next(
    bundle: str | Path, name: str, tracking: str | Path, run_id: str | None = None, may_rule: bool = True
) -> Registered:
    """Make a bundle the next version of a registered model, and the one in use if there is none.

    A bundle that is a version already stays that version, and so does one that the same run has trained anew
    to the same settings, history and forecasts.

    Args:
        bundle: As for ``register``.
        name: As for ``register``.
        tracking: As for ``register``.
        run_id: As for ``register``.
        may_rule: Whether it may be the champion; otherwise it is a challenger of whoever will be.

    Returns:
        The version, ``champion`` if the model has none, else ``challenger``.

    Raises:
        BundleError, ConfigError, BusyError: As for ``register``.
    """
    check_name(name)
    read_bundle(Path(bundle))
    registry = Registry(tracking)
    made = _known(registry, name, Path(bundle), run_id)
    if made is not None and _IN_USE & {*made.aliases}:
        return made
    if made is None:
        made = register(bundle, name, tracking, None, run_id)
    reference = Reference(name, version=made.version)
    return registry.promote_next(reference) if may_rule else registry.promote(reference, CHALLENGER)


def _known(registry: Registry, name: str, bundle: Path, run_id: str | None) -> Registered | None:
    """The version that a bundle is, or that is of the same run and says the same; best one that is in use."""
    digest, content = checksum(bundle / MANIFEST), _content(bundle)
    with registry.refusals(f"versions of {name!r}"):
        versions = registry.client.search_model_versions(f"name = '{name}'")
    found = [
        registry.find(Reference(name, version=str(each.version)))
        for each in sorted(versions, key=lambda version: -int(version.version))
        if each.tags.get(DIGEST) == digest
        or (run_id and each.run_id == run_id and each.tags.get(_CONTENT) == content)
    ]
    return next((one for one in found if _IN_USE & {*one.aliases}), found[0] if found else None)


def _content(bundle: Path) -> str:
    """SHA-256 of what a bundle says."""
    files = read_bundle(bundle)
    sums = [f"{name} {checksum(files[name])}\n" for name in _SAYING if name in files]
    return hashlib.sha256("".join(sums).encode()).hexdigest()


def load_registered(reference: str, tracking: str | Path) -> Forecaster:
    """Load a registered forecaster, on ONNX Runtime where that can be.

    Args:
        reference: ``NAME@ALIAS`` or ``NAME/VERSION``.
        tracking: As for ``register``.

    Returns:
        The forecaster.

    Raises:
        BundleError: If there is no such model, or its files are not those that were registered.
        ConfigError: If the reference or the store cannot be used.
        BusyError: If the store cannot be used just now.

    Example:
        >>> load_registered("sales@champion", tracking="output").predict()  # doctest: +SKIP
    """
    with fetched(reference, tracking) as (bundle, _):
        return Forecaster.load(bundle, runtime_of(bundle))


@contextmanager
def fetched(reference: str, tracking: str | Path) -> Iterator[tuple[Path, Registered]]:
    """Fetch the bundle of a registered model, and see that it is the one that was registered.

    Args:
        reference: As for ``load_registered``.
        tracking: As for ``register``.

    Yields:
        Folder of the bundle, for the time of the block, and the version that it is of.

    Raises:
        BundleError, ConfigError, BusyError: As for ``load_registered``.
    """
    asked, registry = Reference.parse(reference), Registry(tracking, must_exist=True)
    found = registry.find(asked)
    with TemporaryDirectory() as folder:
        with registry.refusals(str(asked), BundleError):
            from mlflow.artifacts import download_artifacts

            uri = registry.client.get_model_version_download_uri(found.name, found.version)
            # Files of this machine are read where they are; only those of a server are copied.
            copy = None if registry.store.directory is not None else folder
            place = Path(download_artifacts(uri, dst_path=copy, tracking_uri=registry.store.uri))
        bundle = _bundle_in(place, found)
        yield bundle, found


def _bundle_in(place: Path, found: Registered) -> Path:
    """Folder of the bundle in the folder of a model."""
    folders = [path.parent for path in place.glob(f"artifacts/*/{MANIFEST}")]
    if len(folders) != 1:
        raise BundleError(
            f"A registered model must hold one bundle. Received: version {found.version} of {found.name!r}, "
            f"with {len(folders)} in {place}; register it with tcn register."
        )
    if found.digest != checksum(folders[0] / MANIFEST):
        raise BundleError(
            f"The files of a registered model must be those that were registered. Received: {folders[0]}, "
            f"changed since version {found.version} of {found.name!r}; register the bundle again."
        )
    return folders[0]
