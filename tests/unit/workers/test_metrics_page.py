"""A worker's page of metrics: one page, for who may look, on the address that was asked for."""

import socket
from pathlib import Path

import httpx
import psutil
import pytest
from kombu.exceptions import OperationalError
from pydantic import SecretStr

from pipeline.errors import EnvironmentFault
from pipeline.storage.spool import Spool
from workers.serving.endpoint import serve_metrics
from workers.serving.metrics import ProcessMetrics

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def metrics() -> ProcessMetrics:
    return ProcessMetrics()


@pytest.fixture
def page(metrics: ProcessMetrics) -> str:
    port = serve_metrics(metrics.registry, LOOPBACK, free_port(), None)
    return f"http://{LOOPBACK}:{port}"


def test_it_shows_what_was_measured(metrics: ProcessMetrics, page: str) -> None:
    metrics.begins("speech")
    metrics.begins("clone")
    metrics.ends("clone", "answered", 2.5)
    text = httpx.get(f"{page}/metrics").raise_for_status().text
    assert 'callsheet_provider_calls_in_flight{call="speech"} 1.0' in text
    assert 'callsheet_provider_call_seconds_sum{call="clone",outcome="answered"} 2.5' in text
    assert "_created" not in text


def test_there_is_no_other_page_and_nothing_can_be_sent(page: str) -> None:
    assert httpx.get(page).status_code == 404
    assert httpx.post(f"{page}/metrics").status_code == 501


def test_it_is_shown_to_whom_the_token_belongs(metrics: ProcessMetrics) -> None:
    port = serve_metrics(metrics.registry, LOOPBACK, free_port(), SecretStr("a-token"))
    url = f"http://{LOOPBACK}:{port}/metrics"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers={"Authorization": "Bearer a-token"}).status_code == 200


def test_it_listens_on_loopback_where_nothing_else_is_asked_for(page: str) -> None:
    port = int(page.rpartition(":")[2])
    listening = [each.laddr for each in psutil.Process().net_connections("inet") if each.status == psutil.CONN_LISTEN]
    assert [address.ip for address in listening if address.port == port] == [LOOPBACK]


def test_no_port_is_no_page(metrics: ProcessMetrics) -> None:
    assert serve_metrics(metrics.registry, LOOPBACK, 0, None) == 0


def test_a_port_that_is_taken_is_told_with_its_setting(metrics: ProcessMetrics) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        with pytest.raises(EnvironmentFault, match="cannot be served") as refused:
            serve_metrics(metrics.registry, LOOPBACK, taken.getsockname()[1], None)
    assert "CALLSHEET_WORKER_METRICS_PORT" in refused.value.hint


def test_the_disk_is_looked_at_when_somebody_looks(metrics: ProcessMetrics, tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    metrics.watch_spool(spool)
    assert metrics.registry.get_sample_value("callsheet_spool_answers") == 0
    spool.write("answer", b"12345")
    assert metrics.registry.get_sample_value("callsheet_spool_answers") == 1
    assert metrics.registry.get_sample_value("callsheet_spool_bytes") == 5


def test_a_broker_that_is_away_leaves_its_metric_out(metrics: ProcessMetrics) -> None:
    counts = {"speech": 3}

    def count(queue: str) -> int:
        if not counts:
            raise OperationalError
        return counts[queue]

    metrics.watch_queues(count, ["speech"])
    assert metrics.registry.get_sample_value("callsheet_messages_waiting", {"queue": "speech"}) == 3
    counts.clear()
    assert metrics.registry.get_sample_value("callsheet_messages_waiting", {"queue": "speech"}) is None
