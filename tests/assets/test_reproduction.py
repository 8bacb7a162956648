"""A model that is made again in a folder within the project."""

from pathlib import Path

import pytest
from dvc.exceptions import DvcException
from dvc.repo import Repo

from assets.reproduction import CODE_DIR, keep_from_dvc


def test_dvc_does_not_take_the_stages_of_a_model_made_again_within_the_project_for_its_own(tmp_path: Path) -> None:
    Repo.init(str(tmp_path), no_scm=True).close()
    code = tmp_path / "reproduced-1" / CODE_DIR
    code.mkdir(parents=True)
    (code / "dvc.yaml").write_text("vars: [absent.json]\nstages: {}\n")
    with Repo(str(tmp_path)) as repo, pytest.raises(DvcException, match=r"absent\.json"):
        _ = repo.index.stages

    keep_from_dvc(code.parent)

    with Repo(str(tmp_path)) as repo:
        assert repo.index.stages == []
