"""Records outlive the process, and several processes share one database."""

import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.experiments.store.database import Database, sqlite_url
from app.experiments.store.queries import read_observations
from tests.app.experiments.making import make_experiment
from tests.app.posting import VIDEO
from tests.app.running import make_settings, run_process, run_service, wait_for
from tests.postgresql import Cluster, needs_postgresql

EXPERIMENTS = "/v1/experiments"
ARMS: dict[str, Any] = {"control": {"model": "tiny-int8@1"}, "treatment": {"model": "tiny-fp32@1"}}


def begin(client: httpx.Client) -> None:
    body = make_experiment(**ARMS).model_dump(mode="json")
    assert client.post(EXPERIMENTS, json=body).status_code == 201


def ask(client: httpx.Client, clip: bytes) -> dict[str, Any]:
    response = client.post(VIDEO, files={"clip": clip})
    assert response.status_code == 200, response.json()
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.slow
def test_every_answer_of_a_killed_service_is_recorded_once(
    model_dir: Path, clip_path: Path, tmp_path: Path
) -> None:
    records_dir, clip = tmp_path / "records", clip_path.read_bytes()
    flags = ("--records-dir", str(records_dir))
    with run_process(model_dir, *flags, spool_dir=tmp_path) as service:
        begin(service.client)
        ids = [ask(service.client, clip)["request_id"] for _ in range(50)]
        service.end(signal.SIGKILL)

    with run_process(model_dir, *flags, spool_dir=tmp_path) as service:
        report = service.client.get(f"{EXPERIMENTS}/trial/report").json()

    database = Database(sqlite_url(records_dir))
    assert [len(read_observations(database, one)) for one in ids] == [1] * 50
    assert report["num_observations"] == 50
    database.close()


@needs_postgresql
@pytest.mark.slow
def test_services_with_one_database_run_the_same_and_report_the_same(
    model_dir: Path, clip_path: Path, cluster: Cluster
) -> None:
    clip, url = clip_path.read_bytes(), cluster.create_database()
    with (
        run_service(make_settings(model_dir, database_url=url)) as first,
        run_service(make_settings(model_dir, database_url=url)) as second,
    ):
        clients = (first.client, second.client)
        begin(first.client)
        wait_for(lambda: ask(second.client, clip)["experiment"] is not None)
        for _ in range(5):
            for client in clients:
                ask(client, clip)
        wait_for(lambda: len({_count(client) for client in clients}) == 1)
        reports = [client.get(f"{EXPERIMENTS}/trial/report").json() for client in clients]
        first.client.put("/v1/aliases/default", json={"model": "tiny-fp32@1"})
        wait_for(lambda: ask(second.client, clip)["model"]["name"] == "tiny-fp32")

    assert reports[0] == reports[1]
    assert reports[0]["num_pairs"] >= 11


def _count(client: httpx.Client) -> int:
    num: int = client.get(f"{EXPERIMENTS}/trial/report").json()["num_pairs"]
    return num
