import math

import pytest
from pydantic import ValidationError

from models.spec import ClipSpec


def test_spec_survives_json() -> None:
    spec = ClipSpec(num_frames=8, window_s=2.5, size_px=64, resize="crop", mean=(1, 2, 3))

    assert ClipSpec.model_validate_json(spec.model_dump_json()) == spec


def test_clip_shape_is_frames_height_width_channels() -> None:
    assert ClipSpec(num_frames=8, size_px=64).clip_shape == (8, 64, 64, 3)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_frames", 1),
        ("num_frames", 257),
        ("window_s", 0),
        ("window_s", math.nan),
        ("size_px", 15),
        ("resize", "pad"),
        ("mean", (0, 0)),
        ("mean", (0, 0, math.inf)),
        ("std", (1, 1, 0)),
        ("std", (1, 1, math.nan)),
        ("depth", 3),
    ],
)
def test_spec_refuses_what_is_out_of_range(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        ClipSpec.model_validate({field: value})


def test_spec_cannot_be_changed() -> None:
    spec = ClipSpec()

    with pytest.raises(ValidationError, match="frozen"):
        spec.size_px = 64  # type: ignore[misc]
