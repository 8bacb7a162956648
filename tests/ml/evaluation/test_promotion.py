import dataclasses
from pathlib import Path

import pytest

from corpus.terms import EMOTIONS
from ml.evaluation.findings import Interval
from ml.evaluation.promotion import Bounds, decide, distress, paired_gain
from ml.evaluation.report import CorpusReport, PairedTest, SystemScore, ValidationReport
from ml.models.grounds import Ground, GroundKind
from tests.emotions import N_EMOTIONS

FILMS = [f"film-{i}" for i in range(8)]


def system(name: str, kind: str, accuracy: float, ece: float = 0.05, recall: float = 0.7) -> SystemScore:
    confusion = [[30 if i == j else 0 for j in range(N_EMOTIONS)] for i in range(N_EMOTIONS)]
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


def misread(report: ValidationReport, distress_as_neutral: int) -> ValidationReport:
    """The report with so many of its 30 units each of fear and of sadness taken for neutral, and the others for one another."""
    confusion = [list(row) for row in report.corpora[0].scores[0].confusion]
    fear, sadness = EMOTIONS.index("fear"), EMOTIONS.index("sadness")
    for own, other in ((fear, sadness), (sadness, fear)):
        confusion[own] = [0] * N_EMOTIONS
        confusion[own][0], confusion[own][other] = distress_as_neutral, 30 - distress_as_neutral
    first = dataclasses.replace(report.corpora[0].scores[0], confusion=confusion)
    corpus = dataclasses.replace(report.corpora[0], scores=[first, *report.corpora[0].scores[1:]])
    return dataclasses.replace(report, corpora=[corpus])


def test_fear_taken_for_sadness_is_distress_recognised_all_the_same() -> None:
    assert distress(misread(report(0.8), 12).corpora[0].scores[0]) == (60, 0.6)
    decision = decide(misread(report(0.8), 12), None, "commercial", "research")
    assert decision.promoted and any("fear or sadness in 60 % of 60 units" in reason for reason in decision.reasons)


def test_a_model_that_misses_most_distress_is_not_promoted() -> None:
    decision = decide(misread(report(0.8), 19), None, "commercial", "research")
    assert not decision.promoted and "37 % of 60 units, 40 % are asked" in decision.reasons[0]


def test_a_challenger_that_recognises_less_distress_than_the_champion_does_not_replace_it() -> None:
    decision = decide(misread(report(0.9), 12), misread(report(0.8), 9), "commercial", "research")
    assert not decision.promoted and "distress less often than the champion: 60 % against 70 %" in decision.reasons[0]
    assert decide(misread(report(0.9), 10), misread(report(0.8), 9), "commercial", "research").promoted


def test_units_of_an_emotion_are_counted_right_in_a_report_that_was_read_back(tmp_path: Path) -> None:
    """JSON sorts the emotions by name, the confusions keep the platform's order."""
    told = report(0.85)
    fused = told.corpora[0].scores[0]
    few = [[3 if i == j == EMOTIONS.index("anger") else cell for j, cell in enumerate(row)] for i, row in enumerate(fused.confusion)]
    fused = dataclasses.replace(fused, confusion=few, recall={**fused.recall, "anger": 0.1})
    told = dataclasses.replace(told, corpora=[dataclasses.replace(told.corpora[0], scores=[fused, *told.corpora[0].scores[1:]])])
    told.write(tmp_path / "report.json")
    assert decide(ValidationReport.read(tmp_path / "report.json"), report(0.8), "commercial", "research").promoted, "anger has 3 units"


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
    gain = paired_gain(own, other, FILMS)
    assert gain.mean == pytest.approx(0.135)
    assert gain.low < gain.mean < gain.high
    assert gain.low > 0.1
    assert gain.better == 1.0


def by_film(accuracies: list[float]) -> ValidationReport:
    """A report whose fused model has these accuracies on the films."""
    told = report(sum(accuracies) / len(accuracies))
    fused = dataclasses.replace(told.corpora[0].scores[0], by_film=dict(zip(FILMS, accuracies, strict=True)))
    return dataclasses.replace(told, corpora=[dataclasses.replace(told.corpora[0], scores=[fused, *told.corpora[0].scores[1:]])])


