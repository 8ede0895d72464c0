"""Who is measured: the service and its peers, how each is started, and how it is asked."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import httpx

from benchmarks.load import Post
from benchmarks.payloads import Payloads
from benchmarks.servers import ROOT, ServerCommand, service_command

Kind = Literal["mp4", "npy", "jpeg"]
KINDS: tuple[Kind, ...] = ("mp4", "npy", "jpeg")
OURS = "driver-activity"
FAST = "driver-activity, fast"
BENCH_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
MLSERVER_PYTHON = ROOT / ".venv-bench-mlserver" / "bin" / "python"
MAX_DIFFERENCE = 1e-4
TYPES = {"mp4": "video/mp4", "npy": "application/x-npy", "jpeg": "image/jpeg"}
BARE = "application/octet-stream"
# None of them may report that it is used, or be reached from elsewhere.
PEER_ENVIRONMENT = {
    "BENTOML_DO_NOT_TRACK": "True",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",  # or it writes a token into the home folder
    # On other systems Ray keeps to loopback by itself; on Linux it would listen on every address.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "DO_NOT_TRACK": "1",
    "PYTHONWARNINGS": "ignore",
}


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One server and how it is asked.

    Attributes:
        name: What the tables call it.
        command: How it is started.
        make_post: Gives the request of each kind of payload.
        read_probabilities: Gives the K probabilities of an answer, in the order of the labels.
        check_query: What is added to the path's query for an answer that names all of them.
        max_difference: Its probabilities must differ by less from the service's.
    """

    name: str
    command: ServerCommand
    make_post: Callable[[Kind, Payloads], Post]
    read_probabilities: Callable[[Any], list[float]]
    check_query: str = ""
    max_difference: float = MAX_DIFFERENCE


def ours(labels: Sequence[str]) -> Contender:
    """Return the service itself, as it is by default.

    Args:
        labels: Activities in the order of the network's outputs.
    """
    return Contender(
        name=OURS,
        command=service_command(),
        make_post=_post_ours,
        read_probabilities=lambda answer: _in_order(answer, labels),
        check_query=f"top_k={len(labels)}",
    )


def ours_fast(labels: Sequence[str]) -> Contender:
    """Return the service that is asked to decode in its fast mode, whose answers are others.

    Args:
        labels: Activities in the order of the network's outputs.
    """
    return replace(ours(labels), name=FAST, make_post=_post_ours_fast, max_difference=math.inf)


def local_peers() -> list[Contender]:
    """Return the peers that need nothing but what this environment has."""
    return [
        _peer("naive FastAPI", "naive", python=Path(sys.executable)),
        _peer("threaded FastAPI", "threaded", python=Path(sys.executable)),
    ]


def framework_peers(*, bench_python: Path, mlserver_python: Path) -> list[Contender]:
    """Return the peers that have environments of their own.

    Args:
        bench_python: Interpreter of the environment with the extra `bench`.
        mlserver_python: Interpreter of the one with MLServer, which needs an older Starlette.
    """
    return [
        _peer("LitServe", "lit", python=bench_python, make_post=_post_forms),
        _bentoml(bench_python),
        _peer(
            "KServe SDK",
            "kserve_sdk",
            python=bench_python,
            options=("--log_config_file", str(ROOT / "benchmarks/peers/kserve_logging.json")),
            ready_path="/v2/health/ready",
            make_post=_post_kserve,
        ),
        _peer("Ray Serve", "ray_serve", python=bench_python),
        _peer(
            "MLServer",
            "mlserver_runtime",
            python=mlserver_python,
            ready_path="/v2/health/ready",
        ),
    ]


def _peer(
    name: str,
    module: str,
    *,
    python: Path,
    options: tuple[str, ...] = (),
    ready_path: str = "/health",
    make_post: Callable[[Kind, Payloads], Post] | None = None,
) -> Contender:
    command = (str(python), "-m", f"benchmarks.peers.{module}", "--port", "{port}", *options)
    return Contender(
        name=name,
        command=ServerCommand(command=command, ready_path=ready_path, environment=PEER_ENVIRONMENT),
        make_post=make_post or _post_bare,
        read_probabilities=_read_list,
    )


def _bentoml(python: Path) -> Contender:
    target = "benchmarks.peers.bento:Clips"
    arguments = ("serve", target, "--host", "127.0.0.1", "--port", "{port}")
    return Contender(
        name="BentoML",
        command=ServerCommand(
            command=(str(python), "-m", "bentoml", *arguments),
            ready_path="/readyz",
            environment=PEER_ENVIRONMENT,
        ),
        make_post=_post_bentoml,
        read_probabilities=_read_list,
    )


def _post_ours(kind: Kind, payloads: Payloads) -> Post:
    path = "/v1/predictions" if kind == "mp4" else "/v1/predictions/frames"
    return _form_or_bare(path, kind, payloads, content_type=TYPES[kind])


def _post_ours_fast(kind: Kind, payloads: Payloads) -> Post:
    post = _post_ours(kind, payloads)
    return replace(post, path=f"{post.path}?decode=fast") if kind == "mp4" else post


def _post_bare(kind: Kind, payloads: Payloads) -> Post:
    return _form_or_bare(f"/predict/{kind}", kind, payloads, content_type=BARE)


def _post_bentoml(kind: Kind, payloads: Payloads) -> Post:
    return _form_or_bare(f"/predict_{kind}", kind, payloads, content_type=BARE)


def _post_kserve(kind: Kind, payloads: Payloads) -> Post:
    body = b"".join(payloads.images) if kind == "jpeg" else _bytes_of(kind, payloads)
    return Post(path=f"/v1/models/{kind}:predict", body=body, content_type=TYPES[kind])


def _post_forms(kind: Kind, payloads: Payloads) -> Post:
    if kind == "jpeg":
        return _form("/predict", "frames", payloads.images)
    field = {"mp4": "clip", "npy": "array"}[kind]
    return _form("/predict", field, [_bytes_of(kind, payloads)])


def _form_or_bare(path: str, kind: Kind, payloads: Payloads, *, content_type: str) -> Post:
    if kind == "jpeg":
        return _form(path, "frames", payloads.images)
    return Post(path=path, body=_bytes_of(kind, payloads), content_type=content_type)


def _form(path: str, field: str, files: Sequence[bytes]) -> Post:
    """Return a multipart form whose parts all have one name, encoded beforehand."""
    parts = [(field, (f"{index:02}", file, BARE)) for index, file in enumerate(files)]
    request = httpx.Request("POST", "http://form", files=parts)
    return Post(path=path, body=request.read(), content_type=request.headers["content-type"])


def _bytes_of(kind: Kind, payloads: Payloads) -> bytes:
    return payloads.mp4 if kind == "mp4" else payloads.npy


def _in_order(answer: Any, labels: Sequence[str]) -> list[float]:
    by_label = {item["label"]: item["probability"] for item in answer["clip"]["activities"]}
    return [by_label[label] for label in labels]


def _read_list(answer: Any) -> list[float]:
    probabilities: list[float] = answer["predictions"] if isinstance(answer, dict) else answer
    return probabilities
