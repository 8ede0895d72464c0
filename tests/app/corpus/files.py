"""Bad files by name, and the code that each is answered with.

`ok` is an answer: what only looks bad, or is harmless.
"""

import gzip
import pickle
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.app.corpus.making import (
    MEDIA,
    TABLES,
    Site,
    array_header,
    audio,
    compressed_index,
    encoded,
    encrypted,
    jpegs,
    nested_boxes,
    no_packets,
    of_unknown_kind,
    overwritten,
    patched,
    pickled,
    text,
    without_keyframes,
    zipped,
)
from tests.app.posting import FRAMES, VIDEO, npy_bytes
from tests.boxes import make_box, refer_to, repeat_track
from tests.ebml import matroska, nested_tags
from tests.media import barcode_frames, encode_image

OK = "ok"
BROKEN, FOREIGN, OVER, SHORT = (
    "undecodable_media",
    "unsupported_media",
    "media_limit_exceeded",
    "media_too_short",
)
INVALID_ARRAY = "invalid_frames"
NPY = "application/x-npy"


@dataclass(frozen=True, kw_only=True)
class BadFile:
    """A bad file.

    Attributes:
        make: Returns its bytes.
        code: What it is answered with.
        path: Where it is posted.
        content_type: As what.
    """

    make: Callable[[Site], bytes]
    code: str
    path: str = VIDEO
    content_type: str = "video/mp4"


def bad(make: Callable[[Site], bytes], code: str) -> BadFile:
    """Return a bad file that is posted as a video."""
    return BadFile(make=make, code=code)


def bad_array(make: Callable[[Site], bytes], code: str) -> BadFile:
    """Return a bad file that is posted as an array."""
    return BadFile(make=make, code=code, path=FRAMES, content_type=NPY)


SDP = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n"
)
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{url}\n#EXT-X-ENDLIST\n"
DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
    "<BaseURL>{url}</BaseURL></MPD>"
)
SMIL = '<smil><body><video src="{url}"/></body></smil>'

