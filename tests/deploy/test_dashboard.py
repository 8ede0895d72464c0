import re
from itertools import combinations
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.drift import DriftMonitor
from app.experiments.metrics import ExperimentMetrics
from app.metrics import Metrics
from app.records import ComparedPair, ModelLabels, RequestRecord
from tests.app.experiments.making import make_experiment, make_observation
from tests.app.references import LABELS, make_reference
from tests.deploy.files import (
    COMPOSE,
    DATASOURCES,
    PROVIDERS,
    read_panels,
    read_scrape_interval,
    read_services,
    read_targets,
    read_yaml,
)

GRID_COLUMNS = 24
ADDED_BY_PROMETHEUS = {"job", "instance"}
METRIC = re.compile(r"\b(?:driver_activity|process)_\w+")
QUERIES = [target["expr"] for target in read_targets()]


@pytest.fixture(scope="module")
def labels_by_metric() -> dict[str, set[str]]:
    """The labels of everything that the service can show, by metric."""
    drift = DriftMonitor(min_sample=1)
    metrics = Metrics(queue_depths={"decode": lambda: 0}, is_ready=lambda: True, drift=drift)
    model = ModelLabels(model="tiny", version="1", precision="int8", runtime="openvino")
    record = RequestRecord()
    record.note("inference", 0.1, model)
    record.pairs = [
        ComparedPair(baseline="a@1", candidate="b@1", is_agreed=True, max_difference=0.1)
    ]
    metrics.show_models([model])
    metrics.count_load("loaded")
    drift.watch(model, make_reference(num_clips=1_000_000))
    for _ in range(10_000):
        drift.add(model, label=LABELS[0], confidence=0.5, brightness=0.5, motion=0.5)
    show_experiments(ExperimentMetrics(metrics.registry))
    metrics.begin_request()
    metrics.end_request(record, route="/v1/comparisons", status=200)
    samples = [
        sample
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    ]
    return {sample.name: set(sample.labels) for sample in samples}


def show_experiments(metrics: ExperimentMetrics) -> None:
    """Let everything happen once that there is a metric for."""
    metrics.watch_records(waiting_bytes=lambda: 0, is_available=lambda: True)
    metrics.count(make_observation())
    metrics.show_running({"default": make_experiment()})
    metrics.show_aliases({"default": "a@1"})
    metrics.count_move("default", by="api")
    metrics.count_breach("trial")
    metrics.count_lost("closed", 1)


@pytest.mark.parametrize("query", QUERIES)
def test_every_metric_of_the_dashboard_is_one_of_the_service(
    query: str, labels_by_metric: dict[str, set[str]]
) -> None:
    used = set(METRIC.findall(query))

    assert used
    assert used <= labels_by_metric.keys()


@pytest.mark.parametrize("target", read_targets(), ids=QUERIES)
def test_every_label_of_the_dashboard_is_one_of_its_metric(
    target: dict[str, Any], labels_by_metric: dict[str, set[str]]
) -> None:
    query, legend = target["expr"], target["legendFormat"]
    grouped = {
        label for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(", ")
    }
    selected = set(re.findall(r"(\w+)=", query))
    shown = set(re.findall(r"\{\{(\w+)\}\}", legend))
    known = set.intersection(*(labels_by_metric[name] for name in METRIC.findall(query)))

    assert (grouped | selected | shown) - ADDED_BY_PROMETHEUS <= known
    assert not grouped or shown <= grouped


def test_dashboard_shows_every_metric_of_the_service(
    labels_by_metric: dict[str, set[str]],
) -> None:
    own = {name for name in labels_by_metric if name.startswith("driver_activity_")}
    families = {re.sub(r"_(bucket|sum|count|created|total)$", "", name) for name in own}
    text = " ".join(QUERIES)

    assert [family for family in families if family not in text] == []


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = read_panels()

    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations(panels, 2):
        assert not covered(one) & covered(other), (one["title"], other["title"])


def covered(panel: dict[str, Any]) -> set[tuple[int, int]]:
    """Return the cells of the grid that a panel covers, as (column, row)."""
    place = panel["gridPos"]
    columns = range(place["x"], place["x"] + place["w"])
    assert columns.stop <= GRID_COLUMNS
    return {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}


def test_queries_go_to_the_provisioned_datasource() -> None:
    (datasource,) = read_yaml(DATASOURCES)["datasources"]

    assert {target["datasource"]["uid"] for target in read_targets()} == {datasource["uid"]}


def test_datasource_is_the_prometheus_of_compose_with_its_scrape_interval() -> None:
    (datasource,) = read_yaml(DATASOURCES)["datasources"]

    assert datasource["url"] == "http://prometheus:9090"
    assert "prometheus" in read_services()
    assert datasource["jsonData"]["timeInterval"] == read_scrape_interval()


def test_grafana_looks_for_dashboards_where_compose_mounts_them() -> None:
    (provider,) = read_yaml(PROVIDERS)["providers"]
    mounts = [volume.split(":") for volume in read_services()["grafana"]["volumes"]]
    sources = {mount[1]: COMPOSE.parent / mount[0] for mount in mounts}

    assert list(sources[provider["options"]["path"]].glob("*.json"))
