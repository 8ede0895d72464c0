"""In what precision a processor computes, beside the one that a recipe asks for."""

from functools import cache
from typing import Literal

import torch

from training.progress import console

Precision = Literal["32-true", "bf16-mixed"]

BFLOAT16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16")
"""Names of `torch.cpu.get_capabilities`, of x86 and of ARM."""


@cache
def usable_precision(wanted: Precision, device: str) -> Precision:
    """Return the precision to compute in, and say once where it is not the wanted one.

    Processors without bfloat16 instructions imitate them: on a Zen 4 whose AVX-512 is masked, a
    step of the half-width teacher takes 0.92 s a clip in bfloat16 and 0.06 s in float32, which is
    what they get.
    """
    if wanted == "32-true" or device != "cpu" or _has_bfloat16():
        return wanted
    console.print(
        f"this processor has no bfloat16 instructions: float32 is computed instead of {wanted!r}"
    )
    return "32-true"


def _has_bfloat16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in BFLOAT16_INSTRUCTIONS)
