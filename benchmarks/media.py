"""Clips to decode: a film of a synthetic driver, coded about as dash cams do.

Tensor suffixes: T frames, H height, W width; the last axis of 3 is RGB.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import av
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

# Only annotations of PyAV say of what stream a packet is.
Packet: TypeAlias = "av.Packet[av.VideoStream]"

FILM_SIZE_PX = 640
FRAME_RATE_HZ = 30
# Scaling up leaves no detail of single pixels; a sensor's noise, in grey levels, puts some back.
NOISE_LEVELS = 2.0
# How far the noise's pattern jumps from frame to frame, at most.
NOISE_JUMP_PX = 64
# The time code: a strip along the bottom with the frame's number in white and black blocks.
NUM_CODE_BITS = 8
CODE_PART = 14


@dataclass(frozen=True, kw_only=True)
class ClipSize:
    """Size of the pictures, and the bit rate that goes with it."""

    width_px: int
    height_px: int
    bits_per_s: int

    def __str__(self) -> str:
        return f"{self.width_px}x{self.height_px}"


@dataclass(frozen=True, kw_only=True)
class Coding:
    """An encoder of FFmpeg's, the container's suffix, and options beside rate and keyframes."""

    encoder: str
    suffix: str
    options: Mapping[str, str]


SIZES = (
    ClipSize(width_px=640, height_px=480, bits_per_s=2_000_000),
    ClipSize(width_px=1280, height_px=720, bits_per_s=4_000_000),
    ClipSize(width_px=1280, height_px=1024, bits_per_s=5_500_000),
    ClipSize(width_px=1920, height_px=1080, bits_per_s=8_000_000),
)
# One thread, or PyAV would have encoders cut every picture into slices. x264's own preset and
# B-frames; the others' presets are those that encode in a reasonable time.
CODINGS: Mapping[str, Coding] = {
    "H.264": Coding(encoder="libx264", suffix="mp4", options={"threads": "1"}),
    "HEVC": Coding(
        encoder="libx265",
        suffix="mp4",
        options={"preset": "fast", "x265-params": "pools=1:frame-threads=1:log-level=error"},
    ),
    "VP9": Coding(
        encoder="libvpx-vp9",
        suffix="webm",
        options={"threads": "1", "deadline": "realtime", "cpu-used": "6"},
    ),
    "AV1": Coding(
        encoder="libsvtav1", suffix="mp4", options={"preset": "8", "svtav1-params": "lp=1"}
    ),
    "MPEG-4": Coding(encoder="mpeg4", suffix="mp4", options={"threads": "1"}),
}
SECONDS_BETWEEN_KEYFRAMES = 1


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A coded film."""

    path: Path
    codec: str
    size: ClipSize


def film_drinking() -> NDArray[np.uint8]:
    """Return frames_THWC of 3 s, square: a synthetic driver who drinks."""
    # Imported here because what only decodes clips has no need of the renderer.
    from training.data.synthetic import SyntheticConfig
    from training.data.synthetic.body import make_bodies
    from training.data.synthetic.people import draw_person
    from training.data.synthetic.studio import Studio

    config = SyntheticConfig(frame_rate_hz=FRAME_RATE_HZ, size_px=FILM_SIZE_PX)
    person = draw_person(config.seed, 0)
    (body,) = make_bodies([person])
    studio = Studio(config, person_index=0, person=person, body=body, views=["passenger_side"])
    return studio.film("drinking", 0)["passenger_side"]


