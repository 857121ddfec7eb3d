"""``ida-verify liveness evaluate`` and the pull of the part, on tiny networks: a face in blue is a live one."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import tiny_packs
from PIL import Image
from typer.testing import CliRunner

import models.commands.packs
from models.cli import app
from models.packs.liveness_pull import liveness_store, pull_liveness
from service.errors import PackInvalid, PackNotFound
from service.pipeline import load_pipeline
from service.settings import load_settings

LIVE, SPOOF = (10, 10, 250), (250, 10, 10)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A data folder with a tiny pack, whose detector leaves room around the face."""
    monkeypatch.setenv("IDA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IDA_PACK", "tiny")
    networks = {"detector": tiny_packs.detector(box=(0.35, 0.2, 0.6, 0.5))}
    run("models", "add", tiny_packs.write_pack(tmp_path / "own", networks=networks))
    return tmp_path / "home"


@pytest.fixture
def part(home, tmp_path):
    """The part, installed too."""
    manifest, tarball = tiny_packs.write_liveness(tmp_path / "source")
    pull_liveness(liveness_store(home), manifest, given=[tarball], force=False, step=lambda _: None)
    return tarball


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def report(folder):
    result = CliRunner().invoke(app, ["liveness", "evaluate", str(folder), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def write(path: Path, colour, size=(400, 400)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


@pytest.fixture
def attacks(tmp_path):
    """Bona fide: 4 live, 1 spoof, 1 of a face too small, 1 that is no picture. Attacks: print 1 of 3, mask 0 of 2."""
    folder = tmp_path / "my-attacks"
    for number in range(4):
        write(folder / "bona_fide" / f"{number}.png", LIVE)
    write(folder / "bona_fide" / "deeper" / "4.png", SPOOF)
    write(folder / "bona_fide" / "5.png", LIVE, size=(120, 120))
    (folder / "bona_fide" / "6.png").write_bytes(b"no picture")
    (folder / "bona_fide" / "notes.txt").write_text("taken in the hall")
    for number, colour in enumerate((LIVE, SPOOF, SPOOF)):
        write(folder / "attacks" / "print" / f"{number}.png", colour)
    for number in range(2):
        write(folder / "attacks" / "mask" / f"{number}.png", SPOOF)
    return folder


def exact(part, total):
    """Ends of the Clopper-Pearson interval, by halving on the binomial distribution's sums."""

    def tail(rate, at_least):
        chosen = range(part, total + 1) if at_least else range(part + 1)
        return sum(math.comb(total, k) * rate**k * (1 - rate) ** (total - k) for k in chosen)

    def solve(at_least):
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            if (tail(middle, at_least) < 0.025) == at_least:
                low = middle
            else:
                high = middle
        return low

    return (0.0 if part == 0 else solve(True), 1.0 if part == total else solve(False))


def rate(part, total):
    low, high = exact(part, total)
    return {"rate": pytest.approx(part / total), "low": pytest.approx(low), "high": pytest.approx(high)}


def test_evaluate_tells_rates_by_the_rules_with_exact_intervals(part, attacks):
    told = report(attacks)
    bona_fide, print_, mask = told["bona_fide"], told["attacks"]["print"], told["attacks"]["mask"]
    assert (bona_fide["presentations"], bona_fide["responses"]) == (7, 6)
    assert bona_fide["verdicts"] == {"live": 4, "spoof": 1, "uncertain": 1}
    assert bona_fide["bpcer"] == rate(2, 6)
    assert bona_fide["uncertain"] == rate(1, 6)
    assert bona_fide["uncertain_reasons"] == {"small_face": 1}
    assert bona_fide["bpnrr"] == rate(1, 7)
    assert bona_fide["non_response_reasons"] == {"unsupported_image_type": 1}
    assert bona_fide["other_files"] == 1
    assert print_["apcer"] == rate(1, 3)
    assert mask["apcer"] == rate(0, 2)
    assert mask["apnrr"] == rate(0, 2)
    assert told["apcer_max"] == {"kind": "print", **rate(1, 3)}
    assert [(found["path"], found["verdict"]) for found in print_["pictures"]] == [
        ("attacks/print/0.png", "live"),
        ("attacks/print/1.png", "spoof"),
        ("attacks/print/2.png", "spoof"),
    ]
    assert len(told["liveness_id"]) == 16


def test_evaluate_tells_people_the_same(part, attacks):
    output = run("liveness", "evaluate", attacks)
    for words in (
        "33.3 % [4.3, 77.7]",
        "APCER, of the worst kind (print): 33.3 % [0.8, 90.6]",
        "bona_fide, uncertain: 1 small_face",
        "6.png (unsupported_image_type)",
        "1 files are no pictures",
    ):
        assert words in output


@pytest.mark.parametrize("alone", ["bona_fide", "attacks"])
def test_evaluate_of_one_side_alone_tells_its_rate_and_no_other(part, attacks, alone):
    (attacks / ("attacks" if alone == "bona_fide" else "bona_fide")).rename(attacks.parent / "away")
    told = report(attacks)
    assert (told["bona_fide"] is None) == (alone == "attacks")
    assert (told["apcer_max"] is None) == (alone == "bona_fide")


def test_kind_of_which_nothing_gave_a_verdict_has_no_rate_and_is_not_the_worst(part, attacks):
    (attacks / "attacks" / "replay").mkdir()
    (attacks / "attacks" / "replay" / "0.jpg").write_bytes(b"")
    told = report(attacks)
    replay = told["attacks"]["replay"]
    assert (replay["apcer"], replay["apnrr"]["rate"], replay["responses"]) == (None, 1.0, 0)
    assert told["apcer_max"]["kind"] == "print"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: (folder / "bona_fide").rename(folder / "bonafide"), "bonafide"),
        (lambda folder: write(folder / "attacks" / "loose.png", SPOOF), "loose.png lies in no folder of its kind"),
        (lambda folder: (folder / "attacks" / "empty").mkdir(), "empty holds no pictures"),
        (lambda folder: folder.rename(folder.parent / "gone"), "cannot be read"),
    ],
)
def test_folder_of_another_layout_is_refused_with_the_one_that_is_meant(part, attacks, change, says):
    change(attacks)
    output = run("liveness", "evaluate", attacks, code=1)
    assert says in output.replace("\n", " ")


