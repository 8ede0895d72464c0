"""Small coloured triangle meshes: the simple objects and the plain cabin are made of them.

Shapes: `V` vertices, `F` faces; meters and albedo in [0, 1].
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.tracks import Array, unit

Color = tuple[float, float, float]
Triple = Sequence[float] | Array
Faces = NDArray[np.int32]

# Corner signs of a box, and its sides as outward quads of corners.
_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)
_QUADS = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


@dataclass(frozen=True)
class Shape:
    """A triangle mesh with one color per vertex.

    Attributes:
        vertices_V3: Positions, float64.
        faces_F3: Vertex indices, int32.
        colors_V3: Albedo in [0, 1], float64.
    """

    vertices_V3: Array
    faces_F3: Faces
    colors_V3: Array

    def moved(self, offset: Triple, turn: Array | None = None) -> "Shape":
        """Return the mesh turned about its origin, then shifted."""
        turned = self.vertices_V3 if turn is None else self.vertices_V3 @ turn.T
        return Shape(turned + np.asarray(offset, dtype=float), self.faces_F3, self.colors_V3)


def _colored(vertices_V3: Array, faces: object, color: Color) -> Shape:
    colors_V3 = np.tile(np.asarray(color, dtype=float), (len(vertices_V3), 1))
    return Shape(vertices_V3, np.asarray(faces, dtype=np.int32).reshape(-1, 3), colors_V3)


def shade(color: Color, factor: float) -> Color:
    """Return a color that is darker or lighter by a factor, at most white."""
    red, green, blue = (min(channel * factor, 1.0) for channel in color)
    return (red, green, blue)


def box(size: Triple, color: Color, center: Triple = (0.0, 0.0, 0.0)) -> Shape:
    """Make a box of full edge lengths `size`."""
    vertices_V3 = _CORNERS * np.asarray(size, dtype=float) / 2 + np.asarray(center, dtype=float)
    faces = [(a, b, c, a, c, d) for a, b, c, d in _QUADS]
    return _colored(vertices_V3, faces, color)


def cylinder(
    radius: float,
    height: float,
    color: Color,
    center: Triple = (0.0, 0.0, 0.0),
    *,
    top_radius: float | None = None,
    num_sides: int = 10,
) -> Shape:
    """Make an upright, closed cylinder or cone stump."""
    angles = np.arange(num_sides) * 2 * np.pi / num_sides
    ring = np.stack([np.cos(angles), np.sin(angles), np.zeros(num_sides)], axis=-1)
    upper = radius if top_radius is None else top_radius
    half = np.array([0.0, 0.0, height / 2])
    vertices_V3 = np.concatenate([ring * radius - half, ring * upper + half, [-half, half]])
    faces = []
    for side in range(num_sides):
        after = (side + 1) % num_sides
        faces += [(side, after, num_sides + after), (side, num_sides + after, num_sides + side)]
        faces += [(2 * num_sides, after, side)]
        faces += [(2 * num_sides + 1, num_sides + side, num_sides + after)]
    return _colored(vertices_V3 + np.asarray(center, dtype=float), faces, color)


def ring(radius: float, thickness: float, color: Color, *, num_sides: int = 20) -> Shape:
    """Make a torus with a square section about the x axis: the rim of the wheel."""
    angles = np.arange(num_sides) * 2 * np.pi / num_sides
    parts = []
    for angle in angles:
        center = (0.0, radius * np.cos(angle), radius * np.sin(angle))
        length = 2.3 * np.pi * radius / num_sides
        turn = np.array(
            [
                [1.0, 0.0, 0.0],
                [0.0, np.cos(angle), -np.sin(angle)],
                [0.0, np.sin(angle), np.cos(angle)],
            ]
        )
        parts.append(box((thickness, thickness, length), color).moved(center, turn))
    return merge(parts)


def strip(left_N3: Array, right_N3: Array, color: Color) -> Shape:
    """Make a band between two polylines of N points each."""
    num_points = len(left_N3)
    faces = []
    for index in range(num_points - 1):
        a, b, c, d = index, index + 1, num_points + index + 1, num_points + index
        faces += [(a, b, c), (a, c, d)]
    return _colored(np.concatenate([left_N3, right_N3]), faces, color)


def band(line_N3: Array, width: float, normal_N3: Array) -> Array:
    """Return the two edges (2 N, 3) of a flat band along a polyline that faces the normals."""
    along = np.gradient(line_N3, axis=0)
    side = unit(np.cross(along, normal_N3)) * width / 2
    return np.concatenate([line_N3 + side, line_N3 - side])


def merge(parts: Sequence[Shape]) -> Shape:
    """Join meshes into one."""
    starts = np.cumsum([0] + [len(part.vertices_V3) for part in parts[:-1]])
    faces = [part.faces_F3 + start for part, start in zip(parts, starts, strict=True)]
    return Shape(
        np.concatenate([part.vertices_V3 for part in parts]),
        np.concatenate(faces).astype(np.int32),
        np.concatenate([part.colors_V3 for part in parts]),
    )
