"""Finds model folders, loads the models asked for, and resolves references to them.

A reference is `name` (its newest installed version), `name@version`, or an alias of either.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.card import NAME_PATTERN, ModelCard, read_card
from models.classifier import ActivityClassifier, load_classifier
from models.errors import (
    AliasTakenError,
    DriverActivityError,
    InvalidCardError,
    ModelNotReadyError,
    UnknownModelError,
)
from models.runtimes import RuntimeName

ALIAS = re.compile(NAME_PATTERN)
REFERENCE = re.compile(rf"(?P<name>{NAME_PATTERN})(?:@(?P<version>[1-9][0-9]{{0,8}}))?")

State = Literal["not_loaded", "loading", "ready", "failed"]


@dataclass(kw_only=True)
class RegistryEntry:
    """One installed version of a model and what has become of it.

    Attributes:
        folder: Model folder `<name>/<version>`.
        state: `not_loaded` is installed and was not asked for; `failed` says why in `reason`.
        reason: Why the model is not ready, empty while nothing is wrong.
        card: The model's card, once it was read and is valid.
        classifier: The loaded model, when the state is `ready`.
    """

    folder: Path
    state: State = "not_loaded"
    reason: str = "not asked for"
    card: ModelCard | None = None
    classifier: ActivityClassifier | None = None

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.folder.parent.name

    @property
    def version(self) -> int:
        """Version of the model."""
        return int(self.folder.name)

    @property
    def reference(self) -> str:
        """The model's address, `name@version`."""
        return f"{self.name}@{self.version}"


