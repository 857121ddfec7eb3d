"""Whether logged pairs are of the people of a calibration."""

import json
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import typer
from calibrated_bundles import CURVE, SOUND, calibrated
from typer.testing import CliRunner
from vectors import to_unit

from models.bundles.create import NewBundle, create_bundle
from models.calibration.audit_lines import AuditedPairs
from models.calibration.pair_lines import LINE_BYTES, LoggedPairs, read_pairs_logged
from models.calibration.population_drift import (
    compare_drift,
    drift_verdict,
    norms_of_qualities,
    stability_index,
    stated_rates,
    two_sample_p_value,
)
from models.commands.drift import drift
from models.tool_errors import LabelsInvalid
from service.scoring.calibration import MethodCalibration
from service.scoring.fmr_curve import FmrCurve
from service.scoring.parameters import Parameters
from service.scoring.population import population_limits
from service.scoring.strata import Strata, Stratum, pairs_of_bands
from service.scoring.unified import unified_quality

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


@pytest.fixture
def bundle(tmp_path):
    rows = to_unit(np.random.default_rng(5).standard_normal((60, 16)))
    facts = NewBundle("00112233445566aa", "ffeeddccbbaa0099", Parameters(), "cosine", {}, "a test")
    create_bundle(
        tmp_path / "bundle",
        rows.astype(np.float16),
        facts,
        lambda crops: to_unit(crops.astype(np.float32).reshape(len(crops), -1)[:, :16] + 1.0),
    )
    return tmp_path / "bundle"


def test_command_tells_the_same_people_from_others_by_its_exit_code(tmp_path, bundle):
    bundle_id = calibrated(tmp_path / "calibrated", bundle, limits=LIMITS)
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
    assert "no difference beyond chance" in same.output
    told = json.loads(other.output)
    assert (told["verdict"], told["pairs"], told["compared"][0]["name"]) == ("drifted", 400, "norm")
    assert "IDA_LOG_PAIRS=1" in few.output
    without = CliRunner().invoke(app, [str(tmp_path / "few.log"), "--bundle", str(tmp_path / "bundle")])
    assert (without.exit_code, "Calibrate it" in " ".join(without.output.split())) == (1, True)


def test_log_of_another_anchor_set_is_told_with_both_ids_and_what_to_do(tmp_path, bundle):
    bundle_id = calibrated(tmp_path / "calibrated", bundle, limits=LIMITS)
    app = typer.Typer()
    app.command()(drift)
    lines = [line(anchor_set_id="1234567890abcdef") for _ in range(300)] + [line(anchor_set_id="fedcba0987654321")] * 2
    lines += [line(anchor_set_id="\x1b[31mno id"), line(anchor_set_id=None)]
    (tmp_path / "other.log").write_text("\n".join(lines))

    found = CliRunner().invoke(app, [str(tmp_path / "other.log"), "--bundle", str(tmp_path / "calibrated")])

    said = " ".join(found.output.split())
    assert found.exit_code == 1
    assert "1234567890abcdef (300)" in said
    assert "fedcba0987654321 (2)" in said
    assert f"and 0 by {bundle_id}" in said
    assert "Give with --bundle the one that was served when these were written" in said
    assert "\x1b[31m" not in found.output


def test_log_of_a_service_without_an_anchor_set_says_that_nothing_is_measured_of_it(tmp_path, bundle):
    calibrated(tmp_path / "calibrated", bundle, limits=LIMITS)
    app = typer.Typer()
    app.command()(drift)
    (tmp_path / "bare.log").write_text("\n".join(line(anchor_set_id=None) for _ in range(300)))

    found = CliRunner().invoke(app, [str(tmp_path / "bare.log"), "--bundle", str(tmp_path / "calibrated")])

    said = " ".join(found.output.split())
    assert found.exit_code == 1
    assert "300 pairs that were compared without an anchor set" in said
    assert "the one that was served" not in said


def test_other_ids_that_a_log_names_are_few(tmp_path):
    (tmp_path / "many.log").write_text("\n".join(line(anchor_set_id=f"{number:016x}") for number in range(500)))

    found = read_pairs_logged([tmp_path / "many.log"], SET, photographs=True)

    assert (found.others, len(found.other_ids)) == (500, 16)


