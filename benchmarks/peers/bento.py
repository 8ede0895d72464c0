"""BentoML: one worker process a core, each of which answers one request at a time.

As many workers as cores, and files as root input or form, as pages `parallelize-requests` and
`iotypes` of https://docs.bentoml.com/en/latest/build-with-bentoml/ advise. Unlike the other peers
it runs as `python -m bentoml serve benchmarks.peers.bento:Clips`.
"""

from pathlib import Path

import bentoml

from benchmarks.peers.pipeline import NUM_WORKERS, Pipeline


@bentoml.service(workers=NUM_WORKERS, logging={"access": {"enabled": False}})
class Clips:
    """Answers files, which BentoML writes to disk before it calls."""

    def __init__(self) -> None:
        self._pipeline = Pipeline()

    @bentoml.api
    def predict_mp4(self, clip: Path, /) -> list[float]:
        """Return the K probabilities of a video."""
        return self._pipeline.predict_video(str(clip))

    @bentoml.api
    def predict_npy(self, clip: Path, /) -> list[float]:
        """Return the K probabilities of an `.npy` file."""
        with clip.open("rb") as file:
            return self._pipeline.predict_array(file)

    @bentoml.api
    def predict_jpeg(self, frames: list[Path]) -> list[float]:
        """Return the K probabilities of JPEG files."""
        return self._pipeline.predict_images([frame.read_bytes() for frame in frames])
