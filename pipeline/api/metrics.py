"""`/metrics`: what the rows tell, in Prometheus' text format, for whoever watches this machine or holds the token."""

import time
from collections.abc import Iterator
from threading import Lock

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from pipeline import metrics
from pipeline.edge import Edge
from pipeline.errors import Unauthorised

KEPT_SECONDS = 10.0
"""Several that ask at about the same time are told the same."""
REACHABLE = "callsheet_database_up"

router = APIRouter(tags=["metrics"])


class Rows:
    """Collects the metrics of the rows; the database is asked once in `KEPT_SECONDS`, however many look."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._lock = Lock()
        self._read_at = float("-inf")
        self._kept: list[metrics.Reading] | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; of a database that is away only that it is."""
        readings = self._readings()
        yield GaugeMetricFamily(REACHABLE, "1 while the database answers.", value=float(readings is not None))
        for reading in readings or ():
            yield _exposed(reading)

    def _readings(self) -> list[metrics.Reading] | None:
        with self._lock:
            if time.monotonic() - self._read_at >= KEPT_SECONDS:
                self._kept = self._asked()
                self._read_at = time.monotonic()
            return self._kept

    def _asked(self) -> list[metrics.Reading] | None:
        try:
            with self._edge.read() as session:
                return metrics.snapshot(session)
        except SQLAlchemyError:
            return None


def rows_registry(edge: Edge) -> CollectorRegistry:
    """Return what the API exposes: the rows, and its own process."""
    registry = CollectorRegistry()
    registry.register(Rows(edge))
    ProcessCollector(registry=registry)
    return registry


@router.get("/metrics", include_in_schema=False)
def read_metrics(request: Request) -> Response:
    """Tell what the rows tell."""
    state, headers = request.app.state, request.headers
    peer = request.client.host if request.client else None
    if not metrics.may_look(state.metrics_token, headers, peer):
        raise Unauthorised(
            "Metrics are shown to this machine, or to who holds their token.",
            hint="Set CALLSHEET_METRICS_TOKEN and send it as a bearer token.",
        )
    return Response(generate_latest(state.metrics), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _exposed(reading: metrics.Reading) -> Metric:
    family = reading.family
    kind = CounterMetricFamily if family.counts_up else GaugeMetricFamily
    exposed = kind(family.name, family.help, labels=family.labels)
    for labels, value in reading.samples:
        exposed.add_metric(labels, value)
    return exposed
