"""A precision that a processor would only imitate is not computed in."""

from collections.abc import Iterator, Mapping

import pytest
import torch

from training.precision import usable_precision


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    usable_precision.cache_clear()
    yield
    usable_precision.cache_clear()


def have(monkeypatch: pytest.MonkeyPatch, capabilities: Mapping[str, bool]) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)


@pytest.mark.parametrize("instructions", ["amx_bf16", "avx512_bf16", "bf16"])
def test_processor_with_bfloat16_computes_in_it(
    instructions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    have(monkeypatch, {"avx2": True, instructions: True})

    assert usable_precision("bf16-mixed", "cpu") == "bf16-mixed"


def test_processor_without_bfloat16_computes_in_float32_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    have(monkeypatch, {"avx2": True, "avx512_bf16": False})

    chosen = [usable_precision("bf16-mixed", "cpu") for _ in range(2)]

    assert chosen == ["32-true", "32-true"]
    assert capsys.readouterr().out.count("no bfloat16 instructions") == 1


def test_gpu_computes_in_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    have(monkeypatch, {})

    assert usable_precision("bf16-mixed", "cuda") == "bf16-mixed"
