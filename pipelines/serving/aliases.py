"""Names of registered models, and the aliases that say which version is in use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import BundleError, BusyError, ConfigError
from pipelines.redaction import redacted
from pipelines.tracking.quiet import only_errors, quiet
from pipelines.tracking.spooling import is_down
from pipelines.tracking.store import TrackingStore, connect, one_at_a_time

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_DIGITS: Final = 9  # of a version; no registry has more
CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
DIGEST: Final = "tcn.manifest_sha256"
"""Tag of a version: SHA-256 of the manifest of its bundle, which holds those of all its files."""
_FORMER: Final = "tcn.former."  # tag of a model: the version that an alias stood for before
_SET: Final = "tcn.set."  # tag of a model: the version that an alias was moved to here


@dataclass(frozen=True)
class Registered:
    """A version of a registered model.

    Args:
        name: Name of the model.
        version: Number of the version.
        aliases: What it is called.
        run_id: MLflow run that it came from; None if none was named.
        digest: SHA-256 of the manifest of its bundle; None if it was registered by other means.

    Example:
        >>> Registered("sales", "3", ("champion",)).to_dict()["aliases"]
        ['champion']
    """

    name: str
    version: str
    aliases: tuple[str, ...] = ()
    run_id: str | None = None
    digest: str | None = None

    @classmethod
    def of(cls, version: ModelVersion) -> Registered:
        """Take what MLflow knows of a version.

        Args:
            version: A version as MLflow's client gives it.

        Returns:
            The same as a plain value.
        """
        tags = version.tags or {}
        aliases = tuple(sorted(version.aliases or ()))
        return cls(
            version.name, str(version.version), aliases, version.run_id or None, tags.get(DIGEST) or None
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "name": self.name,
            "version": self.version,
            "aliases": list(self.aliases),
            "run_id": self.run_id,
            "sha256": self.digest,
        }

    def __str__(self) -> str:
        """Return it as people read it."""
        return f"{self.name} version {self.version}: {', '.join(self.aliases) or '-'}"


@dataclass(frozen=True)
class Reference:
    """What a model is asked for by: ``NAME@ALIAS`` or ``NAME/VERSION``, also with ``models:/`` before it.

    Args:
        name: Name of the model.
        alias: Alias; None if there is a version.
        version: Version; None if there is an alias.

    Example:
        >>> Reference.parse("models:/sales@champion")
        Reference(name='sales', alias='champion', version=None)
        >>> Reference.parse("sales/3").version
        '3'
    """

    name: str
    alias: str | None = None
    version: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a reference.

        Args:
            text: As a person writes it.

        Returns:
            The reference.

        Raises:
            ConfigError: If it is none.
        """
        place = text.removeprefix("models:/")
        name, sign, alias = place.rpartition("@")
        if sign and name and alias:
            return cls(name, alias=alias)
        name, sign, version = place.rpartition("/")
        if sign and name and version.isdecimal() and len(version) <= _DIGITS:
            return cls(name, version=version)
        raise ConfigError(
            "A registered model must be named as NAME@ALIAS or NAME/VERSION. Received: "
            f"{text!r}; try {place or 'sales'}@{CHAMPION}."
        )

    def __str__(self) -> str:
        """Return it as MLflow writes it."""
        return f"models:/{self.name}" + (f"@{self.alias}" if self.alias else f"/{self.version}")


def check_name(name: str) -> None:
    """Check the name of a model before anything is written.

    Args:
        name: What a registered model is to be called.

    Raises:
        ConfigError: If it could not be asked for by that name.

    Example:
        >>> check_name("sales/north")
        Traceback (most recent call last):
        pipelines.errors.ConfigError: The name of a registered model must be letters, digits, ...
    """
    if not re.fullmatch(r"\w([\w -]{0,248}\w)?", name):
        raise ConfigError(
            "The name of a registered model must be letters, digits, '_', and inside of it '-' and spaces, "
            f"250 at most. Received: {name!r}; try 'sales'."
        )


def check_alias(alias: str) -> None:
    """Check an alias before anything is written.

    Args:
        alias: What a version is to be called.

    Raises:
        ConfigError: If MLflow would refuse it.

    Example:
        >>> check_alias("v2")
        Traceback (most recent call last):
        pipelines.errors.ConfigError: An alias must be letters, digits, '_' and '-', and neither ...
    """
    if not re.fullmatch(r"[\w-]{1,255}", alias) or re.fullmatch(r"latest|v\d+", alias, re.IGNORECASE):
        raise ConfigError(
            "An alias must be letters, digits, '_' and '-', and neither 'latest' nor the number of a "
            f"version. Received: {alias!r}; take {CHAMPION!r}."
        )


