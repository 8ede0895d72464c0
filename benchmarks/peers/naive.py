"""FastAPI as it is written first: an `async def` that computes, which blocks every other request.

One uvicorn process. The body is read as FastAPI's page "Using the Request Directly" shows, images
as its page "Request Files" does (https://fastapi.tiangolo.com/tutorial/request-files/).
"""

from typing import Annotated

import uvicorn
from fastapi import FastAPI, File, Request

from benchmarks.peers.pipeline import HOST, Pipeline, parse_port


def create_app() -> FastAPI:
    """Return the application, its network compiled."""
    app = FastAPI()
    pipeline = Pipeline()

    @app.get("/health")
    async def health() -> str:
        return "ok"

    @app.post("/predict/jpeg")
    async def predict_jpeg(frames: Annotated[list[bytes], File()]) -> list[float]:
        return pipeline.predict_images(frames)

    @app.post("/predict/{kind}")
    async def predict(kind: str, request: Request) -> list[float]:
        return pipeline.predict_body(kind, await request.body())

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(), host=HOST, port=parse_port(), log_level="error")
