"""Prometheus metrics and JSON logs; neither ever holds pixels, embeddings or tokens."""

from service.telemetry.logs import configure_logging, request_id
from service.telemetry.metrics import Metrics

__all__ = ["Metrics", "configure_logging", "request_id"]
