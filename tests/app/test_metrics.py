from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.errors import PROBLEMS
from app.metrics import DECODE_FAILURES, REJECTIONS
from tests.app.posting import COMPARISONS, post_bytes, post_clip
from tests.app.running import Running, make_settings, run_service

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
INT8 = {"model": "tiny-int8", "version": "1", "precision": "int8", "runtime": "openvino"}
PAIR = {"baseline": "tiny-fp32@1", "candidate": "tiny-int8@1"}


@pytest.fixture
def fresh(model_dir: Path) -> Iterator[Running]:
    with run_service(make_settings(model_dir, max_upload_bytes=100_000)) as running:
        yield running


def scrape(running: Running) -> Samples:
    families = text_string_to_metric_families(running.client.get("/metrics").text)
    return {
        (
            sample.name.removeprefix("driver_activity_"),
            frozenset(sample.labels.items()),
        ): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_requests_are_counted_by_route_status_and_code(fresh: Running, clip_path: Path) -> None:
    post_clip(fresh.client, clip_path)
    post_clip(fresh.client, b"no video")
    fresh.client.get("/v1/models/a-name-that-a-client-chose")

    samples = scrape(fresh)

    route = "/v1/predictions"
    assert value(samples, "requests_total", route=route, status="200", code="ok") == 1
    code = "unsupported_media"
    assert value(samples, "requests_total", route=route, status="415", code=code) == 1
    assert value(samples, "request_seconds_count", route=route) == 2
    code, route = "unknown_model", "/v1/models/{reference}"
    assert value(samples, "requests_total", route=route, status="404", code=code) == 1


def test_paths_that_clients_invent_make_no_series(fresh: Running) -> None:
    for index in range(5):
        fresh.client.get(f"/admin/{index}")

    samples = scrape(fresh)

    labels = {"route": "unmatched", "status": "404", "code": "not_found"}
    assert value(samples, "requests_total", **labels) == 5
    assert not any("admin" in text for _, labels in samples for _, text in labels)


@pytest.mark.parametrize("stage", ["upload", "queue", "decode", "inference", "postprocess"])
def test_stages_are_timed_for_the_model_that_an_alias_leads_to(
    fresh: Running, clip_path: Path, stage: str
) -> None:
    post_clip(fresh.client, clip_path, model="default")

    samples = scrape(fresh)

    assert value(samples, "stage_seconds_count", stage=stage, **INT8) == 1
    assert value(samples, "stage_seconds_sum", stage=stage, **INT8) > 0


def test_comparisons_are_counted_and_their_differences_observed(
    fresh: Running, clip_path: Path
) -> None:
    models = ["tiny-fp32", "tiny-int8"]
    pair = post_clip(fresh.client, clip_path, path=COMPARISONS, models=models).json()["pairs"][0]

    samples = scrape(fresh)

    agree = "true" if pair["clip_agrees"] else "false"
    assert value(samples, "comparisons_total", agree=agree, **PAIR) == 1
    difference = value(samples, "comparison_probability_difference_sum", **PAIR)
    assert difference == pytest.approx(pair["max_abs_difference"])
    assert value(samples, "stage_seconds_count", stage="inference", **INT8) == 1
    shared = dict.fromkeys(INT8, "")
    assert value(samples, "stage_seconds_count", stage="decode", **shared) == 1


def test_refusals_are_counted_by_reason(fresh: Running) -> None:
    post_bytes(fresh.client, bytes(200_000))
    post_clip(fresh.client, b"no video")

    samples = scrape(fresh)

    assert value(samples, "rejected_total", reason="upload_too_large") == 1
    assert value(samples, "rejected_total", reason="queue_full") == 0
    assert value(samples, "decode_failures_total", reason="unsupported_media") == 1


def test_state_of_the_service_is_shown(fresh: Running) -> None:
    samples = scrape(fresh)

    assert value(samples, "ready") == 1
    assert value(samples, "in_flight_requests") == 1  # the scrape itself
    assert value(samples, "queue_depth", queue="decode") == 0
    assert value(samples, "queue_depth", queue="inference") == 0
    assert value(samples, "model_info", **INT8) == 1
    assert value(samples, "process_resident_memory_bytes") > 0


def test_reasons_are_codes_that_exist() -> None:
    codes = {kind.code for kind in PROBLEMS.values()}

    assert {*REJECTIONS, *DECODE_FAILURES} <= codes
