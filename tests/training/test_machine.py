from pathlib import Path

import pytest

from models import processor
from training.machine import describe_machine, has_vnni


@pytest.fixture
def cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    return tmp_path / "cpuinfo"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx2", False),
        ("fpu avx2 avx512f avx512bw", False),
        ("fpu avx2 avx_vnni", True),
        ("fpu avx512f avx512_vnni amx_int8", True),
    ],
)
def test_vnni_is_read_from_the_flags(cpuinfo: Path, flags: str, expected: bool) -> None:
    cpuinfo.write_text(f"processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: {flags}\n\n")

    assert has_vnni() is expected


def test_machine_has_the_processors_name_and_versions(cpuinfo: Path) -> None:
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n")

    found = describe_machine()

    assert found["cpu"] == "Some CPU @ 2 GHz"
    assert set(found) == {"cpu", "python", "torch", "openvino"}
