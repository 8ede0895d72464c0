"""Numbers as people read them: shares in percent, times in milliseconds."""

from datetime import datetime

from app.experiments.statistics.drift import DriftAnswer
from app.experiments.statistics.estimates import Estimate, Interval

NOTHING = "-"


def word_share(share: Estimate | None) -> str:
    """Return a share and its interval, in percent."""
    if share is None:
        return NOTHING
    return f"{100 * share.value:.2f} % ({100 * share.low:.2f} to {100 * share.high:.2f})"


def word_range(interval: Interval) -> str:
    """Return an interval of shares, in percent."""
    return f"{100 * interval.low:.2f} to {100 * interval.high:.2f} %"


def word_difference(difference: Estimate | None) -> str:
    """Return a difference of shares and its interval, in percentage points."""
    if difference is None:
        return NOTHING
    return f"{100 * difference.value:+.2f} points ({word_points(difference)})"


def word_points(interval: Interval) -> str:
    """Return an interval of differences of shares, in percentage points."""
    return f"{100 * interval.low:+.2f} to {100 * interval.high:+.2f}"


def word_ratio(ratio: Estimate | None) -> str:
    """Return a ratio and its interval."""
    if ratio is None:
        return NOTHING
    return f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def word_p_value(p_value: float | None) -> str:
    """Return a p value; the least ones as what they are below."""
    if p_value is None:
        return NOTHING
    return f"{p_value:.3f}" if p_value >= 0.001 else "<0.001"


def word_part(part: float | None) -> str:
    """Return a share that has no interval, in percent."""
    return NOTHING if part is None else f"{100 * part:.1f} %"


def word_time(time: datetime | None) -> str:
    """Return a time to the second."""
    return NOTHING if time is None else f"{time:%Y-%m-%d %H:%M:%S} UTC"


def word_drift(figure: DriftAnswer) -> str:
    """Return how far a quantity has drifted, and how large that is."""
    if figure.psi is None:
        return f"too few answers, {figure.num_answers}"
    return f"{figure.psi:.3f}, {figure.reading}"
