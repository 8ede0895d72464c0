"""Race engines on pairs of models: what they answer is compared first, then they take turns.

Axes: N windows, K classes.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.engines import Engine, Infer, Precision
from models.card import read_card
from training.pairs import Pair, make_windows
from training.timing import time_interleaved

NUM_COMPARED_WINDOWS = 4
# Float engines sum in another order than eager torch, which the bound allows for.
MAX_FLOAT_ERROR = 1e-2
# Int8 engines round differently, and random weights are harder to quantize than trained ones. The
# bound is there for a network that lost its weights or its preprocessing on the way.
MIN_INT8_COSINE = 0.6


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """How near an engine's answers are to those of eager float torch.

    Attributes:
        error: Greatest difference of a logit, in standard deviations of the logits.
        cosine: Least cosine of the logits of a window.
    """

    error: float
    cosine: float

    def fault(self, precision: Precision) -> str | None:
        """Return why an engine of a precision is not timed, if its answers are too far off."""
        if precision == "fp32" and not self.error <= MAX_FLOAT_ERROR:
            return f"logits are off by {self.error:.2g} deviations, accepted are {MAX_FLOAT_ERROR}"
        if precision == "int8" and not self.cosine >= MIN_INT8_COSINE:
            return f"cosine of logits is {self.cosine:.2f}, accepted is {MIN_INT8_COSINE}"
        return None


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a race says of one pair, by engine.

    Attributes:
        seconds: Of one call in every round.
        likeness: What came of the comparison.
        left_out: Why an engine was not timed.
    """

    seconds: dict[str, list[float]]
    likeness: dict[str, Likeness]
    left_out: dict[str, str]


def race(
    pairs: Mapping[str, Pair],
    engines: Mapping[str, Engine],
    *,
    reference: str,
    num_threads: int,
    num_rounds: int,
    calls_per_round: int,
) -> dict[str, Result]:
    """Time one window on every engine that answers right, engines of all pairs in turn.

    Args:
        pairs: Model folders by name.
        engines: By name.
        reference: The float engine that the others are compared with.
        num_threads: Processor threads of each call.
        num_rounds: At least 2.
        calls_per_round: Of which the median counts.

    Returns:
        The result of every pair.
    """
    with _torch_threads(num_threads):
        # The compiler keeps a small number of networks of one class, and then gives up.
        torch._dynamo.reset()
        lanes = {
            name: _enter(pair, engines, reference=reference, num_threads=num_threads)
            for name, pair in pairs.items()
        }
        calls = {
            (name, engine): partial(infer, lane.windows_NTHWC[:1])
            for name, lane in lanes.items()
            for engine, infer in lane.infers.items()
        }
        seconds = time_interleaved(calls, num_rounds=num_rounds, calls_per_round=calls_per_round)
    return {
        name: Result(
            seconds={engine: seconds[name, engine] for engine in lane.infers},
            likeness=lane.likeness,
            left_out=lane.left_out,
        )
        for name, lane in lanes.items()
    }


def compare(logits_NK: NDArray[np.float32], reference_NK: NDArray[np.float32]) -> Likeness:
    """Return how near logits are to those of the reference for the same windows."""
    norms_N = np.linalg.norm(logits_NK, axis=1) * np.linalg.norm(reference_NK, axis=1)
    return Likeness(
        error=float(np.abs(logits_NK - reference_NK).max() / reference_NK.std()),
        cosine=float(((logits_NK * reference_NK).sum(axis=1) / norms_N).min()),
    )


@dataclass(frozen=True, kw_only=True)
class _Lane:
    """A pair at the start: the engines that answered right, and what became of all."""

    windows_NTHWC: NDArray[np.uint8]
    infers: dict[str, Infer]
    likeness: dict[str, Likeness]
    left_out: dict[str, str]


def _enter(pair: Pair, engines: Mapping[str, Engine], *, reference: str, num_threads: int) -> _Lane:
    spec = read_card(pair.fp32).spec
    windows_NTHWC = make_windows(spec, num_windows=NUM_COMPARED_WINDOWS, seed=1)
    infers, left_out = _build(pair, engines, num_threads=num_threads)
    logits = {name: _answer(infer, windows_NTHWC) for name, infer in infers.items()}
    likeness = {name: compare(found_NK, logits[reference]) for name, found_NK in logits.items()}
    faults = {name: likeness[name].fault(engines[name].precision) for name in infers}
    return _Lane(
        windows_NTHWC=windows_NTHWC,
        infers={name: infer for name, infer in infers.items() if faults[name] is None},
        likeness=likeness,
        left_out=left_out | {name: fault for name, fault in faults.items() if fault},
    )


def _build(
    pair: Pair, engines: Mapping[str, Engine], *, num_threads: int
) -> tuple[dict[str, Infer], dict[str, str]]:
    """Return the engines that start, and why the others do not."""
    infers, left_out = {}, {}
    for name, engine in engines.items():
        try:
            infers[name] = engine.build(pair, num_threads)
        except (ImportError, RuntimeError) as exc:  # not installed, or cannot run the network
            left_out[name] = f"{type(exc).__name__}: {exc}".splitlines()[0]
    return infers, left_out


def _answer(infer: Infer, windows_NTHWC: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.concatenate([infer(window_THWC[None]) for window_THWC in windows_NTHWC])


@contextmanager
def _torch_threads(num_threads: int) -> Iterator[None]:
    """Let torch use so many threads in this thread of ours, where all calls are made."""
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
