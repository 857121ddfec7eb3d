"""Whether logged pairs are of the people of a calibration."""

import json
import math

import numpy as np
import pytest
import typer
from calibrated_bundles import CURVE, SOUND, calibrated
from typer.testing import CliRunner
from vectors import to_unit

from models.bundles.create import NewBundle, create_bundle
from models.calibration.pair_lines import LINE_BYTES, LoggedPairs, read_pairs_logged
from models.calibration.population_drift import compare_drift, drift_verdict, stability_index, two_sample_p_value
from models.commands.drift import drift
from models.tool_errors import LabelsInvalid
from service.scoring.calibration import MethodCalibration
from service.scoring.parameters import Parameters
from service.scoring.population import population_limits

SET = "0123456789abcdef"


def norms(count, seed, mean=10.0):
    return np.random.default_rng(seed).normal(mean, 1.0, count)


LIMITS = population_limits({"norm": norms(3000, 0)}, Parameters())


def test_stability_index_by_hand():
    # A value more, half of it in each bin.
    seen = (30 + 0.5) / 41, (10 + 0.5) / 41
    by_hand = sum((p - 0.5) * math.log(p / 0.5) for p in seen)
    assert stability_index(np.array([30.0, 10.0]), np.array([0.5, 0.5])) == pytest.approx(by_hand)
    assert stability_index(np.array([20.0, 20.0]), np.array([0.5, 0.5])) == pytest.approx(0.0)
    assert stability_index(np.zeros(2), np.array([0.5, 0.5])) == 0.0


def test_p_value_is_that_of_a_table_of_two_rows():
    counts, shares, calibrated_faces = np.array([30.0, 50.0, 20.0]), np.array([0.2, 0.5, 0.3]), 400
    table = [counts.tolist(), (shares * calibrated_faces).tolist()]
    whole = sum(map(sum, table))
    statistic = 0.0
    for row in table:
        for place, seen in enumerate(row):
            expected = sum(row) * (table[0][place] + table[1][place]) / whole
            statistic += (seen - expected) ** 2 / expected
    # Two degrees of freedom: the chi-square distribution is exponential.
    assert two_sample_p_value(counts, shares, calibrated_faces) == pytest.approx(math.exp(-statistic / 2))


@pytest.mark.parametrize("seed", range(8))
def test_the_same_people_are_as_calibrated(seed):
    logged = LoggedPairs(measures={"norm": norms(1000, seed + 1)})

    (found,) = compare_drift(logged, LIMITS, {})

    assert (found.name, found.values, found.verdict) == ("norm", 1000, "as_calibrated")
    assert found.effect < 0.05
    assert found.beyond == pytest.approx(0.005, abs=0.01)
    assert found.beyond_calibrated == 0.005


def test_poorer_pictures_are_drifted_and_a_trifle_is_slight():
    (poorer,) = compare_drift(LoggedPairs(measures={"norm": norms(1000, 1, mean=9.0)}), LIMITS, {})
    (trifle,) = compare_drift(LoggedPairs(measures={"norm": norms(40_000, 1, mean=9.8)}), LIMITS, {})

    assert (poorer.verdict, trifle.verdict) == ("drifted", "slightly")
    assert poorer.effect > 0.25
    assert trifle.effect < 0.1
    assert poorer.beyond > 5 * poorer.beyond_calibrated
    assert drift_verdict([poorer, trifle]) == "drifted"


def test_few_values_say_nothing():
    (found,) = compare_drift(LoggedPairs(measures={"norm": norms(199, 1, mean=5.0)}), LIMITS, {})

    assert (found.verdict, found.p_value) == ("too_few", None)
    assert drift_verdict([found]) == drift_verdict([]) == "too_few"


def test_low_scores_of_strangers_are_spread_by_their_stated_rates():
    calibration = MethodCalibration("cosine", Parameters(), "photo", CURVE, SOUND)
    generator = np.random.default_rng(3)
    rates = generator.uniform(0, 1, 3000)
    # The curve falls by a decade from -1 to 0.2.
    scores = np.where(rates > 0.1, -1.0 - 1.2 * np.log10(rates), 0.5)
    crowded = np.where(rates > 0.1, -1.0 - 1.2 * np.log10(0.1 + 0.9 * (rates - 0.1) ** 2), 0.5)

    (same,) = compare_drift(LoggedPairs(scores={"cosine": scores}), LIMITS, {"cosine": calibration})
    (other,) = compare_drift(LoggedPairs(scores={"cosine": crowded, "csls": crowded}), LIMITS, {"cosine": calibration})

    assert same.name == "low scores by cosine"
    assert same.values == sum(0.1 <= rate <= 0.5 for rate in rates)
    assert (same.verdict, other.verdict) == ("as_calibrated", "drifted")


