"""Numbers of training as they are set by name."""

import dataclasses

import pytest

from corpus.terms import FeelmError
from ml.models.search_space import present, space
from ml.models.settings import PARTS, value_of, with_settings
from ml.models.training import TrainingParams


def test_a_number_is_set_in_its_part_and_nothing_else_changes() -> None:
    params = TrainingParams()
    changed = with_settings(params, {"voice.learning_rate": 0.5, "voice.epochs": 3, "context.ema": 0.25})
    assert (changed.voice.learning_rate, changed.voice.epochs, changed.context.ema) == (0.5, 3, 0.25)
    back = {"voice.learning_rate": params.voice.learning_rate, "voice.epochs": params.voice.epochs, "context.ema": params.context.ema}
    assert with_settings(changed, back) == params != changed


def test_every_number_of_every_part_can_be_set() -> None:
    params = TrainingParams()
    names = [f"{part}.{field.name}" for part in PARTS for field in dataclasses.fields(getattr(params, part))]
    assert with_settings(params, {name: getattr(getattr(params, name.split(".")[0]), name.split(".")[1]) for name in names}) == params


@pytest.mark.parametrize(
    ("where", "value", "told"),
    [
        ("smell.epochs", 3, "there is no part 'smell'; there are face, voice, text, context"),
        ("voice.epoch", 3, "there is no 'epoch'; there are epochs, checkpoints"),
        ("voice.epochs", 3.5, "3.5 is no whole number"),
        ("voice.mixup", "much", "'much' is no number"),
        ("voice.mixup", True, "True is no number"),
    ],
)
def test_what_cannot_be_set_is_told(where: str, value: object, told: str) -> None:
    with pytest.raises(FeelmError, match=f"training: {where}: {told}"):
        with_settings(TrainingParams(), {where: value})  # type: ignore[dict-item]


def test_a_search_draws_around_what_holds() -> None:
    params = with_settings(TrainingParams(), {"text.learning_rate": 0.01})
    assert present(params)["text.learning_rate"] == value_of(params, "text.learning_rate") == 0.01
    for where, value in present(params).items():
        drawn = space(params)[where]
        assert drawn.low <= value <= drawn.high, where