def audit_line(**changes):
    told = {
        "time": "2026-11-28T16:33:04+00:00", "request_id": "1", "key": None, "event": "verify", "decision": "non_match",
        "undecided": None, "reasons": [], "operating_point": "fmr_1e-4", "threshold": 0.6, "method": "cosine",
        "score": 0.25, "similarity": 0.25, "fmr_at_score": 0.09, "evidence": 1.05, "anchor_set_id": SET,
        "generation": 0, "backbone_id": "b", "pipeline_id": "p",
        "inputs": {"probe": {"quality": 80.0}, "reference": {"quality": 70.5}},
    }  # fmt: skip
    return json.dumps({**told, **changes})


def embedded(quality, **changes):
    told = {"event": "embed", "anchor_set_id": SET, "generation": 0, "inputs": {"image": {"quality": quality}}}
    return json.dumps({**told, **changes})


def reason(code, image="probe"):
    return {"image": image, "code": code}


def test_audit_log_is_read_for_the_faces_of_one_anchor_set(tmp_path):
    several = {
        "probe": {"quality": 5.0},
        "reference": {"pictures": [{"quality": 6.0, "weight": 1.0}, {"quality": None}]},
    }
    (tmp_path / "audit.log").write_text(
        "\n".join(
            [
                audit_line(),
                audit_line(anchor_set_id="f" * 16),
                audit_line(fmr_at_score=None, undecided="not_calibrated"),
                audit_line(fmr_at_score=None, reasons=[reason("poor_picture"), reason("eyes_covered", "reference")]),
                audit_line(method="ida-r", fmr_at_score=0.5, reasons=[], inputs=several),
                embedded(33.0),
                embedded(None),
                embedded(44.0, anchor_set_id=None),
                audit_line(fmr_at_score=0),
                audit_line(inputs={"other": {}}),
                audit_line(event="shout"),
                '{"message": "request", "logger": "service.access", "event": "verify"}',
            ]
        )
    )

    found = read_pairs_logged([tmp_path / "audit.log"], SET, photographs=True)

    assert (found.pairs, found.others, found.other_inputs, found.unread, found.said_twice) == (3, 2, 1, 2, 0)
    audited = found.audited
    assert {name: list(rates) for name, rates in audited.rates.items()} == {"cosine": [0.09], "ida-r": [0.5]}
    assert list(audited.qualities) == [80.0, 70.5, 80.0, 70.5, 5.0, 6.0, 33.0]
    # Of the pair with several pictures it is not known which of them a reason is about.
    assert (audited.judged, dict(audited.doubted)) == (4, {"poor_picture": 1, "eyes_covered": 1})


def test_pairs_that_both_logs_have_count_once(tmp_path):
    (tmp_path / "audit.log").write_text(audit_line() + "\n" + audit_line())
    (tmp_path / "service.log").write_text(line())

    found = read_pairs_logged([tmp_path / "audit.log", tmp_path / "service.log"], SET, photographs=True)

    assert (found.pairs, found.said_twice, found.audited) == (1, 2, None)
    assert found.scores["cosine"].tolist() == [0.25]


def test_qualities_stand_for_the_norms_that_they_were_told_of():
    lengths = norms(500, 3, mean=9.0)
    quantiles = LIMITS.measures["norm"].quantiles
    told = np.array([unified_quality(length, quantiles["0.5"], quantiles["0.01"]) for length in lengths])

    assert norms_of_qualities(told, LIMITS) == pytest.approx(lengths)
    assert norms_of_qualities(np.array([0.0, 100.0]), LIMITS).tolist() == [-math.inf, math.inf]
    assert norms_of_qualities(told, population_limits({"crowding": lengths}, Parameters())) is None


def test_rates_are_those_that_the_service_states():
    generator = np.random.default_rng(8)
    curves = {
        bands: Stratum(bands, FmrCurve(CURVE.scores + 0.1 * place, *[CURVE.log10_fmr] * 3, 1e-3), 10_000, 50)
        for place, bands in enumerate(pairs_of_bands(3))
    }
    calibration = MethodCalibration("cosine", Parameters(), "photo", CURVE, SOUND, Strata((9.0, 11.0), curves))
    scores, lengths = generator.uniform(-1, 1, 200), generator.normal(10, 2, (200, 2))
    lengths[::7, 0] = np.nan
    lengths[3] = 9.0, 11.0

    found = stated_rates(calibration, scores, lengths)

    for rate, score, pair in zip(found, scores, lengths, strict=True):
        of_pair = tuple(None if math.isnan(length) else float(length) for length in pair)
        assert rate == pytest.approx(calibration.fmr_at_score(float(score), of_pair).fmr)
    alone = stated_rates(calibration, scores, None)
    assert alone == pytest.approx([replace(calibration, strata=None).fmr_at_score(float(s)).fmr for s in scores])


