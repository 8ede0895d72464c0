"""Files that must not be decoded, and what is said of them."""

import socket
import tracemalloc
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest

from models.errors import (
    MediaError,
    MediaLimitError,
    MediaTooShortError,
    UndecodableMediaError,
    UnsupportedMediaError,
)
from models.spec import ClipSpec
from models.video.container import ALLOW_LISTS
from models.video.decode import read_windows
from models.video.limits import DecodeLimits
from tests.media import barcode_frames, encode_image, write_audio, write_video

SPEC = ClipSpec(num_frames=4, window_s=1.0, size_px=32)


@pytest.fixture
def port() -> Iterator[int]:
    """Yield a port on which nobody may call: a connection fails the test."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])
        server.settimeout(0.05)
        with pytest.raises(TimeoutError):
            server.accept()


def playlists(port: int) -> dict[str, str]:
    url = f"http://127.0.0.1:{port}/a.ts"
    return {
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{url}\n#EXT-X-ENDLIST\n",
        "ffconcat": f"ffconcat version 1.0\nfile '{url}'\n",
        "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
        f"<BaseURL>{url}</BaseURL></MPD>",
    }


@pytest.mark.parametrize("kind", ["sdp", "m3u8", "ffconcat", "dash"])
def test_text_that_names_other_files_is_refused_unopened(
    kind: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(av, "open")  # FFmpeg must not even see it
    text = playlists(port)[kind].encode()

    with pytest.raises(UnsupportedMediaError, match="file starts with"):
        read_windows(BytesIO(text), SPEC)


@pytest.mark.parametrize("kind", ["sdp", "m3u8", "ffconcat", "dash"])
def test_allow_lists_hold_where_ffmpeg_guesses(kind: str, port: int, tmp_path: Path) -> None:
    path = tmp_path / f"video.{kind}"  # a name that makes FFmpeg take it for what it is
    path.write_text(playlists(port)[kind])

    with path.open("rb") as file, pytest.raises(ValueError, match="Inval"):
        av.open(file, "r", options=ALLOW_LISTS)


def test_protocols_are_not_allowed_at_all(port: int) -> None:
    with pytest.raises(ValueError, match="Inval"):
        av.open(f"http://127.0.0.1:{port}/a.mp4", "r", options=ALLOW_LISTS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        encode_image(barcode_frames(1)[0]),
        encode_image(barcode_frames(1)[0], codec="mjpeg"),
    ],
)
def test_text_or_image_is_no_video(data: bytes) -> None:
    with pytest.raises(UnsupportedMediaError):
        read_windows(BytesIO(data), SPEC)


@pytest.mark.parametrize("suffix", ["m4a", "mka"])
def test_audio_alone_is_no_video(tmp_path: Path, suffix: str) -> None:
    path = write_audio(tmp_path / f"audio.{suffix}")

    with pytest.raises(UnsupportedMediaError, match="no video stream"):
        read_windows(path, SPEC)


def test_codec_off_the_list_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", barcode_frames(5), codec="ffv1", pix_fmt="yuv420p")

    with pytest.raises(UnsupportedMediaError, match="codec is ffv1"):
        read_windows(path, SPEC)


@pytest.mark.parametrize(
    "head", [b"\x00\x00\x00\x18ftypisom", b"\x1a\x45\xdf\xa3\x01", b"RIFF\x10\0\0\0AVI ", b"GIF89a"]
)
def test_container_that_is_only_a_head_is_broken(head: bytes) -> None:
    with pytest.raises(MediaError):
        read_windows(BytesIO(head + bytes(100)), SPEC)


def noisy_video(path: Path, **options: object) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3), dtype=np.uint8)
    return write_video(path, noise, **options)  # type: ignore[arg-type]


def test_mp4_without_its_index_is_undecodable(tmp_path: Path) -> None:
    data = noisy_video(tmp_path / "v.mp4").read_bytes()

    with pytest.raises(UndecodableMediaError, match="cannot open as mov"):
        read_windows(BytesIO(data[: len(data) // 2]), SPEC)


def test_mp4_that_lost_its_second_half_says_where_it_stopped(tmp_path: Path) -> None:
    path = noisy_video(tmp_path / "v.mp4", container_options={"movflags": "faststart"})
    data = path.read_bytes()

    with pytest.raises(
        UndecodableMediaError, match=r"a packet at 0\.\d+ s is damaged or cut short"
    ):
        read_windows(BytesIO(data[: len(data) * 6 // 10]), SPEC)


@pytest.mark.parametrize("kind", [("v.avi", "mpeg4"), ("v.mpg", "mpeg1video")])
def test_video_with_a_hole_is_refused(tmp_path: Path, kind: tuple[str, str]) -> None:
    name, codec = kind
    data = bytearray(noisy_video(tmp_path / name, codec=codec).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)

    with pytest.raises(UndecodableMediaError, match=r"damaged|decoding stopped"):
        read_windows(BytesIO(data), SPEC)


def test_transport_stream_that_lost_packets_is_refused(tmp_path: Path) -> None:
    data = noisy_video(tmp_path / "v.ts").read_bytes()
    middle = len(data) // 2 // 188 * 188

    with pytest.raises(UndecodableMediaError, match="damaged"):
        read_windows(BytesIO(data[:middle] + data[middle + 3 * 188 :]), SPEC)


def test_jpeg_video_with_a_hole_is_refused(tmp_path: Path) -> None:
    path = noisy_video(tmp_path / "v.avi", codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)

    with pytest.raises(UndecodableMediaError, match="decoding stopped"):
        read_windows(BytesIO(data), SPEC)


def test_gap_in_time_is_refused_before_it_costs_memory(tmp_path: Path) -> None:
    times_s = [index / 30 for index in range(50)] + [1e8 + index / 30 for index in range(10)]
    path = write_video(
        tmp_path / "v.mkv",
        barcode_frames(60),
        times_s=times_s,
        container_options={"live": "1"},
        options={"x264-params": "bframes=3:b-adapt=0"},
    )

    tracemalloc.start()
    with pytest.raises(MediaLimitError, match="max_duration_s"):
        read_windows(path, SPEC, stride_s=0.05)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 50e6


def test_sound_that_is_longer_than_the_pictures_does_not_count(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", barcode_frames(15), with_audio=True)

    video = read_windows(path, SPEC, limits=DecodeLimits(max_duration_s=0.6))

    assert video.info.duration_s == pytest.approx(0.5)


def test_no_random_damage_gives_anything_but_an_answer_or_a_media_error(tmp_path: Path) -> None:
    data = noisy_video(tmp_path / "v.mp4").read_bytes()
    generator = np.random.default_rng(0)
    outcomes: set[object] = set()

    for _ in range(40):
        damaged = np.frombuffer(data, np.uint8).copy()
        damaged[generator.integers(8, len(data), 3)] = generator.integers(0, 256, 3)
        try:
            outcomes.add(read_windows(BytesIO(damaged.tobytes()), SPEC).windows_NTHWC.shape[1:])
        except MediaError as exc:
            outcomes.add(type(exc))

    assert (4, 32, 32, 3) in outcomes
    assert len(outcomes) > 1


def test_single_frame_is_too_short(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", barcode_frames(1))

    with pytest.raises(MediaTooShortError, match="video has 1 frames, needs at least 2"):
        read_windows(path, SPEC)


@pytest.mark.parametrize("span_s", [(5.0, 6.0), (0.0, 0.02), (0.5, 0.5)])
def test_span_without_frames_is_too_short(tmp_path: Path, span_s: tuple[float, float]) -> None:
    path = write_video(tmp_path / "v.mp4", barcode_frames(30))

    with pytest.raises(MediaTooShortError):
        read_windows(path, SPEC, start_s=span_s[0], stop_s=span_s[1])


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (DecodeLimits(max_pixels=64 * 48 - 1), "max_pixels"),
        (DecodeLimits(max_aspect_ratio=1.3), "max_aspect_ratio"),
        (DecodeLimits(max_duration_s=1.9), "max_duration_s"),
        (DecodeLimits(max_frames=59), "max_frames"),
        (DecodeLimits(max_windows=1), "max_windows"),
    ],
)
def test_media_over_a_limit_is_refused_by_its_name(
    tmp_path: Path, suffix: str, limits: DecodeLimits, name: str
) -> None:
    path = write_video(tmp_path / f"v.{suffix}", barcode_frames(60, height_px=48))

    with pytest.raises(MediaLimitError, match=name) as caught:
        read_windows(path, SPEC, limits=limits)

    assert caught.value.found > caught.value.accepted


def test_header_over_a_limit_is_refused_before_anything_is_decoded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", barcode_frames(60))
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    stop = data.index(b"moov", start) - 4
    data[start:stop] = bytes(stop - start)  # no frame is left that could be decoded

    with pytest.raises(MediaLimitError, match="max_frames: found 60"):
        read_windows(BytesIO(data), SPEC, limits=DecodeLimits(max_frames=59))


def test_limits_of_a_span_are_not_those_of_its_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", barcode_frames(60))
    limits = DecodeLimits(max_frames=15, max_duration_s=0.5)

    video = read_windows(path, SPEC, start_s=1.0, stop_s=1.5, limits=limits)

    assert video.info.num_frames == 15


def test_nothing_is_printed_about_broken_files(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(noisy_video(tmp_path / "v.mp4").read_bytes())
    capfd.readouterr()  # what the encoder said
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)

    with pytest.raises(MediaError):
        read_windows(BytesIO(data[:5000]), SPEC)

    assert capfd.readouterr() == ("", "")
