"""Who performs a clip, and the vocabulary in which activities are scripted."""

from dataclasses import dataclass, replace

import numpy as np

from training.data.synthetic.cabin import wheel_grip
from training.data.synthetic.people import Fabric, Habit
from training.data.synthetic.script import HandScript, Hold, Point, Script, Target, Wobble
from training.data.synthetic.tracks import Key

DOWN: Point = (0.0, 0.0, -1.0)


@dataclass(frozen=True, kw_only=True)
class Cast:
    """The performer of one clip.

    Attributes:
        random: Draws whatever differs from one performance to the next.
        habit: How the person moves.
        lead: The side, "L" or "R", of the hand that does the work.
        rest: Where idle hands stay: "wheel", "mixed" or "lap".
        is_belted: Whether an idle belt is fastened.
        wears_jacket: Whether an idle jacket is worn.
        jacket: What the jacket is made of.
    """

    random: np.random.Generator
    habit: Habit
    lead: str
    rest: str
    is_belted: bool
    wears_jacket: bool
    jacket: Fabric

    @property
    def other(self) -> str:
        """Return the side of the hand that helps."""
        return "L" if self.lead == "R" else "R"

    @property
    def sign(self) -> float:
        """Return the direction of the leading side along y: 1 left, -1 right."""
        return 1.0 if self.lead == "L" else -1.0

    def draw(self, low: float, high: float) -> float:
        """Draw a number."""
        return float(self.random.uniform(low, high))

    def size(self, value: float) -> float:
        """Scale a free movement by habit, with a little variation."""
        return value * self.habit.amplitude * self.draw(0.88, 1.12)

    def near(self, point: Point, spread: float = 0.02) -> Point:
        """Draw a point close to another one."""
        x, y, z = np.asarray(point) + self.random.uniform(-spread, spread, 3)
        return (float(x), float(y), float(z))

    def resting(self, side: str) -> Target:
        """Return the place of an idle hand."""
        is_on_wheel = self.rest == "wheel" or (self.rest == "mixed" and side == self.other)
        if is_on_wheel:
            return wheel_grip(side, self.draw(-10, 35))
        sign = 1.0 if side == "L" else -1.0
        return Target("lap", self.near((-0.02, sign * 0.13, 0.035)), DOWN, (-0.5, sign * 0.5, -0.6))

    def _glances(self, size_deg: float, *, middle: float = 0.0) -> tuple[Key, ...]:
        """Return keys of a head that looks here and there."""
        times = np.sort(self.random.uniform(0.0, 1.0, 3))
        turns = middle + size_deg * self.random.uniform(-1.0, 1.0, 4)
        return tuple(zip((0.0, *times.tolist()), turns.tolist(), strict=True))

    def idle(self) -> Script:
        """Return the script of somebody who does nothing."""
        return Script(
            left=still(self.resting("L")),
            right=still(self.resting("R")),
            yaw=self._glances(self.habit.glance_deg),
            pitch=self._glances(self.habit.glance_deg * 0.4, middle=2.0),
            belt=((0.0, float(self.is_belted)),),
            jacket=((0.0, float(self.wears_jacket)),),
        )

    def script(self, *, lead: HandScript, other: HandScript | None = None) -> Script:
        """Return the idle script with other movements of the hands."""
        idle = self.idle()
        helping = other or (idle.left if self.other == "L" else idle.right)
        if self.lead == "L":
            return replace(idle, left=lead, right=helping)
        return replace(idle, left=helping, right=lead)


def still(target: Target) -> HandScript:
    """Return the script of a hand that stays."""
    return HandScript(((0.0, target),))


def reach(*keys: tuple[float, Target], wobbles: tuple[Wobble, ...] = ()) -> HandScript:
    """Return the script of a hand that moves from key to key."""
    return HandScript(keys, wobbles)


def held(*keys: tuple[float, Hold]) -> tuple[tuple[float, Hold], ...]:
    """Return the keys of an object."""
    return keys


def track(*keys: Key) -> tuple[Key, ...]:
    """Return scalar keys."""
    return keys


def visit(value: float, start: float, stop: float, *, fade: float = 0.25) -> tuple[Key, ...]:
    """Return scalar keys that leave 0 for a value and come back."""
    return ((start - fade, 0.0), (start, value), (stop, value), (stop + fade, 0.0))
