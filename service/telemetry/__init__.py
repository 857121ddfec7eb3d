"""Prometheus metrics and JSON logs; neither ever holds pixels, embeddings or tokens."""

from service.telemetry.logs import access_line, caller, configure_logging, request_id, tell
from service.telemetry.metrics import Metrics

__all__ = ["Metrics", "access_line", "caller", "configure_logging", "request_id", "tell"]
