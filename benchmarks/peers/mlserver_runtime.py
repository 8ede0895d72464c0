"""MLServer: a custom runtime in a pool of `parallel_workers`, one process a core.

As https://docs.seldon.ai/mlserver/user-guide/parallel-inference advises. Its v2 protocol has no
binary way in over REST; a custom handler beside it takes bytes as they are, and runs in the pool,
too.
"""

import asyncio
from tempfile import TemporaryDirectory
from typing import Annotated

import mlserver
from fastapi import Body, File
from mlserver.handlers import custom_handler

from benchmarks.peers.pipeline import HOST, NUM_WORKERS, Pipeline, parse_port

Bytes = Annotated[bytes, Body(media_type="application/octet-stream")]


class ClipRuntime(mlserver.MLModel):
    """Answers bare bodies, and forms of images."""

    async def load(self) -> bool:
        """Compile the network, once in every worker."""
        self._pipeline = Pipeline()
        return True

    @custom_handler(rest_path="/predict/mp4")
    async def predict_mp4(self, body: Bytes) -> list[float]:
        """Return the K probabilities of a video."""
        return self._pipeline.predict_body("mp4", body)

    @custom_handler(rest_path="/predict/npy")
    async def predict_npy(self, body: Bytes) -> list[float]:
        """Return the K probabilities of an `.npy` file."""
        return self._pipeline.predict_body("npy", body)

    @custom_handler(rest_path="/predict/jpeg")
    async def predict_jpeg(self, frames: Annotated[list[bytes], File()]) -> list[float]:
        """Return the K probabilities of JPEG files."""
        return self._pipeline.predict_images(frames)


async def serve(port: int) -> None:
    """Serve until a signal ends it."""
    with TemporaryDirectory() as folder:  # or it would leave some in the repository
        settings = mlserver.Settings(
            host=HOST,
            http_port=port,
            grpc_port=0,
            metrics_endpoint=None,
            parallel_workers=NUM_WORKERS,
            debug=False,
            environments_dir=folder,
            metrics_dir=folder,
        )
        model = mlserver.ModelSettings(name="clips", implementation=ClipRuntime)
        await mlserver.MLServer(settings).start([model])


if __name__ == "__main__":
    asyncio.run(serve(parse_port()))