def test_a_challenger_that_is_better_by_one_film_alone_does_not_replace_the_champion() -> None:
    decision = decide(by_film([0.7] * 7 + [1.0]), by_film([0.71] * 7 + [0.8]), "commercial", "research")
    assert decision.gain is not None and decision.gain > 0
    assert not decision.promoted
    assert "not surely better" in decision.reasons[0]


def test_a_challenger_that_is_a_little_better_on_every_film_does() -> None:
    assert decide(by_film([0.72] * 8), by_film([0.71] * 8), "commercial", "research").promoted


def test_a_challenger_that_says_the_same_does_not() -> None:
    assert not decide(by_film([0.7] * 8), by_film([0.7] * 8), "commercial", "research").promoted


@dataclasses.dataclass(frozen=True)
class Group:
    name: str
    n_units: int
    uar: Interval
    accuracy: Interval = dataclasses.field(default_factory=lambda: Interval(0.5))
    ece: Interval = dataclasses.field(default_factory=lambda: Interval(0.1))
    human: float | None = None
    false_distress: float | None = None


def grouped(told: ValidationReport, *groups: Group) -> ValidationReport:
    """The report as one that measured groups."""
    object.__setattr__(told.corpora[0], "groups", list(groups))
    return told


@pytest.mark.parametrize(("n_units", "uar", "promoted"), [(40, 0.5, False), (40, 0.65, True), (29, 0.1, True)])
def test_a_challenger_that_loses_a_group_beyond_the_bound_does_not(n_units: int, uar: float, promoted: bool) -> None:
    challenger = grouped(report(0.85), Group("sex: female", n_units, Interval(uar)))
    champion = grouped(report(0.8), Group("sex: female", 40, Interval(0.7)))
    decision = decide(challenger, champion, "commercial", "research")
    assert decision.promoted is promoted
    assert promoted or "the group sex: female" in decision.reasons[0]


def test_a_refused_use_names_the_data_and_weights_that_narrow_it() -> None:
    grounds = [
        Ground("sintel", GroundKind.FILM, "cc_by", "commercial", "Sintel", ""),
        Ground("meld", GroundKind.CORPUS, "GPL-3.0", "research", "", ""),
        Ground("minilm", GroundKind.WEIGHT, "MIT", "internal", "", ""),
        Ground("vader", GroundKind.WEIGHT, "MIT", "commercial", "", ""),
    ]
    reason = decide(report(0.8), None, "research", "commercial", grounds=grounds).reasons[0]
    assert "corpus meld (research); weight minilm (internal)" in reason
    assert "sintel" not in reason and "vader" not in reason
    internal = decide(report(0.8), None, "research", "internal", grounds=grounds).reasons[0]
    assert "meld" in internal and "minilm" not in internal


def single(*accuracies: float) -> ValidationReport:
    """A report in which fusion reaches 0.7 and face, voice, ... reach these."""
    told = report(0.7)
    scores = [system(name, "modality", accuracy) for name, accuracy in zip(("face", "voice", "text"), accuracies, strict=False)]
    kept = [one for one in told.corpora[0].scores if one.kind != "modality"]
    corpus = dataclasses.replace(told.corpora[0], scores=[*kept, *scores], tests=told.corpora[0].tests[1:])
    return dataclasses.replace(told, corpora=[corpus])


def test_a_model_that_one_of_its_modalities_beats_is_not_promoted() -> None:
    decision = decide(single(0.6, 0.72, 0.5), None, "commercial", "research")
    assert not decision.promoted and decision.reasons[0] == "falls behind voice alone by 2.0 points of macro recall"


def test_a_model_that_is_better_than_each_of_its_modalities_says_by_how_much() -> None:
    decision = decide(single(0.6, 0.5, 0.65), None, "commercial", "research")
    assert decision.promoted and "beats words alone by 5.0 points of macro recall, the best of its modalities" in decision.reasons


def test_a_model_of_one_modality_has_nothing_to_fuse() -> None:
    assert decide(single(0.72), None, "commercial", "research").promoted


def test_few_units_do_not_tell_whether_fusion_helps() -> None:
    assert decide(single(0.72, 0.6), None, "commercial", "research", Bounds(min_fusion_units=211)).promoted
