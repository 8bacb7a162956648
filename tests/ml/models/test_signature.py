"""The signature that a model is registered with names what it really takes and gives."""

import dataclasses
import json
import platform

import numpy as np
import torch

from ml.models.dataset import UnitArrays, load_film
from ml.models.predict import load_model, predict
from ml.models.signature import Environment, signature
from tests.ml.conftest import Trained


def tensors(schema: object) -> dict[str, tuple[str, list[int]]]:
    return {one["name"]: (one["tensor-spec"]["dtype"], one["tensor-spec"]["shape"]) for one in json.loads(str(schema))}


def test_what_the_signature_names_has_the_types_and_shapes_that_a_films_units_have(trained: Trained) -> None:
    model = load_model(trained.model)
    rows, data = load_film(trained.home, trained.film_ids[0], model.facts.columns)
    inputs = tensors(signature(model.facts)["inputs"])
    assert set(inputs) <= {field.name for field in dataclasses.fields(UnitArrays)}
    for name, (kind, shape) in inputs.items():
        array = getattr(data, name)
        assert (str(array.dtype), [-1, *array.shape[1:]]) == (kind, shape), name
    outputs = tensors(signature(model.facts)["outputs"])
    predicted = predict(model, rows, data)
    assert outputs["probabilities"][1] == [-1, sum(name.startswith("p_") for name in predicted.columns)]


def test_the_environment_is_this_ones() -> None:
    here = Environment.here()
    assert here.python == platform.python_version()
    assert (here.packages["torch"], here.packages["numpy"]) == (torch.__version__, np.__version__)
