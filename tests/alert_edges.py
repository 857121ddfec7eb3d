"""Where the thresholds of the alerts of deploy/prometheus/rules/ida-verify.yml lie: what is quiet, and what fires.

What is recorded ahead is given as it is, so that a table of a line or two says where an edge lies.
"""

from alert_series import (
    STEP,
    STEPS,
    Edge,
    Edges,
    Series,
    between,
    counted,
    crowding_difference,
    edge,
    held,
    of_the_method,
    recorded,
    risen,
    service,
)

WEEK = 7 * 24 * 60  # minutes

REQUESTS_5XX = service("ida_requests_total", route="/verify", status="500")
OVERLOADED = service("ida_failures_total", reason="overloaded")
LIMITED = service("ida_failures_total", reason="rate_limited")
NOT_CALIBRATED = service("ida_decisions_total", reason="not_calibrated")
DECIDED = service("ida_decisions_total", reason="")
AUDIT_FAILED = service("ida_audit_records_total", instance="a", result="failed")
THROTTLED = 'container_cpu_cfs_throttled_periods_total{container="ida-verify", namespace="n", pod="p"}'
PERIODS = 'container_cpu_cfs_periods_total{container="ida-verify", namespace="n", pod="p"}'
STOOD_STILL = 'container_cpu_cfs_throttled_seconds_total{container="ida-verify", namespace="n", pod="p"}'


FAILING = {REQUESTS_5XX: counted(10)}
ERRORS = {"failed__rate5m": 1.0, "answered__rate5m": 1.0}
SLOW = {"objective__verify_seconds": 0.5, "verify_seconds__p99_5m": 9.0, "verify_seconds__p99_1h": 9.0}

