"""LitServe: a process of its own for every core.

`workers_per_device` is what https://lightning.ai/docs/litserve/api-reference/litserver has for more
processes on one device. Of bodies that are not JSON it reads forms only: every payload is the parts
of a multipart form.
"""

from typing import cast

import litserve
from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from benchmarks.peers.pipeline import HOST, NUM_WORKERS, Pipeline, parse_port


class ClipAPI(litserve.LitAPI):
    """Answers forms of one part `clip` or `array`, or of many parts `frames`."""

    def setup(self, device: str) -> None:
        """Compile the network, once in every worker."""
        self._pipeline = Pipeline()

    def decode_request(self, request: Request) -> tuple[str, list[UploadFile]]:
        """Return the name of the parts, and the parts, of a form that is parsed already."""
        form = cast(FormData, request)
        (field,) = set(form)
        return field, [part for part in form.getlist(field) if isinstance(part, UploadFile)]

    def predict(self, parts: tuple[str, list[UploadFile]]) -> list[float]:
        """Return the K probabilities."""
        field, files = parts
        if field == "clip":
            return self._pipeline.predict_video(files[0].file)
        if field == "array":
            return self._pipeline.predict_array(files[0].file)
        return self._pipeline.predict_images([file.file.read() for file in files])

    def encode_response(self, output: list[float]) -> list[float]:
        """Return the K probabilities, for JSON."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(ClipAPI(), accelerator="cpu", workers_per_device=NUM_WORKERS)
    server.run(host=HOST, port=parse_port(), log_level="error", generate_client_file=False)
