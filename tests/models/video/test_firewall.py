"""What of a file is never opened, read or decoded, and what may change within a video."""

import dataclasses
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Discard

from app.settings import Settings
from models.errors import MediaError, MediaLimitError, UndecodableMediaError, UnsupportedMediaError
from models.spec import ClipSpec
from models.video.container import ALLOW_LISTS, opened, pass_over_others
from models.video.decode import read_windows
from models.video.frames import images_to_windows
from models.video.limits import DecodeLimits
from models.video.pictures import PIXEL_FORMATS, PictureMeter
from tests.boxes import find_box, refer_to, repeat_track
from tests.media import barcode_frames, encode_image, read_barcodes, write_video

SPEC = ClipSpec(num_frames=4, window_s=1.0, size_px=32)
VP9 = {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}}


@dataclasses.dataclass(frozen=True)
class Pixels:
    name: str = "yuv420p"
    padded_bits_per_pixel: int = 12


@dataclasses.dataclass(frozen=True)
class Stored:
    width: int
    height: int
    format: Pixels = Pixels()


def join(path: Path, *parts: tuple[int, int, str]) -> Path:
    """Write a VP9 video whose parts differ in height, width and pixel format, 15 frames each."""
    packets: list[bytes] = []
    for height_px, width_px, pix_fmt in parts:
        frames_THWC = barcode_frames(15, height_px=height_px, width_px=width_px)
        write_video(path, frames_THWC, pix_fmt=pix_fmt, **VP9)  # type: ignore[arg-type]
        with av.open(path) as source:
            packets += [bytes(packet) for packet in source.demux(video=0) if packet.size]
            template = source.streams.video[0]
            with av.open(path.with_suffix(".joined.mkv"), "w") as target:
                stream = target.add_stream_from_template(template)
                for index, data in enumerate(packets):
                    packet = av.Packet(data)
                    packet.pts = packet.dts = index * 33
                    packet.time_base = stream.time_base  # type: ignore[assignment]
                    packet.stream = stream
                    target.mux(packet)
    return path.with_suffix(".joined.mkv")


def test_size_and_pixel_format_may_change_midway(tmp_path: Path) -> None:
    path = join(tmp_path / "v.mkv", (64, 64, "yuv420p"), (48, 96, "yuv420p"), (64, 32, "yuv444p"))

    video = read_windows(path, SPEC)

    assert video.info.num_frames == 45
    assert (video.info.width_px, video.info.height_px) == (32, 64)
    assert read_barcodes(video.windows_NTHWC[0]) == [3, 11, 3, 11]


def test_size_over_the_limit_midway_is_refused(tmp_path: Path) -> None:
    path = join(tmp_path / "v.mkv", (64, 64, "yuv420p"), (80, 64, "yuv420p"))

    with pytest.raises(MediaLimitError, match="max_pixels: found 5120, accepted at most 4096"):
        read_windows(path, SPEC, limits=DecodeLimits(max_pixels=64 * 64))


def test_pixel_format_off_the_list_midway_is_refused(tmp_path: Path) -> None:
    path = join(tmp_path / "v.mkv", (64, 64, "yuv420p"), (64, 64, "yuv440p"))

    with pytest.raises(UnsupportedMediaError, match="pixel format is yuv440p, accepted are 0bgr"):
        read_windows(path, SPEC)


def test_pixel_format_off_the_list_is_refused_before_a_frame_is_decoded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", barcode_frames(5), codec="rawvideo", pix_fmt="yuv411p")

    with pytest.raises(UnsupportedMediaError, match="pixel format is yuv411p"):
        read_windows(path, SPEC)


def test_every_pixel_format_on_the_list_is_one_of_ffmpegs() -> None:
    assert {av.VideoFormat(name).name for name in PIXEL_FORMATS} == PIXEL_FORMATS


def test_image_of_a_pixel_format_off_the_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    image = encode_image(barcode_frames(1)[0])
    monkeypatch.setattr("models.video.pictures.PIXEL_FORMATS", frozenset(["gray"]))

    with pytest.raises(UnsupportedMediaError, match="pixel format is rgb24, accepted are gray"):
        images_to_windows([image] * 4, SPEC, frame_rate_hz=4)


