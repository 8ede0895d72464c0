"""What figures were measured on."""

import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("torch", "openvino")
CPUINFO = Path("/proc/cpuinfo")
VNNI_FLAGS = {"avx_vnni", "avx512_vnni"}


def describe_machine() -> dict[str, str]:
    """Return the processor, and the versions that decide how fast and how exact things are."""
    versions = {name: version(name) for name in PACKAGES}
    cpu = _read_cpuinfo("model name")
    return {"cpu": cpu, "python": platform.python_version(), **versions}


def has_vnni() -> bool:
    """Return whether the processor sums four products of int8 in one instruction."""
    return not VNNI_FLAGS.isdisjoint(_read_cpuinfo("flags").split())


def _read_cpuinfo(field: str) -> str:
    """Return what the kernel says of the first processor."""
    lines = CPUINFO.read_text(encoding="utf-8").splitlines()
    return next(line.split(":")[1].strip() for line in lines if line.startswith(field))
