"""Packages that files of this repository pin."""

import re

from tests.conftest import REPOSITORY_ROOT


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(name: str) -> set[str]:
    lines = (REPOSITORY_ROOT / name).read_text().splitlines()
    return {normalize(line.partition("==")[0]) for line in lines if not line.startswith("#")}