@pytest.mark.parametrize("options", [{}, {"x264-params": "bframes=3:b-adapt=0"}])
@pytest.mark.parametrize("stride_s", [None, 0.1])
def test_bytes_of_pictures_are_counted_while_they_are_walked(
    tmp_path: Path, options: dict[str, str], stride_s: float | None
) -> None:
    path = write_video(tmp_path / "v.ts", barcode_frames(30), options=options)
    limits = DecodeLimits(max_decoded_bytes=11 * 64 * 64 * 3 // 2 - 1)

    with pytest.raises(MediaLimitError, match="max_decoded_bytes") as caught:
        read_windows(path, SPEC, stride_s=stride_s, limits=limits)

    assert caught.value.found == limits.max_decoded_bytes + 1


def test_bytes_of_pictures_are_refused_by_the_header_where_it_says_them(tmp_path: Path) -> None:
    data = bytearray(write_video(tmp_path / "v.mp4", barcode_frames(30)).read_bytes())
    start, stop = find_box(bytes(data), b"mdat")
    data[start + 8 : stop] = bytes(stop - start - 8)  # no frame is left that could be decoded

    with pytest.raises(MediaLimitError, match="max_decoded_bytes: found 122880"):
        read_windows(BytesIO(data), SPEC, limits=DecodeLimits(max_decoded_bytes=122_879))


def count(meter: PictureMeter, num_pictures: int) -> None:
    for _ in range(num_pictures):
        meter.count()


def test_two_minutes_of_the_largest_pictures_are_over_the_services_limit() -> None:
    limits = DecodeLimits(max_decoded_bytes=Settings().max_decoded_bytes)
    full_hd, largest = PictureMeter(limits), PictureMeter(limits)

    full_hd.check(Stored(1920, 1080))
    count(full_hd, 120 * 60)
    largest.check(Stored(4096, 2304))
    with pytest.raises(MediaLimitError, match="max_decoded_bytes"):
        count(largest, 120 * 30)


def many_streams(path: Path, num_streams: int) -> bytes:
    picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
    with av.open(path, "w") as container:
        streams = [container.add_stream("mpeg2video", rate=25) for _ in range(num_streams)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        for picture.pts in range(2):
            for stream in streams:
                container.mux(stream.encode(picture))
        for stream in streams:
            container.mux(stream.encode(None))
    return path.read_bytes()


@pytest.mark.parametrize("name", ["v.mkv", "v.avi", "v.ts", "v.mp4"])
@pytest.mark.parametrize("num_streams", [5, 40])
def test_more_streams_than_accepted_are_refused_by_name(
    tmp_path: Path, name: str, num_streams: int
) -> None:
    data = many_streams(tmp_path / name, num_streams)

    with pytest.raises(MediaLimitError, match="max_streams: found 5, accepted at most 4"):
        read_windows(BytesIO(data), SPEC, limits=DecodeLimits(max_streams=4))


def test_as_many_streams_as_accepted_are_answered(tmp_path: Path) -> None:
    data = many_streams(tmp_path / "v.mkv", 4)

    assert read_windows(BytesIO(data), SPEC, limits=DecodeLimits(max_streams=4)).info.num_frames


def test_thousands_of_streams_are_refused_by_name(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = repeat_track(write_video(tmp_path / "v.mp4", barcode_frames(5)).read_bytes(), 3000)
    capfd.readouterr()  # what the encoder said

    with pytest.raises(MediaLimitError, match="max_streams: found 33, accepted at most 32"):
        read_windows(BytesIO(data), SPEC)

    assert capfd.readouterr() == ("", "")


def test_header_too_large_for_memory_is_not_called_too_many_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "v.mp4", barcode_frames(5))

    def fail(*_: object, **__: object) -> None:
        raise av.error.MemoryError(12, "Cannot allocate memory")

    monkeypatch.setattr(av, "open", fail)
    with pytest.raises(UndecodableMediaError, match="cannot open as mov: Cannot allocate memory"):
        read_windows(path, SPEC)


class Counting(BytesIO):
    """A file that counts the bytes that are read of it."""

    num_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.num_read += len(data)
        return data


def with_large_neighbor(path: Path) -> bytes:
    """Return a small video beside one of 18 MB; probing may read 5 MB of it."""
    noise = np.random.default_rng(0).integers(0, 256, (60, 384, 512, 3), dtype=np.uint8)
    small = barcode_frames(60)
    with av.open(path, "w") as container:
        streams = [container.add_stream(codec, rate=10) for codec in ("libx264", "rawvideo")]
        for stream, frames_THWC in zip(streams, (small, noise), strict=True):
            stream.height, stream.width = frames_THWC.shape[1:3]
            stream.pix_fmt = "yuv420p"
        for index in range(60):
            for stream, frames_THWC in zip(streams, (small, noise), strict=True):
                frame = av.VideoFrame.from_ndarray(frames_THWC[index], format="rgb24")
                frame.pts = index
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return path.read_bytes()


@pytest.mark.parametrize("name", ["v.mov", "v.avi"])  # Matroska has to be read in its order
def test_data_of_other_streams_is_passed_over(tmp_path: Path, name: str) -> None:
    data = with_large_neighbor(tmp_path / name)
    file = Counting(data)
    small_px = 64 * 64

    with opened(file, DecodeLimits()) as container:
        stream = next(s for s in container.streams.video if s.width * s.height == small_px)
        for other in pass_over_others(container, stream):
            assert other.discard == Discard.all
        num_frames = sum(packet.size > 0 for packet in container.demux(stream))

    assert num_frames == 60
    assert file.num_read < len(data) / 2


def references(path: Path, neighbor: Path) -> bytes:
    """Return a video whose pictures lie in its neighbor."""
    data = write_video(path, barcode_frames(20)).read_bytes()
    neighbor.write_bytes(data)
    return refer_to(data, neighbor)


def test_reference_that_ffmpeg_could_follow_is_not_followed(tmp_path: Path) -> None:
    data = references(tmp_path / "v.mov", tmp_path / "other.mov")
    (tmp_path / "v.mov").write_bytes(data)
    follow = {"enable_drefs": "1", "use_absolute_path": "1"}

    with av.open(tmp_path / "v.mov", options=follow) as container:
        assert len(list(container.decode(video=0))) == 20  # so the reference is a good one
    with pytest.raises(MediaError, match="0 frames"):
        read_windows(tmp_path / "v.mov", SPEC)


def test_protocols_keep_a_reference_from_being_followed_too(tmp_path: Path) -> None:
    data = references(tmp_path / "v.mov", tmp_path / "other.mov")
    follow = ALLOW_LISTS | {"enable_drefs": "1", "use_absolute_path": "1"}

    with av.open(BytesIO(data), "r", format="mov", options=follow) as container:
        assert [packet.size for packet in container.demux(video=0)] == [0]
