"""Every Prometheus collector of the service, on a registry that is passed in."""

from collections.abc import Mapping

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from service.arrays import Floats
from service.telemetry.logs import trace_of_request

# Geometric, factor 1.6, from 1 ms to about 12 s: a quantile is off by at most a third of itself.
_LATENCY_BUCKETS = tuple(round(0.001 * 1.6**step, 6) for step in range(21))
_SWAP_BUCKETS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64)
_BYTES_BUCKETS = tuple(float(4**step) for step in range(5, 14))
_COSINE_BUCKETS = tuple(round(-0.2 + 0.05 * step, 2) for step in range(25))
# exp(tau s)(F1+F2)^a spans few powers of ten while tau is near 1.
_SCORE_BUCKETS = (*_COSINE_BUCKETS, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
# Geometric, factor 1.25: what is long depends on the backbone, and limits lie between half and all of the median.
_NORM_BUCKETS = tuple(round(0.5 * 1.25**step, 4) for step in range(24))
# 0 to 100; what is poor is told as finely as what is good.
_QUALITY_BUCKETS = tuple(float(5 * step) for step in range(1, 21))
# Geometric, factor 1.25, from 16 to about 4300 pixels.
_PIXELS_BUCKETS = tuple(round(16 * 1.25**step, 1) for step in range(26))
# Detectors that are good at it give most faces more than 0.9.
_CONFIDENCE_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99, 1.0)
# Cosine units; the crowding of faces spreads over a tenth or so.
_DIFFERENCE_BUCKETS = (-0.1, -0.05, -0.02, -0.01, -0.005, -0.002, 0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)