EDGES: dict[str, Edges] = {
    "IdaNoReplicaReady": Edges(
        [edge(service("ida_ready", instance="a"), 1, 0, beside={service("up", instance="a"): held(1)})],
        {service("ida_ready", instance="a"): held(0), service("up", instance="a"): held(1)},
    ),
    "IdaReplicaDown": Edges([edge(service("up"), 1, 0)], {service("up"): held(0)}),
    "IdaErrorRatio": Edges(
        [
            Edge(
                recorded(failed__rate5m=0.0098),
                recorded(failed__rate5m=0.0102),
                FAILING | recorded(answered__rate5m=1, failed__requests5m=100),
            ),
            Edge(
                recorded(failed__requests5m=9.8),
                recorded(failed__requests5m=10.2),
                FAILING | recorded(**ERRORS, failed__requests1h=0, answered__requests1h=1000),
            ),
            Edge(
                recorded(failed__requests1h=9.8),
                recorded(failed__requests1h=10.2),
                FAILING | recorded(**ERRORS, failed__requests5m=0, answered__requests1h=20),
            ),
            Edge(
                recorded(failed__requests1h=49),
                recorded(failed__requests1h=51),
                FAILING | recorded(**ERRORS, failed__requests5m=0, answered__requests1h=1000),
            ),
        ],
        FAILING | recorded(**ERRORS, failed__requests5m=100),
        since=STEP,
    ),
    "IdaSlow": Edges(
        [
            between(
                recorded(verify_seconds__p99_1h=0.49),
                recorded(verify_seconds__p99_1h=0.51),
                **{name: value for name, value in SLOW.items() if not name.endswith("1h")},
                verify__requests1h=1000,
            ),
            between(
                recorded(verify_seconds__p99_5m=0.49),
                recorded(verify_seconds__p99_5m=0.51),
                **{name: value for name, value in SLOW.items() if not name.endswith("5m")},
                verify__requests1h=1000,
            ),
            between(
                recorded(verify__requests1h=294),
                recorded(verify__requests1h=306),
                **SLOW,
                verify_seconds__median1h=0.1,
            ),
            between(
                recorded(verify_seconds__median1h=0.49),
                recorded(verify_seconds__median1h=0.51),
                **SLOW,
                verify__requests1h=100,
            ),
            between(
                recorded(verify__requests1h=19.6),
                recorded(verify__requests1h=20.4),
                **SLOW,
                verify_seconds__median1h=1,
            ),
        ],
        recorded(**SLOW, verify__requests1h=1000),
    ),
    "IdaSaturated": Edges(
        [edge(service("ida_requests_waiting"), 1.96, 2.04, beside={service("ida_workers"): held(2)})],
        {service("ida_requests_waiting"): held(3), service("ida_workers"): held(2)},
    ),
    "IdaShedLoad": Edges(
        [
            Edge(
                recorded(answered__rate5m=1 / 0.0098 - 1),
                recorded(answered__rate5m=1 / 0.0102 - 1),
                {OVERLOADED: counted(10)} | recorded(shed__rate5m=1),
            ),
            Edge(
                recorded(shed__rate5m=19.6 / 300),
                recorded(shed__rate5m=20.4 / 300),
                {OVERLOADED: counted(10)} | recorded(answered__rate5m=0.1),
            ),
        ],
        {OVERLOADED: counted(10)} | recorded(shed__rate5m=1, answered__rate5m=1),
        since=STEP,
    ),
    "IdaThrottled": Edges(
        [
            edge(THROTTLED, 24.5, 25.5, counted, beside={PERIODS: counted(100), STOOD_STILL: counted(30)}),
            edge(
                STOOD_STILL,
                0.098 * STEP,
                0.102 * STEP,
                counted,
                beside={PERIODS: counted(100), THROTTLED: counted(50)},
            ),
        ],
        {PERIODS: counted(100), THROTTLED: counted(50), STOOD_STILL: counted(1000)},
        since=STEP,
    ),
    "IdaReplicasDisagree": Edges(
        [
            Edge(
                recorded(replicas__since_last_start_seconds=588),
                recorded(replicas__since_last_start_seconds=612),
                {"ida:anchor_sets:served": f"1x{STEPS - 20} 2x19"},
            ),
            # Where replicas go on starting: after 55 minutes all the same, which by the end of the series are over.
            Edge(
                {"ida:anchor_sets:served": f"1x{STEPS - 2 * 56 + 1} 2x{2 * 56 - 2}"},
                {"ida:anchor_sets:served": f"1x{STEPS - 2 * 58} 2x{2 * 58 - 1}"},
                recorded(replicas__since_last_start_seconds=0),
            ),
        ],
        recorded(anchor_sets__served=2),
    ),
    "IdaTwoStores": Edges(
        [
            Edge(
                {service("ida_store_info", instance="b", store_id="s"): held(1)},
                {service("ida_store_info", instance="b", store_id="t"): held(1)},
                {service("ida_store_info", instance="a", store_id="s"): held(1)},
            ),
        ],
        {service("ida_store_info", store_id=store): held(1) for store in "st"},
    ),
    "IdaSwapFailed": Edges(
        [
            Edge(
                {service("ida_swaps_total", result="failed"): f"0x{STEPS - 22} 1x21"},
                {service("ida_swaps_total", result="failed"): f"0x{STEPS - 19} 1x18"},
                {},
            )
        ],
        {service("ida_swaps_total", result="failed"): counted(1)},
        since=STEP,
    ),
    "IdaReplicaLagging": Edges(
        [
            edge(service("ida_watch_lag_seconds", instance="a"), 58.8, 61.2),
            Edge(
                {service("process_start_time_seconds", instance="a"): held(STEPS * STEP - 600)},
                {service("process_start_time_seconds", instance="a"): held(STEPS * STEP - 780)},
                {service("ida_watch_lag_seconds", instance="a"): held(1000)},
            ),
        ],
        {service("ida_watch_lag_seconds", instance="a"): held(1000)},
    ),
    "IdaStoreAway": Edges([edge(service("ida_store_reachable"), 1, 0)], {service("ida_store_reachable"): held(0)}),
    "IdaGoldenDrift": Edges(
        [edge(service("ida_golden_drift"), 0.00049, 0.00051)], {service("ida_golden_drift"): held(1)}
    ),
    "IdaScoreDrift": Edges(
        [
            between(
                recorded(similarity__median1h=0.149),
                recorded(similarity__median1h=0.151),
                similarity__usual_median1h=0.1,
                similarity__pairs1h=9999,
                anchor_sets__seen25h=1,
            ),
            between(
                recorded(similarity__pairs1h=490),
                recorded(similarity__pairs1h=510),
                similarity__usual_median1h=0.1,
                similarity__median1h=0.9,
                anchor_sets__seen25h=1,
            ),
        ],
        recorded(similarity__median1h=0.9, similarity__usual_median1h=0.1, similarity__pairs1h=9999),
    ),
    "IdaDensityDrift": Edges(
        [
            Edge(
                of_the_method(crowding__median1h=0.0196),
                of_the_method(crowding__median1h=0.0204),
                of_the_method(crowding__usual_median1h=0, crowding__faces1h=9999),
            ),
            Edge(
                of_the_method(crowding__faces1h=980),
                of_the_method(crowding__faces1h=1020),
                of_the_method(crowding__usual_median1h=0, crowding__median1h=1),
            ),
        ],
        of_the_method(crowding__usual_median1h=0, crowding__median1h=1, crowding__faces1h=9999),
    ),
    "IdaHeadDisagrees": Edges(
        [
            Edge(crowding_difference(0.0196), crowding_difference(0.0204), {}),
            Edge(crowding_difference(0.9, 98 / 120), crowding_difference(0.9, 102 / 120), {}),
        ],
        crowding_difference(0.9),
        since=STEP,
    ),
    "IdaDecisionsVanish": Edges(
        [
            edge(NOT_CALIBRATED, 19.6, 20.8, counted, beside={DECIDED: counted(80.8)}),
            edge(NOT_CALIBRATED, 0.49, 0.51, counted),
            between(
                recorded(decisions__decided_share1h=0.41),
                recorded(decisions__decided_share1h=0.39),
                decisions__usual_decided_share1h=0.8,
                decisions__pairs1h=9999,
            ),
            between(
                recorded(decisions__pairs1h=98),
                recorded(decisions__pairs1h=102),
                decisions__usual_decided_share1h=0.8,
                decisions__decided_share1h=0.1,
            ),
        ],
        recorded(decisions__usual_decided_share1h=0.8, decisions__decided_share1h=0.1, decisions__pairs1h=9999),
    ),
    "IdaInconclusive": risen(
        "decisions__inconclusive_share1h",
        "decisions__usual_inconclusive_share1h",
        "decisions__pairs1h",
        (0, 0.0196, 0.0204),
        (0.3, 0.91, 0.93),
        least=500,
    ),
    "IdaPicturesRefused": risen(
        "photographs__refused_share1h",
        "photographs__usual_refused_share1h",
        "photographs__seen1h",
        (0, 0.049, 0.051),
        (0.4, 0.84, 0.86),
        least=500,
    ),
    "IdaKeysUnusable": Edges(
        [edge(service("ida_file_unusable", file="api_keys"), 0, 1)],
        {service("ida_file_unusable", file="api_keys"): held(1)},
    ),
    "IdaCallersRefused": Edges(
        [
            between(recorded(refused__requests15m=19.6), recorded(refused__requests15m=20.4), answered__requests15m=30),
            between(recorded(refused__requests15m=98), recorded(refused__requests15m=102), answered__requests15m=1000),
            between(recorded(refused__requests1h=9.8), recorded(refused__requests1h=10.2), answered__requests1h=12),
            between(recorded(refused__requests1h=98), recorded(refused__requests1h=102), answered__requests1h=200),
        ],
        recorded(refused__requests15m=100, answered__requests15m=100),
    ),
    "IdaCallersLimited": Edges(
        [
            edge(LIMITED, 49 / 30, 51 / 30, counted, beside=recorded(answered__requests15m=60)),
            edge(LIMITED, 98, 102, counted, beside=recorded(answered__requests15m=15_000)),
        ],
        {LIMITED: counted(1000)} | recorded(answered__requests15m=1000),
        since=STEP,
    ),
    "IdaAuditFails": Edges(
        [edge(AUDIT_FAILED, 2.94 / 120, 3.06 / 120, counted)],
        {AUDIT_FAILED: counted(100)},
        since=STEP,
    ),
    "IdaCertificateEnds": Edges(
        [
            between(
                recorded(tls_certificate__left_seconds=1.02 * 1209600),
                recorded(tls_certificate__left_seconds=0.98 * 1209600),
                tls_certificate__life_seconds=1e9,
            ),
            between(
                recorded(tls_certificate__life_seconds=5900),
                recorded(tls_certificate__life_seconds=6100),
                tls_certificate__left_seconds=1000,
            ),
        ],
        recorded(tls_certificate__left_seconds=1000, tls_certificate__life_seconds=1e9),
    ),
    "IdaCertificateLastDay": Edges(
        [
            between(
                recorded(tls_certificate__left_seconds=1.02 * 86400),
                recorded(tls_certificate__left_seconds=0.98 * 86400),
                tls_certificate__life_seconds=1e9,
            ),
            between(
                recorded(tls_certificate__life_seconds=11800),
                recorded(tls_certificate__life_seconds=12200),
                tls_certificate__left_seconds=1000,
            ),
        ],
        recorded(tls_certificate__left_seconds=1000, tls_certificate__life_seconds=1e9),
    ),
    "IdaCertificateUnusable": Edges(
        [edge(service("ida_file_unusable", file="tls_certificate"), 0, 1)],
        {service("ida_file_unusable", file="tls_certificate"): held(1)},
    ),
}

# This one compares with last week itself, so its series are a week long, with a sample a minute.
GONE = "IdaDecisionsGone"
GONE_READY = {service("ida_ready"): f"1x{WEEK + 60}"}


def gone(before: float, now: float) -> Series:
    return {"ida:decisions:decided1h": f"{before}x{WEEK} {now}x60"} | GONE_READY
