"""Ray Serve: one replica a core, behind its proxy.

As https://docs.ray.io/en/latest/serve/advanced-guides/asyncio-best-practices.html says for work
that is bound by the processor and releases the interpreter lock: a replica of one CPU for each
core, few `max_ongoing_requests`, the work offloaded to a pool of no more threads than CPUs. The
bare request comes as https://docs.ray.io/en/latest/serve/http-guide.html shows.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import ray
from ray import serve
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from benchmarks.peers.pipeline import HOST, NUM_WORKERS, Pipeline, parse_port


@serve.deployment(
    num_replicas=NUM_WORKERS,
    ray_actor_options={"num_cpus": 1},
    max_ongoing_requests=2,
    logging_config={"enable_access_log": False},
)
class Clips:
    """Answers bare bodies, and forms of images; one thread computes while the next body comes."""

    def __init__(self) -> None:
        self._pipeline = Pipeline()
        self._thread = ThreadPoolExecutor(max_workers=1)

    async def __call__(self, request: Request) -> list[float] | str:
        """Return the K probabilities; `ok` on the health path."""
        kind = request.url.path.rsplit("/", 1)[-1]
        if kind == "health":
            return "ok"
        run = asyncio.get_running_loop().run_in_executor
        if kind == "jpeg":
            async with request.form() as form:
                images = [await part.read() for part in _files(form)]
            return await run(self._thread, self._pipeline.predict_images, images)
        body = await request.body()
        return await run(self._thread, self._pipeline.predict_body, kind, body)


def keep_to_loopback() -> None:
    """Move a replica's port for other replicas, which would be open on every address."""
    from ray.serve._private import replica

    add_port = replica.add_port_to_grpc_server
    replica.add_port_to_grpc_server = lambda server, _: add_port(server, f"{HOST}:0")


def _files(form: FormData) -> list[UploadFile]:
    return [part for part in form.getlist("frames") if isinstance(part, UploadFile)]


if __name__ == "__main__":
    port = parse_port()
    ray.init(
        num_cpus=NUM_WORKERS,
        include_dashboard=False,
        runtime_env={"worker_process_setup_hook": keep_to_loopback},
        _node_ip_address=HOST,
    )
    serve.start(http_options={"host": HOST, "port": port})
    serve.run(Clips.bind(), blocking=True)  # type: ignore[attr-defined]
