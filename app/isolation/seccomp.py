"""A filter of system calls: what decoding never needs ends the process that tries it.

No library: pyseccomp, the only one on PyPI, rests since 2021 and needs a system library that an
image may lack, and the filter is a list of numbers.

Sources: seccomp(2), linux/filter.h, linux/seccomp.h, linux/audit.h; numbers of system calls from
asm/unistd_64.h (x86_64) and asm-generic/unistd.h (aarch64).
"""

import ctypes
import errno
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.isolation.kernel import call_kernel, renounce_privileges

SET_MODE_FILTER = 1
SYNCHRONIZE_THREADS = 1
MODE_FILTERED = "2"

LOAD_WORD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, JUMP_IF_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
KILL_PROCESS, REFUSE, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
# Where struct seccomp_data has what is looked at, on little-endian machines.
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT = 0, 4, 16
CLONE_THREAD = 0x00010000

Instruction = tuple[int, int, int, int]
"""Code, how many instructions to skip if a test is true and if it is false, and a constant."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """How a kind of processor numbers system calls.

    Attributes:
        audit_number: What the kernel calls it.
        seccomp: The call that installs a filter.
        clone: The call that makes threads, and processes.
        fatal: Calls that end the process: to make sockets and pairs of them, and rings of calls
            that pass by this filter; to make processes and execute files; to look into other
            processes; to enter namespaces; and what only serves to attack the kernel.
        alien: The least number of another numbering on the same machine, if there is one.
    """

    audit_number: int
    seccomp: int
    clone: int
    fatal: tuple[int, ...]
    alien: int | None = None


CLONE3 = 435  # on every architecture, as are all numbers from 424 on
IO_URING_SETUP, PIDFD_GETFD = 425, 438
ARCHITECTURES = {
    "x86_64": Architecture(
        audit_number=0xC000003E,
        seccomp=317,
        clone=56,
        fatal=(
            *(41, 53, IO_URING_SETUP),  # socket, socketpair
            *(57, 58, 59, 322),  # fork, vfork, execve, execveat
            *(101, 310, 311, PIDFD_GETFD),  # ptrace, process_vm_readv, process_vm_writev
            *(272, 308, 165),  # unshare, setns, mount
            *(321, 298, 323, 248, 249, 250),  # bpf, perf_event_open, userfaultfd, keys
        ),
        alien=0x40000000,  # x32
    ),
    "aarch64": Architecture(
        audit_number=0xC00000B7,
        seccomp=277,
        clone=220,
        fatal=(
            *(198, 199, IO_URING_SETUP),
            *(221, 281),  # there is no fork or vfork
            *(117, 270, 271, PIDFD_GETFD),
            *(97, 268, 40),
            *(280, 241, 282, 217, 218, 219),
        ),
    ),
}


class _Filter(ctypes.Structure):
    """The kernel's struct sock_filter."""

    _fields_ = (
        ("code", ctypes.c_ushort),
        ("skip_if_true", ctypes.c_ubyte),
        ("skip_if_false", ctypes.c_ubyte),
        ("constant", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    """The kernel's struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filters", ctypes.POINTER(_Filter)))


def filter_system_calls() -> None:
    """Put this process and its threads under the filter, for good.

    Raises:
        OSError: If the kernel does not filter, or for this architecture there is no list.
    """
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None:
        raise OSError(errno.ENOSYS, f"no list of system calls for {platform.machine()}")
    filters = [_Filter(*instruction) for instruction in make_program(architecture)]
    program = _Program(len(filters), (_Filter * len(filters))(*filters))
    renounce_privileges()  # which the kernel asks of those who have none
    call_kernel(architecture.seccomp, SET_MODE_FILTER, SYNCHRONIZE_THREADS, ctypes.byref(program))


def is_filtered() -> bool:
    """Say whether this process is under a filter, whoever installed it."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return fields.get("Seccomp") == MODE_FILTERED


def make_program(architecture: Architecture) -> Iterator[Instruction]:
    """Yield the filter's instructions."""
    yield LOAD_WORD, 0, 0, ARCHITECTURE_AT
    yield JUMP_IF_EQUAL, 1, 0, architecture.audit_number
    yield RETURN, 0, 0, KILL_PROCESS
    yield LOAD_WORD, 0, 0, NUMBER_AT
    if architecture.alien is not None:
        yield JUMP_IF_AT_LEAST, 0, 1, architecture.alien
        yield RETURN, 0, 0, KILL_PROCESS
    for number in architecture.fatal:
        yield JUMP_IF_EQUAL, 0, 1, number
        yield RETURN, 0, 0, KILL_PROCESS
    # Its flags lie in memory, where a filter cannot look; the C library then takes the older call.
    yield JUMP_IF_EQUAL, 0, 1, CLONE3
    yield RETURN, 0, 0, REFUSE | errno.ENOSYS
    yield JUMP_IF_EQUAL, 0, 3, architecture.clone
    yield LOAD_WORD, 0, 0, FIRST_ARGUMENT_AT
    yield JUMP_IF_ANY_BIT, 1, 0, CLONE_THREAD
    yield RETURN, 0, 0, KILL_PROCESS
    yield RETURN, 0, 0, ALLOW
