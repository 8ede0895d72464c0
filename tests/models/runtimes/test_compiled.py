import os
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from structlog.testing import capture_logs

from models import processor
from models.card import ONNX_FILE
from models.errors import UnsafeFolderError
from models.folder import read_folder
from models.runtimes import compiled as module
from models.runtimes import openvino
from models.runtimes.compiled import CompiledFolder
from models.runtimes.openvino import OpenVinoRuntime
from tests.model_factory import TINY_SPEC, write_model_folder

KEY = "ab" * 32


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model_folder(tmp_path_factory.mktemp("models"), name="tiny-int8", precision="int8")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "compiled"


def load(model: Path, folder: CompiledFolder | None, *, num_streams: int = 1) -> OpenVinoRuntime:
    read = read_folder(model)
    return OpenVinoRuntime(
        read.contents[ONNX_FILE],
        read.card,
        num_threads=1,
        num_streams=num_streams,
        compiled=folder,
    )


def test_folder_gives_back_what_was_kept(path: Path) -> None:
    CompiledFolder(path).write(KEY, b"network")

    assert CompiledFolder(path).read(KEY) == b"network"
    assert CompiledFolder(path).read("cd" * 32) is None
    assert [file.name for file in path.iterdir()] == [KEY]
    assert path.stat().st_mode & 0o777 == 0o700
    assert (path / KEY).stat().st_mode & 0o777 == 0o600


def damage(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1] + b"K")


def cut_off(file: Path) -> None:
    os.truncate(file, 20)


def rename_another(file: Path) -> None:
    CompiledFolder(file.parent).write("cd" * 32, b"another network")
    (file.parent / ("cd" * 32)).rename(file)


def link(file: Path) -> None:
    file.symlink_to(file.rename(file.parent / "elsewhere"))


def open_to_all(file: Path) -> None:
    file.chmod(0o666)


def put_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize(
    "tamper",
    [damage, cut_off, rename_another, link, open_to_all, put_a_pipe],
    ids=lambda tamper: tamper.__name__,
)
def test_file_that_was_tampered_with_is_not_read(path: Path, tamper: object) -> None:
    folder = CompiledFolder(path)
    folder.write(KEY, b"network")

    tamper(path / KEY)  # type: ignore[operator]

    assert folder.read(KEY) is None
    folder.write(KEY, b"compiled again")
    assert folder.read(KEY) == b"compiled again"


def test_file_of_another_user_is_not_read(path: Path) -> None:
    folder = CompiledFolder(path)
    folder.write(KEY, b"network")

    with patch("os.geteuid", return_value=os.geteuid() + 1):
        assert folder.read(KEY) is None


def test_folder_that_others_can_write_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    path.chmod(0o770)

    with pytest.raises(
        UnsafeFolderError, match=f"{path} can be written by others: its mode is 770"
    ):
        CompiledFolder(path)


def test_folder_of_another_user_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    owner = os.geteuid()

    with (
        patch("os.geteuid", return_value=owner + 1),
        pytest.raises(UnsafeFolderError, match=f"belongs to user {owner}, not to {owner + 1}"),
    ):
        CompiledFolder(path)


def test_file_in_place_of_the_folder_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.touch()

    with pytest.raises(UnsafeFolderError, match="File exists"):
        CompiledFolder(path)


def test_longest_unused_files_go_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 2)
    folder = CompiledFolder(path)
    for age, name in enumerate(("old", "used")):
        folder.write(name, b"network")
        os.utime(path / name, (1000 + age, 1000 + age))
    folder.read("old")

    folder.write("new", b"network")

    assert {file.name for file in path.iterdir()} == {"old", "new"}


def test_network_that_cannot_be_kept_is_told_of(path: Path) -> None:
    folder = CompiledFolder(path)
    path.rmdir()

    with capture_logs() as logs:
        folder.write(KEY, b"network")

    (line,) = logs
    assert line["event"] == "compiled_model_not_kept"
    assert line["reason"] == "No such file or directory"


def test_kept_network_answers_as_the_one_that_was_compiled(model: Path, path: Path) -> None:
    windows_NTHWC = np.random.default_rng(0).integers(
        0, 256, (2, *TINY_SPEC.clip_shape), dtype=np.uint8
    )
    folder = CompiledFolder(path)
    first = load(model, folder, num_streams=2)

    with patch.object(openvino, "_compile", side_effect=AssertionError("compiled again")):
        second = load(model, folder, num_streams=2)

    assert second._compiled.get_property("NUM_STREAMS") == 2
    np.testing.assert_array_equal(second.infer(windows_NTHWC), first.infer(windows_NTHWC))
    np.testing.assert_array_equal(
        second.infer(windows_NTHWC), load(model, None, num_streams=2).infer(windows_NTHWC)
    )


def test_another_processor_or_number_of_streams_has_a_network_of_its_own(
    model: Path, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = CompiledFolder(path)
    load(model, folder)
    load(model, folder, num_streams=2)
    (tmp_path / "cpuinfo").write_text("model name\t: Some CPU\nflags\t: avx2 avx_vnni\n")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")

    load(model, folder)

    assert len(list(path.iterdir())) == 3


def test_network_that_the_engine_refuses_is_compiled_again(model: Path, path: Path) -> None:
    folder = CompiledFolder(path)
    load(model, folder)
    (file,) = path.iterdir()
    folder.write(file.name, b"of another engine")

    load(model, folder)

    with patch.object(openvino, "_compile", side_effect=AssertionError("compiled again")):
        load(model, folder)
