"""Recipes: everything that decides how a model is made, in one validated TOML file."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from models.card import ModelName, NetworkConfig
from models.errors import DriverActivityError
from models.labels import DRIVE_AND_ACT_LABELS
from models.spec import ClipSpec
from training.data.augment import AugmentConfig
from training.data.synthetic import SyntheticConfig
from training.engine import FitConfig


class RecipeError(DriverActivityError):
    """A recipe file is missing, malformed, or asks for something that does not exist."""


class Section(BaseModel):
    """A table of the recipe: values are fixed once read, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ViewedData(Section):
    """Data that several cameras took, with three official splits by person.

    Attributes:
        root: Folder of the data set, as Drive&Act is laid out: it holds `iccv_activities_3s` and
            one folder of videos a view.
        views: Cameras, such as `inner_mirror`; their clips are joined.
        test_views: Further cameras to test on, which training never sees: how well a model does
            from where it never looked.
        split: Which of the three official splits.
    """

    root: Path
    views: tuple[str, ...] = Field(min_length=1)
    test_views: tuple[str, ...] = ()
    split: Literal[0, 1, 2] = 0

    @model_validator(mode="after")
    def _check_test_views(self) -> Self:
        for view in self.test_views:
            if view in self.views:
                raise ValueError(f"test view {view!r} is one of views, must be a further camera")
        return self


class SyntheticData(ViewedData):
    """Synthetic drivers; made by the `data` stage where they are not there yet.

    Attributes:
        generator: Who drives, who looks on, and how much is made.
    """

    kind: Literal["synthetic"]
    generator: SyntheticConfig

    @property
    def video_suffix(self) -> str:
        """Ending of the video files."""
        return ".mp4"

    @property
    def frame_rate_hz(self) -> float:
        """Rate in which the annotations count frames."""
        return self.generator.frame_rate_hz

    @model_validator(mode="after")
    def _check_views(self) -> "SyntheticData":
        for view in (*self.views, *self.test_views):
            if view not in self.generator.views:
                raise ValueError(f"view {view!r} is not filmed, only {self.generator.views} are")
        return self


class DriveAndActData(ViewedData):
    """The Drive&Act benchmark in its official layout.

    Attributes:
        video_suffix: Ending of the video files.
        frame_rate_hz: Rate in which the annotations count frames.
    """

    kind: Literal["drive_and_act"]
    video_suffix: str = ".mp4"
    frame_rate_hz: float = Field(default=30.0, gt=0)


class ManifestData(Section):
    """Any clips, listed in a CSV file `path,start_s,end_s,label,subject,view,split`.

    A span longer than a window gives a clip for every window of it.

    Attributes:
        manifest: The CSV file; its paths are relative to its folder.
    """

    kind: Literal["manifest"]
    manifest: Path


class ImageSequenceData(Section):
    """Image files in order of time with a table `subject,classname,img`, as State Farm's.

    Attributes:
        root: Folder of the data set.
        table: The CSV file, relative to the root.
        images: Folder of one folder of images a class, relative to the root.
        num_images: Images of a clip; those of the spec, unless set.
        stride: Distance of the starts of clips, in images.
        val_subjects: Who validates.
        test_subjects: Who tests; all others train.
        labels: Activity of each class name, where they differ; other classes are left out.
    """

    kind: Literal["image_sequences"]
    root: Path
    table: Path = Path("driver_imgs_list.csv")
    images: Path = Path("imgs/train")
    num_images: int | None = Field(default=None, ge=2)
    stride: int = Field(default=8, ge=1)
    val_subjects: tuple[str, ...] = Field(min_length=1)
    test_subjects: tuple[str, ...] = Field(min_length=1)
    labels: dict[str, str] = {}


DataConfig = Annotated[
    SyntheticData | DriveAndActData | ManifestData | ImageSequenceData,
    Field(discriminator="kind"),
]


class TeacherConfig(Section):
    """The I3D teacher.

    Attributes:
        of: Name of another recipe whose run of the same variant has trained the teacher, if it is
            taken from there.
        width: Width multiplier; 1.0 is the published network.
        dropout: Share of pooled features dropped in training.
        start_weights: Weights to start from where they fit: a .safetensors
            file of a run or of a model folder, or the published port's .pt file.
        num_views: Augmented views of each training clip whose logits are cached.
        fit: How it is trained.
    """

    of: ModelName | None = None
    width: float = Field(default=1.0, gt=0, le=1)
    dropout: float = Field(default=0.5, ge=0, lt=1)
    start_weights: Path | None = None
    num_views: int = Field(default=4, ge=1)
    fit: FitConfig


