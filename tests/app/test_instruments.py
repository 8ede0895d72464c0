from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from app.instruments import Instruments


def test_presence_shows_what_is_there_and_nothing_that_was() -> None:
    registry = CollectorRegistry()
    presence = Instruments(registry).presence("alias_info", "Aliases.", ("alias", "model"))

    presence.show([("default", "a@1"), ("second", "a@1")])
    presence.show([("default", "b@1")])

    assert generate_latest(registry).decode().splitlines() == [
        "# HELP driver_activity_alias_info Aliases.",
        "# TYPE driver_activity_alias_info gauge",
        'driver_activity_alias_info{alias="default",model="b@1"} 1.0',
    ]
