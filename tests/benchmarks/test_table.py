from pathlib import Path

import pytest

from benchmarks.table import BEGIN, END, render_models, write_table
from models.registry import ModelRegistry
from tests.model_factory import write_model_folder


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    write_model_folder(tmp_path, name="tiny-fp32")
    write_model_folder(tmp_path, name="tiny-int8", precision="int8")
    return ModelRegistry(
        tmp_path,
        requested=("tiny-fp32", "tiny-int8"),
        aliases={"default": "tiny-int8"},
        runtime_name="openvino",
        num_threads=1,
    )


def test_table_has_a_row_for_every_int8_model_and_one_for_its_parent(
    registry: ModelRegistry,
) -> None:
    times = {"fp32 on openvino": {"median_ms": 4.0}, "int8 on openvino": {"median_ms": 1.0}}
    pair = {
        "times": times,
        "int8_on_openvino_is_faster_by": {
            "fp32 on torch": 12.0,
            "fp32 on openvino": 4.0,
            "int8 on openvino": 1.0,
        },
        "file_bytes": {"fp32": {"model.onnx": 13.4e6}, "int8": {"model.onnx": 3.45e6}},
    }

    rows = render_models(registry, {"shipped": {"tiny-int8@1": pair}}).splitlines()[2:]

    assert rows == [
        "| `tiny-fp32@1` | 0.500 | 13.40 MB | 4.00 ms | 3.0x faster |",
        "| `tiny-int8@1` | 0.500 | 3.45 MB | 1.00 ms | 12.0x faster |",
    ]


def test_table_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")

    write_table(readme, "new")

    assert readme.read_text() == f"before\n{BEGIN}\nnew\n{END}\nafter\n"


def test_readme_without_marks_is_refused(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("no marks")

    with pytest.raises(ValueError, match="lacks the marks"):
        write_table(readme, "new")
