"""Words what pydantic found wrong."""

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
