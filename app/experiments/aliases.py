"""Which model an alias leads to, in this process and in the trail that all processes share.

The latest line of an alias's trail counts. What the settings say is a line like others, added when
they say something new: so an alias that was moved stays moved over a restart, until somebody
changes the settings.
"""

from collections.abc import Mapping

import structlog

from app.errors import UninvolvedAliasError
from app.experiments.definition import Experiment
from app.experiments.metrics import ExperimentMetrics
from app.experiments.store.database import Database
from app.experiments.store.trail import (
    ALIAS,
    append_event,
    new_event,
    read_events,
    read_latest_moves,
)
from models.errors import ModelError
from models.registry import ModelRegistry

SETTINGS = "settings"


class AliasKeeper:
    """Moves the aliases of a registry as the trail says.

    Args:
        registry: Resolves aliases.
        database: Holds the trail.
        metrics: Shows where aliases lead.
    """

    def __init__(
        self, registry: ModelRegistry, database: Database, metrics: ExperimentMetrics
    ) -> None:
        self._registry = registry
        self._database = database
        self._metrics = metrics
        self._refused: dict[str, str] = {}
        self._log = structlog.get_logger("driver_activity.aliases")

    def claim(self, configured: Mapping[str, str]) -> None:
        """Add what the settings say to the trail if they say something new; blocks.

        Args:
            configured: `name@version` by alias.
        """
        for alias, model in configured.items():
            trail = read_events(self._database, subject=ALIAS, name=alias)
            said = [event.detail for event in trail if event.by == SETTINGS]
            if said[-1:] != [model]:
                self.note(alias, model, by=SETTINGS, reason="")

    def read(self) -> Mapping[str, str]:
        """Return `name@version` by alias, as the trail has it; blocks."""
        moves = read_latest_moves(self._database)
        return {alias: event.detail for alias, event in moves.items()}

    def note(self, alias: str, model: str, *, by: str, reason: str) -> None:
        """Add a move to the trail; blocks."""
        event = new_event(ALIAS, alias, action="moved", detail=model, by=by, reason=reason)
        append_event(self._database, event)
        self._metrics.count_move(alias, by=by)

    def follow(self, moves: Mapping[str, str]) -> None:
        """Let every alias lead where the trail says; one that cannot stays, and that is logged."""
        for alias, model in moves.items():
            if self.find_model(alias) != model and self._refused.get(alias) != model:
                self._move(alias, model)
        self.show()

    @property
    def models(self) -> dict[str, str]:
        """`name@version` by alias, of all that lead to a model."""
        found = {alias: self.find_model(alias) for alias in self._registry.aliases}
        return {alias: model for alias, model in found.items() if model is not None}

    def find_model(self, alias: str) -> str | None:
        """Return `name@version` that an alias leads to; None if there is no such alias or model."""
        if alias not in self._registry.aliases:
            return None
        try:
            return self._registry.resolve(alias).reference
        except ModelError:
            return None

    def check(self, experiment: Experiment, model: str | None) -> None:
        """Check that an experiment's alias leads to one of its arms.

        Args:
            experiment: The experiment.
            model: `name@version` that the alias leads to, or is to; None if to nothing.

        Raises:
            UninvolvedAliasError: If it is another model.
        """
        arms = [side.model for side in experiment.arms.values()]
        if model not in arms:
            raise UninvolvedAliasError(
                f"alias {experiment.alias!r} leads to {model or 'nothing'}, "
                f"experiment {experiment.name!r} compares {' and '.join(arms)}"
            )

    def show(self) -> None:
        """Show in the metrics where every alias leads."""
        self._metrics.show_aliases(self.models)

    def _move(self, alias: str, model: str) -> None:
        try:
            self._registry.move_alias(alias, model)
        except ModelError as exc:
            self._refused[alias] = model
            self._log.error("alias_not_moved", alias=alias, model=model, reason=str(exc))
        else:
            self._refused.pop(alias, None)
            self._log.info("alias_moved", alias=alias, model=model)
