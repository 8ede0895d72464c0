"""From images of strangers to windows, by the rules that hold for a video.

Tensor suffixes: N windows or clips, T frames, H height, W width; the last axis of 3 is RGB.
"""

from collections.abc import Sequence

import av

from models.errors import UndecodableMediaError
from models.spec import ClipSpec
from models.video.assembly import assemble, plan_steady, steady_info
from models.video.codec import Scaler, configure
from models.video.limits import DEFAULT_LIMITS, DecodeLimits
from models.video.pictures import check_pixel_format
from models.video.sampling import sample_grid
from models.video.signatures import check_images, image_codec
from models.video.windows import VideoWindows


def images_to_windows(
    images: Sequence[bytes],
    spec: ClipSpec,
    *,
    frame_rate_hz: float,
    stride_s: float | None = None,
    limits: DecodeLimits = DEFAULT_LIMITS,
) -> VideoWindows:
    """Decode, sample and scale JPEG or PNG images as the frames of a video.

    The header of every image is checked; only those that a window samples are decoded.

    Args:
        images: Files in order, told apart by their first bytes, all of one size; image k is shown
            from k / frame_rate_hz on. EXIF is ignored.
        spec: What a window is.
        frame_rate_hz: Images per second, > 0.
        stride_s: As for `read_windows`.
        limits: What is accepted.

    Raises:
        UnsupportedMediaError: If one is neither JPEG nor PNG, or its pixel format is not accepted.
        UndecodableMediaError: If one that is sampled is broken, or the header of any.
        InvalidFramesError: If there are none, or they differ in size.
        MediaTooShortError: If there are too few.
        MediaLimitError: If they are over a limit.
    """
    shape = check_images(images, limits=limits)
    grid = sample_grid(spec, stride_s=stride_s)
    plan = plan_steady(len(images), frame_rate_hz=frame_rate_hz, grid=grid, limits=limits)
    scale = Scaler(spec).scale
    pictures = {k: scale(_decode_image(images[k], shape, limits)) for k in plan.used()}
    info = steady_info(shape, frame_rate_hz, container="images", codec=image_codec(images[0]))
    return assemble(plan, pictures, info)


def _decode_image(
    image: bytes, shape: tuple[int, int, int, int], limits: DecodeLimits
) -> av.VideoFrame:
    """Return the picture of an image file; unlike for video, any fault refuses it."""
    context = av.VideoCodecContext.create(image_codec(image), "r")
    configure(context, limits, err_detect="crccheck+explode")
    try:
        frames = [*context.decode(av.Packet(image)), *context.decode(None)]
    except av.FFmpegError as exc:
        raise UndecodableMediaError(f"image cannot be decoded: {exc.strerror}") from exc
    if not frames or (frames[0].height, frames[0].width) != shape[1:3]:
        raise UndecodableMediaError("image has no picture of the size that its header states")
    check_pixel_format(frames[0].format)
    return frames[0]
