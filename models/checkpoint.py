"""Read and write weights as safetensors; nothing pickled is ever opened here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, load_file, save_file
from torch import Tensor, nn

from models.errors import WeightsError


@dataclass(frozen=True, kw_only=True)
class WeightsReport:
    """What became of weights that were made for a similar network.

    Attributes:
        taken: Tensors of the network that were given.
        skipped: Tensors that were given, but not taken: no such name, another shape, or integers
            for floats.
        missing: Tensors of the network that keep what they had.
    """

    taken: tuple[str, ...]
    skipped: tuple[str, ...]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"took {len(self.taken)} tensors; "
            f"skipped: {', '.join(self.skipped) or 'none'}; "
            f"kept as they were: {', '.join(self.missing) or 'none'}"
        )


def write_weights(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write named tensors to a safetensors file, each contiguous and on its own."""
    save_file({name: _plain(tensor) for name, tensor in tensors.items()}, path)
    path.chmod(0o644)  # safetensors makes files that only their owner can read


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read named tensors from a safetensors file.

    Raises:
        WeightsError: If the file cannot be read as safetensors.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as exc:
        raise WeightsError(f"{path.name} cannot be read as safetensors: {exc}") from exc


def parse_weights(content: bytes) -> dict[str, Tensor]:
    """Return the named tensors in the bytes of a safetensors file.

    Raises:
        WeightsError: If they cannot be read as safetensors.
    """
    try:
        return load(content)
    except SafetensorError as exc:
        raise WeightsError(f"weights cannot be read as safetensors: {exc}") from exc


def load_strictly(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give a network exactly its own tensors.

    Raises:
        WeightsError: If a tensor is missing or unexpected, or has another shape or dtype than the
            network's.
    """
    problems = _find_problems(network.state_dict(), tensors)
    if problems:
        raise WeightsError("weights do not fit the network: " + "; ".join(problems))
    network.load_state_dict(tensors)


def load_matching(network: nn.Module, tensors: Mapping[str, Tensor]) -> WeightsReport:
    """Give a network those tensors that have name, shape and kind of number of one of its own.

    Raises:
        WeightsError: If no weight of more than one axis is among them: they belong to another
            network.
    """
    own = network.state_dict()
    fitting = {
        name: tensor
        for name, tensor in tensors.items()
        if name in own and own[name].shape == tensor.shape and _is_same_kind(own[name], tensor)
    }
    if not any(tensor.dim() > 1 for tensor in fitting.values()):
        raise WeightsError(f"none of {len(tensors)} tensors fits the network's {len(own)}")
    network.load_state_dict(fitting, strict=False)
    return WeightsReport(
        taken=tuple(fitting),
        skipped=tuple(name for name in tensors if name not in fitting),
        missing=tuple(name for name in own if name not in fitting and not _is_counter(name)),
    )


def _is_same_kind(one: Tensor, other: Tensor) -> bool:
    """Tell floats from the integers of a quantized network."""
    return one.is_floating_point() == other.is_floating_point()


def _is_counter(name: str) -> bool:
    """Tell the step counter of a normalization, which old files lack and nothing depends on."""
    return name.endswith("num_batches_tracked")


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous().clone()


def _find_problems(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    missing = [f"missing {name}" for name in own if name not in given]
    unexpected = [f"unexpected {name}" for name in given if name not in own]
    unlike = [
        f"{name} is {_describe(given[name])}, expected {_describe(tensor)}"
        for name, tensor in own.items()
        if name in given and _describe(given[name]) != _describe(tensor)
    ]
    return _shorten(missing) + _shorten(unexpected) + _shorten(unlike)


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _shorten(problems: list[str], *, limit: int = 5) -> list[str]:
    if len(problems) <= limit:
        return problems
    return [*problems[:limit], f"and {len(problems) - limit} more of that kind"]
