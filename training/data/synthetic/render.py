"""Ray-cast frames: a moving body and moving objects in a still cabin, seen by several cameras.

What stands still is cast once a camera; what moves, once a frame. What a pixel shows is kept as
material, direction and distance, and is lit afterwards, so that the light may move as well.

Shapes: `T` frames, `H` `W` pixels, `V` vertices, `J` bones, `P` pixels in row order.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from training.data.synthetic.body import Body
from training.data.synthetic.cameras import Camera
from training.data.synthetic.quiet import start_warp
from training.data.synthetic.shapes import Shape
from training.data.synthetic.tracks import Array, unit

Floats = NDArray[np.float32]
_FAR_M = 1e4
_DEVICE = "cpu"


@wp.kernel  # type: ignore[untyped-decorator]
def _skin(
    rest: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    normals: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    bones: wp.array2d(dtype=wp.int32),  # type: ignore[valid-type]
    weights: wp.array2d(dtype=wp.float32),  # type: ignore[valid-type]
    transforms: wp.array(dtype=wp.mat44),  # type: ignore[valid-type]
    padding: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
    points: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
) -> None:
    vertex = wp.tid()
    start = rest[vertex] + normals[vertex] * padding[vertex]
    place = wp.vec3(0.0, 0.0, 0.0)
    for slot in range(4):
        moved = wp.transform_point(transforms[bones[vertex, slot]], start)
        place = place + weights[vertex, slot] * moved
    points[vertex] = place


@wp.kernel  # type: ignore[untyped-decorator]
def _trace(
    mesh: wp.uint64,
    mesh_albedos: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    origin: wp.vec3,
    rays: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    limits: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
    albedos: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    normals: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    depths: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
) -> None:
    pixel = wp.tid()
    ray = rays[pixel]
    hit = wp.mesh_query_ray(mesh, origin, ray, limits[pixel])
    if hit.result:
        first = hit.face * 3
        albedos[pixel] = (
            mesh_albedos[wp.mesh_get_index(mesh, first)] * hit.u
            + mesh_albedos[wp.mesh_get_index(mesh, first + 1)] * hit.v
            + mesh_albedos[wp.mesh_get_index(mesh, first + 2)] * (1.0 - hit.u - hit.v)
        )
        normal = hit.normal
        if wp.dot(normal, ray) > 0.0:
            normal = -normal
        normals[pixel] = normal
        depths[pixel] = hit.t


@wp.kernel  # type: ignore[untyped-decorator]
def _light(
    origin: wp.vec3,
    rays: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    albedos: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    normals: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    depths: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
    sun: wp.vec3,
    sun_color: wp.vec3,
    ambient: wp.vec3,
    outside: wp.float32,
    lamp: wp.float32,
    wave: wp.vec3,
    phase: wp.float32,
    colors: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
) -> None:
    pixel = wp.tid()
    depth = depths[pixel]
    if depth > 1000.0:
        colors[pixel] = albedos[pixel] * outside
    else:
        ray = rays[pixel]
        normal = normals[pixel]
        place = origin + ray * depth
        # Shadows of posts and trees, which pass by.
        shadow = 0.5 + 0.9 * wp.sin(wp.dot(place, wave) + phase)
        shadow = wp.clamp(shadow, 0.0, 1.0)
        lambert = wp.max(wp.dot(normal, sun), 0.0) * shadow
        facing = -wp.dot(normal, ray)
        # Less light from everywhere in the depth of the foot well than below the windows.
        opening = wp.clamp(0.55 + 0.7 * place[2], 0.25, 1.0)
        fill = ambient * (0.55 + 0.25 * normal[2] + 0.35 * facing) * opening
        near = lamp * facing / wp.max(depth * depth, 0.2)
        lit = fill + sun_color * lambert + wp.vec3(near, near, near)
        colors[pixel] = wp.cw_mul(albedos[pixel], lit)


@dataclass(frozen=True)
class Light:
    """Sun and sky.

    Attributes:
        sun: Direction towards the sun.
        sun_color: Its strength per channel.
        ambient: Strength of the light from everywhere.
        outside: Strength of what is seen through the windows.
        wave: Direction across the shadows that pass, times radians a meter.
        drift: Radians a second that they move.
    """

    sun: tuple[float, float, float]
    sun_color: tuple[float, float, float]
    ambient: tuple[float, float, float]
    outside: float
    wave: tuple[float, float, float]
    drift: float


@dataclass(frozen=True)
class Actor:
    """What moves, at one moment.

    Attributes:
        transforms_J34: What carries the body's vertices at rest into the car frame.
        colors_V3: Albedo of the body's vertices.
        padding_V: How much the clothes thicken the body, meters.
        things: The objects; their own vertices do not count.
        things_V3: Where the vertices of the objects are.
    """

    transforms_J34: Array
    colors_V3: Floats
    padding_V: Floats
    things: Shape
    things_V3: Array


class Stage:
    """One person in one cabin, before the cameras."""

    def __init__(self, body: Body, cabin: Shape) -> None:
        start_warp()
        self._skin = _Skin(body)
        self.cabin = Mesh(_vectors(cabin.vertices_V3), cabin.faces_F3, cabin.colors_V3)

    def start_clip(self, actor: Actor) -> None:
        """Put the body and its objects where they first are."""
        self._points = _vectors(np.concatenate([self._skin.rest_V3, actor.things_V3]))
        self._place(actor)
        things = actor.things
        faces_F3 = np.concatenate([self._skin.faces_F3, things.faces_F3 + self._skin.num_vertices])
        colors_V3 = np.concatenate([actor.colors_V3, things.colors_V3])
        self.moving = Mesh(self._points, faces_F3, colors_V3)

    def move(self, actor: Actor) -> None:
        """Put the body and its objects where they are now."""
        self._place(actor)
        self.moving.dress(actor.colors_V3)
        self.moving.mesh.refit()

    def _place(self, actor: Actor) -> None:
        self._skin.carry(actor.transforms_J34, actor.padding_V, self._points)
        things = _vectors(actor.things_V3)
        wp.copy(self._points, things, dest_offset=self._skin.num_vertices)


class Viewpoint:
    """A camera before a stage.

    Args:
        stage: What it looks at.
        camera: Where it is.
        scenery_P3: What its pixels see where nothing of the car is in the way.
    """

    def __init__(self, stage: Stage, camera: Camera, scenery_P3: Floats) -> None:
        self._stage = stage
        self._origin = wp.vec3(*camera.origin)
        self._rays = _vectors(camera.rays_P3)
        self._lamp = camera.sensor.lamp
        far = np.full(len(scenery_P3), _FAR_M, dtype=np.float32)
        limits = wp.array(far, dtype=wp.float32, device=_DEVICE)
        self._still = (
            _vectors(scenery_P3),
            wp.zeros(len(far), dtype=wp.vec3, device=_DEVICE),
            wp.clone(limits),
        )
        self._cast(stage.cabin, limits, self._still)
        self._seen = tuple(wp.clone(values) for values in self._still)
        self._colors = wp.zeros(len(far), dtype=wp.vec3, device=_DEVICE)

    def picture(self, light: Light, *, time_s: float) -> Floats:
        """Return what is seen now (P, 3), linear light; it is overwritten by the next one."""
        for seen, still in zip(self._seen, self._still, strict=True):
            wp.copy(seen, still)
        self._cast(self._stage.moving, self._still[2], self._seen)
        inputs = [self._origin, self._rays, *self._seen]
        inputs += [wp.vec3(*light.sun), wp.vec3(*light.sun_color), wp.vec3(*light.ambient)]
        inputs += [light.outside, self._lamp, wp.vec3(*light.wave), light.drift * time_s]
        wp.launch(_light, dim=len(self._rays), inputs=[*inputs, self._colors], device=_DEVICE)
        colors_P3: Floats = self._colors.numpy()
        return colors_P3

    def _cast(self, mesh: "Mesh", limits: Any, seen: tuple[Any, ...]) -> None:
        inputs = [mesh.mesh.id, mesh.colors, self._origin, self._rays, limits, *seen]
        wp.launch(_trace, dim=len(self._rays), inputs=inputs, device=_DEVICE)


class Mesh:
    """A coloured triangle mesh that rays can hit."""

    def __init__(self, points: Any, faces_F3: NDArray[np.int32], colors_V3: Array | Floats):
        indices = wp.array(faces_F3.reshape(-1), dtype=wp.int32, device=_DEVICE)
        self.mesh = wp.Mesh(points=points, indices=indices)
        self.colors = _vectors(colors_V3)

    def dress(self, colors_V3: Floats) -> None:
        """Give the first vertices other colors."""
        wp.copy(self.colors, _vectors(colors_V3))


class _Skin:
    """The body's vertices, which its bones carry."""

    def __init__(self, body: Body) -> None:
        self.rest_V3 = body.vertices_V3
        self.faces_F3 = body.faces_F3
        self.num_vertices = len(body.vertices_V3)
        normals_V3 = vertex_normals(body.vertices_V3.astype(np.float64), body.faces_F3)
        self._inputs = [
            _vectors(body.vertices_V3),
            _vectors(normals_V3),
            wp.array(body.bones_VW, dtype=wp.int32, device=_DEVICE),
            wp.array(body.weights_VW, dtype=wp.float32, device=_DEVICE),
        ]

    def carry(self, transforms_J34: Array, padding_V: Floats, points: Any) -> None:
        """Write the vertices, thickened by a padding, to the first of the points."""
        matrices = np.tile(np.eye(4, dtype=np.float32), (len(transforms_J34), 1, 1))
        matrices[:, :3] = transforms_J34
        transforms = wp.array(matrices, dtype=wp.mat44, device=_DEVICE)
        padding = wp.array(padding_V, dtype=wp.float32, device=_DEVICE)
        inputs = [*self._inputs, transforms, padding, points]
        wp.launch(_skin, dim=self.num_vertices, inputs=inputs, device=_DEVICE)


def _vectors(values: Array | Floats) -> Any:
    return wp.array(np.asarray(values, dtype=np.float32), dtype=wp.vec3, device=_DEVICE)


def vertex_normals(vertices_V3: Array, faces_F3: NDArray[np.int32]) -> Array:
    """Return the mean direction of the faces around every vertex, weighted by their areas."""
    a, b, c = (vertices_V3[faces_F3[:, corner]] for corner in range(3))
    faces_normal = np.cross(b - a, c - a)
    normals_V3 = np.zeros_like(vertices_V3)
    for corner in range(3):
        np.add.at(normals_V3, faces_F3[:, corner], faces_normal)
    return unit(normals_V3)