def test_evaluate_without_the_part_says_how_to_get_it(home, attacks):
    assert "models pull liveness" in run("liveness", "evaluate", attacks, code=1)


def test_part_is_pulled_listed_and_verified_by_its_name(home, tmp_path, monkeypatch):
    manifest, tarball = tiny_packs.write_liveness(tmp_path / "source")
    monkeypatch.setattr(models.commands.packs, "shipped_liveness", lambda: manifest)

    def state():
        return {row["name"]: row["state"] for row in json.loads(run("models", "list", "--json"))}["liveness"]

    assert state() == "not installed"
    run("models", "verify", "liveness", code=1)
    assert "is installed in" in run("models", "pull", "liveness", "--from", tarball)
    assert "nothing was done" in run("models", "pull", "liveness")
    assert state() == "installed"
    assert "liveness is intact" in run("models", "verify", "liveness")
    (home / "parts" / "liveness" / "live.onnx").write_bytes(b"x")
    assert "--force liveness" in run("models", "verify", "liveness", code=1)
    run("models", "list")


def test_service_does_not_start_by_a_policy_whose_part_is_missing_or_damaged(home, tmp_path):
    assert load_pipeline(load_settings()).liveness_id is None
    for policy in ("report", "require"):
        with pytest.raises(PackNotFound, match=f"IDA_LIVENESS_POLICY={policy}.*models pull liveness"):
            load_pipeline(load_settings(liveness_policy=policy))
    manifest, tarball = tiny_packs.write_liveness(tmp_path / "source")
    pull_liveness(liveness_store(home), manifest, given=[tarball], force=False, step=lambda _: None)
    pipeline = load_pipeline(load_settings(liveness_policy="require"))
    pipeline.warm_up()
    assert pipeline.liveness_id is not None
    (home / "parts" / "liveness" / "live.onnx").write_bytes(b"x")
    with pytest.raises(PackInvalid, match="--force liveness"):
        load_pipeline(load_settings())


def test_pipeline_tells_verdicts_of_a_loaded_part_only_where_it_is_asked(part, tmp_path):
    pipeline = load_pipeline(load_settings())
    for colour, verdict in ((LIVE, "live"), (SPOOF, "spoof")):
        content = write(tmp_path / "face.png", colour).read_bytes()
        assert pipeline.extract(content, "largest").liveness is None
        assert pipeline.extract(content, "largest", with_liveness=True).liveness.verdict == verdict
    assert np.isfinite(pipeline.extract(content, "largest", with_liveness=True).liveness.score)
