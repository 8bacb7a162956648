"""The classifier is what its sentences make of it, and is fitted to those that are committed."""

import numpy as np
import pytest

from corpus.terms import FeelmError
from corpus.weights import verify
from service.safety.distress.classifier import ENCODERS, FITTED, Classifier, Judgement, Sensitivity, Support, read_facts
from service.safety.distress.fitting import PROTOTYPES, fit_all, prototypes_digest, read_sentences, solve
from service.safety.distress.rules import Strength


def test_what_is_fitted_is_what_is_committed():
    facts = read_facts()
    assert facts["prototypes_sha256"] == prototypes_digest(), "run `python -m benchmarks.distress --fit`"
    assert set(facts["encoders"]) == set(ENCODERS)


def test_no_sentence_stands_on_both_sides(tmp_path):
    sentences = read_sentences()
    assert sentences.danger.sum() > 500 and (~sentences.danger).sum() > 500
    (tmp_path / "a_danger.yaml").write_text("en: [good morning]\n")
    (tmp_path / "b_none.yaml").write_text("en: [good morning]\n")
    with pytest.raises(FeelmError, match="both sides"):
        read_sentences(tmp_path)


def test_leave_one_out_is_what_a_fit_without_the_sentence_says():
    rng = np.random.default_rng(3)
    embedded = rng.normal(size=(30, 8))
    embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
    danger = np.arange(30) % 2 == 0
    _, left_out = solve(embedded, danger)
    kept = np.arange(30) != 7
    says, _ = solve(embedded[kept], danger[kept])
    support = Support(np.zeros(8), embedded[kept], says)
    assert support.scores(embedded[7:8])[0] == pytest.approx(left_out[7], abs=0.03)


@pytest.fixture(scope="module")
def minilm() -> Classifier:
    if verify("minilm").state != "present":
        pytest.skip("weight minilm is not there: run `make install`")
    return Classifier.load(encoders=("minilm",))


def test_it_knows_veiled_danger_from_daily_talk(minilm):
    danger = ["I hope that I don't wake up tomorrow, it would be easier for them", "He says he will finish me if I tell anybody"]
    none = ["Could you tell me when the shop opens?", "We baked a cake for the school fair"]
    assert all(minilm.judge([text]).strength is not None for text in danger)
    assert all(minilm.judge([text]).strength is None for text in none)


def test_sensitivity_and_a_dark_course_move_the_bar(minilm):
    bars = minilm.bars["minilm"]
    assert bars.asks[Sensitivity.HIGH] < bars.asks[Sensitivity.BALANCED] < bars.escalates
    score = bars.asks[Sensitivity.HIGH] - 0.05
    assert minilm.weighed({"minilm": score}).strength is None
    assert minilm.weighed({"minilm": score}, course=0.9).strength is Strength.WEAK


def test_a_language_that_the_encoder_does_not_read_has_no_score(minilm):
    assert minilm.judge(["Ich gehe heute ins Wasser und komme nicht zurück, sagt es den Kindern"], "de") == Judgement(None, None)


def test_another_version_of_the_encoder_is_refused(monkeypatch, minilm):
    from service.safety.distress import classifier

    facts = read_facts()
    monkeypatch.setattr(classifier, "read_facts", lambda: {**facts, "encoders": dict.fromkeys(ENCODERS, "other")})
    with pytest.raises(FeelmError, match="--fit"):
        Classifier.load(encoders=("minilm",))


@pytest.mark.slow
def test_fitting_again_gives_the_same(tmp_path, minilm):
    fit_all(tmp_path, ("minilm",))
    ours, again = Support.read(FITTED / "minilm.safetensors"), Support.read(tmp_path / "minilm.safetensors")
    assert len(ours.says) == len(again.says) and np.corrcoef(ours.says, again.says)[0, 1] > 0.99
    assert PROTOTYPES.is_dir()
