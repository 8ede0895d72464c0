"""Bounds of a share that hold at every look, however often and whenever one looks.

The likelihood of the counts under a mixture of all shares, divided by that under one share, is a
martingale if that share is the true one: it starts at 1, and exceeds 1 / alpha at any time with a
probability of at most alpha (Ville's inequality). The shares at which it does not are the
confidence sequence. It needs the counts alone, not their order.

Sources: Robbins 1970 (doi:10.1214/aoms/1177696786); Howard et al. 2021, arXiv:1810.08240,
section 3.2 on conjugate mixtures.
"""

import math
from dataclasses import dataclass
from typing import Any

from scipy.optimize import brentq
from scipy.special import betaln, xlog1py, xlogy

from app.experiments.statistics.estimates import Interval

LOWEST_RATE = 1e-100


@dataclass(frozen=True, kw_only=True)
class Prior:
    """The mixture of shares, a beta distribution.

    The bounds hold with any; they are narrowest where it has its weight.
    """

    hits: float
    misses: float

    def swap(self) -> "Prior":
        """Return the same for the share of misses."""
        return Prior(hits=self.misses, misses=self.hits)


RARE = Prior(hits=0.5, misses=5.0)
"""For what seldom happens: a fifth fewer observations at 2 % than with `ANY`."""
ANY = Prior(hits=0.5, misses=0.5)
"""For shares of which nothing is expected."""


def weigh_against(rate: Any, *, num: Any, of: Any, prior: Prior = RARE) -> Any:
    """Return the natural logarithm of the evidence against a share; numbers or arrays.

    Args:
        rate: The share, 0-1, that is doubted.
        num: How many of the observations count.
        of: How many observations there are.
        prior: The mixture.
    """
    mixed = betaln(prior.hits + num, prior.misses + of - num) - betaln(prior.hits, prior.misses)
    return mixed - xlogy(num, rate) - xlog1py(of - num, -rate)


def bound_rate(num: int, *, of: int, alpha: float, prior: Prior = RARE) -> Interval:
    """Return where a share lies, with a probability of at least 1 - alpha at all looks together.

    Args:
        num: How many of the observations count.
        of: How many observations there are; of none the share lies between 0 and 1.
        alpha: Probability, 0-1, that the true share is outside at any look.
        prior: The mixture.
    """
    return Interval(
        low=_find_low(num, of=of, alpha=alpha, prior=prior),
        high=1 - _find_low(of - num, of=of, alpha=alpha, prior=prior.swap()),
    )


def _find_low(num: int, *, of: int, alpha: float, prior: Prior) -> float:
    if num == 0:
        return 0.0

    def excess(rate: float) -> float:
        return float(weigh_against(rate, num=num, of=of, prior=prior)) + math.log(alpha)

    return float(brentq(excess, LOWEST_RATE, num / of))
