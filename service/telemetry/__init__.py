"""Prometheus metrics and JSON logs; neither ever holds pixels, embeddings or tokens."""

from service.telemetry.logs import caller, configure_logging, request_id
from service.telemetry.metrics import Metrics

__all__ = ["Metrics", "caller", "configure_logging", "request_id"]
