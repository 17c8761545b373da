"""Who forecasts: the champion, or who comes after it where it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipelines.bundle import MANIFEST, checksum
from pipelines.errors import BundleError, ForecastingError
from pipelines.nightly.records import Finding
from pipelines.nightly.state import JobFolder, Version, withdrawn

if TYPE_CHECKING:
    from pipelines.forecaster import Forecaster

NAIVE: Final = "SeasonalNaive"
"""Who forecasts where no network can."""


def line_of_succession(folder: JobFolder, findings: list[Finding]) -> list[Version]:
    """List the versions that may forecast: the champion, then its predecessors, the latest first.

    Args:
        folder: The job's folder.
        findings: Takes what is wrong with records.

    Returns:
        The versions; none if seasonal naive is the champion, or nothing was ever promoted.
    """

    def damaged(error: ForecastingError) -> None:
        findings.append(Finding("state", "warn", str(error)))

    versions = {version.number: version for version in folder.versions(damaged)}
    promotions = folder.promotions(damaged)
    if promotions and promotions[-1].version is not None and promotions[-1].version not in versions:
        findings.append(
            Finding("champion", "warn", f"Version {promotions[-1].version} is the champion, and missing.")
        )
    if not promotions and (latest := [each for each in versions.values() if each.record.get("promoted")]):
        number = latest[-1].number
        findings.append(
            Finding("champion", "warn", f"No decision can be read: version {number}, the latest, forecasts.")
        )
        return latest[::-1]
    aside = withdrawn(promotions)
    line: list[Version] = []
    for promotion in reversed(promotions):
        if promotion.version is None and not line:
            break  # a decision for seasonal naive stands
        version = versions.get(promotion.version or 0)
        if version is not None and version.number not in aside and version not in line:
            line.append(version)
    return line


def loaded(line: list[Version], findings: list[Finding]) -> Iterator[tuple[Version, Forecaster]]:
    """Load one version after the other, as far as a caller goes on; those that cannot be loaded are left out.

    Args:
        line: The versions.
        findings: Takes what is wrong with them.

    Yields:
        A version and what was loaded.
    """
    for version in line:
        try:
            yield version, load(version)
        except ForecastingError as error:
            findings.append(Finding("champion", "warn", f"Version {version.number} cannot forecast: {error}"))


def load(version: Version) -> Forecaster:
    """Load a version, on ONNX Runtime where that can be.

    Args:
        version: The version.

    Returns:
        The forecaster.

    Raises:
        BundleError: If its files are not those that were written.
    """
    from pipelines.forecaster import Forecaster
    from pipelines.saving import runtime_of

    check_bundle(version.bundle, version.record["bundle_sha256"])
    return Forecaster.load(version.bundle, runtime_of(version.bundle))


def check_bundle(bundle: Path, sha256: str) -> None:
    """Check that a bundle is the one that the job has written, and not another whole one in its place.

    Args:
        bundle: Its folder.
        sha256: What its manifest had.

    Raises:
        BundleError: If not.
    """
    manifest = bundle / MANIFEST
    if not manifest.is_file() or checksum(manifest) != sha256:
        raise BundleError(
            f"A version must hold the bundle that was trained for it. Received: {bundle}, another one or "
            "none; put it back from a backup, or go back with tcn job rollback."
        )


def name_of(alias: str, version: Version) -> str:
    """What the rows of a version are called.

    Args:
        alias: Name of the forecaster.
        version: The version.

    Returns:
        Such as "TCN v3".
    """
    return f"{alias} v{version.number}"
