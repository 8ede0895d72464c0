"""What every data set boils down to: labelled pieces of footage."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from models.errors import DriverActivityError
from training.data.media import ImageRun, VideoSpan

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


class DataError(DriverActivityError):
    """A data set is missing, malformed, or contradicts itself."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One labelled piece of footage.

    Attributes:
        media: Where its frames are.
        label: The activity.
        subject: Who is seen.
        view: Which camera.
        split: What the example may be used for.
    """

    media: VideoSpan | ImageRun
    label: str
    subject: str
    view: str
    split: Split


def check_examples(examples: Sequence[Example], labels: Sequence[str]) -> None:
    """Check that examples can train and test a classifier of the given labels.

    Raises:
        DataError: If a label is not among them, a split is empty, or a person is in two splits.
    """
    surprises = {example.label for example in examples} - set(labels)
    if surprises:
        raise DataError(f"labels that the recipe does not know: {', '.join(sorted(surprises))}")
    found = Counter(example.split for example in examples)
    empty = [split for split in SPLITS if not found[split]]
    if empty:
        raise DataError(f"no examples in split: {', '.join(empty)}")
    _check_subjects(examples)


def _check_subjects(examples: Iterable[Example]) -> None:
    split_of: dict[str, Split] = {}
    for example in examples:
        first = split_of.setdefault(example.subject, example.split)
        if first != example.split:
            raise DataError(
                f"subject {example.subject} is in splits {first} and {example.split}, "
                "splits must be disjoint by person"
            )
