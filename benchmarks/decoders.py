"""Ways to get the frames of one window out of a clip: ours, those of peers, and the floor.

Each is built for one clip and returns frames_THWC, uint8 RGB at model size, at every call. It
opens the file anew and uses one thread, as far as the library lets itself be told. Peers are told
the numbers of the wanted frames, which ours has to find out.

Tensor suffixes: T frames, H height, W width; the last axis of 3 is RGB.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias

import av
import numpy as np
from av.codec.context import ThreadType
from numpy.typing import NDArray

from models.spec import ClipSpec
from models.video.codec import SCALER, configure
from models.video.decode import SKIPPABLE_CODECS, read_windows
from models.video.limits import DEFAULT_LIMITS
from models.video.sampling import sample_grid
from models.video.selection import Need, Selection, look_ahead

SPEC = ClipSpec()

Frames = NDArray[np.uint8]
Call = Callable[[], Frames]
Build = Callable[[Path, Sequence[int]], Call]
# Only annotations of PyAV say of what stream a packet is.
Packet: TypeAlias = "av.Packet[av.VideoStream]"
Step: TypeAlias = 'tuple[Packet, Literal["DEFAULT", "NONREF"]]'


class PeerError(RuntimeError):
    """A peer cannot read a clip."""


def wanted_frames(num_frames: int, *, frame_rate_hz: float) -> list[int]:
    """Return the numbers of the frames that the first window of a steady video shows."""
    times_s = [index / frame_rate_hz for index in range(num_frames)]
    plan = sample_grid(SPEC).plan(times_s, duration_s=num_frames / frame_rate_hz)
    return [int(index) for index in plan.indices_NT[0]]


def _build_ours(path: Path, wanted: Sequence[int], **options: Any) -> Call:
    return lambda: read_windows(path, SPEC, **options).windows_NTHWC[0]


def _build_pyav(path: Path, wanted: Sequence[int]) -> Call:
    def call() -> Frames:
        with av.open(path) as container:
            stream = container.streams.video[0]
            stream.thread_count, stream.thread_type = 1, ThreadType.SLICE
            frames = _pick(container.decode(stream), wanted)
            return np.stack([_scale_by_pyav(frame) for frame in frames])

    return call


def _build_opencv(path: Path, wanted: Sequence[int]) -> Call:
    cv2: Any = import_module("cv2")
    cv2.setNumThreads(1)
    options = [cv2.CAP_PROP_N_THREADS, 1]

    def call() -> Frames:
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, options)
        pictures = [_retrieve(cv2, capture) for _ in _pick(_grab(capture), wanted)]
        capture.release()
        if len(pictures) != len(wanted):
            raise PeerError(f"opencv gives {len(pictures)} of {len(wanted)} frames")
        return np.stack(pictures)

    return call


def _build_decord(path: Path, wanted: Sequence[int]) -> Call:
    """Let it scale by itself: getting whole pictures was slower on every clip it reads right."""
    decord: Any = import_module("decord")
    size_px = SPEC.size_px

    def call() -> Frames:
        try:
            reader = decord.VideoReader(str(path), num_threads=1, width=size_px, height=size_px)
            return np.asarray(reader.get_batch(list(wanted)).asnumpy(), np.uint8)
        except decord.DECORDError as exc:
            raise PeerError(str(exc)) from exc

    return call


def _build_torchcodec(path: Path, wanted: Sequence[int]) -> Call:
    """Scale whole pictures by OpenCV: its own `transforms` were slower on 19 clips of 20."""
    decoders: Any = import_module("torchcodec.decoders")
    cv2: Any = import_module("cv2")
    cv2.setNumThreads(1)

    def call() -> Frames:
        decoder = decoders.VideoDecoder(str(path), num_ffmpeg_threads=1, dimension_order="NHWC")
        frames_THWC = decoder.get_frames_at(list(wanted)).data.numpy()
        return np.stack([_shrink(cv2, frame_HWC) for frame_HWC in frames_THWC])

    return call


def _build_floor(path: Path, wanted: Sequence[int]) -> Call:
    """Decode what has to be decoded, from packets in memory; nothing is scaled or returned."""
    container = av.open(path)
    stream = container.streams.video[0]
    packets = list(container.demux(stream))
    context = stream.codec_context
    configure(context, DEFAULT_LIMITS)
    steps = list(_plan_steps(packets, codec=context.codec.canonical_name))
    last_pts = sorted(packet.pts for packet in packets if packet.pts is not None)[wanted[-1]]
    steps = steps[: _count_steps_until(last_pts, context, steps)]

    def call() -> Frames:
        for packet, skip_frame in steps:
            context.skip_frame = skip_frame
            context.decode(packet)
        context.flush_buffers()
        return np.empty((0, SPEC.size_px, SPEC.size_px, 3), np.uint8)

    return call


OURS: Mapping[str, Build] = {
    "ours, exact": _build_ours,
    "ours, fast": partial(_build_ours, mode="fast"),
}
FLOOR: Mapping[str, Build] = {"floor": _build_floor}
PEERS: Mapping[str, Build] = {
    "plain PyAV": _build_pyav,
    "opencv": _build_opencv,
    "decord": _build_decord,
    "torchcodec": _build_torchcodec,
}


def _pick(items: Iterator[Any], wanted: Sequence[int]) -> Iterator[Any]:
    """Yield the wanted items by their numbers, ascending, and stop after the last."""
    numbers = set(wanted)
    for index, item in enumerate(items):
        if index in numbers:
            yield item
        if index == wanted[-1]:
            return


def _scale_by_pyav(frame: av.VideoFrame) -> Frames:
    size_px = SPEC.size_px
    scaled = frame.reformat(size_px, size_px, "rgb24", interpolation=SCALER, threads=1)
    return np.asarray(scaled.to_ndarray(), np.uint8)


def _grab(capture: Any) -> Iterator[None]:
    while capture.grab():
        yield None


def _retrieve(cv2: Any, capture: Any) -> Frames:
    _, frame_HWC = capture.retrieve()
    return np.asarray(cv2.cvtColor(_shrink(cv2, frame_HWC), cv2.COLOR_BGR2RGB), np.uint8)


def _shrink(cv2: Any, frame_HWC: Frames) -> Frames:
    """Return a picture at model size, by areas."""
    size = (SPEC.size_px, SPEC.size_px)
    return np.asarray(cv2.resize(frame_HWC, size, interpolation=cv2.INTER_AREA), np.uint8)


def _plan_steps(packets: Sequence[Packet], *, codec: str) -> Iterator[Step]:
    """Yield packets with what the decoder may skip, by the rule of `models.video.selection`."""
    can_skip = codec in SKIPPABLE_CODECS
    selection = Selection(sample_grid(SPEC), start_s=0.0, stop_s=SPEC.window_s, can_skip=can_skip)
    selection.origin_s = min(
        float(packet.pts * packet.time_base)
        for packet in packets
        if packet.pts is not None and packet.time_base is not None
    )
    time_base = packets[0].time_base
    assert time_base is not None
    for announced in look_ahead(packets, time_base=time_base):
        is_needed = selection.need(announced) is Need.PICTURE
        yield announced.packet, "DEFAULT" if is_needed else "NONREF"


def _count_steps_until(last_pts: int, context: av.VideoCodecContext, steps: Sequence[Step]) -> int:
    """Return after how many steps the decoder gives the frame of a time."""
    for count, (packet, skip_frame) in enumerate(steps, start=1):
        context.skip_frame = skip_frame
        if any(frame.pts == last_pts for frame in context.decode(packet)):
            context.flush_buffers()
            return count
    raise ValueError(f"no frame comes at {last_pts}")