class Registry:
    """Registered models of a tracking store; MLflow's global state stays untouched.

    Args:
        tracking: Folder of the store, ``sqlite:///FILE``, or the address of an MLflow server.
        must_exist: Whether a store that is missing is an error; otherwise it is made.

    Raises:
        ConfigError: If the store cannot be used.
        BusyError: If it cannot be used just now.

    Example:
        >>> Registry("output").list()  # doctest: +SKIP
        [Registered(name='sales', version='1', aliases=('champion',), run_id=None, digest=None)]
    """

    def __init__(self, tracking: str | Path, must_exist: bool = False) -> None:
        self.store = TrackingStore.parse(tracking)
        if must_exist and self.store.database is not None and not self.store.database.exists():
            raise ConfigError(
                "Models are read from a store that is there. Received: "
                f"{str(self.store.database)!r}, which does not exist; name another one by --tracking, or "
                "register a model first."
            )
        self.client: MlflowClient = connect(self.store)

    def ensure(self, name: str) -> None:
        """Create a model where there is none of the name.

        Args:
            name: Name of the model.

        Raises:
            ConfigError: If the name is not allowed.
        """
        from mlflow.exceptions import MlflowException

        with self.refusals(f"a model named {name!r}"):
            try:
                self.client.create_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise

    def get(self, reference: Reference) -> Registered | None:
        """Return a version, or None if there is none.

        Args:
            reference: What it is asked for by.

        Returns:
            The version.
        """
        try:
            return self.find(reference)
        except BundleError:
            return None

    def find(self, reference: Reference) -> Registered:
        """Find a version.

        Args:
            reference: What it is asked for by.

        Returns:
            The version.

        Raises:
            BundleError: If there is none.
        """
        with self.refusals(f"{reference}", BundleError):
            if reference.version is not None:
                return Registered.of(self.client.get_model_version(reference.name, reference.version))
            return Registered.of(self.client.get_model_version_by_alias(reference.name, str(reference.alias)))

    def list(self) -> list[Registered]:
        """Return all versions of all models, by name, the newest of each first."""
        with self.refusals("the models of the store"):
            models = self.client.search_registered_models(max_results=1000, order_by=["name ASC"])
            # A version knows its aliases only where it is asked for by itself.
            return [
                Registered.of(self.client.get_model_version(each.name, each.version))
                for model in models
                for each in sorted(
                    self.client.search_model_versions(f"name = '{model.name}'"),
                    key=lambda each: -int(each.version),
                )
            ]

    def promote(self, reference: Reference, alias: str = CHAMPION) -> Registered:
        """Move an alias to a version, and remember the one that it stood for.

        Args:
            reference: The version.
            alias: The alias to move.

        Returns:
            The version.

        Raises:
            BundleError: If there is no such version.
            ConfigError: If the alias is not allowed.
        """
        check_alias(alias)
        with one_at_a_time(self.store):
            return self._promote(reference, alias)

    def promote_next(self, reference: Reference) -> Registered:
        """Let a version be the champion of a model that has none, else the challenger.

        Args:
            reference: The version.

        Returns:
            The version.

        Raises:
            BundleError: If there is no such version.
        """
        with one_at_a_time(self.store):
            champion = self.get(Reference(reference.name, alias=CHAMPION))
            return self._promote(reference, CHAMPION if champion is None else CHALLENGER)

    def _promote(self, reference: Reference, alias: str) -> Registered:
        chosen = self.find(reference)
        before = self._standing_for(chosen.name, alias)
        with self.refusals(f"{chosen.name}@{alias}"):
            self.client.set_registered_model_alias(chosen.name, alias, chosen.version)
            if before is not None and before != chosen.version:
                self.client.set_registered_model_tag(chosen.name, f"{_FORMER}{alias}", before)
            self.client.set_registered_model_tag(chosen.name, f"{_SET}{alias}", chosen.version)
        return self.find(Reference(chosen.name, alias=alias))

    def rollback(self, name: str, alias: str = CHAMPION) -> Registered:
        """Move an alias back to the version that it stood for before; once more, and it is moved forth again.

        Where somebody has moved it since, as in MLflow's pages, it goes back to where it was put here; where
        that version was removed, to the one before it.

        Args:
            name: Name of the model.
            alias: The alias to move.

        Returns:
            The version that it stands for then.

        Raises:
            BundleError: If there is no such model.
            ConfigError: If the alias has never been moved, or the former version was removed.
        """
        with self.refusals(name, BundleError):
            model = self.client.get_registered_model(name)
            there = {str(each.version) for each in self.client.search_model_versions(f"name = '{name}'")}
        former, here = (model.tags.get(f"{tag}{alias}") for tag in (_FORMER, _SET))
        is_moved = here is not None and here != str(model.aliases.get(alias))
        known = [version for version in ((here, former) if is_moved else (former,)) if version is not None]
        if found := next((version for version in known if version in there), None):
            return self.promote(Reference(name, version=found), alias)
        why = (
            f"whose former version {known[-1]} is no longer there" if known else "which has never been moved"
        )
        raise ConfigError(
            f"A rollback needs a former version. Received: alias {alias!r} of {name!r}, {why}; name a "
            "version with tcn models --promote."
        )

    def _standing_for(self, name: str, alias: str) -> str | None:
        """Version that an alias stands for; None if there is no such alias."""
        with quiet():
            aliases = self.client.get_registered_model(name).aliases
        return str(aliases[alias]) if alias in aliases else None

    @contextmanager
    def refusals(
        self, asked: str, kind: type[BundleError] | type[ConfigError] = ConfigError
    ) -> Iterator[None]:
        """Call MLflow inside the block: quiet, and with its refusals as errors of this project.

        Args:
            asked: What is asked for, as the message names it.
            kind: Error to raise where MLflow knows no such thing.

        Yields:
            Nothing.

        Raises:
            BusyError: If the registry cannot be used just now.
            ConfigError: If MLflow refuses; or ``kind``, if there is no such thing.
        """
        with quiet():
            from mlflow.exceptions import MlflowException

            try:
                with only_errors("mlflow"):
                    yield
            except MlflowException as error:
                store, reason = redacted(self.store.uri), redacted(error.message).rstrip(".")
                said = f"{asked} of {store}, which says: {reason}"
                missing = error.error_code == "RESOURCE_DOES_NOT_EXIST" or "not found" in error.message
                if is_down(error) and not missing:
                    raise BusyError(f"A registry must work. Received: {said}; try again later.") from error
                raise (kind if missing else ConfigError)(
                    f"The registry must know and allow what is asked of it. Received: {said}; see what there "
                    "is with tcn models."
                ) from error
