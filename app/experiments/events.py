"""The audit trail as clients see it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from app.experiments.evidence import Event
from app.schemas import EventAnswer


def answer_events(events: Sequence[Event]) -> list[EventAnswer]:
    """Return lines of the trail, in their order."""
    return [
        EventAnswer(
            time=datetime.fromtimestamp(event.time_s, UTC),
            subject=event.subject,
            name=event.name,
            action=event.action,
            detail=event.detail,
            by=event.by,
            reason=event.reason,
        )
        for event in events
    ]
