"""Ray-cast frames: a moving body and moving objects in front of a still cabin, on the CPU.

Shapes: `T` frames, `H` `W` pixels, `V` vertices, `J` bones, `P` pixels in row order.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from training.data.synthetic.body import Body
from training.data.synthetic.people import Setting
from training.data.synthetic.quiet import start_warp
from training.data.synthetic.shapes import Shape
from training.data.synthetic.tracks import Array, rotation, unit

Floats = NDArray[np.float32]
_FAR_M = 1e4
_CLOTH_M = 0.014
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
    albedos: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    origin: wp.vec3,
    rays: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    limits: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
    sun: wp.vec3,
    sun_color: wp.vec3,
    ambient: wp.vec3,
    colors: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    depths: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
) -> None:
    pixel = wp.tid()
    ray = rays[pixel]
    hit = wp.mesh_query_ray(mesh, origin, ray, limits[pixel])
    if hit.result:
        first = hit.face * 3
        albedo = (
            albedos[wp.mesh_get_index(mesh, first)] * hit.u
            + albedos[wp.mesh_get_index(mesh, first + 1)] * hit.v
            + albedos[wp.mesh_get_index(mesh, first + 2)] * (1.0 - hit.u - hit.v)
        )
        normal = hit.normal
        if wp.dot(normal, ray) > 0.0:
            normal = -normal
        lambert = wp.max(wp.dot(normal, sun), 0.0)
        facing = -wp.dot(normal, ray)
        fill = ambient * (0.55 + 0.25 * normal[2] + 0.35 * facing)
        colors[pixel] = wp.cw_mul(albedo, fill + sun_color * lambert)
        depths[pixel] = hit.t


@dataclass(frozen=True)
class Light:
    """Sun and sky.

    Attributes:
        sun: Direction towards the sun.
        sun_color: Its strength per channel.
        ambient: Strength of the light from everywhere.
    """

    sun: tuple[float, float, float]
    sun_color: tuple[float, float, float]
    ambient: tuple[float, float, float]


@dataclass(frozen=True)
class Camera:
    """Where the picture is taken from: a position and a direction per pixel (P, 3)."""

    origin: tuple[float, float, float]
    rays_P3: Floats

    @classmethod
    def from_setting(cls, setting: Setting, *, size_px: int) -> "Camera":
        """Return the square pinhole camera of a setting."""
        forward = unit(np.asarray(setting.aim) - np.asarray(setting.camera))
        right = unit(np.cross(forward, [0.0, 0.0, 1.0]))
        axes = np.stack([right, np.cross(right, forward), forward], axis=-1)
        axes = axes @ rotation(2, setting.roll_deg)
        half = np.tan(np.radians(setting.field_of_view_deg) / 2)
        steps = (np.arange(size_px) + 0.5) / size_px * 2 - 1
        across, down = np.meshgrid(steps * half, steps * half)
        local = np.stack([across, -down, np.ones_like(across)], axis=-1).reshape(-1, 3)
        return cls(setting.camera, unit(local @ axes.T).astype(np.float32))


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


class Renderer:
    """Renders one person in one cabin; what stands still is ray-cast once a clip."""

    def __init__(self, body: Body, cabin: Shape, camera: Camera, scenery_P3: Floats) -> None:
        start_warp()
        self._origin = wp.vec3(*camera.origin)
        self._rays = _vectors(camera.rays_P3)
        self._skin = _Skin(body)
        self._cabin = _Mesh(_vectors(cabin.vertices_V3), cabin.faces_F3, cabin.colors_V3)
        self._scenery_P3 = scenery_P3
        far = np.full(len(scenery_P3), _FAR_M, dtype=np.float32)
        self._far = wp.array(far, dtype=wp.float32, device=_DEVICE)
        self._colors = _vectors(scenery_P3)
        self._depths = wp.clone(self._far)

    def start_clip(self, light: Light, actor: Actor) -> None:
        """Light the cabin and put the body and its objects where they first are."""
        self._light = light
        self._colors.assign(self._scenery_P3)
        self._depths.assign(self._far)
        self._cast(self._cabin, limits=self._far)
        self._still_P3: Floats = self._colors.numpy().copy()
        self._limits = wp.clone(self._depths)
        self._points = _vectors(np.concatenate([self._skin.rest_V3, actor.things_V3]))
        self._place(actor)
        things = actor.things
        faces_F3 = np.concatenate([self._skin.faces_F3, things.faces_F3 + self._skin.num_vertices])
        colors_V3 = np.concatenate([actor.colors_V3, things.colors_V3])
        self._moving = _Mesh(self._points, faces_F3, colors_V3)

    def frame(self, actor: Actor) -> Floats:
        """Return one picture (P, 3), linear light; it is overwritten by the next one."""
        self._place(actor)
        self._moving.dress(actor.colors_V3)
        self._moving.mesh.refit()
        self._colors.assign(self._still_P3)
        self._cast(self._moving, limits=self._limits)
        picture: Floats = self._colors.numpy()
        return picture

    def _place(self, actor: Actor) -> None:
        self._skin.carry(actor.transforms_J34, actor.padding_V, self._points)
        things = _vectors(actor.things_V3)
        wp.copy(self._points, things, dest_offset=self._skin.num_vertices)

    def _cast(self, mesh: "_Mesh", *, limits: Any) -> None:
        light = self._light
        inputs = [mesh.mesh.id, mesh.colors, self._origin, self._rays, limits]
        inputs += [wp.vec3(*light.sun), wp.vec3(*light.sun_color), wp.vec3(*light.ambient)]
        inputs += [self._colors, self._depths]
        wp.launch(_trace, dim=len(self._rays), inputs=inputs, device=_DEVICE)


class _Mesh:
    def __init__(self, points: Any, faces_F3: NDArray[np.int32], colors_V3: Array | Floats):
        indices = wp.array(faces_F3.reshape(-1), dtype=wp.int32, device=_DEVICE)
        self.mesh = wp.Mesh(points=points, indices=indices)
        self.colors = _vectors(colors_V3)

    def dress(self, colors_V3: Floats) -> None:
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
