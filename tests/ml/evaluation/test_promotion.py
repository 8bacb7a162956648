import dataclasses

import pytest

from corpus.terms import EMOTIONS
from ml.evaluation.findings import Interval
from ml.evaluation.promotion import Bounds, decide, paired_gain
from ml.evaluation.report import CorpusReport, PairedTest, SystemScore, ValidationReport

FILMS = [f"film-{i}" for i in range(8)]


def system(name: str, kind: str, accuracy: float, ece: float = 0.05, recall: float = 0.7) -> SystemScore:
    confusion = [[30 if i == j else 0 for j in range(7)] for i in range(7)]
    return SystemScore(
        system=name, kind=kind, n_units=210, accuracy=Interval(accuracy), uar=Interval(accuracy), macro_f1=Interval(accuracy),
        weighted_f1=accuracy, jsd_bits=0.2, ece=ece, by_film={film: accuracy + 0.01 * i for i, film in enumerate(FILMS)},
        macro_f1_by_film={}, recall=dict.fromkeys(EMOTIONS, recall), f1={}, confusion=confusion,
    )  # fmt: skip


def report(accuracy: float, p_value: float = 0.004, ece: float = 0.05, recall: float = 0.7) -> ValidationReport:
    scores = [system("fused", "fused", accuracy, ece, recall), system("face", "modality", 0.6), system("majority", "baseline", 0.2)]
    tests = [PairedTest("face", 8, accuracy - 0.6, 0.5), PairedTest("majority", 8, accuracy - 0.2, p_value)]
    corpus = CorpusReport("films", 8, 210, 210, scores, tests, [])
    return ValidationReport("v1", {}, [corpus], None, [], {}, [])


def test_the_first_model_that_beats_the_baselines_is_promoted() -> None:
    decision = decide(report(0.8), None, "commercial", "research")
    assert decision.promoted
    assert decision.champion_version is None


def test_a_model_that_does_not_surely_beat_a_baseline_is_not() -> None:
    decision = decide(report(0.8, p_value=0.2), None, "commercial", "research")
    assert not decision.promoted
    assert "does not surely beat the baseline majority" in decision.reasons[0]


def test_a_better_challenger_replaces_the_champion() -> None:
    decision = decide(report(0.85), report(0.8), "commercial", "research")
    assert decision.promoted
    assert decision.gain == pytest.approx(0.05)


def test_a_worse_challenger_does_not() -> None:
    decision = decide(report(0.75), report(0.8), "commercial", "research")
    assert not decision.promoted
    assert "-5.0 points against the champion" in decision.reasons[0]


def test_a_challenger_that_loses_an_emotion_does_not() -> None:
    decision = decide(report(0.85, recall=0.5), report(0.8), "commercial", "research")
    assert not decision.promoted
    assert any("neutral" in reason for reason in decision.reasons)


def test_a_challenger_that_is_out_of_calibration_does_not() -> None:
    assert not decide(report(0.85, ece=0.3), report(0.8), "commercial", "research").promoted


def test_calibration_does_not_bind_where_it_is_mostly_chance() -> None:
    few = Bounds(min_calibration_units=211)
    assert decide(report(0.85, ece=0.3), None, "commercial", "research", few).promoted


@pytest.mark.parametrize(("model_use", "declared", "promoted"), [("research", "commercial", False), ("internal", "internal", True)])
def test_data_must_allow_the_use_that_the_team_declares(model_use: str, declared: str, promoted: bool) -> None:
    assert decide(report(0.8), None, model_use, declared).promoted is promoted


def test_a_champion_tested_on_other_films_is_no_hurdle() -> None:
    other = report(0.99)
    fused = dataclasses.replace(other.corpora[0].scores[0], by_film={"elsewhere": 0.99})
    other = dataclasses.replace(other, corpora=[dataclasses.replace(other.corpora[0], scores=[fused])])
    decision = decide(report(0.8), other, "commercial", "research")
    assert decision.promoted
    assert decision.gain is None


def test_the_paired_interval_covers_the_gain() -> None:
    own = system("fused", "fused", 0.8)
    other = dataclasses.replace(own, by_film=dict.fromkeys(FILMS, 0.7))
    gain, low, high = paired_gain(own, other, FILMS)
    assert gain == pytest.approx(0.135)
    assert low < gain < high
    assert low > 0.1
