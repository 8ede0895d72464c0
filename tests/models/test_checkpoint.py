from pathlib import Path

import pytest
import torch
from torch import nn

from models.checkpoint import load_matching, load_strictly, read_weights, write_weights
from models.errors import WeightsError


def test_tensors_come_back_as_they_were_written(tmp_path: Path) -> None:
    weight = torch.arange(6, dtype=torch.int8).reshape(2, 3).T
    tensors = {"weight": weight, "scale": torch.tensor(0.5)}

    write_weights(tmp_path / "w.safetensors", tensors)
    read = read_weights(tmp_path / "w.safetensors")

    assert set(read) == {"weight", "scale"}
    assert read["weight"].dtype == torch.int8
    assert torch.equal(read["weight"], weight)
    assert torch.equal(read["scale"], torch.tensor(0.5))


def test_tensors_that_share_memory_are_written_one_by_one(tmp_path: Path) -> None:
    shared = torch.ones(4)

    write_weights(tmp_path / "w.safetensors", {"a": shared, "b": shared[:2]})

    assert read_weights(tmp_path / "w.safetensors")["b"].shape == (2,)


def test_file_that_is_no_safetensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"not a header")

    with pytest.raises(WeightsError, match=r"w\.safetensors cannot be read"):
        read_weights(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"w\.safetensors cannot be read"):
        read_weights(tmp_path / "w.safetensors")


def test_strict_loading_gives_the_network_its_tensors() -> None:
    tensors = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
    network = nn.Linear(3, 2)

    load_strictly(network, tensors)

    assert torch.equal(network.weight, tensors["weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias": None}, "missing bias"),
        ({"extra": torch.ones(1)}, "unexpected extra"),
        ({"bias": torch.ones(3)}, r"bias is float32 \(3,\), expected float32 \(2,\)"),
        ({"bias": torch.ones(2).to(torch.int8)}, "bias is int8"),
    ],
)
def test_strict_loading_names_what_does_not_fit(
    change: dict[str, torch.Tensor | None], message: str
) -> None:
    changed = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)} | change
    tensors = {name: tensor for name, tensor in changed.items() if tensor is not None}

    with pytest.raises(WeightsError, match=message):
        load_strictly(nn.Linear(3, 2), tensors)


def test_strict_loading_cuts_a_long_list_of_problems_short() -> None:
    tensors = {f"foreign{index}": torch.ones(1) for index in range(8)}

    with pytest.raises(WeightsError, match="and 3 more of that kind"):
        load_strictly(nn.ReLU(), tensors)


def test_matching_tensors_are_taken_and_the_others_reported() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    tensors = {"0.weight": torch.ones(2, 3), "0.bias": torch.ones(5), "head": torch.ones(1)}

    report = load_matching(network, tensors)

    assert report.taken == ("0.weight",)
    assert report.skipped == ("0.bias", "head")
    assert report.missing == ("0.bias", "1.weight", "1.bias")
    assert torch.equal(network.state_dict()["0.weight"], torch.ones(2, 3))
    assert str(report).startswith("took 1 tensors; skipped: 0.bias, head; kept as they were: ")


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(WeightsError, match="none of 1 tensors fits"):
        load_matching(nn.Linear(3, 2), {"conv.weight": torch.ones(2, 3)})


def test_integers_of_a_quantized_network_are_not_taken_for_floats() -> None:
    with pytest.raises(WeightsError, match="none of 1 tensors fits"):
        load_matching(nn.Linear(3, 2), {"weight": torch.ones(2, 3, dtype=torch.int8)})
