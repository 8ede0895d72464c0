"""Whatever clients send, the log has one line for each event, and only the service's own."""

import json
import signal
from pathlib import Path
from urllib.parse import quote

import httpx

from tests.app.posting import VIDEO, post_bytes
from tests.app.running import run_process

FORGED = 'forged\r\n{"event": "request", "code": "forged"}\x1b[31m\u2028\x85'
"""Ends a line, begins another one, and means something to terminals."""


def send_everywhere(client: httpx.Client) -> None:
    """Send it in every place where a client can say something."""
    for path in ("/{}", "/v1/models/{}", "/v1/experiments/{}/report", "/static-offline-docs/{}"):
        client.get(path.format(quote(FORGED)))
    client.post(VIDEO, params={"model": FORGED, FORGED: FORGED})
    client.post(VIDEO, files={FORGED: (FORGED, b"x", "video/mp4")})
    client.put("/v1/aliases/beta", json={"model": "tiny-fp32@1", "reason": FORGED})
    client.put("/v1/aliases/beta", json={"model": FORGED, "reason": FORGED})
    client.post("/v1/feedback", json={"request_id": FORGED, "label": FORGED})
    harmless = FORGED.encode().replace(b"\r\n", b"\t").replace(b"\x1b", b"")
    for name in (b"X-Request-Id", b"X-Vehicle-Id", b"Authorization", b"User-Agent", b"Accept"):
        client.get("/v1/models", headers={name: harmless})
    post_bytes(client, b"x", content_type="video/mp4; boundary=forged\tforged")


def test_no_client_can_write_a_line_of_the_log(model_dir: Path, tmp_path: Path) -> None:
    with run_process(model_dir, "--log-level", "debug", spool_dir=tmp_path) as service:
        send_everywhere(service.client)
        num_requests = int(
            sum(
                float(line.split()[1])
                for line in service.client.get("/metrics").text.splitlines()
                if line.startswith("driver_activity_requests_total")
            )
        )
        logged = service.end(signal.SIGTERM)

    lines = [json.loads(line) for line in logged if line.startswith("{")]
    requests = [line for line in lines if line["event"] == "request"]
    assert num_requests >= 14
    assert len(requests) >= num_requests
    assert not any(line["code"] == "forged" for line in requests)
    assert [line for line in logged if not line.startswith("{")] == []
    assert all(line.isascii() and line.isprintable() for line in logged)
