"""Metrics of a server in Prometheus' terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "XGET"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
_OTHER = "other"


class Metrics:
    """Counters and histograms of requests, and gauges that are set when they are asked for."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "datalake_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._latency = Histogram(
            "datalake_http_request_duration_seconds",
            "Time from a request's head to the end of its answer.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.jobs = Gauge("datalake_jobs", "Jobs by kind and status.", ("kind", "status"), registry=self.registry)
        self.queue = Gauge("datalake_queue_jobs", "Jobs that wait to run.", registry=self.registry)
        self.oldest = Gauge(
            "datalake_queue_oldest_seconds", "Time the oldest waiting job has waited.", registry=self.registry
        )
        self.disk_free = Gauge(
            "datalake_disk_free_bytes", "Bytes free for this server.", ("folder",), registry=self.registry
        )
        self.disk_size = Gauge("datalake_disk_size_bytes", "Bytes of the disk.", ("folder",), registry=self.registry)
        self.database = Gauge("datalake_database_bytes", "Bytes of the database's files.", registry=self.registry)
        # Looking a child up by its labels costs as much as counting.
        self._children: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def count(self, scope: Mapping[str, Any], status: int, seconds: float) -> None:
        """Count a request that was answered, by the route it matched."""
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
        route = getattr(scope.get("route"), "path", _OTHER)
        children = self._children.get((method, route, status))
        if children is None:
            counter = self._requests.labels(method, route, str(status))
            children = self._children[method, route, status] = (counter, self._latency.labels(method, route))
        children[0].inc()
        children[1].observe(seconds)
