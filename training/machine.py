"""What figures were measured on."""

import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("torch", "openvino")


def describe_machine() -> dict[str, str]:
    """Return the processor, and the versions that decide how fast and how exact things are."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    versions = {name: version(name) for name in PACKAGES}
    return {"cpu": cpu, "python": platform.python_version(), **versions}
