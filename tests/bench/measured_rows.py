"""The rows of the measured table: what each benchmark's file tells, in words."""

from collections.abc import Callable, Collection, Iterable

Row = tuple[str, str, str]


_BESIDE = ("`faceplugin-mobilefacenet`", "`opencv-sface-int8`")


def _curve(found: dict) -> list[Row]:
    rows, bound = found["rows"], found["bound"]
    methods = list(bound)
    waiting = {method: [row for row in rows if row["method"] == method and row["clients"]] for method in methods}
    clients = _and(str(row["clients"]) for row in waiting[methods[0]])

    def by_method(told: Callable[[str], str]) -> str:
        return "; ".join(f"`{method}` {told(method)}" for method in methods)

    def bounded(kind: str) -> str:
        return by_method(
            lambda method: (
                f"{bound[method][f'pairs_per_second{kind}']} a second, "
                f"{_percent(waiting[method][-1][f'share_of_bound{kind}'])}"
            )
        )

    out = [
        (
            f"pairs a second, 640-pixel JPEGs, 50,000 anchors, no density cache, by {clients} clients that wait; "
            "their median",
            by_method(lambda method: _answered(waiting[method])),
            "`load_curve.py`",
        ),
        (
            "the most that the CPUs could answer, from the least time of each stage alone and an empty request; what "
            "the most clients reach of it, the load generator's own CPU left out",
            bounded(""),
            "",
        ),
        (
            "what processes that share nothing, one for each CPU and all at once, answer by their median pair; what is "
            "reached of it",
            bounded("_together"),
            "",
        ),
    ]
    method = methods[-1]
    for row in rows:
        if row["method"] != method or not row["rate"]:
            continue
        if row["share_of_most"] <= 1:
            what = f"`{method}`, arrivals at {_percent(row['share_of_most'])} of that: median, 99th percentile"
            out.append((what, f"{row['p50_ms']}, {row['p99_ms']} ms", ""))
        else:
            most = max(one["answered_per_second"] for one in waiting[method])
            out.append(
                (
                    f"`{method}`, {row['share_of_most']:g} times as many as can be answered, deadline 2 s: answered in "
                    "time, the rest 429",
                    f"{row['in_time_per_second']} of {most} a second, the load generator takes "
                    f"{row['generator_cpus']} of a CPU; 99th percentile {row['p99_ms'] / 1000:.1f} s",
                    "",
                )
            )
    return out


def _in_turns(*found: dict) -> list[Row]:
    """A row for each of three packs, which were measured in turns: this, the former, this in 8 bits, and again."""

    def told(files: tuple[dict, ...]) -> str:
        by_clients = zip(*(file["rows"] for file in files), strict=True)
        bounds = _list(next(iter(file["bound"].values()))["pairs_per_second"] for file in files)
        return f"{'; '.join(map(_answered, by_clients))}; bound {bounds}"

    this, *others = [told(found[position::3]) for position in range(3)]
    what = "pairs a second, `ida-r`, by one client and by four, at their median; two runs each in turns: this pack"
    return [
        (what, this, "`load_curve.py`"),
        *((pack, figures, "") for pack, figures in zip(_BESIDE, others, strict=True)),
    ]


def _latency(found: dict) -> list[Row]:
    methods = found["methods"]
    figures = "; ".join(f"`{name}` {one['p50_ms']:.1f} ms ({one['p95_ms']:.1f})" for name, one in methods.items())
    beyond = ", ".join(f"`{name}` {one['beyond_first_p50_ms']:+.1f} ms" for name, one in list(methods.items())[1:])
    return [
        (
            f"`/verify`, one at a time, {found['pairs']} LFW pairs: median (95th percentile)",
            figures,
            "`verify_latency.py`",
        ),
        (f"beyond `{next(iter(methods))}` on the same pair, median", beyond, ""),
        ("from the command to ready; resident memory", f"{found['start_up_s']} s; {found['resident_mib']} MiB", ""),
    ]


def _batch(found: dict) -> list[Row]:
    kinds = [kind for kind, value in found.items() if isinstance(value, dict) and "pairs_per_second" in value]
    figures = "; ".join(
        f"{found[kind]['pairs_per_second']['/verify/batch']} over {found[kind]['pairs_per_second']['/verify']}"
        for kind in kinds
    )
    what = f"pairs a second by `/verify/batch`, {found['pairs_of_a_batch']} to a batch, over single calls"
    return [(f"{what}: {'; '.join(kinds)}", figures, "`batch_speed.py`")]


def _embeddings(found: dict) -> list[Row]:
    figures = "; ".join(
        f"{kind} {found[kind]['pairs_per_second']:,} (best {found[kind]['best_pairs_per_second']:,}) at "
        f"{found[kind]['cpu_microseconds_per_pair']:.0f} microseconds"
        for kind in ("bytes", "json")
    )
    what = (
        f"pairs of new embeddings a second over HTTP, `{found['method']}`, {found['pairs_of_a_batch']:,} to a batch, "
        "two clients, median of turns; the service's processor time of a pair"
    )
    return [(what, figures, "`embedding_pairs.py`")]