def film_clip(
    height_px: int, width_px: int, *, film_THWC: NDArray[np.uint8]
) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames_HWC of a film cut to a shape, scaled up, with noise and a time code."""
    rng = np.random.default_rng(0)
    noise_shape = (height_px + NOISE_JUMP_PX, width_px + NOISE_JUMP_PX, 1)
    noise_HW1 = (rng.standard_normal(noise_shape) * NOISE_LEVELS).round().astype(np.int16)
    for index, frame_HWC in enumerate(_cut(film_THWC, height_px / width_px)):
        top, left = rng.integers(0, NOISE_JUMP_PX, 2)
        scaled_HWC = _scale(frame_HWC, height_px, width_px)
        grain_HW1 = noise_HW1[top : top + height_px, left : left + width_px]
        seen_HWC = np.clip(scaled_HWC + grain_HW1, 0, 255).astype(np.uint8)
        write_time_code(seen_HWC, index)
        yield seen_HWC


def write_time_code(frame_HWC: NDArray[np.uint8], index: int) -> None:
    """Draw a frame's number, below 256, into the strip along its bottom."""
    height_px, width_px = frame_HWC.shape[:2]
    bits = index >> (np.arange(width_px) * NUM_CODE_BITS // width_px) & 1
    frame_HWC[height_px - height_px // CODE_PART :] = (255 * bits).astype(np.uint8)[:, None]


def read_time_codes(frames_THWC: NDArray[np.uint8]) -> list[int]:
    """Return the number that each frame carries, whatever its size is by now."""
    height_px, width_px = frames_THWC.shape[1:3]
    row = height_px - height_px // (2 * CODE_PART) - 1
    columns = (np.arange(NUM_CODE_BITS) * 2 + 1) * width_px // (2 * NUM_CODE_BITS)
    bits = frames_THWC[:, row][:, columns].mean(axis=-1) > 127
    return [int(number) for number in bits @ (1 << np.arange(NUM_CODE_BITS))]


def write_clips(
    folder: Path,
    *,
    sizes: Iterable[ClipSize] = SIZES,
    codings: Mapping[str, Coding] = CODINGS,
    film_THWC: NDArray[np.uint8] | None = None,
) -> list[Clip]:
    """Return a clip of every size and codec; those that the folder lacks are made.

    Args:
        folder: Where the clips are, or go.
        sizes: Sizes of pictures.
        codings: Ways to encode, by the codec's name.
        film_THWC: What is shown; None for `film_drinking`, which takes a while.
    """
    os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 says errors only
    clips: list[Clip] = []
    for size in sizes:
        paths = {
            codec: folder / f"{coding.encoder}-{size}.{coding.suffix}"
            for codec, coding in codings.items()
        }
        missing = {path: codings[codec] for codec, path in paths.items() if not path.is_file()}
        if missing:
            film_THWC = film_drinking() if film_THWC is None else film_THWC
            _encode(film_clip(size.height_px, size.width_px, film_THWC=film_THWC), missing, size)
        clips += [Clip(path=path, codec=codec, size=size) for codec, path in paths.items()]
    return clips


def repeat_clip(
    source: Path, target: Path, num_times: int = 1, *, options: Mapping[str, str] | None = None
) -> Path:
    """Write a video that shows another one several times, its packets as they are.

    Args:
        source: The other one.
        target: What is written; its suffix says in which container.
        num_times: How often.
        options: Of the container.
    """
    with (
        av.open(source) as original,
        av.open(target, "w", container_options=dict(options or {})) as copy,
    ):
        video = original.streams.video[0]
        stream = copy.add_stream_from_template(video)
        packets = [packet for packet in original.demux(video) if packet.size]
        length = video.duration or 0
        for index in range(num_times):
            for packet in packets:
                copy.mux(_shifted(packet, stream, index * length))
    return target


def _cut(film_THWC: NDArray[np.uint8], ratio: float) -> NDArray[np.uint8]:
    """Return the middle rows of a film, so that height by width is the ratio."""
    height_px, width_px = film_THWC.shape[1:3]
    num_rows = min(height_px, round(width_px * ratio))
    top = (height_px - num_rows) // 2
    return film_THWC[:, top : top + num_rows]


def _scale(frame_HWC: NDArray[np.uint8], height_px: int, width_px: int) -> NDArray[np.uint8]:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), format="rgb24")
    scaled = frame.reformat(width_px, height_px, "rgb24", interpolation=Interpolation.BICUBIC)
    return np.asarray(scaled.to_ndarray(), np.uint8)


def _encode(
    frames_HWC: Iterable[NDArray[np.uint8]], codings: Mapping[Path, Coding], size: ClipSize
) -> None:
    """Encode frames in several ways at once; a file appears when it is whole."""
    with ExitStack() as stack:
        outputs = []
        for path, coding in codings.items():
            part = path.with_suffix(f".part.{coding.suffix}")
            container = stack.enter_context(av.open(part, "w"))
            outputs.append((container, _add_stream(container, coding, size)))
        for frame_HWC in frames_HWC:
            for container, stream in outputs:
                frame = av.VideoFrame.from_ndarray(frame_HWC, format="rgb24")
                container.mux(stream.encode(frame))
        for container, stream in outputs:
            container.mux(stream.encode(None))
    for path, coding in codings.items():
        path.with_suffix(f".part.{coding.suffix}").rename(path)


def _add_stream(
    container: av.container.OutputContainer, coding: Coding, size: ClipSize
) -> av.VideoStream:
    options = {
        **coding.options,
        "b": str(size.bits_per_s),
        "g": str(FRAME_RATE_HZ * SECONDS_BETWEEN_KEYFRAMES),
    }
    stream = container.add_stream(coding.encoder, rate=FRAME_RATE_HZ, options=options)
    stream = cast(av.VideoStream, stream)
    stream.width, stream.height, stream.pix_fmt = size.width_px, size.height_px, "yuv420p"
    return stream


def _shifted(packet: Packet, stream: av.VideoStream, offset: int) -> "av.Packet[Any]":
    shifted: av.Packet[Any] = av.Packet(bytes(packet))
    shifted.pts = (packet.pts or 0) + offset
    shifted.dts = (packet.dts or 0) + offset
    shifted.duration = packet.duration
    shifted.is_keyframe = packet.is_keyframe
    shifted.time_base = packet.time_base
    shifted.stream = stream
    return shifted
