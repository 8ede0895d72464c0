from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.media import (
    CODINGS,
    ClipSize,
    film_clip,
    read_time_codes,
    write_clips,
    write_time_code,
)

SIZE = ClipSize(width_px=160, height_px=96, bits_per_s=200_000)


def make_film(num_frames: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num_frames, 128, 128, 3), dtype=np.uint8)


def test_frames_of_a_film_have_the_size_and_their_number() -> None:
    frames = list(film_clip(96, 160, film_THWC=make_film(5)))

    assert {frame.shape for frame in frames} == {(96, 160, 3)}
    assert read_time_codes(np.stack(frames)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("index", [0, 1, 89, 255])
def test_time_code_survives_scaling_to_model_size(index: int) -> None:
    frame_HWC = np.full((1024, 1280, 3), 127, np.uint8)
    write_time_code(frame_HWC, index)
    frame = av.VideoFrame.from_ndarray(frame_HWC, format="rgb24")

    small_HWC = np.asarray(frame.reformat(112, 112, "rgb24").to_ndarray(), np.uint8)

    assert read_time_codes(small_HWC[None]) == [index]


@pytest.mark.parametrize("codec", list(CODINGS))
def test_clip_of_every_codec_can_be_decoded(tmp_path: Path, codec: str) -> None:
    codings = {codec: CODINGS[codec]}

    (clip,) = write_clips(tmp_path, sizes=[SIZE], codings=codings, film_THWC=make_film(8))

    with av.open(clip.path) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert read_time_codes(np.stack(frames)) == list(range(8))


def test_clips_that_are_there_are_not_made_again(tmp_path: Path) -> None:
    codings = {"MPEG-4": CODINGS["MPEG-4"]}
    (clip,) = write_clips(tmp_path, sizes=[SIZE], codings=codings, film_THWC=make_film(4))
    clip.path.write_bytes(b"kept")

    write_clips(tmp_path, sizes=[SIZE], codings=codings, film_THWC=make_film(4))

    assert clip.path.read_bytes() == b"kept"
    assert list(tmp_path.iterdir()) == [clip.path]
