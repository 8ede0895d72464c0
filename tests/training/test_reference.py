import numpy as np
import pytest

from models.video.measures import measure_brightness, measure_motion
from training.reference import Footage, make_histogram, make_reference


def test_deciles_hold_a_tenth_each() -> None:
    histogram = make_histogram(np.arange(1000) / 1000)

    assert histogram.edges == pytest.approx(np.linspace(0, 1, 11), abs=0.001)
    assert histogram.shares == pytest.approx([0.1] * 10, abs=0.001)


def test_deciles_of_a_skewed_quantity_are_narrow_where_it_is() -> None:
    confidence_N = 1 - np.random.default_rng(0).exponential(0.01, 500)

    histogram = make_histogram(confidence_N)

    assert histogram.edges[1] > 0.9
    assert histogram.shares == pytest.approx([0.1] * 10, abs=0.005)
    assert histogram.count(confidence_N).tolist() == pytest.approx(500 * np.array(histogram.shares))


def test_deciles_that_are_equal_are_one_bin() -> None:
    histogram = make_histogram(np.array([0.2] * 8 + [0.7] * 3))

    assert histogram.edges == (0, 0.2, 0.7, 1)
    assert histogram.shares == (0, 8 / 11, 3 / 11)


@pytest.mark.parametrize(
    ("value", "edges", "shares"),
    [
        (0.0, (0, 0.0001, 1), (1, 0)),
        (0.5, (0, 0.5, 1), (0, 1)),
        (1.0, (0, 0.9999, 1), (0, 1)),
    ],
)
def test_quantity_that_never_changes_has_two_bins(
    value: float, edges: tuple[float, ...], shares: tuple[float, ...]
) -> None:
    histogram = make_histogram(np.full(20, value))

    assert (histogram.edges, histogram.shares) == (edges, shares)


def test_reference_counts_answers_in_the_order_of_the_labels() -> None:
    probs_NK = np.array([[0.1, 0.9, 0], [0.2, 0.8, 0], [0.7, 0.3, 0], [0.4, 0.6, 0]], np.float32)
    footage = Footage(brightness_N=np.full(4, 0.5), motion_N=np.full(4, 0.01))

    reference = make_reference(probs_NK, footage, labels=("b", "a", "c"))

    assert reference.num_clips == 4
    assert list(reference.labels.items()) == [("b", 0.25), ("a", 0.75), ("c", 0)]
    confidence_N = probs_NK.max(axis=1).astype(np.float64)
    assert reference.confidence == make_histogram(confidence_N)
    assert reference.motion.edges == (0, 0.01, 1)


def test_footage_is_measured_clip_by_clip_as_the_service_does() -> None:
    clips_NTHWC = np.random.default_rng(0).integers(0, 256, (3, 4, 16, 16, 3), dtype=np.uint8)

    footage = Footage.measure(clips_NTHWC)

    assert footage.brightness_N.tolist() == [
        measure_brightness(clips_NTHWC[index : index + 1]) for index in range(3)
    ]
    assert footage.motion_N[2] == measure_motion(clips_NTHWC[2:])
