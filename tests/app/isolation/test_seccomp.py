"""The filter of system calls for every architecture, by a reading of its instructions."""

import errno
import platform

import pytest

from app.isolation import seccomp
from app.isolation.seccomp import (
    ALLOW,
    ARCHITECTURES,
    CLONE3,
    CLONE_THREAD,
    KILL_PROCESS,
    REFUSE,
    Architecture,
    filter_system_calls,
    make_program,
)

READ = {"x86_64": 0, "aarch64": 63}
SIGCHLD = 17


def verdict(architecture: Architecture, number: int, *, argument: int = 0, audit: int = 0) -> int:
    """Return what the filter says of a call, as the kernel's interpreter would."""
    program = list(make_program(architecture))
    fields = {
        seccomp.NUMBER_AT: number,
        seccomp.ARCHITECTURE_AT: audit or architecture.audit_number,
        seccomp.FIRST_ARGUMENT_AT: argument,
    }
    position, held = 0, 0
    while True:
        code, if_true, if_false, constant = program[position]
        position += 1
        if code == seccomp.RETURN:
            return constant
        if code == seccomp.LOAD_WORD:
            held = fields[constant]
            continue
        is_true = {
            seccomp.JUMP_IF_EQUAL: held == constant,
            seccomp.JUMP_IF_AT_LEAST: held >= constant,
            seccomp.JUMP_IF_ANY_BIT: bool(held & constant),
        }[code]
        position += if_true if is_true else if_false


@pytest.fixture(params=ARCHITECTURES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_calls_that_decoding_needs_are_allowed(name: str) -> None:
    architecture = ARCHITECTURES[name]

    assert verdict(architecture, READ[name]) == ALLOW
    assert verdict(architecture, architecture.clone, argument=CLONE_THREAD | SIGCHLD) == ALLOW


def test_fatal_calls_and_new_processes_end_the_process(name: str) -> None:
    architecture = ARCHITECTURES[name]

    assert {verdict(architecture, number) for number in architecture.fatal} == {KILL_PROCESS}
    assert verdict(architecture, architecture.clone, argument=SIGCHLD) == KILL_PROCESS


def test_newer_way_to_make_threads_is_refused_for_the_older_one(name: str) -> None:
    assert verdict(ARCHITECTURES[name], CLONE3) == REFUSE | errno.ENOSYS


def test_numbers_of_another_architecture_end_the_process(name: str) -> None:
    assert verdict(ARCHITECTURES[name], READ[name], audit=0x40000003) == KILL_PROCESS  # i386


def test_x32_numbers_end_the_process() -> None:
    assert verdict(ARCHITECTURES["x86_64"], 0x40000000 + 41) == KILL_PROCESS


def test_machine_without_a_list_is_not_filtered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "s390x")

    with pytest.raises(OSError, match="no list of system calls for s390x"):
        filter_system_calls()