def test_reasons_tell_of_more_faces_beyond_a_limit_and_never_of_fewer():
    limits = population_limits({"norm": norms(3000, 0), "eye_light": norms(2000, 1)}, Parameters())

    def verdict(covered, faces=1000, poor=5):
        audited = AuditedPairs(judged=faces, doubted=Counter(eyes_covered=covered, poor_picture=poor))
        return [(one.name, one.verdict) for one in compare_drift(LoggedPairs(audited=audited), limits, {})]

    called = "eye_light beyond its limit"
    assert verdict(3)[1] == verdict(0)[1] == (called, "as_calibrated")
    assert verdict(60)[1] == (called, "drifted")
    assert verdict(20)[1] == (called, "slightly")
    assert verdict(20, faces=199)[1] == (called, "too_few")
    # Where no reason is ever told quality is not judged, and nothing follows.
    assert verdict(0, poor=0) == []

    (_, found) = compare_drift(
        LoggedPairs(audited=AuditedPairs(judged=1000, doubted=Counter(eyes_covered=9))), limits, {}
    )
    # 6 of the calibration's 2,000: how often 9 or more of 15 such faces are among the 1,000 of 3,000.
    by_hand = sum(math.comb(1000, k) * math.comb(2000, 15 - k) for k in range(9, 16)) / math.comb(3000, 15)
    assert found.p_value == pytest.approx(by_hand)
    assert (found.beyond, found.beyond_calibrated) == (0.009, 0.003)


@pytest.mark.slow
def test_command_tells_other_people_by_an_audit_log(tmp_path, bundle):
    bundle_id = calibrated(tmp_path / "calibrated", bundle, limits=LIMITS)
    quantiles = LIMITS.measures["norm"].quantiles
    app = typer.Typer()
    app.command()(drift)

    def told(length):
        return {"quality": unified_quality(length, quantiles["0.5"], quantiles["0.01"])}

    def run(lengths, rates):
        lines = [
            audit_line(anchor_set_id=bundle_id, fmr_at_score=rate, inputs={"probe": told(one), "reference": told(one)})
            for one, rate in zip(lengths, rates, strict=True)
        ]
        (tmp_path / "audit.log").write_text("\n".join(lines))
        given = [str(tmp_path / "audit.log"), "--bundle", str(tmp_path / "calibrated"), "--json"]
        result = CliRunner().invoke(app, given)
        return result.exit_code, json.loads(result.output)

    uniform = np.random.default_rng(9).uniform(0.001, 1, 700)
    code, same = run(norms(700, 4), uniform)
    assert (code, same["verdict"], same["pairs"]) == (0, "as_calibrated", 700)
    assert [one["name"] for one in same["compared"]] == ["norm", "low scores by cosine"]
    code, poorer = run(norms(700, 4, mean=8.5), uniform)
    assert (code, [one["verdict"] for one in poorer["compared"]]) == (3, ["drifted", "as_calibrated"])
    code, alike = run(norms(700, 4), 0.1 + 0.9 * uniform**2)
    assert (code, [one["verdict"] for one in alike["compared"]]) == (3, ["as_calibrated", "drifted"])


def test_audit_log_is_refused_where_nobody_can_tell_what_was_sent(tmp_path, bundle):
    bundle_id = calibrated(tmp_path / "calibrated", bundle, limits=LIMITS, limits_of=("photo", "crop"))
    (tmp_path / "audit.log").write_text(audit_line(anchor_set_id=bundle_id))
    app = typer.Typer()
    app.command()(drift)

    result = CliRunner().invoke(app, [str(tmp_path / "audit.log"), "--bundle", str(tmp_path / "calibrated")])

    assert result.exit_code == 1
    assert "calibrated for crops and photos, and an audit log does not say which" in " ".join(result.output.split())
