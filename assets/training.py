"""What a team has set of training, as the parameters that networks are trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.params import Params

if TYPE_CHECKING:
    from ml.models.training import TrainingParams


def training_params(settings: Params) -> TrainingParams:
    """The parameters of `params.yaml`.

    Raises:
        FeelmError: a number is set that does not exist, or is of another kind.
    """
    from ml.models.networks import NetworkConfig
    from ml.models.settings import with_settings
    from ml.models.training import TrainingParams

    params = TrainingParams(seed=settings.seed, folds=settings.folds, networks=NetworkConfig(face_network=settings.face_network))
    return with_settings(params, settings.training)
