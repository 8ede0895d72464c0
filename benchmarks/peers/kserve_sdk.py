"""KServe's SDK server: one uvicorn process a core, started by its `workers`.

A custom model as
https://kserve.github.io/website/docs/model-serving/predictive-inference/frameworks/custom-predictor
shows. Its v1 protocol hands on bodies that are not JSON as they are, which is the cheapest way in:
for the binary extension of v2, SDK 0.21 turns tensors into Python lists, and refuses bytes that are
not UTF-8. JPEG images come as one body, a motion JPEG stream.
"""

from functools import cache
from io import BytesIO

import av
import kserve
from kserve import model_server
from kserve.protocol.rest.multiprocess.server import RESTServerMultiProcess

from benchmarks.peers.pipeline import HOST, NUM_WORKERS, Pipeline, parse_port

KINDS = ("mp4", "npy", "jpeg")


@cache
def shared_pipeline() -> Pipeline:
    """Return the one pipeline of this process."""
    return Pipeline()


class ClipModel(kserve.Model):
    """Answers bare bodies of one kind; the kinds share a network in every process."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._pipeline = shared_pipeline()
        self.ready = True

    def __reduce__(self) -> tuple[type["ClipModel"], tuple[str]]:
        """Let a worker process, which is sent its models pickled, make its own."""
        return ClipModel, (self.name,)

    def predict(self, payload: bytes, headers: dict[str, str] | None = None) -> dict[str, object]:
        """Return the K probabilities."""
        if self.name == "jpeg":
            return {"predictions": self._pipeline.predict_images(_split_jpeg(payload))}
        return {"predictions": self._pipeline.predict_body(self.name, payload)}


class LoopbackServer(RESTServerMultiProcess):
    """The SDK's server, which would listen on every address."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._rest_server.config.host = HOST


def _split_jpeg(stream: bytes) -> list[bytes]:
    with av.open(BytesIO(stream), "r", format="mjpeg") as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


if __name__ == "__main__":
    model_server.RESTServerMultiProcess = LoopbackServer
    server = kserve.ModelServer(
        http_port=parse_port(),
        workers=NUM_WORKERS,
        enable_grpc=False,
        enable_latency_logging=False,
    )
    server.start([ClipModel(kind) for kind in KINDS])
