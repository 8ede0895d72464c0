"""What the kernel says of the processor."""

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def read_processor() -> dict[str, str]:
    """Return the facts of the first core by their names, such as `model name` and `flags`."""
    first_core, _, _ = CPUINFO.read_text(encoding="utf-8").partition("\n\n")
    facts = (line.partition(":") for line in first_core.splitlines())
    return {name.strip(): fact.strip() for name, _, fact in facts}
