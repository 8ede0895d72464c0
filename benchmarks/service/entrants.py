"""Servers that are up, and held to the service's own answers before any of them is timed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

from benchmarks.load import Post
from benchmarks.payloads import Payloads
from benchmarks.servers import RunningServer, running
from benchmarks.service.contenders import KINDS, OURS, Contender, Kind

ANSWER_DEADLINE_S = 60.0


class DifferentAnswerError(Exception):
    """A peer answers other probabilities than the service: its times would mean nothing."""


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """A contender whose server runs.

    Attributes:
        contender: Who it is.
        server: Its server.
        posts: Its requests, by kind of payload.
    """

    contender: Contender
    server: RunningServer
    posts: Mapping[Kind, Post]

    @property
    def name(self) -> str:
        """What the tables call it."""
        return self.contender.name

    def ask(self, kind: Kind) -> list[float]:
        """Return the K probabilities that it answers."""
        post = self.posts[kind]
        response = httpx.post(
            httpx.URL(self.server.url + post.path).copy_merge_params(self.contender.check_query),
            content=post.body,
            headers={"content-type": post.content_type},
            timeout=ANSWER_DEADLINE_S,
        )
        response.raise_for_status()
        return self.contender.read_probabilities(response.json())


@contextmanager
def all_running(
    contenders: Sequence[Contender], payloads: Payloads, *, folder: Path
) -> Iterator[list[Entrant]]:
    """Start every contender, one after the other; all of them end with the block."""
    with ExitStack() as stack:
        yield [
            Entrant(
                contender=contender,
                server=stack.enter_context(
                    running(contender.command, log=folder / f"{contender.name}.log")
                ),
                posts={kind: contender.make_post(kind, payloads) for kind in KINDS},
            )
            for contender in contenders
        ]


def check_answers(entrants: Sequence[Entrant]) -> dict[str, float]:
    """Return the largest difference of a probability to the service's, by peer, over all payloads.

    Raises:
        DifferentAnswerError: If one is not below the peer's `max_difference`.
    """
    (service,) = (entrant for entrant in entrants if entrant.name == OURS)
    expected = {kind: service.ask(kind) for kind in KINDS}
    differences: dict[str, float] = {}
    for peer in entrants:
        if peer is not service:
            by_kind = {kind: _max_difference(peer.ask(kind), expected[kind]) for kind in KINDS}
            _check(peer.contender, by_kind)
            differences[peer.name] = max(by_kind.values())
    return differences


def _max_difference(probs_K: Sequence[float], expected_K: Sequence[float]) -> float:
    return float(np.abs(np.subtract(probs_K, expected_K)).max())


def _check(peer: Contender, by_kind: Mapping[Kind, float]) -> None:
    for kind, difference in by_kind.items():
        if not difference < peer.max_difference:
            raise DifferentAnswerError(
                f"{peer.name} differs by {difference:g} for {kind}, "
                f"accepted is below {peer.max_difference:g}"
            )
