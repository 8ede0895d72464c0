"""A corpus of bad files, posted to a service: each gets its code, and none leaves anything."""

import multiprocessing
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from tests.app.corpus.files import BAD_FILES, BROKEN, FOREIGN, OK, OVER, SHORT, BadFile
from tests.app.corpus.making import Site
from tests.app.posting import VIDEO, post_bytes
from tests.app.running import Running, make_settings, run_service
from tests.clips import KINDS, make_clips
from tests.media import barcode_frames, write_video

MAX_DECODED_BYTES = 100_000_000  # so that bombs need not be large
NUM_PLACES = 20
# What is left of these can be a video, of the frames before the cut; others end with their index.
STREAMABLE = {
    "h264.mkv",
    "h264.ts",
    "fragmented.mp4",
    "vp8.webm",
    "vp9.webm",
    "mpeg4.avi",
    "mpeg1.mpg",
    "mpeg2.ts",
    "animated.gif",
}
CUT_SHORT = {BROKEN, FOREIGN, SHORT}
FLIPPED = {OK, BROKEN, FOREIGN, OVER, SHORT}
NUM_FLIPS = 10


@dataclass(frozen=True)
class Traces:
    """What the service holds of the system.

    Attributes:
        workers: Who decodes: another number means that one was ended.
        descriptors: Open files of the service and of each worker.
        files: Temporary files.
    """

    workers: frozenset[int]
    descriptors: tuple[int, ...]
    files: frozenset[Path]


def find_traces(folder: Path) -> Traces:
    workers = sorted(worker.pid or 0 for worker in multiprocessing.active_children())
    return Traces(
        workers=frozenset(workers),
        descriptors=tuple(psutil.Process(pid or None).num_fds() for pid in (0, *workers)),
        files=frozenset(folder.rglob("*")),
    )


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Yield a port on which nobody may call: a connection fails the test."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])
        server.settimeout(0.05)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.fixture(scope="module")
def site(port: int, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    return Site(clips=make_clips(folder, num_frames=30), folder=folder, port=port)


@pytest.fixture(scope="module")
def running(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Yield a service that is found as it was before the files came."""
    folder = tmp_path_factory.mktemp("spool")
    settings = make_settings(model_dir, max_decoded_bytes=MAX_DECODED_BYTES)
    good = write_video(tmp_path_factory.mktemp("good") / "clip.mp4", barcode_frames(30))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        with run_service(settings) as running:
            for _ in range(4):  # so often that every worker had a turn
                post_code(running.client, good.read_bytes())
            before = find_traces(folder)
            yield running
            assert post_code(running.client, good.read_bytes()) == OK
            assert find_traces(folder) == before


def post_code(
    client: httpx.Client, data: bytes, *, path: str = VIDEO, content_type: str = "video/mp4"
) -> str:
    answer = post_bytes(client, data, path=path, content_type=content_type)
    return OK if answer.status_code == 200 else str(answer.json()["code"])


def test_corpus_is_large() -> None:
    assert len(BAD_FILES) >= 60


@pytest.mark.parametrize("file", BAD_FILES.values(), ids=BAD_FILES)
def test_bad_file_is_answered_with_its_code(
    client: httpx.Client, site: Site, file: BadFile
) -> None:
    data = file.make(site)

    code = post_code(client, data, path=file.path, content_type=file.content_type)

    assert code == file.code


@pytest.mark.parametrize("name", KINDS)
def test_truncated_clip_is_a_shorter_video_or_refused(
    client: httpx.Client, site: Site, name: str
) -> None:
    data = site.clips[name]

    codes = [
        post_code(client, data[: len(data) * place // (NUM_PLACES + 1)])
        for place in range(1, NUM_PLACES + 1)
    ]

    assert set(codes) <= CUT_SHORT | ({OK} if name in STREAMABLE else set())


@pytest.mark.parametrize("part", [(0.0, 0.1), (0.1, 1.0)], ids=["header", "frames"])
@pytest.mark.parametrize("name", KINDS)
def test_clip_with_flipped_bits_is_answered_or_refused(
    client: httpx.Client, site: Site, name: str, part: tuple[float, float]
) -> None:
    data = site.clips[name]
    start, stop = (int(len(data) * share) for share in part)

    codes = {
        post_code(client, flip_bits(data, start, stop, seed=seed)) for seed in range(NUM_FLIPS)
    }

    assert codes <= FLIPPED


def flip_bits(data: bytes, start: int, stop: int, *, seed: int) -> bytes:
    """Return data with three bits of a part flipped."""
    rng = np.random.default_rng(seed)
    flipped = bytearray(data)
    for position in rng.integers(start, stop, 3):
        flipped[position] ^= 1 << int(rng.integers(8))
    return bytes(flipped)
