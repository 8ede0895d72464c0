"""Which scope each route needs, and how large a body may be: said here, and nowhere else."""

from dataclasses import dataclass
from typing import Literal

from app.access.keys import Scope

Need = Scope | Literal["open"]
READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Rule:
    """What holds for all paths below one.

    Attributes:
        prefix: The path, without a slash at its end.
        need: The scope that a key must have; `open` needs no key.
        methods: To which requests this applies; empty for all.
        takes_upload: Whether the route reads media, which has a limit of its own.
    """

    prefix: str
    need: Need
    methods: frozenset[str] = frozenset()
    takes_upload: bool = False

    def covers(self, method: str, path: str) -> bool:
        """Say whether a request falls under this rule."""
        is_below = path == self.prefix or path.startswith(f"{self.prefix}/")
        return is_below and (not self.methods or method in self.methods)


RULES = (
    Rule("/v1/predictions", "predict", takes_upload=True),
    Rule("/v1/comparisons", "predict", takes_upload=True),
    Rule("/v1/feedback", "predict"),
    Rule("/v1/models", "predict", READING),
    Rule("/v1/models", "admin"),
    Rule("/v1/aliases", "admin"),
    Rule("/v1/experiments", "admin"),
    Rule("/metrics", "metrics"),
    Rule("/health", "open"),
    Rule("/docs", "open"),
    Rule("/openapi.json", "open"),
    Rule("/static-offline-docs", "open"),
)
"""The first one that covers a request holds."""

UNLISTED = Rule("", "admin")
"""What nobody thought of is not open."""


def find_rule(method: str, path: str) -> Rule:
    """Return the rule that a request falls under."""
    return next((rule for rule in RULES if rule.covers(method, path)), UNLISTED)
