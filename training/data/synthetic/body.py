"""The driver's body: an Anny mesh at rest, reduced to the bones that the scripts move.

Shapes: `V` vertices, `F` faces, `J` bones, `W` skinning weights of a vertex. Anny (0.6.2) is
Apache-2.0, its data CC0. Its frame (x left, y back, z up) is turned into the car frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.people import Person
from training.data.synthetic.quiet import start_warp
from training.data.synthetic.tracks import Array, unit

SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
NECK = ("neck01", "neck02", "neck03", "head")
ARM = ("clavicle", "shoulder01", "upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")
LEG = ("upperleg01", "lowerleg01", "foot")
SIDES = ("L", "R")
BONES: tuple[str, ...] = (
    "root",
    *SPINE,
    *NECK,
    *(f"{bone}.{side}" for side in SIDES for bone in (*ARM, *LEG)),
)
BONE_INDEX = {name: index for index, name in enumerate(BONES)}
_FINGER_CURL_DEG = 28.0


@dataclass(frozen=True)
class Body:
    """A person's mesh at rest, and how bones carry it.

    Attributes:
        vertices_V3: Positions at rest, car frame, float32, origin between the hip joints.
        faces_F3: Vertex indices, int32.
        bones_VW: The bones that move a vertex, int32.
        weights_VW: Their shares, float32; rows sum to 1.
        joints_J3: Where every bone of `BONES` starts at rest.
        palms_23: Palm centers at rest, left then right.
        palm_normals_23: Directions that the palms face at rest, left then right.
    """

    vertices_V3: NDArray[np.float32]
    faces_F3: NDArray[np.int32]
    bones_VW: NDArray[np.int32]
    weights_VW: NDArray[np.float32]
    joints_J3: Array
    palms_23: Array
    palm_normals_23: Array

    def joint(self, name: str) -> Array:
        """Return where a bone starts at rest."""
        position: Array = self.joints_J3[BONE_INDEX[name]]
        return position


def make_bodies(people: Sequence[Person]) -> list[Body]:
    """Make the bodies of people; Anny is loaded once (and caches its data on first use)."""
    import anny
    import torch

    start_warp()

    with torch.inference_mode():
        model = anny.Anny(skinning_method="lbs")
        return [_make_body(model, person) for person in people]


def _make_body(model: Any, person: Person) -> Body:
    output = model(
        pose_parameters=_curled_fingers(model),
        phenotype_kwargs=person.phenotype,
        pose_parameterization="local-bone",
    )
    vertices_V3 = _to_car(output["vertices"][0].numpy())
    scale = person.stature_m / float(np.ptp(vertices_V3[:, 2]))
    heads = _to_car(output["bone_poses"][0, :, :3, 3].numpy()) * scale
    named = dict(zip(model.bone_labels, heads, strict=True))
    origin = (named["upperleg01.L"] + named["upperleg01.R"]) / 2
    bones_VW, weights_VW = _reduced_weights(model)
    palms, normals = zip(*(_palm(named, side) for side in SIDES), strict=True)
    return Body(
        vertices_V3=(vertices_V3 * scale - origin).astype(np.float32),
        faces_F3=model.faces.numpy().astype(np.int32),
        bones_VW=bones_VW,
        weights_VW=weights_VW,
        joints_J3=np.stack([named[bone] - origin for bone in BONES]),
        palms_23=np.stack(palms) - origin,
        palm_normals_23=np.stack(normals),
    )


def _to_car(points: Array) -> Array:
    return np.stack([-points[:, 1], points[:, 0], points[:, 2]], axis=-1).astype(np.float64)


def _curled_fingers(model: Any) -> Any:
    import torch

    angle = np.radians(_FINGER_CURL_DEG)
    curl = torch.eye(4).repeat(1, len(model.bone_labels), 1, 1)
    turn = torch.tensor(
        [[1.0, 0.0, 0.0], [0.0, np.cos(angle), -np.sin(angle)], [0.0, np.sin(angle), np.cos(angle)]]
    )
    for index, label in enumerate(model.bone_labels):
        if label.startswith("finger") and not label.startswith("finger1"):
            curl[0, index, :3, :3] = turn
    return curl


def _palm(named: dict[str, Array], side: str) -> tuple[Array, Array]:
    knuckles = (named[f"finger2-1.{side}"] + named[f"finger5-1.{side}"]) / 2
    wrist = named[f"wrist.{side}"]
    across = named[f"finger2-1.{side}"] - named[f"finger5-1.{side}"]
    normal = unit(np.cross(knuckles - wrist, across))
    normal = normal if side == "L" else -normal
    return wrist * 0.25 + knuckles * 0.75 + 0.02 * normal, normal


def _reduced_weights(model: Any) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    owner = _owners(model)
    indices = owner[model.vertex_bone_indices.numpy()]
    weights = model.vertex_bone_weights.numpy().astype(np.float64)
    dense = np.zeros((len(indices), len(BONES)))
    np.add.at(dense, (np.arange(len(indices))[:, None], indices), weights)
    order = np.argsort(-dense, axis=1, kind="stable")[:, :4]
    kept = np.take_along_axis(dense, order, axis=1)
    kept /= kept.sum(axis=1, keepdims=True)
    return order.astype(np.int32), kept.astype(np.float32)


def _owners(model: Any) -> NDArray[np.int64]:
    """Return, for every bone of Anny, the nearest ancestor that the scripts move."""
    owners = np.zeros(len(model.bone_labels), dtype=np.int64)
    for index, label in enumerate(model.bone_labels):
        parent = model.bone_parents[index]
        known = BONE_INDEX.get(label)
        owners[index] = owners[parent] if known is None else known
    return owners
