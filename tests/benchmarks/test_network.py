from pathlib import Path
from typing import Any

import pytest

from benchmarks import network
from benchmarks.engines import OURS
from benchmarks.network import (
    Shape,
    measure_networks,
    plot_networks,
    processor_words,
    render_networks,
)
from models.registry import ModelRegistry
from models.spec import ClipSpec
from tests.model_factory import write_model_folder

SPEC = ClipSpec(num_frames=8, size_px=64)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("models")
    write_model_folder(folder, name="tiny-fp32", spec=SPEC)
    for name in ("tiny-int8", "another-int8"):
        write_model_folder(folder, name=name, precision="int8", spec=SPEC)
    registry = ModelRegistry(
        folder,
        requested=("tiny-fp32", "tiny-int8"),
        aliases={"default": "tiny-int8"},
        runtime_name="openvino",
        num_threads=1,
    )
    shape = Shape(size_px=64, width=0.25, num_threads=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "NUM_ROUNDS", 2)
        patch.setattr(network, "CALLS_PER_ROUND", 1)
        patch.setattr(network, "NUM_GRID_ROUNDS", 2)
        return measure_networks(registry, grid=[shape], engines=OURS)


def test_shipped_pairs_have_times_ratios_and_sizes(result: dict[str, Any]) -> None:
    assert list(result["shipped"]) == ["tiny-int8@1", "another-int8@1"]  # the default one first
    for pair in result["shipped"].values():
        assert set(pair["times"]) == set(OURS)
        assert pair["int8_on_openvino_is_faster_by"]["int8 on openvino"] == 1
        assert pair["file_bytes"]["int8"]["model.onnx"] < pair["file_bytes"]["fp32"]["model.onnx"]


def test_grid_has_both_stems_and_their_best_float_engine(result: dict[str, Any]) -> None:
    (place,) = result["grid"]

    assert set(place["stems"]) == {"3x3x3", "1x3x3"}
    assert place["stems"]["1x3x3"]["goals"]["best_float_engine"].startswith("fp32 on ")


def test_section_names_every_engine_and_says_what_was_not_measured(result: dict[str, Any]) -> None:
    section = render_networks(result)

    assert section.startswith(f"## Networks on a processor {processor_words(result)}\n")
    assert "| engine | tiny-int8@1, ms | x int8 on openvino | cosine, error | another" in section
    assert all(f"| {name} |" in section for name in OURS)
    assert "| 64 px, width 0.25, 1 thread | 3x3x3 | not measured | not measured |" in section


def test_every_row_of_a_table_has_as_many_cells_as_its_head(result: dict[str, Any]) -> None:
    blocks = [block for block in render_networks(result).split("\n\n") if block.startswith("|")]

    assert len(blocks) == 3
    for block in blocks:
        assert len({line.count("|") for line in block.splitlines()}) == 1


def test_plot_is_a_picture(result: dict[str, Any], tmp_path: Path) -> None:
    plot_networks(result, tmp_path / "network.png")

    assert (tmp_path / "network.png").read_bytes().startswith(b"\x89PNG")