class ModelRegistry:
    """Holds the installed models of one folder; a broken one never hides the others.

    Args:
        root: Folder of `<name>/<version>` model folders.
        requested: References to load; the service is ready when all of them are.
        aliases: Further names, such as `default`, of references.
        runtime_name: Engine to run the networks on.
        num_threads: Processor threads that one prediction may use.
        num_streams: Predictions of one model that are computed at once.
    """

    def __init__(
        self,
        root: Path,
        *,
        requested: Sequence[str],
        aliases: Mapping[str, str],
        runtime_name: RuntimeName,
        num_threads: int,
        num_streams: int = 1,
    ) -> None:
        self.aliases = dict(aliases)
        self.requested = tuple(requested)
        self.runtime_name: RuntimeName = runtime_name
        self._num_threads = num_threads
        self._num_streams = num_streams
        self._entries = {entry.reference: entry for entry in find_models(root)}
        for entry in self._requested_entries():
            entry.state, entry.reason = "loading", "still loading"

    def load(self) -> None:
        """Read every card and load every requested model; failures are kept in their entries.

        A requested reference that is not installed leaves the registry not ready.
        """
        for installed in self.entries:
            _read_card_of(installed)
        for requested in self._requested_entries():
            if requested.state == "loading":
                self._load_entry(requested)

    def resolve(self, reference: str) -> RegistryEntry:
        """Return the entry that a reference names.

        Raises:
            UnknownModelError: If nothing of that name and version is installed.
        """
        entry = self._find(reference)
        if entry is None:
            raise UnknownModelError(reference, self.known)
        return entry

    def get(self, reference: str) -> ActivityClassifier:
        """Return the loaded model that a reference names.

        Raises:
            UnknownModelError: If nothing of that name and version is installed.
            ModelNotReadyError: If it is installed, but not loaded.
        """
        entry = self.resolve(reference)
        if entry.classifier is None:
            raise ModelNotReadyError(entry.reference, entry.reason)
        return entry.classifier

    def load_apart(
        self, reference: str, *, runtime_name: RuntimeName | None = None
    ) -> ActivityClassifier:
        """Return a model on any engine; blocks while it loads, unless it is loaded already.

        A model that is loaded here belongs to the caller, and is gone when the caller drops it.

        Args:
            reference: The model.
            runtime_name: Engine; None for the registry's own.

        Raises:
            UnknownModelError: If nothing of that name and version is installed.
            ModelNotReadyError: If the engine is not installed.
            ModelError: If it cannot be loaded; see `load_classifier`.
        """
        entry = self.resolve(reference)
        name = runtime_name or self.runtime_name
        if entry.classifier is not None and name == self.runtime_name:
            return entry.classifier
        try:
            return self._load(entry, name)
        except ModuleNotFoundError as exc:
            raise ModelNotReadyError(entry.reference, f"{exc.name} is not installed") from exc

    def move_alias(self, alias: str, reference: str) -> None:
        """Let an alias lead to a loaded model from now on, whether or not there was such an alias.

        What has resolved it before keeps its model. Raises as `check_alias` does.
        """
        self.check_alias(alias, reference)
        self.aliases = {**self.aliases, alias: reference}

    def check_alias(self, alias: str, reference: str) -> None:
        """Check that an alias may lead to a model.

        Raises:
            UnknownModelError: If nothing of that name and version is installed.
            ModelNotReadyError: If it is installed, but not loaded.
            AliasTakenError: If a model has the alias's name.
        """
        self.get(reference)
        if alias in {entry.name for entry in self._entries.values()}:
            raise AliasTakenError(f"{alias!r} is the name of a model, which the alias would hide")

    def aliases_of(self, entry: RegistryEntry) -> list[str]:
        """Return the aliases that lead to an entry."""
        return [alias for alias in self.aliases if self._find(alias) is entry]

    @property
    def entries(self) -> tuple[RegistryEntry, ...]:
        """All installed models, by name and version."""
        return tuple(sorted(self._entries.values(), key=lambda entry: (entry.name, entry.version)))

    @property
    def known(self) -> tuple[str, ...]:
        """Every address that resolves: aliases and `name@version`."""
        return (*self.aliases, *(entry.reference for entry in self.entries))

    @property
    def problems(self) -> dict[str, str]:
        """Why the registry is not ready, by requested reference or alias; empty when it is."""
        names = {entry.name for entry in self.entries}
        hidden = {
            alias: "a model of this name is installed, which the alias would hide"
            for alias in self.aliases
            if alias in names
        }
        failed = {
            reference: entry.reason if entry else "not installed"
            for reference in self.requested
            if (entry := self._find(reference)) is None or entry.state != "ready"
        }
        return hidden | failed

    def _requested_entries(self) -> list[RegistryEntry]:
        found = [self._find(reference) for reference in self.requested]
        return [entry for entry in found if entry is not None]

    def _find(self, reference: str) -> RegistryEntry | None:
        target = self.aliases.get(reference, reference)
        match = REFERENCE.fullmatch(target)
        if match is None:
            return None
        if match["version"]:
            return self._entries.get(target)
        versions = [entry for entry in self._entries.values() if entry.name == match["name"]]
        return max(versions, key=lambda entry: entry.version, default=None)

    def _load(self, entry: RegistryEntry, runtime_name: RuntimeName) -> ActivityClassifier:
        return load_classifier(
            entry.folder,
            runtime_name=runtime_name,
            num_threads=self._num_threads,
            num_streams=self._num_streams,
        )

    def _load_entry(self, entry: RegistryEntry) -> None:
        try:
            entry.classifier = self._load(entry, self.runtime_name)
        except DriverActivityError as exc:
            entry.state, entry.reason = "failed", str(exc)
        else:
            entry.state, entry.reason = "ready", ""


def _read_card_of(entry: RegistryEntry) -> None:
    try:
        entry.card = read_card(entry.folder)
    except InvalidCardError as exc:
        entry.state, entry.reason = "failed", str(exc)


def find_models(root: Path) -> list[RegistryEntry]:
    """Return an entry, not loaded, for every folder `<name>/<version>` below a root."""
    return [
        RegistryEntry(folder=folder)
        for folder in sorted(root.glob("*/*"))
        if folder.is_dir() and REFERENCE.fullmatch(f"{folder.parent.name}@{folder.name}")
    ]
