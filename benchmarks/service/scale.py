"""How long and how often the service and its peers are measured."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Durations and counts; a whole run takes their sum for every contender and round.

    Attributes:
        num_rounds: Rounds; in each, every server is started afresh.
        num_clients: Clients of the closed loops of each kind of payload.
        loads: Rates of the open loops of each kind, as parts of the service's capacity for it.
        spell_s: Length of a closed or open loop.
        warm_s: Length of the closed loop, of each kind, that precedes them and is not counted.
        turns_s: Time in which answers and the same work in process take turns, by kind and round.
        idle_s: Time in which nothing is asked and idle servers are watched.
        overload_s: Length of the overload.
        num_bursts: Bursts of clients who leave early.
        num_starts: Starts of the service alone.
        num_timed_requests: Requests of each clip to the service alone.
        num_soak_requests: Requests after which its memory is read again.
    """

    num_rounds: int
    num_clients: tuple[int, ...]
    loads: tuple[float, ...]
    spell_s: float
    warm_s: float
    turns_s: float
    idle_s: float
    overload_s: float
    num_bursts: int
    num_starts: int
    num_timed_requests: int
    num_soak_requests: int


FULL = Scale(
    num_rounds=5,
    num_clients=(1, 2, 4, 8),
    loads=(0.5, 0.8, 1.1),
    spell_s=1.5,
    warm_s=0.3,
    turns_s=12.0,
    idle_s=2.0,
    overload_s=3.0,
    num_bursts=2,
    num_starts=5,
    num_timed_requests=200,
    num_soak_requests=2000,
)
SMOKE = Scale(
    num_rounds=2,
    num_clients=(1, 2),
    loads=(0.5,),
    spell_s=0.5,
    warm_s=0.1,
    turns_s=0.2,
    idle_s=0.2,
    overload_s=0.5,
    num_bursts=1,
    num_starts=1,
    num_timed_requests=5,
    num_soak_requests=5,
)