class Metrics:
    """The service's collectors, named ``ida_…``, in seconds and bytes. Safe to use from several threads.

    Label values come from closed lists (routes, methods, stages, error codes), never from a caller's text.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "ida_requests", "HTTP requests answered.", ["route", "method", "status"], registry=registry
        )
        self.failures = Counter(
            "ida_failures", "Requests answered with an error, by its code.", ["reason"], registry=registry
        )
        self.item_failures = Counter(
            "ida_item_failures",
            "Items of batches answered with a problem, by its code; the batch itself is no failure.",
            ["reason"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "ida_request_seconds",
            "Seconds from a request's first byte to its answer's last.",
            ["route"],
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        self.stage_seconds = Histogram(
            "ida_stage_seconds",
            "Seconds of one request spent in a stage, both faces together.",
            ["stage"],
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge("ida_requests_in_flight", "Requests being answered now.", registry=registry)
        self.bodies = Gauge(
            "ida_bodies_held", "Requests whose bodies are on their way or held in memory.", registry=registry
        )
        self.held_bytes = Gauge("ida_bodies_held_bytes", "Bytes of those bodies together.", registry=registry)
        self.connections = Gauge("ida_connections", "Open connections, by port.", ["port"], registry=registry)
        self.connections_closed = Counter(
            "ida_connections_closed",
            "Connections that the service closed of its own accord, by why.",
            ["reason"],
            registry=registry,
        )
        self.body_bytes = Histogram(
            "ida_request_body_bytes", "Bytes of request bodies.", buckets=_BYTES_BUCKETS, registry=registry
        )
        self.batch_size = Histogram(
            "ida_batch_size", "Crops in one run of the backbone.", buckets=_BATCH_BUCKETS, registry=registry
        )
        self.similarity = Histogram(
            "ida_similarity", "Cosine similarity of verified pairs.", buckets=_COSINE_BUCKETS, registry=registry
        )
        self.score = Histogram(
            "ida_score",
            "Score of verified pairs by the method that was asked.",
            ["method"],
            buckets=_SCORE_BUCKETS,
            registry=registry,
        )
        self.crowding = Histogram(
            "ida_crowding",
            "Crowding of embedded faces by the method that computed it: higher is more crowded.",
            ["method"],
            buckets=_COSINE_BUCKETS,
            registry=registry,
        )
        self.embedding_norm = Histogram(
            "ida_embedding_norm",
            "Length of what the backbone gave for a face, where it is known: higher for better pictures; for each pair "
            "anew.",
            buckets=_NORM_BUCKETS,
            registry=registry,
        )
        self.photographs = Counter(
            "ida_photographs",
            "Photographs whose face was embedded, each once however many pairs of a request it is in, by how many "
            "degrees clockwise they had to be turned to find it upright.",
            ["rotated_by"],
            registry=registry,
        )
        for degrees in ("0", "90", "180", "270"):  # a series that begins at 1 shows no increase
            self.photographs.labels(degrees)
        self.unified_quality = Histogram(
            "ida_unified_quality",
            "Unified quality of the faces of those photographs, 0 to 100, where the anchor set can tell it.",
            buckets=_QUALITY_BUCKETS,
            registry=registry,
        )
        self.face_pixels = Histogram(
            "ida_face_pixels",
            "Shorter side of their faces' boxes, in pixels of the photograph.",
            buckets=_PIXELS_BUCKETS,
            registry=registry,
        )
        self.detection_score = Histogram(
            "ida_detection_score",
            "The detector's score of their faces, 0 to 1.",
            buckets=_CONFIDENCE_BUCKETS,
            registry=registry,
        )
        self.decisions = Counter(
            "ida_decisions",
            "Scored pairs by decision: match, non_match, inconclusive or none, with the first reason of the last two. "
            "The operating point is empty where none decided.",
            ["operating_point", "method", "decision", "reason"],
            registry=registry,
        )
        self.crowding_difference = Histogram(
            "ida_crowding_difference",
            "Crowding of a face by ida-l minus its crowding by ida-r, of the share that IDA_AGREEMENT_SHARE names.",
            buckets=_DIFFERENCE_BUCKETS,
            registry=registry,
        )
        self.agreement_samples = Counter(
            "ida_agreement_samples",
            "Requests by ida-l drawn to be searched too, by what became of it: compared, dropped or failed.",
            ["outcome"],
            registry=registry,
        )
        self.density_lookups = Counter(
            "ida_density_lookups",
            "Faces looked up in the density cache, by result: hit, or miss (searched for).",
            ["result"],
            registry=registry,
        )
        self.liveness = Counter(
            "ida_liveness",
            "Faces that the liveness part looked at, by its verdict: live, spoof or uncertain; for each pair anew.",
            ["verdict"],
            registry=registry,
        )
        self._open_access(registry)
        self.anchor_set_info = Gauge(
            "ida_anchor_set_info",
            "1 for the anchor set that is served.",
            ["anchor_set_id", "anchors_digest", "backbone_id"],
            registry=registry,
        )
        self.anchor_set_generation = Gauge(
            "ida_anchor_set_generation", "Generation of the anchor set that is served.", registry=registry
        )
        self.anchor_set_size = Gauge(
            "ida_anchor_set_size", "Anchors in the set that is served; 0 where cosine alone is.", registry=registry
        )
        self.newest_generation = Gauge(
            "ida_active_generation", "Newest generation that this replica saw in the store.", registry=registry
        )
        self.lagging = Gauge(
            "ida_lagging", "1 while a newer generation is known than the one that is served.", registry=registry
        )
        self.watch_lag = Gauge(
            "ida_watch_lag_seconds",
            "Seconds for which the newest generation seen has not been the one that is served; 0 where it is.",
            registry=registry,
        )
        self.store_reachable = Gauge("ida_store_reachable", "1 while the store can be read.", registry=registry)
        self.store_seen = Gauge(
            "ida_store_last_seen_timestamp_seconds", "When the store was last read, in Unix time.", registry=registry
        )
        self.store_info = Gauge("ida_store_info", "1 for the store that is followed.", ["store_id"], registry=registry)
        self.swaps = Counter(
            "ida_swaps",
            "Changes of what is served, by result: swapped, failed (it could not be loaded) or refused (dry runs too).",
            ["result"],
            registry=registry,
        )
        for result in ("swapped", "failed", "refused"):  # a series that begins at 1 shows no increase
            self.swaps.labels(result)
        self.swap_seconds = Histogram(
            "ida_swap_seconds",
            "Seconds from the decision to load a bundle to its first use.",
            buckets=_SWAP_BUCKETS,
            registry=registry,
        )
        self.load_failures = Counter(
            "ida_bundle_load_failures",
            "Bundles that could not be loaded, by the failure's code.",
            ["reason"],
            registry=registry,
        )
        self.golden_drift = Gauge(
            "ida_golden_drift",
            "Largest change of a golden pair's score from what the bundle's maker saw, over the largest score.",
            registry=registry,
        )
        self.draining = Gauge("ida_draining", "1 while the service answers its last requests.", registry=registry)
        self.workers = Gauge("ida_workers", "Requests that compute at the same time at most.", registry=registry)
        self.waiting = Gauge("ida_requests_waiting", "Requests that wait for a worker.", registry=registry)
        self.build_info = Gauge(
            "ida_build_info",
            "1 for the software that serves.",
            ["version", "revision", "python", "onnxruntime", "faiss", "provider"],
            registry=registry,
        )
        self.ready = Gauge("ida_ready", "1 while the service answers /readyz with ready.", registry=registry)

    def _open_access(self, registry: CollectorRegistry) -> None:
        """Make the collectors of who may ask, and of what is kept of it."""
        self.audit_records = Counter(
            "ida_audit_records",
            "Lines of the audit log, by result: written or failed; with the latter their requests failed too.",
            ["result"],
            registry=registry,
        )
        for result in ("written", "failed"):  # a series that begins at 1 shows no increase
            self.audit_records.labels(result)
        self.certificate_expires = Gauge(
            "ida_tls_certificate_expires_timestamp_seconds",
            "When the certificate that is shown ends, in Unix time; 0 without one.",
            registry=registry,
        )
        self.certificate_begins = Gauge(
            "ida_tls_certificate_begins_timestamp_seconds",
            "When the certificate that is shown began, in Unix time; 0 without one.",
            registry=registry,
        )
        self.file_unusable = Gauge(
            "ida_file_unusable",
            "1 while a file that changes under the service cannot be used: api_keys (every caller is refused) or "
            "tls_certificate (the one that was read before is shown).",
            ["file"],
            registry=registry,
        )
        for file in ("api_keys", "tls_certificate"):
            self.file_unusable.labels(file)

    def count_lookups(self, hits: int, misses: int) -> None:
        """Count faces that were in the density cache, and faces that were not."""
        self.density_lookups.labels("hit").inc(hits)
        self.density_lookups.labels("miss").inc(misses)

    def count_liveness(self, *verdicts: str) -> None:
        """Count what the liveness part said of faces."""
        for verdict in verdicts:
            self.liveness.labels(verdict).inc()

    def observe_pair(self, method: str, similarity: float, score: float) -> None:
        """Take note of a verified pair's scores."""
        self.similarity.observe(similarity)
        self.score.labels(method).observe(score)

    def count_decision(self, operating_point: str, method: str, decision: str, reason: str, count: int = 1) -> None:
        """Count scored pairs by their decision.

        Args:
            operating_point: where it was decided, one that the anchor set has; empty where none decided.
            method: the method that decided.
            decision: "match", "non_match", "inconclusive" or "none".
            reason: code of why it is one of the last two; empty for the others.
            count: how many pairs.
        """
        self.decisions.labels(operating_point, method, decision, reason).inc(count)

    def observe_pairs(self, method: str, similarities: Floats, scores: Floats) -> None:
        """Take note of many verified pairs' scores at once, (n,) each."""
        _observe_all(self.similarity, similarities)
        _observe_all(self.score.labels(method), scores)

    def observe_faces(self, method: str | None, crowding: Floats | None, norms: Floats) -> None:
        """Take note of many faces at once: their crowding, any shape, None where it is not known, and known norms."""
        if crowding is not None:
            _observe_all(self.crowding.labels(method), crowding)
        _observe_all(self.embedding_norm, norms)

    def observe_face(self, method: str | None, crowding: float | None, norm: float | None) -> None:
        """Take note of a face: its crowding, the method that computed it, its norm; None for what is not known."""
        if crowding is not None:
            self.crowding.labels(method).observe(crowding)
        if norm is not None:
            self.embedding_norm.observe(norm)

    def observe_photograph(
        self, *, face_pixels: float, detection_score: float, rotated_by: int, unified: float | None
    ) -> None:
        """Take note of a photograph whose face was embedded.

        Args:
            face_pixels: shorter side of the face's box, in pixels of the photograph.
            detection_score: the detector's, in 0..1.
            rotated_by: by how many degrees clockwise the photograph was turned: 0, 90, 180 or 270.
            unified: the unified quality, 0 to 100; None where it is not known.
        """
        self.photographs.labels(str(rotated_by)).inc()
        self.face_pixels.observe(face_pixels)
        self.detection_score.observe(detection_score)
        if unified is not None:
            self.unified_quality.observe(unified)

    def observe_stages(self, timings_ms: Mapping[str, float]) -> None:
        """Take note of the milliseconds that each stage took; one that did not run is at 0, and left out."""
        example = exemplar()
        for stage, milliseconds in timings_ms.items():
            if milliseconds > 0:
                self.stage_seconds.labels(stage).observe(milliseconds / 1000, example)

    def count_agreement(self, outcome: str) -> None:
        """Count a request of which predicted and searched densities were to be compared, by what became of it."""
        self.agreement_samples.labels(outcome).inc()


def _observe_all(histogram: Histogram, values: Floats) -> None:
    """Observe many values: the library does so one by one, which takes longer than scoring the pairs they are of."""
    values = values[~np.isnan(values)]
    bounds, counts = np.unique(np.searchsorted(histogram._upper_bounds, values), return_counts=True)
    histogram._sum.inc(float(values.sum(dtype=np.float64)))
    for bound, count in zip(bounds.tolist(), counts.tolist(), strict=True):
        histogram._buckets[bound].inc(count)


def exemplar() -> dict[str, str] | None:
    """Return what leads from a histogram to the trace of the current request; None where it is sent nowhere."""
    trace = trace_of_request.get()
    return {"trace_id": trace.trace_id} if trace is not None and trace.is_sampled else None


def open_metrics() -> Metrics:
    """Return the metrics of this process, on a registry of their own."""
    collectors = CollectorRegistry()
    ProcessCollector(registry=collectors)
    return Metrics(collectors)
