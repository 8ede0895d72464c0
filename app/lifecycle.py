"""Loads, replaces and unloads models while the service answers."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog

from app.drift import DriftMonitor
from app.errors import ModelUnusableError
from app.memory import return_freed_memory
from app.metrics import Metrics
from app.records import label_model
from models.classifier import ActivityClassifier
from models.errors import ModelError, ModelInUseError, UnknownModelError
from models.installed import RegistryEntry
from models.registry import ModelRegistry


class ModelLifecycle:
    """Keeps metrics and drift in step with the models that are loaded; one change at a time.

    Args:
        registry: The models.
        metrics: Shows which are loaded.
        drift: Watches their answers.
        find_compared: Tells which experiment compares a model, by `name@version`. Its records are
            of these weights, so that they are neither unloaded nor replaced.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        *,
        metrics: Metrics,
        drift: DriftMonitor,
        find_compared: Callable[[], Mapping[str, str]],
    ) -> None:
        self._registry = registry
        self._metrics = metrics
        self._drift = drift
        self._find_compared = find_compared
        self._lock = asyncio.Lock()
        self._faults: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("driver_activity.models")

    def announce(self) -> None:
        """Show what was loaded at the start."""
        for entry in self._registry.entries:
            if entry.classifier is not None:
                self._watch_answers(entry.classifier)
        for reference, reason in self._registry.problems.items():
            self._log.error("model_failed", model=reference, reason=reason)
        self._show()

    def start(self, period_s: float) -> None:
        """Look for changed folders every so many seconds, in the background; never for 0."""
        if period_s:
            self._task = asyncio.create_task(self._poll(period_s))

    async def close(self) -> None:
        """Look no more; a model that is being loaded is finished first."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        async with self._lock:
            self._task = None

    async def load(self, reference: str) -> RegistryEntry:
        """Load what lies in a model's folder now, in the place of what was loaded.

        Args:
            reference: `name@version`.

        Raises:
            UnknownModelError: If nothing of that name and version is installed.
            ModelInUseError: If it is loaded, and an experiment compares it.
            ModelUnusableError: If it cannot be loaded; what was loaded before answers on.
        """
        return await asyncio.shield(self._load(reference))

    async def unload(self, reference: str) -> RegistryEntry:
        """Unload a model; requests under way are answered by it.

        Args:
            reference: `name@version`.

        Raises:
            UnknownModelError: If nothing of that name and version is installed.
            ModelInUseError: If an alias leads to it, or an experiment compares it.
        """
        async with self._lock:
            before = self._registry.resolve(reference).classifier
            self._check_not_compared(reference)
            entry = self._registry.unload_model(reference)
            self._faults.pop(reference, None)
            if before is not None:
                self._drift.forget(label_model(before))
                self._log.info("model_unloaded", model=reference)
            self._show()
            return entry

    async def look(self) -> None:
        """Load the wanted models whose folders have changed; what fails is tried again next time.

        A folder that is being copied does not have its card's hashes before it is whole.
        """
        try:
            stale = await asyncio.to_thread(self._registry.find_stale)
        except OSError as exc:
            self._note_fault("folder of models", exc.strerror)
            return
        for entry in stale:
            try:
                await self.load(entry.reference)
            except (ModelError, ModelUnusableError) as exc:
                self._note_fault(entry.reference, str(exc))

    async def _poll(self, period_s: float) -> None:
        while True:
            await asyncio.sleep(period_s)
            try:
                await self.look()
            except Exception:
                self._log.exception("look_failed")

    async def _load(self, reference: str) -> RegistryEntry:
        async with self._lock:
            started = time.perf_counter()
            try:
                self._check_replaceable(reference)
                entry = await asyncio.to_thread(self._registry.load_model, reference)
            except (UnknownModelError, ModelInUseError):
                raise
            except ModelError as exc:
                self._metrics.count_load("failed")
                raise ModelUnusableError(reference, str(exc)) from exc
            self._announce(entry, seconds=time.perf_counter() - started)
            await asyncio.to_thread(return_freed_memory)
            return entry

    def _announce(self, entry: RegistryEntry, *, seconds: float) -> None:
        self._faults.pop(entry.reference, None)
        self._metrics.count_load("loaded")
        self._log.info("model_loaded", model=entry.reference, seconds=round(seconds, 3))
        if entry.classifier is not None:
            self._watch_answers(entry.classifier)
        self._show()

    def _watch_answers(self, classifier: ActivityClassifier) -> None:
        labels, card = label_model(classifier), classifier.card
        if card.golden is None:
            self._log.warning("golden_clip_not_checked", model=labels.reference)
        self._drift.forget(labels)  # the answers of what was replaced
        if card.drift_reference is None:
            self._log.warning("drift_not_watched", model=labels.reference)
        else:
            self._drift.watch(labels, card.drift_reference)

    def _show(self) -> None:
        loaded = [entry.classifier for entry in self._registry.entries]
        self._metrics.show_models([label_model(one) for one in loaded if one is not None])

    def _check_replaceable(self, reference: str) -> None:
        loaded = {entry.reference for entry in self._registry.entries if entry.classifier}
        if reference in loaded:
            self._check_not_compared(reference)

    def _check_not_compared(self, reference: str) -> None:
        experiment = self._find_compared().get(reference)
        if experiment is not None:
            raise ModelInUseError(reference, f"experiment {experiment} compares it")

    def _note_fault(self, subject: str, reason: str | None) -> None:
        """Log a fault once, however often it is met."""
        if self._faults.get(subject) != str(reason):
            self._log.error("model_not_loaded", model=subject, reason=str(reason))
        self._faults[subject] = str(reason)
