"""Who forecasts: the champion, or who comes after it where it cannot."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipelines.bundle import MANIFEST, checksum
from pipelines.errors import BundleError, ForecastingError
from pipelines.jobs.files import plain
from pipelines.nightly.labels import label, unlabeled
from pipelines.nightly.records import Finding, Promotion, Version
from pipelines.nightly.state import JobFolder

if TYPE_CHECKING:
    from pipelines.config import Settings
    from pipelines.forecaster import Forecaster
    from pipelines.nightly.records import Cutoff
    from pipelines.nightly.settings import JobSettings

NAIVE: Final = "SeasonalNaive"
"""Who forecasts where no network can."""


def line_of_succession(
    job: JobSettings, folder: JobFolder, findings: list[Finding], cutoff: Cutoff | None = None
) -> list[Version]:
    """List the versions that may forecast: the champion, then its predecessors, the latest first.

    Args:
        job: Settings; a version that was trained to forecast something else is left out.
        folder: The job's folder.
        findings: Takes what is wrong with records and versions.
        cutoff: Last time stamp to know: versions that have learned later ones are left out, for their
            forecasts would be worth less than they seem. None to leave out none.

    Returns:
        The versions; none if seasonal naive is the champion, or nothing was ever promoted.
    """
    line = _promoted(folder, findings)
    own = essentials_of(job.model)
    if cutoff is not None:
        if line and _has_learned_after(line[0], cutoff):
            findings.append(
                Finding(
                    "champion",
                    "warn",
                    f"Who forecasts must not have learned what came after the cutoff {cutoff}. Received: "
                    f"version {line[0].number}, trained up to {unlabeled(line[0].record['cutoff'])}; it is "
                    "left out.",
                )
            )
        line = [version for version in line if not _has_learned_after(version, cutoff)]
    if line and (changed := _changes(line[0], own)):
        findings.append(
            Finding(
                "champion",
                "warn",
                f"Version {line[0].number} was trained for other settings ({changed}) and is left out.",
            )
        )
    return [version for version in line if version.record["essentials"] == own]


def essentials_of(settings: Settings) -> dict[str, Any]:
    """Settings without which a network forecasts something else: what it must have been trained with.

    Args:
        settings: Arguments of a forecaster.

    Returns:
        JSON-able.
    """
    names = ("horizon", "alias", "id_col", "time_col", "target_col")
    covariates = None if settings.covariates is None else settings.covariates.to_dict()
    own: dict[str, Any] = plain({name: getattr(settings, name) for name in names})
    return {**own, "covariates": plain(covariates)}


def version_record(
    forecaster: Forecaster, job: str, cutoff: Cutoff, reason: str, promoted: bool, **beside: Any
) -> dict[str, Any]:
    """What a job remembers of a version.

    Args:
        forecaster: The network, shown the data that it forecasts from.
        job: Name of the job.
        cutoff: Last time stamp that its training knew.
        reason: Why it was, or was not, promoted.
        promoted: Whether it was.
        **beside: ``scores`` and ``facts``.

    Returns:
        JSON-able.
    """
    return {
        "job": job,
        "cutoff": label(cutoff),
        "freq": forecaster.plan_.freq,
        "essentials": essentials_of(forecaster.settings_),
        "series": [str(name) for name in forecaster.panel_.ids.tolist()],
        "reason": reason,
        "promoted": promoted,
        **beside,
    }


def with_freq(job: JobSettings, line: Sequence[Version]) -> JobSettings:
    """Return settings that know the frequency of the data, if they or the champion do.

    Args:
        job: Settings.
        line: Who may forecast, the champion first.
    """
    if job.model.freq is not None or not line:
        return job
    model = job.model.model_copy(update={"freq": line[0].record["freq"]})
    return job.model_copy(update={"model": model})


def withdrawn(promotions: Sequence[Promotion]) -> set[int]:
    """Return the versions that a rollback has set aside, and that were not promoted again.

    Args:
        promotions: All, oldest first.

    Example:
        >>> made = [Promotion(1, 1, "", ""), Promotion(2, 2, "", ""), Promotion(3, 1, "", "", withdrawn=(2,))]
        >>> withdrawn(made)
        {2}
    """
    aside: set[int] = set()
    for promotion in promotions:
        aside = (aside | {*promotion.withdrawn}) - {promotion.version or 0}
    return aside


def latest_decision(folder: JobFolder) -> int:
    """Return the number of the latest decision that is known of, be its record there or not.

    Args:
        folder: The job's folder.
    """
    last = next(iter(folder.nights(count=1)), None)
    known = [each.number for each in folder.promotions()[-1:]]
    return max([0, *known, *([] if last is None else [int(last.record.get("decision", 0))])])


def _has_learned_after(version: Version, cutoff: Cutoff) -> bool:
    return bool(version.record["cutoff"] > label(cutoff))


def _changes(version: Version, own: Mapping[str, Any]) -> str:
    """What a version was trained with, where that differs from what is asked for."""
    theirs = version.record["essentials"]
    return ", ".join(f"{name}={theirs.get(name)!r}" for name in own if theirs.get(name) != own[name])


def _promoted(folder: JobFolder, findings: list[Finding]) -> list[Version]:
    """Versions that were promoted and not withdrawn, the champion first."""

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
    if (again := _without_decision(folder, versions.values(), promotions, findings)) is not None:
        line = [version for version in versions.values() if version.number == again]
    for promotion in reversed(promotions):
        if promotion.version is None and not line:
            break  # a decision for seasonal naive stands
        version = versions.get(promotion.version or 0)
        if version is not None and version.number not in aside and version not in line:
            line.append(version)
    return line


def _without_decision(
    folder: JobFolder, versions: Collection[Version], promotions: Sequence[Promotion], findings: list[Finding]
) -> int | None:
    """The version that has forecast last, if the decision for it is gone; findings take what is gone."""
    last = next(iter(folder.nights(count=1)), None)
    found = promotions[-1].number if promotions else 0
    if last is not None and last.record.get("decision", 0) > found:
        findings.append(
            Finding(
                "state",
                "warn",
                f"Decision {last.record['decision']}, by which the night of {last.cutoff} was forecast, must "
                f"be among the records. Received: none after {found}; put it back from a backup. Until then "
                "who has forecast that night goes on.",
            )
        )
        champion: int | None = last.record["champion"]
        return champion
    decided = {number for each in promotions for number in (each.version, *each.withdrawn) if number}
    for version in versions:
        if version.record.get("promoted") and version.number > max(decided, default=0):
            findings.append(
                Finding(
                    "state",
                    "warn",
                    f"Version {version.number}, which has won its test, must have a decision that makes it "
                    "the champion. Received: none; put the record back from a backup, or train again with "
                    "tcn job retrain. Until then who was champion before stays.",
                )
            )
    return None


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


def load_judged(version: Version) -> Forecaster:
    """Load the network of a version that was tested, and that has not learned the rows of its test.

    Args:
        version: The version.

    Returns:
        The forecaster, with Keras.

    Raises:
        BundleError: If its files are not those that were written.
    """
    from pipelines.forecaster import Forecaster

    bundle, sha256 = version.judged
    check_bundle(bundle, sha256)
    return Forecaster.load(bundle)


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
