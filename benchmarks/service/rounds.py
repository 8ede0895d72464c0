"""The rounds: every server is started afresh, and at each point all of them take their turn."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.load import Clients, Spell
from benchmarks.payloads import Payloads
from benchmarks.servers import PeakMemory
from benchmarks.service.contenders import KINDS, OURS, Contender, Kind
from benchmarks.service.entrants import Entrant, all_running, check_answers
from benchmarks.service.scale import Scale

OVERLOAD_FACTOR = 4
# What a client of the overload waits for; a later answer is of no use to anybody.
USEFUL_S = 2.0
NUM_BURST_CLIENTS = 16
LEAVE_AFTER_S = 0.05
MEMORY_PERIOD_S = 0.25
QUIET_DEADLINE_S = 20.0

Metrics = dict[str, float]
Samples = dict[str, dict[str, list[Metrics]]]
"""Metrics by point, contender and round."""


def measure_rounds(
    contenders: Sequence[Contender],
    payloads: Payloads,
    clients: Clients,
    *,
    scale: Scale,
    folder: Path,
) -> tuple[Samples, dict[str, float]]:
    """Return everything that was measured, and the peers' largest differences to our answers.

    The order of the contenders moves on by one from round to round.

    Raises:
        DifferentAnswerError: If a peer answers something else than the service.
    """
    samples: Samples = defaultdict(lambda: defaultdict(list))
    differences: dict[str, float] = {}
    for round_index in range(scale.num_rounds):
        shift = round_index % len(contenders)
        order = [*contenders[shift:], *contenders[:shift]]
        with all_running(order, payloads, folder=folder) as entrants:
            differences = check_answers(entrants)
            Round(entrants, clients, scale=scale, seed=round_index, samples=samples).measure()
    return {point: dict(by_name) for point, by_name in samples.items()}, differences


class Round:
    """One round over servers that are up.

    The service's own capacity for a payload, its best closed loop, sets the rates of open loops
    and overload: all contenders are sent the same requests at the same times.

    Args:
        entrants: In the order of their turns.
        clients: What loads them.
        scale: How long.
        seed: Of the times at which open loops send.
        samples: Takes what is measured.
    """

    def __init__(
        self,
        entrants: Sequence[Entrant],
        clients: Clients,
        *,
        scale: Scale,
        seed: int,
        samples: Samples,
    ) -> None:
        self._entrants = entrants
        self._clients = clients
        self._scale = scale
        self._seed = seed
        self._samples = samples
        self._idle_cores: dict[str, float] = {}
        self._peak_bytes: dict[str, int] = defaultdict(int)

    def measure(self) -> None:
        """Measure every point."""
        self._each("start", lambda entrant: {"ready_s": entrant.server.ready_s})
        self._warm_up()
        self._watch_idle()
        self._each("idle", self._idle)
        for kind in KINDS:
            self._closed_loops(kind)
            self._open_loops(kind)
        self._each("overload", self._overload)
        self._each("disconnect", self._disconnect)
        self._each("memory", lambda entrant: {"peak_mb": self._peak_bytes[entrant.name] / 1e6})

    def _each(self, point: str, measure: Callable[[Entrant], Metrics]) -> None:
        for entrant in self._entrants:
            self._samples[point][entrant.name].append(measure(entrant))

    def _warm_up(self) -> None:
        for entrant in self._entrants:
            for kind in KINDS:
                self._closed(
                    entrant,
                    kind=kind,
                    num_clients=max(self._scale.num_clients),
                    duration_s=self._scale.warm_s,
                )

    def _watch_idle(self) -> None:
        """Read what each server spends while none is asked, all of them over the same time."""
        before_s = {entrant.name: entrant.server.processor_s() for entrant in self._entrants}
        started = time.perf_counter()
        time.sleep(self._scale.idle_s)
        for entrant in self._entrants:
            spent_s = entrant.server.processor_s() - before_s[entrant.name]
            self._idle_cores[entrant.name] = spent_s / (time.perf_counter() - started)

    def _idle(self, entrant: Entrant) -> Metrics:
        return {
            "idle_cores": self._idle_cores[entrant.name],
            "idle_mb": entrant.server.memory_bytes() / 1e6,
        }

    def _closed_loops(self, kind: Kind) -> None:
        duration_s = self._scale.spell_s
        for num_clients in self._scale.num_clients:
            loop = partial(self._closed, kind=kind, num_clients=num_clients, duration_s=duration_s)
            self._each(f"{kind} closed {num_clients}", loop)

    def _open_loops(self, kind: Kind) -> None:
        for load in self._scale.loads:
            self._each(f"{kind} open {load:g}", partial(self._open, kind=kind, load=load))

    def _closed(
        self, entrant: Entrant, *, kind: Kind, num_clients: int, duration_s: float
    ) -> Metrics:
        return self._measure_spell(
            entrant,
            lambda: self._clients.closed_loop(
                entrant.server.url,
                entrant.posts[kind],
                num_clients=num_clients,
                duration_s=duration_s,
            ),
        )

    def _open(self, entrant: Entrant, *, kind: Kind, load: float) -> Metrics:
        return self._measure_spell(
            entrant,
            lambda: self._clients.open_loop(
                entrant.server.url,
                entrant.posts[kind],
                rate_hz=load * self._capacity_hz(kind),
                duration_s=self._scale.spell_s,
                seed=self._seed,
            ),
        )

    def _capacity_hz(self, kind: Kind) -> float:
        return max(
            self._samples[f"{kind} closed {num_clients}"][OURS][-1]["requests_per_s"]
            for num_clients in self._scale.num_clients
        )

    def _measure_spell(self, entrant: Entrant, run: Callable[[], Spell]) -> Metrics:
        before_s = entrant.server.processor_s()
        spell = run()
        metrics = describe_spell(spell, processor_s=entrant.server.processor_s() - before_s)
        self._note_memory(entrant, entrant.server.memory_bytes())
        return metrics

    def _overload(self, entrant: Entrant) -> Metrics:
        before_s = entrant.server.processor_s()
        with PeakMemory(entrant.server, period_s=MEMORY_PERIOD_S) as memory:
            spell = self._clients.open_loop(
                entrant.server.url,
                entrant.posts["mp4"],
                rate_hz=OVERLOAD_FACTOR * self._capacity_hz("mp4"),
                duration_s=self._scale.overload_s,
                seed=self._seed,
                patience_s=USEFUL_S,
            )
            self._wait_until_quiet(entrant)
        self._note_memory(entrant, memory.peak_bytes)
        spent_s = entrant.server.processor_s() - before_s
        return describe_overload(spell, duration_s=self._scale.overload_s, processor_s=spent_s) | {
            "peak_mb": memory.peak_bytes / 1e6
        }

    def _disconnect(self, entrant: Entrant) -> Metrics:
        """Return what requests cost whose clients have left, without what the server idles."""
        started, before_s = time.perf_counter(), entrant.server.processor_s()
        spells = []
        for _ in range(self._scale.num_bursts):
            spells.append(
                self._clients.burst(
                    entrant.server.url,
                    entrant.posts["mp4"],
                    num_clients=NUM_BURST_CLIENTS,
                    patience_s=LEAVE_AFTER_S,
                )
            )
            self._wait_until_quiet(entrant)
        idle_s = self._idle_cores[entrant.name] * (time.perf_counter() - started)
        spent_s = entrant.server.processor_s() - before_s - idle_s
        num_requests = NUM_BURST_CLIENTS * len(spells)
        return {
            "answered_ratio": sum(spell.num_answers for spell in spells) / num_requests,
            "processor_s_per_request": spent_s / num_requests,
        }

    def _wait_until_quiet(self, entrant: Entrant) -> None:
        entrant.server.wait_until_quiet(
            deadline_s=QUIET_DEADLINE_S, idle_cores=self._idle_cores[entrant.name]
        )

    def _note_memory(self, entrant: Entrant, num_bytes: int) -> None:
        self._peak_bytes[entrant.name] = max(self._peak_bytes[entrant.name], num_bytes)


def describe_spell(spell: Spell, *, processor_s: float) -> Metrics:
    """Return the metrics of a loop.

    Args:
        spell: What became of its requests; some must have been answered.
        processor_s: What the server spent meanwhile.

    Raises:
        RuntimeError: If no request was answered.
    """
    if not spell.num_answers:
        raise RuntimeError(
            f"no request was answered: {spell.num_refused} refused, {spell.num_failed} failed"
        )
    p50, p95, p99 = (float(value) for value in np.quantile(spell.latencies_s, (0.5, 0.95, 0.99)))
    return {
        "requests_per_s": spell.num_answers / spell.elapsed_s,
        "p50_s": p50,
        "p95_s": p95,
        "p99_s": p99,
        "processor_s_per_request": processor_s / spell.num_answers,
        "client_processor_s_per_request": spell.client_processor_s / spell.num_answers,
        "num_answers": float(spell.num_answers),
        "num_refused": float(spell.num_refused),
        "num_failed": float(spell.num_failed),
    }


def describe_overload(spell: Spell, *, duration_s: float, processor_s: float) -> Metrics:
    """Return the metrics of an overload; every answer came while its client still waited.

    Args:
        spell: What became of its requests.
        duration_s: For how long requests were sent.
        processor_s: What the server spent until it was quiet again.
    """
    return {
        "useful_per_s": spell.num_answers / spell.elapsed_s,
        "refused_per_s": spell.num_refused / duration_s,
        "failed_per_s": spell.num_failed / duration_s,
        "processor_s": processor_s,
    }
