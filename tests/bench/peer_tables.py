"""The table of ``peers.py``: who is fastest in what, whether all decide alike, and who could not be had."""

import statistics

import numpy as np

_PUBLISHED_THRESHOLD = 0.363  # of OpenCV for SFace's cosines
OURS = ("ida-verify, HTTP", "ida-verify, library")
ROWS = {
    "median_ms": ("one pair at a time: median, ms", min),
    "p95_ms": ("95th percentile, ms", min),
    "cpu_ms": ("processor time of a pair, ms", min),
    "pairs_per_second": ("pairs a second, 4 clients", max),
    "loaded_median_ms": ("median then, ms", min),
    "loaded_cpu_ms": ("processor time of a pair then, ms", min),
    "images_per_second": ("photographs a second, 16 at a time", max),
    "resident_mib": ("resident memory, MiB", min),
    "start_s": ("from its start to the first pair, s", min),
}
_MORE = (
    "Detector and backbone, the same for all, are most of the service's time (`stage_costs.py`); with the rest it "
    "also locates the landmarks by a second network, judges the quality of both faces, searches the anchors and speaks "
    "HTTP, which no library here does."
)
# Why a peer wins a row where one does; no row may be won by a peer without.
REASONS = {
    "median_ms": "Its networks run on both CPUs; the service reads one photograph of a lone pair on each. " + _MORE,
    "p95_ms": "As for the median.",
    "cpu_ms": _MORE,
    "pairs_per_second": _MORE,
    "loaded_median_ms": _MORE,
    "loaded_cpu_ms": _MORE,
    "images_per_second": _MORE,
    "resident_mib": "It holds no anchor set, no calibration and no search, and drops with a thread what it loaded.",
    "start_s": "It loads two networks. The service checks the digests of all files, loads the anchor set, scores the "
    "golden pairs and warms up before it says that it is ready.",
}


def agreement(ours: dict[int, float | None], theirs: dict[int, float | None], same: list[bool | None]) -> dict:
    """Return how far a peer's cosines lie from the service's, and whether they decide alike."""
    both = [n for n in ours if ours[n] is not None and theirs.get(n) is not None]
    gaps = [abs(ours[n] - theirs[n]) for n in both]
    alike = [(ours[n] >= _PUBLISHED_THRESHOLD) == (theirs[n] >= _PUBLISHED_THRESHOLD) for n in both]
    right = [
        theirs[n] is not None and (theirs[n] >= _PUBLISHED_THRESHOLD) == same[n] for n in theirs if same[n] is not None
    ]
    return {
        "pairs": len(both),
        "without_a_face": sum(value is None for value in theirs.values()),
        "median_gap": statistics.median(gaps) if gaps else None,
        "p95_gap": float(np.quantile(gaps, 0.95)) if gaps else None,
        "decided_alike": sum(alike) / len(alike) if alike else None,
        "right": sum(right) / len(right) if right else None,
    }


def table(found: dict) -> str:
    """Return the figures as a table, who wins each row, why where it is a peer, and who could not be had."""
    figures, machine = found["figures"], found["hardware"]
    names = list(figures)
    lines = [
        f"On {machine['cpus']} CPUs of an {machine['cpu']} ({found['at']}; load average {found['load'][0]:.1f} before, "
        f"{found['load'][1]:.1f} after), {found['photographs']}. Every peer has the pack's YuNet and SFace. "
        + ", ".join(f"{name} {version}" for name, version in found["versions"].items())
        + ".",
        "",
        "| | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    wrong = " | ".join(f"{100 * figures[name]['wrong']:.0f} %" for name in names)
    won = []
    for row, (title, better) in ROWS.items():
        values = {name: figures[name][row] for name in names if figures[name][row] is not None}
        best = better(values, key=values.get)
        cells = [_cell(figures[name][row], is_best=name == best) for name in names]
        lines.append(f"| {title} | {' | '.join(cells)} |")
        if best not in OURS:
            won.append(f"- **{title}: {best} wins.** {REASONS[row]}")
    lines.append(f"| with 4 clients: failed, or another cosine than alone (left out above) | {wrong} |")
    for key, title in (
        ("median_gap", "cosine's distance from the service's: median"),
        ("p95_gap", "95th percentile"),
        ("decided_alike", f"same side of {_PUBLISHED_THRESHOLD} as the service"),
        ("right", "right by that threshold"),
        ("without_a_face", "pairs in which it finds no face"),
    ):
        cells = [_share(found["agreement"][name][key], key) for name in names]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    others = {name: one for name, one in figures.items() if name not in OURS}
    if others and OURS[0] in figures:
        ours = figures[OURS[0]]
        best = max(others, key=lambda name: others[name]["pairs_per_second"])
        rate, late = others[best]["pairs_per_second"], min(one["loaded_median_ms"] for one in others.values())
        lines += [
            "",
            f"The service answers {ours['pairs_per_second'] / rate:.2f} times the pairs of the best peer ({best}) with "
            f"4 clients, at {ours['loaded_median_ms'] / late:.2f} of the least median of a peer.",
        ]
    lines += ["", *won] if won else []
    lines += ["", "Not there:", "", *(f"- {name}: {why}" for name, why in found["absent"].items())]
    return "\n".join(lines)


def _cell(value: float | None, *, is_best: bool) -> str:
    if value is None:
        return "none"
    text = f"{value:.1f}" if value < 100 else f"{value:.0f}"
    return f"**{text}**" if is_best else text


def _share(value: float | None, key: str) -> str:
    if value is None:
        return ""
    if key == "without_a_face":
        return str(value)
    return f"{value:.3f}" if key.endswith("gap") else f"{100 * value:.1f} %"
