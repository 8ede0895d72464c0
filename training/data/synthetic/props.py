"""The objects of the activities: boxes, cylinders and sheets of believable size and color.

Every object's origin is where it is held or hinged; x forward, y left, z up.
"""

import numpy as np

from training.data.synthetic.people import draw_color
from training.data.synthetic.shapes import Color, Shape, box, cylinder, merge, shade, strip

_WHITE: Color = (0.92, 0.92, 0.88)
_BLACK: Color = (0.03, 0.03, 0.035)
BOTTLE_TOP_M = 0.125
LAPTOP_DEPTH_M = 0.25
BACKPACK_HEIGHT_M = 0.30


def make_bottle(random: np.random.Generator) -> Shape:
    """Make a bottle without its cap, centered on its body."""
    color = draw_color(random, saturation=(0.3, 0.8), value=(0.4, 0.95))
    label = draw_color(random, value=(0.5, 0.95))
    return merge(
        [
            cylinder(0.040, 0.17, color, (0.0, 0.0, -0.02)),
            cylinder(0.0415, 0.06, label, (0.0, 0.0, -0.03)),
            cylinder(0.040, 0.04, color, (0.0, 0.0, 0.085), top_radius=0.018),
            cylinder(0.018, 0.02, color, (0.0, 0.0, 0.115)),
        ]
    )


def make_cap(random: np.random.Generator) -> Shape:
    """Make a bottle's cap, a little larger than life."""
    color = draw_color(random, saturation=(0.8, 1.0), value=(0.8, 1.0))
    return cylinder(0.028, 0.035, color)


def make_food(random: np.random.Generator) -> Shape:
    """Make something to eat: a sandwich, a burger or a bar."""
    bread: Color = (0.80, 0.55, 0.25)
    kind = random.integers(3)
    if kind == 0:
        filling = draw_color(random, saturation=(0.6, 0.9), value=(0.4, 0.8))
        layers = [box((0.10, 0.09, 0.018), bread, (0.0, 0.0, z)) for z in (-0.02, 0.02)]
        return merge([*layers, box((0.105, 0.095, 0.022), filling)])
    if kind == 1:
        bun = cylinder(0.05, 0.025, bread, (0.0, 0.0, 0.022), top_radius=0.035)
        meat = cylinder(0.052, 0.02, (0.3, 0.14, 0.07))
        return merge([bun, meat, cylinder(0.05, 0.02, bread, (0.0, 0.0, -0.02))])
    wrapper = draw_color(random, saturation=(0.6, 1.0), value=(0.4, 0.9))
    bar = box((0.03, 0.035, 0.07), (0.35, 0.18, 0.08), (0.0, 0.0, 0.05))
    return merge([box((0.035, 0.045, 0.08), wrapper, (0.0, 0.0, -0.02)), bar])


def make_lunch_box(random: np.random.Generator) -> Shape:
    """Make an open box with things to eat in it, standing on its origin."""
    color = draw_color(random, saturation=(0.3, 0.9), value=(0.4, 0.9))
    salad = draw_color(random, saturation=(0.6, 0.9), value=(0.4, 0.8))
    return merge(
        [
            box((0.22, 0.30, 0.012), _WHITE, (0.0, 0.0, 0.006)),
            box((0.16, 0.20, 0.05), color, (0.0, 0.0, 0.035)),
            box((0.13, 0.08, 0.03), salad, (0.0, 0.05, 0.06)),
            box((0.12, 0.07, 0.035), (0.80, 0.55, 0.25), (0.0, -0.045, 0.06)),
        ]
    )


def make_knife() -> Shape:
    """Make a knife held at its handle, the blade pointing forward and down."""
    handle = box((0.09, 0.02, 0.02), (0.7, 0.1, 0.1))
    return merge([handle, box((0.13, 0.006, 0.024), (0.85, 0.85, 0.9), (0.11, 0.0, 0.0))])


def make_phone(random: np.random.Generator) -> Shape:
    """Make a phone that shows its picture backwards, towards its user."""
    glow = draw_color(random, saturation=(0.1, 0.5), value=(0.85, 1.0))
    case = draw_color(random, saturation=(0.0, 0.6), value=(0.02, 0.15))
    screen = box((0.002, 0.066, 0.14), glow, (-0.008, 0.0, 0.0))
    return merge([box((0.013, 0.078, 0.16), case), screen])


def make_laptop(random: np.random.Generator) -> tuple[Shape, Shape]:
    """Make the halves of a laptop, both hinged at their origin and lying behind it.

    The lid (second) is shut when pitched by 0 degrees and stands open at about 105 degrees.
    """
    grey = float(random.uniform(0.1, 0.7))
    color: Color = (grey, grey, grey)
    depth, middle = LAPTOP_DEPTH_M, -LAPTOP_DEPTH_M / 2
    keys = box((0.13, 0.30, 0.004), _BLACK, (middle, 0.0, 0.012))
    base = merge([box((depth, 0.35, 0.022), color, (middle, 0.0, 0.0)), keys])
    screen = box((depth * 0.88, 0.32, 0.003), (0.75, 0.85, 0.95), (middle, 0.0, 0.0115))
    return base, merge([box((depth, 0.35, 0.014), color, (middle, 0.0, 0.020)), screen])


def make_pages(size: tuple[float, float], color: Color, random: np.random.Generator) -> Shape:
    """Make one half of an open paper, hinged at its spine, spreading to the left.

    Args:
        size: Width and height of the half in meters.
        color: Color of the pages.
        random: Draws what is printed.
    """
    width, height = size
    parts = [box((0.006, width, height), color, (0.0, width / 2, 0.0))]
    for row in range(3):
        ink = draw_color(random, saturation=(0.2, 0.9), value=(0.1, 0.8))
        place = (-0.004, width / 2, height * (row - 1) * 0.3)
        parts.append(box((0.004, width * random.uniform(0.5, 0.85), height * 0.2), ink, place))
    return merge(parts)


