"""What tests have a decode worker run; it is imported there."""

from collections.abc import Callable
from typing import Any, BinaryIO


def run_instead(function: Callable[..., object], args: tuple[Any, ...], target: BinaryIO) -> Any:
    """Run something that no file can be made to do on purpose, and write nothing."""
    return function(*args)
