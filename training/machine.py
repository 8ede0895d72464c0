"""What figures were measured on."""

import platform
from importlib.metadata import version

from models.processor import read_processor

PACKAGES = ("torch", "openvino")
VNNI_FLAGS = {"avx_vnni", "avx512_vnni"}


def describe_machine() -> dict[str, str]:
    """Return the processor, and the versions that decide how fast and how exact things are."""
    versions = {name: version(name) for name in PACKAGES}
    cpu = read_processor()["model name"]
    return {"cpu": cpu, "python": platform.python_version(), **versions}


def has_vnni() -> bool:
    """Return whether the processor sums four products of int8 in one instruction."""
    return not VNNI_FLAGS.isdisjoint(read_processor()["flags"].split())
