from pathlib import Path

import pytest

from models.card import ONNX_FILE, WEIGHTS_FILE, hash_file, read_card, write_card
from models.classifier import load_classifier
from models.errors import GoldenClipError
from tests.model_factory import TINY_SPEC, make_network, write_model_folder
from training.golden import describe_golden
from training.onnx_export import export_fp32


@pytest.mark.parametrize("runtime_name", ["openvino", "torch"])
def test_described_model_is_loaded_on_either_engine(tmp_path: Path, runtime_name: str) -> None:
    folder = write_model_folder(tmp_path)

    write_card(folder, describe_golden(folder))

    classifier = load_classifier(folder, runtime_name=runtime_name, num_threads=1)  # type: ignore[arg-type]
    assert classifier.card.golden is not None


def test_model_whose_engines_disagree_is_not_described(tmp_path: Path) -> None:
    folder = write_model_folder(tmp_path)
    export_fp32(make_network(seed=1), folder / ONNX_FILE, spec=TINY_SPEC)
    files = {name: hash_file(folder / name) for name in (WEIGHTS_FILE, ONNX_FILE)}
    write_card(folder, read_card(folder).model_copy(update={"files": files}))

    with pytest.raises(GoldenClipError, match="tiny-fp32@1: the engines disagree"):
        describe_golden(folder)
