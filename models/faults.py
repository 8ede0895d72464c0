"""Words what pydantic and the engines found wrong."""

from pydantic import ValidationError


def word_faults(error: ValidationError, *, whole: str) -> list[str]:
    """Return every fault as `where: what`, without the values.

    Args:
        error: The faults.
        whole: What to name where a fault is of the whole.
    """
    return [
        f"{'.'.join(map(str, fault['loc'])) or whole}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    ]


def word_engine_fault(error: RuntimeError) -> str:
    """Return what an engine says, without the lines that name places in its source code."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith(("Exception from", "Check "))]
    return " ".join(said) or "it does not say why"
