"""What an operator can choose, from the environment and from flags of `python -m app`."""

import os
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    CliPositionalArg,
    CliToggleFlag,
    NoDecode,
    SettingsConfigDict,
)

from app.experiments.store.database import check_url, sqlite_url
from app.experiments.store.errors import RecordsError
from models.installed import ALIAS, REFERENCE
from models.runtimes import RuntimeName
from models.video.windows import DecodeMode

ENV_PREFIX = "DRIVER_ACTIVITY_"
REPOSITORY_ROOT = Path(__file__).resolve().parents[1]
MIB = 1024 * 1024
USUAL_QUEUE_S = 6.0
DEFAULT_ALIAS = "default"

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
AnySettings = TypeVar("AnySettings", bound="CommandSettings")
LogLevel = Literal["debug", "info", "warning", "error"]


def count_cores(cgroup_root: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many processor cores this process may use, from affinity and cgroup quota."""
    num_cores = len(os.sched_getaffinity(0))
    quota_cores = _read_quota(cgroup_root)
    return num_cores if quota_cores is None else max(1, min(num_cores, int(quota_cores)))


def _read_quota(root: Path) -> float | None:
    """Return the quota in cores of control groups version 2, else 1, or None without one."""
    try:
        if (unified := root / "cpu.max").is_file():
            quota, period = unified.read_text().split()
        else:
            quota = (root / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (root / "cpu" / "cpu.cfs_period_us").read_text()
        return float(quota) / float(period) if float(quota) > 0 else None
    except (OSError, ValueError):  # no control group, or its quota is "max"
        return None


class CommandSettings(BaseSettings):
    """What all commands of `python -m app` have in common: how environment and flags are read."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,
        frozen=True,
        cli_kebab_case=True,
        cli_hide_none_type=True,
        cli_prog_name="python -m app",
    )


class SharedSettings(CommandSettings):
    """What the service and the report of an experiment have in common."""

    model_dir: Path = Field(
        default=REPOSITORY_ROOT / "models" / "weights",
        description="Folder of model folders, each name/version.",
    )
    records_dir: Path = Field(
        default=REPOSITORY_ROOT / "records",
        description="Folder of what experiments record, until it is in the database.",
    )
    database_url: str | None = Field(
        default=None,
        description="Database of experiments, such as postgresql+psycopg://user@host/name; "
        "without it, the file records.sqlite in the folder of records.",
    )

    @model_validator(mode="after")
    def _check_database(self) -> Self:
        try:
            check_url(self.records_url)
        except RecordsError as exc:  # without the value, which may hold a password
            raise ValueError(f"--database-url ({ENV_PREFIX}DATABASE_URL): {exc}") from exc
        return self

    @property
    def records_url(self) -> str:
        """URL of the database of records."""
        return self.database_url or sqlite_url(self.records_dir)


class ReportSettings(SharedSettings):
    """Report what the records of an experiment say so far."""

    model_config = SettingsConfigDict(cli_prog_name="python -m app report")

    name: CliPositionalArg[str] = Field(description="Name of the experiment.")
    form: Literal["text", "json", "html"] = Field(
        default="text", description="How it is written: text, json or html."
    )


