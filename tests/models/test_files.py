import os
from pathlib import Path

import pytest

from models.errors import ForeignFileError
from models.files import read_inside


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "inside").write_bytes(b"inside")
    (tmp_path / "outside").write_bytes(b"secret")
    return root


def test_file_and_link_that_stay_inside_are_read(root: Path) -> None:
    (root / "link").symlink_to("inside")

    assert read_inside(root / "inside", root=root, max_bytes=6) == b"inside"
    assert read_inside(root / "link", root=root, max_bytes=6) == b"inside"


def test_root_may_be_a_link_itself(root: Path) -> None:
    (root.parent / "alias").symlink_to(root)

    alias = root.parent / "alias"

    assert read_inside(alias / "inside", root=alias, max_bytes=6) == b"inside"


@pytest.mark.parametrize("target", ["../outside", "/etc/hostname"])
def test_link_that_leads_outside_is_refused_by_name_without_its_target(
    root: Path, target: str
) -> None:
    (root / "link").symlink_to(target)

    with pytest.raises(ForeignFileError, match=r"^link leads out of the folder of models$"):
        read_inside(root / "link", root=root, max_bytes=100)


def test_folder_on_the_way_that_leads_outside_is_refused(root: Path) -> None:
    (root / "folder").symlink_to("..")

    with pytest.raises(ForeignFileError, match=r"^folder/outside leads out"):
        read_inside(root / "folder" / "outside", root=root, max_bytes=100)


def test_pipe_is_refused_and_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "pipe")

    with pytest.raises(ForeignFileError, match="pipe is no regular file"):
        read_inside(root / "pipe", root=root, max_bytes=100)


def test_larger_file_than_the_limit_is_refused(root: Path) -> None:
    with pytest.raises(ForeignFileError, match="inside has more than 5 bytes"):
        read_inside(root / "inside", root=root, max_bytes=5)


def test_link_that_leads_to_itself_is_an_error_of_the_system(root: Path) -> None:
    (root / "loop").symlink_to("loop")

    with pytest.raises(OSError, match="Too many levels"):
        read_inside(root / "loop", root=root, max_bytes=5)
