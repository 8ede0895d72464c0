import json
import shutil
from pathlib import Path

import httpx
import pytest

from tests.app.posting import assert_problem, post_clip
from tests.app.running import make_settings, run_service, wait_for


def test_every_installed_model_is_listed(client: httpx.Client) -> None:
    models = client.get("/v1/models").json()["models"]

    assert [(model["reference"], model["state"]) for model in models] == [
        ("other-fp32@1", "not_loaded"),
        ("tiny-fp32@1", "ready"),
        ("tiny-int8@1", "ready"),
    ]
    assert {model["runtime"] for model in models} == {"openvino"}


@pytest.mark.parametrize("reference", ["tiny-int8", "tiny-int8@1", "default"])
def test_model_is_shown_with_its_whole_card(
    client: httpx.Client, model_dir: Path, reference: str
) -> None:
    model = client.get(f"/v1/models/{reference}").json()

    card = json.loads((model_dir / "tiny-int8" / "1" / "card.json").read_text())
    assert model["card"] == card
    assert model["aliases"] == ["default"]
    assert model["reason"] == ""


@pytest.mark.parametrize("reference", ["nothing", "tiny-int8@2", "tiny-int8@x", "..%2Fx"])
def test_unknown_model_is_not_found(client: httpx.Client, reference: str) -> None:
    assert client.get(f"/v1/models/{reference}").status_code == 404


def test_broken_model_says_why_and_the_others_serve(
    model_dir: Path, tmp_path: Path, clip_path: Path
) -> None:
    root = Path(shutil.copytree(model_dir, tmp_path / "weights"))
    (root / "tiny-fp32" / "1" / "weights.safetensors").write_bytes(b"changed")
    with run_service(make_settings(root), until_ready=False) as running:
        client = running.client
        wait_for(lambda: client.get("/v1/models/tiny-int8").json()["state"] == "ready")
        wait_for(lambda: client.get("/v1/models/tiny-fp32").json()["state"] == "failed")

        broken = client.get("/v1/models/tiny-fp32").json()
        ready = client.get("/health/ready")
        refused = post_clip(client, clip_path, model="tiny-fp32")
        answered = post_clip(client, clip_path)

    assert "weights.safetensors has sha256" in broken["reason"]
    assert "sha256" in assert_problem(ready, 503, "not_ready")["reasons"]["tiny-fp32"]
    assert "sha256" in assert_problem(refused, 503, "model_not_ready")["reason"]
    assert refused.headers["retry-after"] == "1"
    assert answered.status_code == 200
