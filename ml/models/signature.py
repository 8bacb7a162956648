"""What goes into a model and what comes out of it, and what it was made with: kept beside its weights in the registry.

The signature is MLflow's (named tensors with type and shape); the environment names Python, the machine's kind and every package that
computes, in the versions that were there. With the digest of the code they say what a repeated training has to be like. For words alone a
version has MLflow's python_function flavour too, which `mlflow models serve` starts.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from corpus.terms import EMOTIONS, LEVELS
from ml.models.cast import PRESENT
from ml.models.dataset import CROP_PX, CROPS
from ml.models.predict import ModelFacts

PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "safetensors",
    "tokenizers",
    "ctranslate2",
    "opencv-python",
    "librosa",
    "pandas",
    "pyarrow",
)


@dataclass(frozen=True)
class Environment:
    """What a model was made with; a package that is not there is left out."""

    python: str
    machine: str
    packages: dict[str, str]

    @classmethod
    def here(cls) -> Environment:
        """That of this process."""
        found = {name: installed for name in PACKAGES if (installed := _installed(name)) is not None}
        return cls(platform.python_version(), f"{platform.system()} {platform.machine()}", found)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def signature(facts: ModelFacts) -> dict[str, object]:
    """MLflow's model signature as JSON: a film's units row by row, NaN where nothing was measured; emotions, levels and reactions out."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    columns = facts.columns
    numbers, whole, octets = np.dtype("float32"), np.dtype("int64"), np.dtype("uint8")
    given = {
        "crops": (octets, (CROPS, CROP_PX, CROP_PX)),
        "face": (numbers, (2 * len(columns.face),)),
        "voice": (numbers, (2 * len(columns.voice),)),
        "speech": (numbers, (columns.speech_width,)),
        "text": (numbers, (columns.embedding_width + len(columns.cues),)),
        "when": (numbers, (3,)),
        "scene": (whole, ()),
        "speaker": (whole, ()),
    }
    said = {"probabilities": (len(EMOTIONS),), "levels": (len(LEVELS),), "next": (len(EMOTIONS),), "characters": (PRESENT, len(EMOTIONS))}
    inputs = [TensorSpec(kind, (-1, *shape), name) for name, (kind, shape) in given.items()]
    outputs = [TensorSpec(numbers, (-1, *shape), name) for name, shape in said.items()]
    told: dict[str, object] = ModelSignature(Schema(inputs), Schema(outputs)).to_dict()
    return told


LOADER = "service.pyfunc"
"""The module that loads a version for MLflow, by name: nothing here imports the service."""

FLAVOUR_FILE, PYTHON_FILE, REQUIREMENTS_FILE = "MLmodel", "python_env.yaml", "requirements.txt"
OPTIONAL_COLUMNS = ("speaker", "dialogue", "language")


def flavour(environment: Environment) -> dict[str, str]:
    """The files, by name, that make a version's folder one that `mlflow models serve` starts: rows of `text` in, emotions out."""
    from mlflow.models import Model, ModelSignature
    from mlflow.pyfunc import add_to_model
    from mlflow.types import ColSpec, DataType, Schema

    columns = [ColSpec(DataType.string, "text"), *(ColSpec(DataType.string, name, required=False) for name in OPTIONAL_COLUMNS)]
    model = Model(signature=ModelSignature(Schema(columns)))
    add_to_model(model, loader_module=LOADER, python_env=PYTHON_FILE)
    requirements = [f"{name}=={installed}" for name, installed in sorted(environment.packages.items())]
    return {
        FLAVOUR_FILE: model.to_yaml(),
        PYTHON_FILE: f"python: {environment.python}\nbuild_dependencies: []\ndependencies:\n- -r {REQUIREMENTS_FILE}\n",
        REQUIREMENTS_FILE: "\n".join(("# Feelm itself comes from its repository, in the version of feelm.code_sha256.", *requirements, "")),
    }
