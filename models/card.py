"""The card of a model: what it is, what it was made from, and how good it is."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    ValidationError,
    model_validator,
)

from models.errors import CorruptFileError, InvalidCardError
from models.faults import word_faults
from models.files import read_inside
from models.golden import GoldenClip
from models.reference import DriftReference
from models.spec import ClipSpec

CARD_FILE = "card.json"
WEIGHTS_FILE = "weights.safetensors"
ONNX_FILE = "model.onnx"
MAX_CARD_BYTES = 4 * 2**20
MAX_FILE_BYTES = 2**31
"""No ONNX file can be larger: it is a protobuf message."""

NAME_PATTERN = r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"
ModelName = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]
ModelReference = Annotated[
    str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?@[1-9][0-9]{0,8}$")
]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Stem = Literal["3x3x3", "1x3x3"]
TimeStride = Literal[1, 2]
TimeStrides = tuple[TimeStride, TimeStride, TimeStride, TimeStride, TimeStride]


class NetworkConfig(BaseModel):
    """Which network the weights belong to.

    Attributes:
        name: Always `mobilenet3d`, the one network that is served.
        width: Width multiplier of all layers.
        stem: `3x3x3` is the paper's stem, stride (1, 2, 2); `1x3x3` strides (2, 2, 2) and costs
            half of the whole network less.
        time_strides: Step in time of the first block of each of the five stages. As published, time
            is halved wherever the picture's sides are, and most blocks see one frame; a 1 keeps
            time for the blocks after it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["mobilenet3d"] = "mobilenet3d"
    width: float = Field(default=1.0, gt=0, le=4)
    stem: Stem = "3x3x3"
    time_strides: TimeStrides = (2, 2, 2, 2, 1)


class ModelCard(BaseModel):
    """Describes one version of one model; stored as card.json beside the weights.

    Attributes:
        name: Name of the model, such as `mobilenet3d-lite-int8`.
        version: Version, counted from 1.
        precision: Precision in which the network computes.
        network: Which network the weights belong to.
        spec: How a window of video becomes the network's input.
        labels: Activities in the order of the logits.
        temperature: Logits are divided by it before the softmax, so that probabilities say how
            often the model is right; fitted on the validation split.
        metrics: Measured figures, by split or stage; ratios are 0-1.
        files: sha256 of every file of the folder, by name.
        parent: `name@version` of the fp32 model that an int8 model was made from.
        recipe: The training recipe, whole.
        data: What the model was trained and tested on.
        licence: Licence of the weights.
        notice: What anybody who uses the answers has to know.
        drift_reference: What its answers and inputs were on the test split. A model without one
            is served as any other, but nothing can be said of drift.
        golden: What it answers to a clip that anybody can make again. A model without it is served
            as any other, but nothing tells whether it computes here as it did where it was made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ModelName
    version: int = Field(ge=1)
    precision: Literal["fp32", "int8"]
    network: NetworkConfig
    spec: ClipSpec
    labels: tuple[Label, ...] = Field(min_length=2)
    temperature: FiniteFloat = Field(gt=0)
    metrics: dict[str, dict[str, FiniteFloat]]
    files: dict[str, Sha256]
    parent: ModelReference | None = None
    recipe: dict[str, Any]
    data: str
    licence: str
    notice: str
    drift_reference: DriftReference | None = None
    golden: GoldenClip | None = None

    @property
    def reference(self) -> str:
        """The model's address, `name@version`."""
        return f"{self.name}@{self.version}"

    @model_validator(mode="after")
    def _check_consistency(self) -> "ModelCard":
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels are not unique")
        if (self.precision == "int8") != (self.parent is not None):
            raise ValueError("an int8 card names its fp32 parent, and no other card has one")
        if set(self.files) != {WEIGHTS_FILE, ONNX_FILE}:
            raise ValueError(f"files must be {WEIGHTS_FILE} and {ONNX_FILE}")
        if self.drift_reference and tuple(self.drift_reference.labels) != self.labels:
            raise ValueError("the labels of drift_reference are not those of the card")
        if self.golden and len(self.golden.probs_K) != len(self.labels):
            raise ValueError(
                f"golden has {len(self.golden.probs_K)} probabilities for {len(self.labels)} labels"
            )
        return self


def read_card(folder: Path) -> ModelCard:
    """Read the card of a model folder `<root>/<name>/<version>`.

    Raises:
        InvalidCardError: If the card is missing, malformed, has unknown keys, or names another
            model than its folder.
        ForeignFileError: If it is not a file below the root.
    """
    return parse_card(folder, read_card_bytes(folder))


def read_card_bytes(folder: Path) -> bytes:
    """Read the card of a model folder as it is written; raises as `read_card`."""
    try:
        return read_inside(folder / CARD_FILE, root=folder.parents[1], max_bytes=MAX_CARD_BYTES)
    except OSError as exc:
        raise InvalidCardError(f"{_locate(folder)} cannot be read: {exc.strerror}") from exc


def parse_card(folder: Path, content: bytes) -> ModelCard:
    """Return the card of a model folder from the bytes of its file; raises as `read_card`."""
    try:
        card = ModelCard.model_validate_json(content)
    except ValidationError as exc:
        faults = "; ".join(word_faults(exc, whole="card"))
        raise InvalidCardError(f"{_locate(folder)}: {faults}") from exc
    if (card.name, str(card.version)) != (folder.parent.name, folder.name):
        raise InvalidCardError(
            f"card of {card.reference} lies in folder {folder.parent.name}/{folder.name}"
        )
    return card


def write_card(folder: Path, card: ModelCard) -> None:
    """Write the card into a model folder."""
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")


def hash_file(path: Path) -> str:
    """Return the sha256 of a file as lower-case hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_files(folder: Path, card: ModelCard) -> dict[str, bytes]:
    """Return every file that a card names, by name, when all of them have the card's hashes.

    What is returned is what was hashed: who changes a file later changes nothing.

    Raises:
        CorruptFileError: If a file is missing, cannot be read, or differs.
        ForeignFileError: If one is not a file below the root.
    """
    return {name: _read_file(folder, name, card) for name in card.files}


def _read_file(folder: Path, name: str, card: ModelCard) -> bytes:
    try:
        content = read_inside(folder / name, root=folder.parents[1], max_bytes=MAX_FILE_BYTES)
    except OSError as exc:
        raise CorruptFileError(f"{card.reference}: {name}: {exc.strerror}") from exc
    found = hashlib.sha256(content).hexdigest()
    if found != card.files[name]:
        raise CorruptFileError(
            f"{card.reference}: {name} has sha256 {found}, its card says {card.files[name]}"
        )
    return content


def _locate(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}/{CARD_FILE}"