class StudentConfig(Section):
    """The 3D-MobileNet student.

    Attributes:
        network: Width and stem.
        start_weights: Weights to start from where they fit: a .safetensors file of a run or of a
            model folder, or the published Kinetics weights, a .pth file.
        labels_alone: Whether it is trained on labels alone, too, to see what distillation is worth.
        fit: How it is trained, on labels alone and by distillation alike.
    """

    network: NetworkConfig
    start_weights: Path | None = None
    labels_alone: bool = True
    fit: FitConfig


class DistillConfig(Section):
    """What the student learns from the teacher.

    Attributes:
        losses: `standard`, or `released`: those of the paper's code, faults and all, for every
            training of the student.
        temperature: Softening of teacher and student.
        soft_weight: Share of the distillation loss; the labels get the rest.
        relation_weight: Weight of the relation loss, which is added.
    """

    losses: Literal["standard", "released"] = "standard"
    temperature: float = Field(default=4.0, gt=0)
    soft_weight: float = Field(default=0.7, ge=0, le=1)
    relation_weight: float = Field(default=0.0, ge=0)


class QuantizeConfig(Section):
    """Quantization-aware training, which goes on distilling.

    Attributes:
        start: `distilled`, the weights of the float student; `fresh`, none, as the paper's code.
        num_calibration_batches: Batches that set the first ranges, and all there is for the
            post-training baseline.
        freeze_after_epochs: Epochs after which batch normalization and ranges stay fixed.
        fit: How it is trained; at 32 bits, where its ranges are exact.
    """

    start: Literal["distilled", "fresh"] = "distilled"
    num_calibration_batches: int = Field(default=8, ge=1)
    freeze_after_epochs: int = Field(default=1, ge=0)
    fit: FitConfig

    @field_validator("fit")
    @classmethod
    def _check_precision(cls, fit: FitConfig) -> FitConfig:
        if fit.precision != "32-true":
            raise ValueError(f"precision is {fit.precision!r}, must be '32-true' to quantize")
        return fit


class ExportConfig(Section):
    """What the exported folders and their cards say.

    Attributes:
        model_dir: Folder of the registry.
        name: Base of the two names, `<name>-fp32` and `<name>-int8`, at most 59 characters.
        version: Version of both.
        data: What the model was trained and tested on.
        licence: Licence of the weights.
        notice: What anybody who uses the answers has to know.
    """

    model_dir: Path
    name: Annotated[ModelName, Field(max_length=59)]
    version: int = Field(ge=1)
    data: str
    licence: str
    notice: str


class Recipe(Section):
    """How one pair of models is made, from data to export.

    Attributes:
        name: Names the folder of the run.
        seed: Seed of everything drawn at random in training.
        num_threads: Processor threads.
        device: Where networks are trained: `cpu` or `cuda`.
        num_devices: Processes that train together, each on a GPU of its own or on its share of the
            processor; every batch size must be a multiple of it.
        run_dir: Folder below which runs are kept, as `<name>/<variant>`.
        labels: Activities in the order of the logits.
    """

    name: ModelName
    seed: int = Field(ge=0)
    num_threads: int = Field(default=2, ge=1)
    device: Literal["cpu", "cuda"] = "cpu"
    num_devices: int = Field(default=1, ge=1)
    run_dir: Path = Path("runs")
    labels: tuple[str, ...] = DRIVE_AND_ACT_LABELS
    spec: ClipSpec
    data: DataConfig
    augment: AugmentConfig
    teacher: TeacherConfig
    student: StudentConfig
    distill: DistillConfig
    quantize: QuantizeConfig
    export: ExportConfig

    @property
    def variant(self) -> str:
        """Names what differs from run to run: the seed, and the split where the data has some."""
        seed = f"seed{self.seed}"
        return f"split{self.data.split}-{seed}" if isinstance(self.data, ViewedData) else seed

    @model_validator(mode="after")
    def _check_labels(self) -> "Recipe":
        if len(set(self.labels)) != len(self.labels) or len(self.labels) < 2:
            raise ValueError("labels must be two or more, and unique")
        return self

    @model_validator(mode="after")
    def _check_batches(self) -> "Recipe":
        for stage in ("teacher", "student", "quantize"):
            batch_size = getattr(self, stage).fit.batch_size
            if batch_size % self.num_devices:
                raise ValueError(
                    f"{stage}.fit.batch_size is {batch_size}, must be a multiple of the "
                    f"{self.num_devices} devices"
                )
        return self


def read_recipe(path: Path, *, seed: int | None = None, split: int | None = None) -> Recipe:
    """Read a recipe.

    Args:
        path: A TOML file; its own relative paths are relative to the working directory.
        seed: Taken instead of the file's.
        split: Taken instead of the file's, by data that has several.

    Raises:
        RecipeError: If the file cannot be read, or a key or value is not accepted.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        if seed is not None:
            values["seed"] = seed
        if split is not None:
            values.setdefault("data", {})["split"] = split
        return Recipe.model_validate(values)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as exc:
        raise RecipeError(f"{path}: {exc}") from exc
