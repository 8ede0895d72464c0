"""A folder of models that tests of the registry may change."""

import shutil
from pathlib import Path

import pytest

from tests.model_factory import write_model_folder


@pytest.fixture(scope="module")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("weights")
    write_model_folder(root, name="tiny-fp32", version=1)
    write_model_folder(root, name="tiny-fp32", version=2, seed=1)
    write_model_folder(root, name="other-fp32", version=1, seed=2)
    return root


@pytest.fixture
def root(tiny_root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_root, tmp_path / "weights"))
