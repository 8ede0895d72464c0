"""What is wrong with a data set, before hours are spent on it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from models.errors import MediaError, MediaTooShortError
from models.spec import ClipSpec
from training.data.cache import Progress, in_processes
from training.data.examples import Example

Fault = Literal["missing", "corrupt", "too short", "short"]
FATAL: tuple[Fault, ...] = ("missing", "corrupt", "too short")
"""Faults of examples that training leaves out; `short` ones repeat frames instead."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One example that is not as it should be.

    Attributes:
        example: Which.
        fault: `missing` files, `corrupt` ones that cannot be decoded, `too short` to be used, or
            `short`: with fewer frames than a clip shows.
        reason: What was found.
    """

    example: Example
    fault: Fault
    reason: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.example.split}, {self.example.media}: {self.reason}"


def find_faults(
    examples: Sequence[Example], spec: ClipSpec, *, num_workers: int, progress: Progress
) -> list[Finding]:
    """Decode every example and return those that are at fault, in their order.

    Args:
        examples: What to look at.
        spec: Shape of the clips.
        num_workers: Processes that decode.
        progress: Called with the number of examples done and the number of all.
    """
    findings = []
    found = in_processes(partial(inspect_example, spec=spec), examples, num_workers=num_workers)
    for done, finding in enumerate(found, start=1):
        if finding is not None:
            findings.append(finding)
        progress(done, len(examples))
    return findings


def inspect_example(example: Example, spec: ClipSpec) -> Finding | None:
    """Return what is wrong with one example, or None."""
    missing = [str(path) for path in example.media.files if not path.is_file()]
    if missing:
        return Finding(example=example, fault="missing", reason=f"no file {missing[0]}")
    try:
        num_frames = example.media.read(spec).info.num_frames
    except MediaTooShortError as exc:
        return Finding(example=example, fault="too short", reason=str(exc))
    except (MediaError, OSError) as exc:
        return Finding(example=example, fault="corrupt", reason=str(exc))
    if num_frames < spec.num_frames:
        reason = f"has {num_frames} frames, a clip shows {spec.num_frames}"
        return Finding(example=example, fault="short", reason=reason)
    return None


def count_faults(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many examples have each fault, all faults named."""
    counts = Counter(finding.fault for finding in findings)
    return {fault: counts[fault] for fault in (*FATAL, "short")}
