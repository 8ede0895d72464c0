"""Loads the models asked for, and resolves references to them.

A reference is `name@version`, `name`, or an alias of either. A name alone leads to its newest
version that is loaded, so that a version that is being copied or does not load takes no request
away from the one before; while none is loaded, to the newest that is installed.
"""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from models.classifier import ActivityClassifier, load_classifier
from models.errors import (
    AliasTakenError,
    ModelError,
    ModelInUseError,
    ModelNotReadyError,
    UnknownModelError,
)
from models.installed import REFERENCE, RegistryEntry, find_models
from models.runtimes import RuntimeName
from models.runtimes.compiled import CompiledFolder


class ModelRegistry:
    """Holds the installed models of one folder; a broken one never hides the others.

    Args:
        root: Folder of `<name>/<version>` model folders.
        requested: References to load; the service is ready when all of them are.
        aliases: Further names, such as `default`, of references.
        runtime_name: Engine to run the networks on.
        num_threads: Processor threads that one prediction may use.
        num_streams: Predictions of one model that are computed at once.
        public_key: File of the key that cards must be signed with; None if they need not be.
        compiled: Where compiled networks are kept; None if they are not.
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
        public_key: Path | None = None,
        compiled: CompiledFolder | None = None,
    ) -> None:
        self.aliases = dict(aliases)
        self.requested = tuple(requested)
        self.runtime_name: RuntimeName = runtime_name
        self._num_threads = num_threads
        self._num_streams = num_streams
        self._public_key = public_key
        self._compiled = compiled
        self._root = root
        self._lock = threading.Lock()
        self._entries: Mapping[str, RegistryEntry] = {}
        self._hidden: Mapping[str, str] = {}
        self._find_installed()

    def load(self) -> None:
        """Read every card and load every requested model; failures are kept in their entries.

        A requested reference that is not installed leaves the registry not ready. Aliases of a name
        lead to the version that was found now, whatever is installed later, until they are moved.
        """
        with self._lock:
            for entry in self.entries:
                entry.read_card()
                if entry.is_wanted:
                    self._try_to_load(entry)
        self._hidden = self._find_hidden()
        found = {alias: self._find(alias) for alias in self.aliases}
        self.aliases |= {alias: entry.reference for alias, entry in found.items() if entry}

    def load_model(self, reference: str) -> RegistryEntry:
        """Load what lies in the folder of a model now; blocks while it does.

        Requests are answered by what was loaded before until this is loaded, warmed up and checked,
        and go on being so if that fails.

        Args:
            reference: `name@version`.

        Raises:
            UnknownModelError: If nothing of that name and version is installed.
            ModelError: If it cannot be loaded; see `load_classifier`.
        """
        with self._lock:
            self._find_installed()
            entry = self.resolve(reference)
            entry.is_wanted = True
            self._load_entry(entry)
        return entry

    def unload_model(self, reference: str) -> RegistryEntry:
        """Unload a model, and wait neither for what it is answering nor for the disk.

        Args:
            reference: `name@version`.

        Raises:
            UnknownModelError: If nothing of that name and version is installed.
            ModelInUseError: If an alias leads to it.
        """
        entry = self.resolve(reference)
        if aliases := self.aliases_of(entry):
            raise ModelInUseError(entry.reference, f"alias {', '.join(aliases)} leads to it")
        entry.drop()
        return entry

    def find_stale(self) -> list[RegistryEntry]:
        """Return the wanted models whose folders hold something else than what is loaded; blocks.

        Versions that were installed since are found, too, and wanted if they are the newest of a
        name that was requested.
        """
        with self._lock:
            self._find_installed()
        return [entry for entry in self.entries if entry.is_wanted and entry.is_stale()]

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
        classifier = entry.classifier
        if classifier is None:
            raise ModelNotReadyError(entry.reference, entry.reason)
        return classifier

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
        name, classifier = runtime_name or self.runtime_name, entry.classifier
        if classifier is not None and name == self.runtime_name:
            return classifier
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
        """Why the registry is not ready, by requested reference or alias; empty when it is.

        A model that was unloaded is missed no more.
        """
        failed = {
            reference: entry.reason if entry else "not installed"
            for reference in self.requested
            if (entry := self._find(reference)) is None
            or (entry.is_wanted and entry.classifier is None)
        }
        return {**self._hidden, **failed}

    def _find_installed(self) -> None:
        """Look for model folders; what is loaded stays, though its folder may be gone."""
        found = {entry.reference: entry for entry in find_models(self._root)}
        new = [entry for reference, entry in found.items() if reference not in self._entries]
        kept = {
            reference: entry
            for reference, entry in self._entries.items()
            if reference in found or entry.classifier is not None
        }
        self._entries = found | kept  # replaced at once: others may be reading it
        for entry in new:
            if self._is_requested(entry):
                entry.want()

    def _find_hidden(self) -> Mapping[str, str]:
        names = {entry.name for entry in self.entries}
        reason = "a model of this name is installed, which the alias would hide"
        return {alias: reason for alias in self.aliases if alias in names}

    def _is_requested(self, entry: RegistryEntry) -> bool:
        newest = max(self._versions(entry.name), key=lambda other: other.version)
        return entry.reference in self.requested or (
            entry.name in self.requested and entry is newest
        )

    def _versions(self, name: str) -> list[RegistryEntry]:
        return [entry for entry in self._entries.values() if entry.name == name]

    def _find(self, reference: str) -> RegistryEntry | None:
        target = self.aliases.get(reference, reference)
        match = REFERENCE.fullmatch(target)
        if match is None:
            return None
        if match["version"]:
            return self._entries.get(target)
        return max(
            self._versions(match["name"]),
            key=lambda entry: (entry.classifier is not None, entry.version),
            default=None,
        )

    def _load(self, entry: RegistryEntry, runtime_name: RuntimeName) -> ActivityClassifier:
        return load_classifier(
            entry.folder,
            runtime_name=runtime_name,
            num_threads=self._num_threads,
            num_streams=self._num_streams,
            public_key=self._public_key,
            compiled=self._compiled,
        )

    def _try_to_load(self, entry: RegistryEntry) -> None:
        with suppress(ModelError):  # which the entry says
            self._load_entry(entry)

    def _load_entry(self, entry: RegistryEntry) -> None:
        try:
            entry.serve(self._load(entry, self.runtime_name))
        except ModelError as exc:
            entry.fail(str(exc))
            raise