def line(**changes):
    told = {
        "level": "INFO", "logger": "service.pairs", "message": "pair", "request_id": "1", "anchor_set_id": SET,
        "scoring_method": "cosine", "score": 0.25, "similarity": 0.25, "decision": "non_match",
        "photographs": [True, True], "measures": [{"norm": 10.0, "crowding": 0.3}, {"norm": 11.5}],
    }  # fmt: skip
    return json.dumps({**told, **changes})


def test_log_is_read_for_the_pairs_of_one_anchor_set(tmp_path):
    (tmp_path / "a.log").write_text(
        "\n".join(
            [
                line(),
                json.dumps({"logger": "service.access", "message": "request", "route": "/verify"}),
                'no JSON, and yet it says "pair"',
                line(anchor_set_id="f" * 16),
                line(photographs=[True, False]),
                line(score=float("nan")),
                line(measures=[{}]),
                line(logger="somebody.else"),
                line(scoring_method="ida-r", score=2, measures=[{"norm": 9, "unknown": 1.0}, {}]),
            ]
        )
    )
    (tmp_path / "b.log").write_text(line() + "\n" + line(request_id="x" * LINE_BYTES) + "\n" + line())

    found = read_pairs_logged([tmp_path / "a.log", tmp_path / "b.log"], SET, photographs=True)

    assert (found.pairs, found.others, found.other_inputs, found.unread, found.left) == (4, 1, 1, 4, False)
    assert found.scores["cosine"].tolist() == [0.25] * 3
    assert found.scores["ida-r"].tolist() == [2.0]
    assert found.measures["norm"].tolist() == [10.0, 11.5, 9.0, 10.0, 11.5, 10.0, 11.5]
    assert found.measures["crowding"].tolist() == [0.3] * 3
    assert set(found.measures) == {"norm", "crowding"}


def test_log_is_read_up_to_a_number_of_lines_and_of_pairs(tmp_path, monkeypatch):
    (tmp_path / "a.log").write_text((line() + "\n") * 20)
    monkeypatch.setattr("models.calibration.pair_lines.MOST_PAIRS", 7)
    few = read_pairs_logged([tmp_path / "a.log"], SET, photographs=True)
    monkeypatch.setattr("models.calibration.pair_lines.MOST_LINES", 5)
    fewer = read_pairs_logged([tmp_path / "a.log"], SET, photographs=True)

    assert (few.pairs, few.left, fewer.pairs, fewer.left) == (7, True, 5, True)


def test_line_that_lies_deep_within_itself_is_passed_over(tmp_path):
    (tmp_path / "a.log").write_text('{"message": "pair", "x": ' + "[" * 30_000 + "\n" + line())

    found = read_pairs_logged([tmp_path / "a.log"], SET, photographs=True)

    assert (found.pairs, found.unread) == (1, 1)


def test_log_that_is_not_there_says_so(tmp_path):
    with pytest.raises(LabelsInvalid, match="cannot be read"):
        read_pairs_logged([tmp_path / "none.log"], SET, photographs=True)


def test_command_tells_the_same_people_from_others_by_its_exit_code(tmp_path):
    rows = to_unit(np.random.default_rng(5).standard_normal((60, 16)))
    facts = NewBundle("00112233445566aa", "ffeeddccbbaa0099", Parameters(), "cosine", {}, "a test")
    create_bundle(
        tmp_path / "bundle",
        rows.astype(np.float16),
        facts,
        lambda crops: to_unit(crops.astype(np.float32).reshape(len(crops), -1)[:, :16] + 1.0),
    )
    bundle_id = calibrated(tmp_path / "calibrated", tmp_path / "bundle", limits=LIMITS)
    app = typer.Typer()
    app.command()(drift)

    def run(log, values, *more):
        (tmp_path / log).write_text(
            "\n".join(line(anchor_set_id=bundle_id, measures=[{"norm": v}, {"norm": v}]) for v in values)
        )
        return CliRunner().invoke(app, [str(tmp_path / log), "--bundle", str(tmp_path / "calibrated"), *more])

    same, other = run("same.log", norms(400, 4)), run("other.log", norms(400, 4, mean=8.0), "--json")
    few = run("few.log", norms(50, 4))

    assert (same.exit_code, other.exit_code, few.exit_code) == (0, 3, 1), same.output
    assert "as calibrated" in same.output
    told = json.loads(other.output)
    assert (told["verdict"], told["pairs"], told["compared"][0]["name"]) == ("drifted", 400, "norm")
    assert "IDA_LOG_PAIRS=1" in few.output
    without = CliRunner().invoke(app, [str(tmp_path / "few.log"), "--bundle", str(tmp_path / "bundle")])
    assert (without.exit_code, "Calibrate it" in " ".join(without.output.split())) == (1, True)