BAD_FILES: Mapping[str, BadFile] = {
    # Texts that name other files, and other kinds of files under a video's name.
    "sdp": bad(text(SDP), FOREIGN),
    "m3u8": bad(text(HLS), FOREIGN),
    "ffconcat": bad(text("ffconcat version 1.0\nfile '{url}'\n"), FOREIGN),
    "dash": bad(text(DASH), FOREIGN),
    "smil": bad(text(SMIL), FOREIGN),
    "asx": bad(text('<asx version="3.0"><entry><ref href="{url}"/></entry></asx>'), FOREIGN),
    "rtsp redirect": bad(text("rtsptext\nrtsp://127.0.0.1:{port}/a\n"), FOREIGN),
    "file list": bad(text("file:///etc/passwd\n"), FOREIGN),
    "svg": bad(text('<svg><image href="{url}"/></svg>'), FOREIGN),
    "html": bad(text('<!doctype html><video src="{url}">'), FOREIGN),
    "png": bad(lambda _: encode_image(barcode_frames(1)[0]), FOREIGN),
    "jpeg": bad(lambda _: jpegs(1)[0], FOREIGN),
    "pdf": bad(lambda _: b"%PDF-1.7\n" + bytes(1000), FOREIGN),
    "elf": bad(lambda _: b"\x7fELF\x02\x01\x01" + bytes(1000), FOREIGN),
    "flv": bad(lambda site: encoded(site, 5, suffix="flv", codec="flv"), FOREIGN),
    "asf": bad(lambda site: encoded(site, 5, suffix="asf", codec="msmpeg4v3"), FOREIGN),
    "raw h264": bad(lambda site: encoded(site, 5, suffix="h264"), FOREIGN),
    "wav": bad(lambda site: b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(1000), FOREIGN),
    "webp": bad(lambda _: b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(1000), FOREIGN),
    # Bombs.
    "zip bomb": bad(lambda _: zipped(bytes(50 * 2**20)), FOREIGN),
    "zipped video": bad(lambda site: zipped(site.mp4), FOREIGN),
    "gzip bomb": bad(lambda _: gzip.compress(bytes(50 * 2**20)), FOREIGN),
    "deflated index": bad(compressed_index, BROKEN),
    "deflated pictures": bad(lambda _: matroska([bytes(200 * 2**20)] * 3, is_deflated=True), SHORT),
    "gif of large pictures": bad(
        lambda site: encoded(
            site, 30, suffix="gif", codec="gif", pix_fmt="rgb8", size_px=(1000, 1000)
        ),
        OVER,
    ),
    "video of large pictures": bad(lambda site: encoded(site, 60, size_px=(1088, 1920)), OVER),
    # Sizes.
    "jpeg of 16k x 16k": bad(lambda _: matroska(jpegs(3, size_px=(16_384, 16_384))), BROKEN),
    "header of 16k x 16k": bad(lambda _: matroska(jpegs(3), size_px=(16_384, 16_384)), OK),
    "header of 2^31 x 2^31": bad(lambda _: matroska(jpegs(3), size_px=(2**31, 2**31)), OK),
    "header of 0 x 0": bad(lambda _: matroska(jpegs(3), size_px=(0, 0)), OK),
    "jpeg of 0 x 0": bad(lambda _: matroska(jpegs(3, size_px=(0, 0))), BROKEN),
    "jpeg of a ribbon": bad(lambda _: matroska(jpegs(3, size_px=(60_000, 8))), BROKEN),
    "vp8 of 16k x 16k": bad(
        overwritten("vp8.webm", b"\x9d\x01\x2a", 3, "<HH", 16_383, 16_383), BROKEN
    ),
    "vp8 of 0 x 0": bad(overwritten("vp8.webm", b"\x9d\x01\x2a", 3, "<HH", 0, 0), BROKEN),
    "gif of 64k x 64k": bad(
        overwritten("animated.gif", b"GIF89a", 6, "<HH", 65_535, 65_535), BROKEN
    ),
    "gif of 0 x 0": bad(overwritten("animated.gif", b"GIF89a", 6, "<HH", 0, 0), BROKEN),
    "mpeg of 4k x 4k": bad(
        overwritten("mpeg1.mpg", b"\x00\x00\x01\xb3", 4, ">I", 0xFFFFFF13), OVER
    ),
    "avi of 16k x 16k": bad(overwritten("raw.avi", b"strf", 12, "<ii", 16_384, 16_384), BROKEN),
    "avi of -1 x -1": bad(overwritten("raw.avi", b"strf", 12, "<ii", -1, -1), BROKEN),
    "mp4 that states 64k x 64k": bad(
        patched("h264.mp4", (*TABLES, b"stsd"), 8 + 32, ">HH", 65_535, 65_535), OK
    ),
    "mp4 that states 0 x 0": bad(patched("h264.mp4", (*TABLES, b"stsd"), 8 + 32, ">HH", 0, 0), OK),
    # Times.
    "mp4 of 13 hours": bad(patched("h264.mp4", (*MEDIA, b"mdhd"), 12, ">II", 1, 48_000), OVER),
    "mp4 that states no length": bad(patched("h264.mp4", (*MEDIA, b"mdhd"), 16, ">I", 0), OK),
    "mp4 without a time scale": bad(patched("h264.mp4", (*MEDIA, b"mdhd"), 12, ">I", 0), OVER),
    "mp4 of endless frames": bad(
        patched("h264.mp4", (*TABLES, b"stts"), 12, ">I", 0x7FFFFFFF), OVER
    ),
    "mp4 of frames without length": bad(patched("h264.mp4", (*TABLES, b"stts"), 12, ">I", 0), OK),
    "avi of 2^32 frames": bad(overwritten("raw.avi", b"strh", 40, "<I", 2**32 - 1), OVER),
    "avi without a rate": bad(overwritten("raw.avi", b"strh", 28, "<II", 0, 0), OK),
    "times go back": bad(
        lambda _: matroska(jpegs(6), times_ms=[0, 3000, 100, 6000, 200, 9000]), BROKEN
    ),
    "times run backwards": bad(
        lambda _: matroska(jpegs(6), times_ms=range(9000, 0, -1500)), BROKEN
    ),
    "times leap": bad(lambda _: matroska(jpegs(6), times_ms=[0, 1, 2, 3, 4, 2**40]), OVER),
    "all at once": bad(lambda _: matroska(jpegs(6), times_ms=[0] * 6), OK),
    "no times": bad(lambda site: encoded(site, 10, suffix="avi"), OK),
    "no keyframe": bad(without_keyframes, BROKEN),
    # Structure.
    "nothing but a head": bad(lambda _: make_box(b"ftyp", b"isom", bytes(4)), BROKEN),
    "boxes 1,000 deep": bad(lambda _: nested_boxes(1_000), BROKEN),
    "boxes 50,000 deep": bad(lambda _: nested_boxes(50_000), BROKEN),
    "tags 1,000 deep": bad(lambda _: matroska(jpegs(3), extra=nested_tags(1_000)), OK),
    "box shorter than its head": bad(
        lambda _: make_box(b"ftyp", b"isom") + struct.pack(">I", 3) + b"moov" + bytes(99), BROKEN
    ),
    "box of 2^63 bytes": bad(
        lambda _: struct.pack(">I4sQ", 1, b"ftyp", 2**63 - 1) + bytes(99), BROKEN
    ),
    "index of 2^32 frames": bad(
        patched("h264.mp4", (*TABLES, b"stsz"), 8, ">I", 2**32 - 1), BROKEN
    ),
    "frames beyond the end": bad(
        patched("h264.mp4", (*TABLES, b"stco"), 8, ">I", 0x7FFFFFFF), SHORT
    ),
    "frames of 2 GB": bad(patched("h264.mp4", (*TABLES, b"stsz"), 12, ">I", 0x7FFFFFFF), SHORT),
    "3,000 tracks in mp4": bad(lambda site: repeat_track(site.mp4, 3_000), OVER),
    "3,000 tracks in matroska": bad(lambda _: matroska(jpegs(3), num_tracks=3_000), OVER),
    "transport stream of nothing": bad(lambda _: no_packets(1_000), BROKEN),
    "hole in the index": bad(patched("h264.mp4", (*TABLES, b"stsc"), 8, ">II", 0, 0), SHORT),
    # Contents.
    "mp4 of sound": bad(partial(audio, suffix="mp4"), FOREIGN),
    "matroska of sound": bad(partial(audio, suffix="mka"), FOREIGN),
    "codec off the list": bad(lambda site: encoded(site, 5, suffix="mkv", codec="ffv1"), FOREIGN),
    "encrypted in name": bad(of_unknown_kind, FOREIGN),
    "encrypted by cenc": bad(encrypted, BROKEN),
    "pictures in another file": bad(
        lambda site: refer_to(site.clips["h264.mov"], Path("/etc/passwd")), SHORT
    ),
    "pictures at an address": bad(
        lambda site: refer_to(site.clips["h264.mov"], Path(site.url)), SHORT
    ),
    "picture grows over the limit": bad(
        lambda _: matroska([*jpegs(3), *jpegs(3, size_px=(8_000, 8_000))]), BROKEN
    ),
    "picture that changes its size": bad(
        lambda _: matroska(
            [*jpegs(5), encode_image(barcode_frames(1, width_px=128)[0], codec="mjpeg")]
        ),
        OK,
    ),
    "one frame": bad(lambda site: encoded(site, 1), SHORT),
    # Arrays.
    "pickled array": bad_array(pickled, INVALID_ARRAY),
    "pickle": bad_array(lambda _: pickle.dumps({"a": 1}), INVALID_ARRAY),
    "array of 2^60 frames": bad_array(
        lambda _: array_header(
            "{'descr': '|u1', 'fortran_order': False, 'shape': (1152921504606846976, 64, 64, 3)}"
        ),
        OVER,
    ),
    "array that lacks its data": bad_array(
        lambda _: array_header(
            "{'descr': '|u1', 'fortran_order': False, 'shape': (16, 64, 64, 3)}"
        ),
        INVALID_ARRAY,
    ),
    "header that is code": bad_array(
        lambda _: array_header("__import__('os').abort()"), INVALID_ARRAY
    ),
    "header of brackets": bad_array(lambda _: array_header("(" * 110), INVALID_ARRAY),
    "zipped array": bad_array(lambda _: zipped(npy_bytes(barcode_frames(4))), INVALID_ARRAY),
}