def make_newspaper_half(random: np.random.Generator) -> Shape:
    """Make a large, grey, printed half of a newspaper, spreading to the left."""
    paper = float(random.uniform(0.7, 0.9))
    width, height = 0.30, 0.42
    parts = [box((0.005, width, height), (paper, paper, paper * 0.93), (0.0, width / 2, 0.0))]
    for row in range(8):
        ink = float(random.uniform(0.25, 0.5))
        for front in (-0.004, 0.004):
            place = (front, width / 2, height * (row - 3.5) * 0.115)
            parts.append(box((0.002, width * 0.86, height * 0.05), (ink, ink, ink), place))
    return merge(parts)


def make_magazine_half(random: np.random.Generator) -> Shape:
    """Make a small, colorful half of a magazine, spreading to the left."""
    cover = draw_color(random, saturation=(0.6, 1.0), value=(0.5, 0.95))
    inside = make_pages((0.20, 0.27), (0.9, 0.88, 0.82), random)
    return merge([inside, box((0.006, 0.20, 0.27), cover, (0.006, 0.10, 0.0))])


def make_notepad(random: np.random.Generator) -> Shape:
    """Make a pad of white paper lying on its origin."""
    board = draw_color(random, saturation=(0.3, 0.9), value=(0.2, 0.6))
    paper = box((0.27, 0.20, 0.008), _WHITE, (0.0, 0.0, 0.018))
    return merge([box((0.31, 0.23, 0.012), board, (0.0, 0.0, 0.008)), paper])


def make_pen(random: np.random.Generator) -> Shape:
    """Make a pen that points down from its origin."""
    color = draw_color(random, saturation=(0.7, 1.0), value=(0.5, 1.0))
    return box((0.014, 0.014, 0.16), color, (0.0, 0.0, 0.03))


def make_backpack(random: np.random.Generator) -> tuple[Shape, Shape]:
    """Make a backpack that stands on its origin, and its lid, hinged at the front edge."""
    color = draw_color(random, saturation=(0.3, 0.9), value=(0.2, 0.7))
    darker = shade(color, 0.5)
    height = BACKPACK_HEIGHT_M
    walls = [
        box((0.20, 0.30, 0.02), color, (0.0, 0.0, 0.01)),
        box((0.015, 0.30, height), color, (0.10, 0.0, height / 2)),
        box((0.015, 0.30, height), color, (-0.10, 0.0, height / 2)),
        box((0.20, 0.015, height), color, (0.0, 0.15, height / 2)),
        box((0.20, 0.015, height), color, (0.0, -0.15, height / 2)),
        box((0.05, 0.20, 0.14), darker, (-0.12, 0.0, 0.10)),
        box((0.18, 0.27, 0.01), _BLACK, (0.0, 0.0, height * 0.75)),
    ]
    lid = box((0.22, 0.32, 0.03), darker, (-0.11, 0.0, 0.0))
    return merge(walls), lid


def make_sunglasses(random: np.random.Generator) -> Shape:
    """Make sunglasses, a little larger than life; the bridge is the origin."""
    frame = draw_color(random, saturation=(0.0, 1.0), value=(0.02, 0.5))
    parts = [box((0.012, 0.15, 0.010), frame, (0.0, 0.0, 0.020))]
    for sign in (-1.0, 1.0):
        parts.append(box((0.010, 0.064, 0.052), _BLACK, (0.002, sign * 0.038, -0.004)))
        parts.append(box((0.13, 0.006, 0.010), frame, (-0.065, sign * 0.080, 0.018)))
    return merge(parts)


def make_glasses(frame: Color) -> Shape:
    """Make glasses without tint: the frame alone; the bridge is the origin."""
    parts = [box((0.006, 0.14, 0.006), frame, (0.0, 0.0, 0.018))]
    for sign in (-1.0, 1.0):
        parts.append(box((0.006, 0.050, 0.005), frame, (0.0, sign * 0.036, -0.020)))
        parts.append(box((0.006, 0.005, 0.040), frame, (0.0, sign * 0.062, 0.0)))
        parts.append(box((0.12, 0.005, 0.008), frame, (-0.060, sign * 0.078, 0.015)))
    return merge(parts)


def make_peak(color: Color) -> Shape:
    """Make the peak of a cap."""
    return box((0.10, 0.14, 0.010), color)


def make_cup(random: np.random.Generator) -> Shape:
    """Make a paper cup or a can, centered on its body."""
    color = draw_color(random, saturation=(0.0, 0.8), value=(0.3, 0.95))
    cup = cylinder(0.032, 0.12, color, top_radius=random.uniform(0.032, 0.043))
    return merge([cup, cylinder(0.042, 0.012, _WHITE, (0.0, 0.0, 0.062))])


def make_thing(random: np.random.Generator) -> Shape:
    """Make something that is fetched or put away: a box, a can or a ball of cloth."""
    color = draw_color(random, saturation=(0.3, 1.0), value=(0.3, 0.95))
    if random.uniform() < 0.5:
        return box(random.uniform(0.09, 0.16, 3), color)
    return cylinder(random.uniform(0.045, 0.07), random.uniform(0.1, 0.18), color)


def make_sheet(color: Color, *, num_points: int = 7) -> Shape:
    """Make a flat piece of cloth whose vertices are placed anew in every frame."""
    edge_N3 = np.zeros((num_points, 3))
    return strip(edge_N3, edge_N3, color)