def _image(found: dict) -> list[Row]:
    figures = "; ".join(f"{row['face_pixels']}: {row['decode_over_imdecode']}" for row in found["rows"])
    what = "a 12-megapixel JPEG, decoding over `cv2.imdecode` in full, by the pixels of its face"
    return [(what, figures, "`image_path.py`")]


def _network(found: dict) -> list[Row]:
    def least(threads: int, batch: int, *, openvino: bool) -> float:
        return min(
            row["least_ms_a_row"]
            for row in found["rows"]
            if (row["threads"], row["batch"], row["engine"] == "openvino") == (threads, batch, openvino)
            and not row["random_weights"]
        )

    if not any(row["engine"] == "openvino" for row in found["rows"]):
        return []
    cases = [(threads, batch) for threads in (1, 2) for batch in (1, 32)]
    figures = "; ".join(
        f"{threads} and {batch}: {ours:.1f} and {other:.1f} ({other / ours:.2f} times)"
        for threads, batch in cases
        for ours, other in [(least(threads, batch, openvino=False), least(threads, batch, openvino=True))]
    )
    what = "SFace, least ms a crop, ONNX Runtime (a batch in runs of four) and OpenVINO, by threads and batch"
    return [(what, figures, "`network_speed.py`")]


def _settings(found: dict) -> list[Row]:
    served = {row["network"]: row["least_ms"] for row in found["rows"] if row["setting"] == "as served"}
    others = [setting for setting in dict.fromkeys(row["setting"] for row in found["rows"]) if setting != "as served"]
    figures = []
    for setting in others:
        rows = [row for row in found["rows"] if row["setting"] == setting]
        figures.append(f"{setting} {_list(round(row['least_ms'] / served[row['network']], 2) for row in rows)}")
    names = ", ".join(name.removesuffix(".onnx") for name in served)
    return [
        (
            f"least time of a network by other settings over that as served: {names}",
            "; ".join(figures),
            "`session_settings.py`",
        )
    ]


def _search(found: dict) -> list[Row]:
    rows, out = found["rows"], []
    engines = ("faiss flat", "faiss fp16", "int8, rescored")
    for anchors in dict.fromkeys(row["anchors"] for row in rows):
        for threads in dict.fromkeys(row["threads"] for row in rows):
            mine = [row for row in rows if (row["anchors"], row["threads"]) == (anchors, threads)]
            figures = "; ".join(
                f"batch {batch}: "
                + _list(
                    row["least_ms_a_face"]
                    for engine in engines
                    for row in mine
                    if (row["batch"], row["engine"]) == (batch, engine)
                )
                for batch in dict.fromkeys(row["batch"] for row in mine)
            )
            what = f"search of {anchors:,} anchors, k = 10, least ms a face on {threads} thread{'s' * (threads > 1)}"
            out.append((f"{what}: faiss flat, faiss fp16, ours, which is exact", figures, "`search_speed.py`"))
    return out


def _swap(found: dict) -> list[Row]:
    both = [(found[f"{name}_before"], found[f"{name}_during"]) for name in ("p50_ms", "p99_ms")]
    figures = "; ".join(f"{before} and {during} ms" for before, during in both)
    what = (
        f"`/verify` (photographs, 8 a second) before and during {found['swaps']} swaps of {found['anchors']:,} "
        "anchors: median; 99th percentile"
    )
    return [(what, figures, "`swap_latency.py`")]


def _lfw(found: dict) -> list[Row]:
    lost = len(found["photographs_without_a_face"])
    right = f"{100 * found['test_accuracy']:.1f} % of {found['pairs']['test']:,} test pairs"
    figures = f"{right}; {lost or 'no'} photographs without a face"
    return [("LFW view 1, by the cosine", figures, "`lfw_view1.py`")]


ROWS: list[tuple[tuple[str, ...], Callable[..., list[Row]]]] = [
    (("latency",), _latency),
    (("curve",), _curve),
    (tuple(f"{pack}curve_{turn}" for turn in (1, 2) for pack in ("", "former_", "eight_bits_")), _in_turns),
    (("batch",), _batch),
    (("embeddings",), _embeddings),
    (("image",), _image),
    (("network",), _network),
    (("settings",), _settings),
    (("search",), _search),
    (("swap",), _swap),
    (("lfw",), _lfw),
    (("eight_bits_lfw",), lambda found: [(f"{what}, in 8 bits", *rest) for what, *rest in _lfw(found)]),
]


def _answered(rows: Collection[dict]) -> str:
    """Return the pairs a second of closed loops, and their medians."""
    return f"{_list(row['answered_per_second'] for row in rows)} at {_list(row['p50_ms'] for row in rows)} ms"


def _list(values: Iterable[float]) -> str:
    return ", ".join(f"{value}" for value in values)


def _and(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