class Settings(SharedSettings):
    """Serve activity recognition models over HTTP.

    Every setting is an environment variable DRIVER_ACTIVITY_<NAME> and a flag; the flag wins.
    """

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes any.")
    keys_file: Path | None = Field(
        default=None,
        description="File of API keys, made by `python -m app key add`; without it, nobody needs a "
        "key, which has to be allowed unless only this machine can connect.",
    )
    allow_anonymous: CliToggleFlag[bool] = Field(
        default=False, description="Serve other machines although nobody needs a key."
    )
    max_connections: int = Field(
        default=10_000,
        ge=16,
        description="Most connections; beyond, the longest idle one is closed for a new one.",
    )
    models: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("mobilenet3d-lite-int8", "mobilenet3d-lite-fp32"),
        min_length=1,
        description="Models to load, as name or name@version, separated by commas.",
    )
    aliases: Annotated[dict[str, str], NoDecode] = Field(
        default={},
        description="Further names of these models, as alias=model, separated by commas; requests "
        f"that name no model get {DEFAULT_ALIAS!r}, which is the first of them unless set here.",
    )
    model_signatures: Literal["off", "required"] = Field(
        default="off",
        description="Whether a model's card must be signed to be loaded: off or required.",
    )
    model_public_key: Path | None = Field(
        default=None, description="PEM file of the Ed25519 key that cards are signed with."
    )
    watch_models_s: float = Field(
        default=0,
        ge=0,
        le=3600,
        description="How often the folder of models is looked at for new and replaced ones, in "
        "seconds; 0: never.",
    )
    compiled_dir: Path | None = Field(
        default=None,
        description="Folder of compiled models, so that the next start takes less time; only the "
        "user who serves may write to it. Without it, they are compiled at every start.",
    )
    runtime: RuntimeName = Field(
        default="openvino", description="Engine that runs the networks: openvino or torch."
    )
    decode: DecodeMode = Field(
        default="exact",
        description="How videos are decoded unless a request says it: exact, or fast, which takes "
        "less time and changes the pictures a little.",
    )
    max_upload_bytes: Count = Field(default=64 * MIB, description="Largest upload, in bytes.")
    max_document_bytes: Count = Field(
        default=MIB, description="Largest request body that is no upload, in bytes."
    )
    max_pixels: Count = Field(
        default=4096 * 2304, description="Largest picture of a video, width times height."
    )
    max_aspect_ratio: float = Field(
        default=16, ge=1, le=1000, description="Longer side of a picture by its shorter side."
    )
    max_duration_s: Seconds = Field(default=120, description="Longest video, in seconds.")
    max_frames: Count = Field(default=7200, description="Most frames of one video or batch.")
    max_windows: Count = Field(
        default=128, description="Most windows that one request may ask for."
    )
    max_batch_bytes: Count = Field(
        default=512 * MIB, description="Largest array of frames, in bytes."
    )
    max_decoded_bytes: Count = Field(
        default=24 * 1024 * MIB,
        description="Most bytes of all pictures of a video as they are decoded: two minutes of "
        "full HD at 60 Hz take less, two minutes of the largest pictures more.",
    )
    max_streams: Count = Field(
        default=32, description="Most streams of a file, sound and subtitles included."
    )
    min_frames: Count = Field(
        default=2,
        description="Fewest frames that are answered; from there up to a window's need the last "
        "frame is repeated.",
    )
    cores: Count = Field(
        default_factory=count_cores,
        description="Processor cores to use; found by affinity and control group.",
    )
    threads_per_inference: Count = Field(default=1, description="Threads that one inference uses.")
    decode_workers: int = Field(
        default=0,
        ge=0,
        description="Processes that decode, and as many more for videos that are still arriving; "
        "0: as many as the cores carry.",
    )
    inference_workers: int = Field(
        default=0, ge=0, description="Threads that infer; 0: as many as the cores carry."
    )
    max_uploads: Count = Field(default=64, description="Most uploads that are held at once.")
    decode_queue_s: float = Field(
        default=0,
        ge=0,
        le=86_400,
        description="Most seconds of video that wait for decoding; 0: two clips of 3 s for each "
        "that is at work, so that no such answer takes more than about three times as long as "
        "without a queue.",
    )
    inference_queue_size: int = Field(
        default=32, ge=0, description="Most requests that wait for inference."
    )
    decode_timeout_s: Seconds = Field(
        default=20, description="Longest time that one video may take to decode, in seconds."
    )
    max_worker_bytes: int = Field(
        default=2048 * MIB,
        ge=512 * MIB,
        description="Largest address space of a process that decodes, in bytes.",
    )
    request_timeout_s: Seconds = Field(
        default=30,
        description="Longest time that one request may take, upload included; a client may ask "
        "for less with X-Request-Timeout-Ms.",
    )
    max_requests_per_minute: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Most uploads of one client in a minute, and at once; 0: any number.",
    )
    shutdown_grace_s: Seconds = Field(
        default=20, description="Longest time that a shutdown waits for requests in flight."
    )
    experiments_file: Path | None = Field(
        default=None, description="TOML file of experiments that are begun at the start."
    )
    subject_header: str = Field(
        default="X-Vehicle-Id",
        pattern=r"^[A-Za-z0-9-]{1,64}$",
        description="Header by which requests of one sender stay on one side of an experiment; "
        "only a hash of it is kept.",
    )
    max_journal_bytes: Count = Field(
        default=64 * MIB,
        description="Most bytes of records that wait for the database; further ones are lost.",
    )
    max_record_age_days: float = Field(
        default=90, gt=0, le=3660, description="How long records of experiments are kept."
    )
    max_records: Count = Field(
        default=5_000_000, description="Most records that are kept; the oldest go first."
    )
    log_level: LogLevel = Field(
        default="info", description="Least severe log lines: debug, info, warning or error."
    )

    @field_validator("models", mode="before")
    @classmethod
    def _split_models(cls, value: object) -> object:
        return _split(value) if isinstance(value, str) else value

    @field_validator("aliases", mode="before")
    @classmethod
    def _split_aliases(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        aliases = {}
        for item in _split(value):
            alias, equals, reference = item.partition("=")
            if not equals:
                raise ValueError(f"{item!r} is not of the form alias=model")
            aliases[alias.strip()] = reference.strip()
        return aliases

    @model_validator(mode="after")
    def _check_access(self) -> Self:
        if not (self.keys_file or self.allow_anonymous or _is_loopback(self.host)):
            raise ValueError(
                f"--host {self.host} would serve whoever can connect: give --keys-file "
                f"({ENV_PREFIX}KEYS_FILE), or say --allow-anonymous"
            )
        return self

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        for reference in (*self.models, *self.aliases.values()):
            if REFERENCE.fullmatch(reference) is None:
                raise ValueError(f"{reference!r} is not a model, as name or name@version")
        loaded = [reference.partition("@")[0] for reference in self.models]
        for alias, reference in self.aliases.items():
            if ALIAS.fullmatch(alias) is None or alias in loaded:
                raise ValueError(f"alias {alias!r} is not a name, or is that of a model")
            if not any(_may_be(reference, model) for model in self.models):
                raise ValueError(f"alias {alias!r} leads to {reference!r}, which is not loaded")
        return self

    @model_validator(mode="after")
    def _check_signatures(self) -> Self:
        if self.model_signatures == "required" and self.model_public_key is None:
            raise ValueError("model_signatures is required, but model_public_key is not given")
        if self.model_signatures == "required" and self.compiled_dir is not None:
            raise ValueError(
                "model_signatures is required, but compiled_dir holds what no signature covers"
            )
        return self

    @model_validator(mode="after")
    def _check_threads(self) -> Self:
        num_threads = self.num_inference_workers * self.threads_per_inference
        if max(num_threads, self.num_decode_workers) > self.cores:
            raise ValueError(
                f"{self.num_decode_workers} decode workers and {num_threads} inference threads "
                f"do not fit {self.cores} cores"
            )
        return self

    @property
    def all_aliases(self) -> dict[str, str]:
        """Every alias and its model, the one of requests that name none included."""
        return {DEFAULT_ALIAS: self.models[0], **self.aliases}

    @property
    def trusted_key(self) -> Path | None:
        """File of the key that cards must be signed with; None if they need not be."""
        return self.model_public_key if self.model_signatures == "required" else None

    @property
    def num_lanes(self) -> int:
        """Requests that compute at once, so that the threads of all of them fit the cores."""
        return max(1, self.cores // self.threads_per_inference)

    @property
    def decode_queue_length_s(self) -> float:
        """Seconds of video that may wait for decoding."""
        return self.decode_queue_s or USUAL_QUEUE_S * self.num_lanes

    @property
    def num_decode_workers(self) -> int:
        """Processes that decode."""
        return self.decode_workers or self.num_lanes

    @property
    def num_inference_workers(self) -> int:
        """Threads that infer."""
        return self.inference_workers or self.num_lanes


def parse_settings(arguments: Sequence[str]) -> Settings:
    """Return the settings that environment and command line give.

    Raises:
        SystemExit: With status 2, after a message, if one is wrong; with 0 after `--help`.
    """
    return parse(Settings, arguments)


def parse_report_settings(arguments: Sequence[str]) -> ReportSettings:
    """Return the settings of `python -m app report`; raises as `parse_settings`."""
    return parse(ReportSettings, arguments)


def parse(kind: type[AnySettings], arguments: Sequence[str]) -> AnySettings:
    """Return settings of any kind; raises as `parse_settings`."""
    try:
        return kind(_cli_parse_args=list(arguments))
    except ValidationError as exc:
        for fault in exc.errors(include_url=False):
            print(f"python -m app: error: {_describe(fault)}", file=sys.stderr)
        raise SystemExit(2) from exc


def _describe(fault: ErrorDetails) -> str:
    if not fault["loc"]:
        return fault["msg"].removeprefix("Value error, ")
    name = str(fault["loc"][0])
    flag, variable = f"--{name.replace('_', '-')}", f"{ENV_PREFIX}{name.upper()}"
    return f"{flag} ({variable}): {fault['msg']}, found {fault['input']!r}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _may_be(reference: str, model: str) -> bool:
    """Say whether two references can mean the same: a name alone stands for any of its versions."""
    name, _, version = reference.partition("@")
    other_name, _, other_version = model.partition("@")
    return name == other_name and (not version or not other_version or version == other_version)


def _split(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]
