"""FastAPI as a careful team writes it: the work in as many threads as there are cores.

`run_sync` with a limiter of its own is what AnyIO advises for work that must not take the default
pool's 40 threads (https://anyio.readthedocs.io/en/stable/threads.html); every thread has a copy of
the network. One uvicorn process: decoding and inference release the interpreter lock.
"""

import threading
from typing import Annotated

import anyio
import uvicorn
from anyio import to_thread
from fastapi import FastAPI, File, Request

from benchmarks.peers.pipeline import HOST, NUM_WORKERS, Pipeline, parse_port


class Pipelines(threading.local):
    """A pipeline for each thread."""

    def __init__(self) -> None:
        self.own = Pipeline()


def create_app() -> FastAPI:
    """Return the application; each thread compiles its network with its first request."""
    app = FastAPI()
    pipelines = Pipelines()
    limiter = anyio.CapacityLimiter(NUM_WORKERS)

    @app.get("/health")
    async def health() -> str:
        return "ok"

    @app.post("/predict/jpeg")
    async def predict_jpeg(frames: Annotated[list[bytes], File()]) -> list[float]:
        return await to_thread.run_sync(
            lambda: pipelines.own.predict_images(frames), limiter=limiter
        )

    @app.post("/predict/{kind}")
    async def predict(kind: str, request: Request) -> list[float]:
        body = await request.body()
        return await to_thread.run_sync(
            lambda: pipelines.own.predict_body(kind, body), limiter=limiter
        )

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(), host=HOST, port=parse_port(), log_level="error")
