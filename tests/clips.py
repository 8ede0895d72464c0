"""A good clip of every container and codec that is accepted."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.media import barcode_frames, write_video

QUICK_VPX = {"deadline": "realtime", "cpu-used": "8"}
KINDS: dict[str, dict[str, Any]] = {
    "h264.mp4": {},
    "h264.mov": {},
    "h264.mkv": {},
    "h264.ts": {},
    "fragmented.mp4": {"container_options": {"movflags": "frag_keyframe"}},
    "open_gop.mp4": {"options": {"x264-params": "open-gop=1:bframes=3"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": QUICK_VPX},
    "vp8.webm": {"codec": "libvpx", "options": QUICK_VPX},
    "av1.mp4": {"codec": "libsvtav1", "options": {"preset": "8", "svtav1-params": "lp=1"}},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "mpeg1.mpg": {"codec": "mpeg1video"},
    "mpeg2.ts": {"codec": "mpeg2video"},
    "animated.gif": {"codec": "gif", "pix_fmt": "rgb8"},
    "raw.avi": {"codec": "rawvideo", "pix_fmt": "gray"},
}


def make_clips(
    folder: Path, *, num_frames: int, names: Iterable[str] = tuple(KINDS)
) -> dict[str, bytes]:
    """Return clips of some kinds by name, 64x64 at 30 Hz; the folder takes them on the way."""
    frames_THWC = barcode_frames(num_frames)
    return {
        name: write_video(folder / name, frames_THWC, **KINDS[name]).read_bytes() for name in names
    }
