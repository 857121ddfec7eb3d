"""The measured table is of one machine, which it names, and of the benchmarks that ended."""

import json
from pathlib import Path

import pytest

HARDWARE = {"cpu": "AMD EPYC", "cpus": 2, "instructions": ["avx2"], "load_average": [0.5, 0, 0], "onnxruntime": "1.2"}
SWAP = {
    "anchors": 50_000,
    "swaps": 30,
    "p50_ms_before": 40.0,
    "p50_ms_during": 50.0,
    "p99_ms_before": 70.0,
    "p99_ms_during": 90.5,
    "hardware": HARDWARE,
}
LFW = {
    "test_accuracy": 0.992,
    "pairs": {"test": 1000},
    "photographs_without_a_face": {},
    "hardware": HARDWARE | {"load_average": [1.5, 0, 0]},
}


@pytest.fixture(autouse=True)
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "bench"))


@pytest.fixture
def table():
    from measured import table

    return table


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "swap.json").write_text(json.dumps(SWAP))
    (tmp_path / "lfw.json").write_text(json.dumps(LFW))
    return tmp_path


def test_rows_are_of_the_files_that_are_there_and_the_processor_is_named(table, folder):
    lines = table(folder).splitlines()
    assert lines[0].startswith("2 CPUs of an AMD EPYC (avx2), onnxruntime 1.2, 20")
    assert lines[0].endswith("0.5 to 1.5.")
    assert [line.split(" | ")[1] for line in lines[4:]] == [
        "40.0 and 50.0 ms; 70.0 and 90.5 ms",
        "99.2 % of 1,000 test pairs; no photographs without a face",
    ]


def test_packs_that_were_measured_in_turns_have_a_row_each(table, tmp_path):
    for position, name in enumerate(("curve", "former_curve", "eight_bits_curve")):
        for turn in (1, 2):
            rows = [{"answered_per_second": 10 * position + turn + n, "p50_ms": 5.5 + n} for n in (0, 100)]
            found = {"rows": rows, "bound": {"ida-r": {"pairs_per_second": 33.5}}, "hardware": HARDWARE}
            (tmp_path / f"{name}_{turn}.json").write_text(json.dumps(found))

    rows = [line.split(" | ") for line in table(tmp_path).splitlines()[4:]]

    assert [cells[0].rpartition(": ")[2].strip("| ") for cells in rows] == [
        "this pack",
        "`faceplugin-mobilefacenet`",
        "`opencv-sface-int8`",
    ]
    assert rows[2][1] == "21, 22 at 5.5, 5.5 ms; 121, 122 at 105.5, 105.5 ms; bound 33.5, 33.5"


def test_files_of_two_processors_are_no_table(table, folder):
    (folder / "lfw.json").write_text(json.dumps(LFW | {"hardware": HARDWARE | {"cpu": "Intel Xeon"}}))
    with pytest.raises(SystemExit, match=r"of 2 machines.*AMD EPYC.*Intel Xeon"):
        table(folder)


def test_folder_without_files_is_no_table(table, tmp_path):
    with pytest.raises(SystemExit, match="holds no result"):
        table(tmp_path)


def test_table_stands_between_its_marks_alone(tmp_path):
    from marked_tables import put_table

    document = tmp_path / "README.md"
    document.write_text("before\n<!-- it: begin -->\nold\n<!-- it: end -->\nafter\n")
    put_table(document, "it", "new")
    assert document.read_text() == "before\n<!-- it: begin -->\nnew\n<!-- it: end -->\nafter\n"
    with pytest.raises(SystemExit, match="0 times"):
        put_table(document, "other", "new")
