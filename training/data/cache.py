"""Decoded clips on disk, so that an epoch reads arrays instead of decoding video.

Tensor legend: N clips, T frames, H W pixels, C channels.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.errors import MediaError, UndecodableMediaError
from models.spec import ClipSpec
from models.video.windows import DecodeMode
from training.data.examples import Example
from training.processes import worker_processes

T = TypeVar("T")
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class DecodedClips:
    """Examples whose first window could be decoded, and those whose could not.

    Attributes:
        fingerprint: Tells them from the clips of other examples, files or specs.
        examples: The N usable examples.
        clips_NTHWC: Their clips, uint8, mapped from disk.
        failures: Why an example is not among them, by what its media is called.
    """

    fingerprint: str
    examples: tuple[Example, ...]
    clips_NTHWC: NDArray[np.uint8]
    failures: dict[str, str]


def decode_examples(
    examples: Sequence[Example],
    spec: ClipSpec,
    folder: Path,
    *,
    num_workers: int,
    progress: Progress,
    mode: DecodeMode = "exact",
) -> DecodedClips:
    """Decode one clip an example, or map the clips of an earlier call.

    A clip is what the service would feed its network for the same footage: both read it in the
    same way. What cannot be decoded is left out and reported, never replaced.

    Args:
        examples: What to decode.
        spec: Shape of the clips.
        folder: Where decoded clips are kept, one file for each list of examples, spec and mode.
        num_workers: Processes that decode.
        progress: Called with the number of clips done and the number of all.
        mode: How videos are decoded.
    """
    fingerprint = _fingerprint(examples, spec, mode)
    clips_path, failures_path = folder / f"{fingerprint}.npy", folder / f"{fingerprint}.json"
    if not failures_path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        decode = partial(decode_example, spec=spec, mode=mode)
        clips = in_processes(decode, examples, num_workers=num_workers)
        failures = _write_clips(clips, examples, clips_path, spec=spec, progress=progress)
        partial_path = failures_path.with_suffix(f".{os.getpid()}.partial")
        partial_path.write_text(json.dumps(failures, indent=2), encoding="utf-8")
        partial_path.replace(failures_path)
    failures = json.loads(failures_path.read_text(encoding="utf-8"))
    usable = tuple(example for example in examples if str(example.media) not in failures)
    clips_NTHWC = np.load(clips_path, mmap_mode="r")[: len(usable)]
    return DecodedClips(
        fingerprint=fingerprint, examples=usable, clips_NTHWC=clips_NTHWC, failures=failures
    )


def decode_example(
    example: Example, spec: ClipSpec, *, mode: DecodeMode = "exact"
) -> NDArray[np.uint8] | MediaError:
    """Return the clip of an example, uint8 `frames_THWC`, or why there is none."""
    try:
        windows = example.media.read(spec, mode=mode)
    except MediaError as exc:
        return exc
    except OSError as exc:
        return UndecodableMediaError(exc.strerror or str(exc))
    frames_THWC: NDArray[np.uint8] = windows.windows_NTHWC[0]
    return frames_THWC


def _write_clips(
    clips: Iterator[NDArray[np.uint8] | MediaError],
    examples: Sequence[Example],
    clips_path: Path,
    *,
    spec: ClipSpec,
    progress: Progress,
) -> dict[str, str]:
    """Write the clips of examples to a file, and return why some are not there."""
    failures: dict[str, str] = {}
    partial_path = clips_path.with_suffix(f".{os.getpid()}.partial")  # nobody else's
    clips_NTHWC = np.lib.format.open_memmap(
        partial_path, mode="w+", dtype=np.uint8, shape=(len(examples), *spec.clip_shape)
    )
    num_usable = 0
    for done, (example, clip) in enumerate(zip(examples, clips, strict=True), start=1):
        if isinstance(clip, MediaError):
            failures[str(example.media)] = str(clip)
        else:
            clips_NTHWC[num_usable] = clip
            num_usable += 1
        progress(done, len(examples))
    clips_NTHWC.flush()
    partial_path.replace(clips_path)
    return failures


def in_processes(
    function: Callable[[Example], T], examples: Sequence[Example], *, num_workers: int
) -> Iterator[T]:
    """Yield what a function gives for every example, in their order, from worker processes."""
    with worker_processes(num_workers) as pool:
        yield from pool.map(function, examples, chunksize=8)


def _fingerprint(examples: Sequence[Example], spec: ClipSpec, mode: DecodeMode) -> str:
    digest = hashlib.sha256(spec.model_dump_json().encode())
    if mode != "exact":
        digest.update(mode.encode())
    for example in examples:
        digest.update(json.dumps(asdict(example), default=str).encode())
        for path in example.media.files:
            digest.update(str(_modified_ns(path)).encode())
    return digest.hexdigest()[:16]


def _modified_ns(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0
