"""The dashboard, the alerts and the page about running it name metrics there are, and no label tells on anybody."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from promql_parser import Matchers, VectorSelector, parse, walk
from ruamel.yaml import YAML

from pipeline.api.metrics import REACHABLE
from pipeline.metrics import FAMILIES
from pipeline.storage.spool import Spool
from workers.serving.metrics import ProcessMetrics, SweeperMetrics, WorkerMetrics

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "callsheet.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
PAGE = ROOT / "docs" / "operations.md"
OF_PROMETHEUS = {"instance", "job", "le"}
"""Labels that whoever collects adds, and that of a histogram's buckets."""
OF_CODE = {"state", "cause", "queue", "kind", "provider", "part", "call", "outcome", "task", "error", "event", "level"}
"""Labels whose values are names in the code. An account, a row, a voice or a text is none."""
VARIABLES = {"$__rate_interval": "5m", "$job": ".*"}

Json = dict[str, Any]


def registries() -> Iterator[CollectorRegistry]:
    made: tuple[ProcessMetrics, ...] = (WorkerMetrics(threads=1), SweeperMetrics())
    for metrics in made:
        metrics.watch_spool(Spool(Path("nowhere")))
        metrics.watch_queues(lambda _: 0, ("speech",))
        yield metrics.registry


def known() -> Mapping[str, set[str]]:
    """Return every metric as Prometheus stores it, with its labels."""
    found = {REACHABLE: set[str](), "process_resident_memory_bytes": set[str]()}
    found |= {family.name: set(family.labels) for family in FAMILIES}
    for registry in registries():
        for collector, names in registry._collector_to_names.items():
            found |= {name: labels_of(collector, name) for name in names if is_exposed(name, names)}
    return found


def is_exposed(name: str, names: Collection[str]) -> bool:
    return name.startswith("callsheet_") and not name.endswith("_created") and f"{name}_total" not in names


def labels_of(collector: Any, name: str) -> set[str]:
    if hasattr(collector, "_labelnames"):
        return set(collector._labelnames)
    return next(set(metric._labelnames) for metric in collector.describe() if metric.name == name)


def selectors(expression: str) -> list[tuple[str, Matchers]]:
    found: list[tuple[str, Matchers]] = []

    def visit(node: Any) -> bool:
        if isinstance(node, VectorSelector):
            found.append((node.name, node.matchers))
        return True

    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    walk(parse(expression), visit)
    return found


def panels() -> Iterator[Json]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel["type"] != "row":
            yield panel


def rules() -> list[Json]:
    loaded = YAML(typ="safe", pure=True).load(ALERTS.read_text())
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def expressions() -> list[tuple[str, str]]:
    shown = [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]
    return shown + [(rule["alert"], rule["expr"]) for rule in rules()]


@pytest.mark.parametrize(("where", "expression"), expressions(), ids=lambda value: value[:40])
def test_a_query_names_metrics_and_labels_there_are(where: str, expression: str) -> None:
    metrics = known()
    chosen = selectors(expression)
    assert chosen, where
    for name, matchers in chosen:
        assert name in metrics, f"{where}: there is no {name}"
        asked = {matcher.name for matcher in matchers.matchers}
        assert asked <= metrics[name] | OF_PROMETHEUS, f"{where}: {name} has no label {asked - metrics[name]}"


@pytest.mark.parametrize("wrong", ["max(callsheet_taken)", 'callsheet_takes{account="x"}', "rate(callsheet_takes[5m]"])
def test_a_wrong_query_would_be_seen(wrong: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        test_a_query_names_metrics_and_labels_there_are("control", wrong)


def test_every_label_is_a_name_of_the_code() -> None:
    assert {label for labels in known().values() for label in labels} <= OF_CODE


def test_every_metric_and_every_alert_is_on_the_page_about_running_it() -> None:
    page = PAGE.read_text()
    metrics = {family.name for family in FAMILIES} | {REACHABLE}
    metrics |= {re.sub(r"_(bucket|count|sum)$", "", name) for name in known() if name.startswith("callsheet_")}
    assert [name for name in sorted(metrics) if f"`{name}`" not in page] == []
    assert [rule["alert"] for rule in rules() if f"`{rule['alert']}`" not in page] == []
    told = set(re.findall(r"`(callsheet_\w+)`", page))
    assert told <= metrics


def test_every_alert_says_how_urgent_it_is_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]
        assert rule["annotations"]["action"], rule["alert"]


def test_the_dashboard_asks_whichever_source_is_chosen_and_no_panel_lies_on_another() -> None:
    document = json.loads(DASHBOARD.read_text())
    assert "datasource" in [variable["name"] for variable in document["templating"]["list"]]
    taken: set[tuple[int, int]] = set()
    for panel in document["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in document["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in panels():
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
        assert panel["description"], panel["title"]
