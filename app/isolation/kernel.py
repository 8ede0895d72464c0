"""Calls of the kernel that Python has no function for."""

import ctypes
import fcntl
import os

PR_SET_NO_NEW_PRIVS = 38  # of linux/prctl.h
CAPABILITY_VERSION_3 = 0x20080522  # of linux/capability.h
NUM_CAPABILITY_WORDS = 6  # effective, permitted and inheritable, twice 32 bits each


def call_kernel(number: int, *arguments: object) -> int:
    """Make a system call by its number, and return what it returns.

    Args:
        number: As this machine's architecture counts them.
        arguments: Integers, or what ctypes can pass.

    Raises:
        OSError: If the kernel refuses.
    """
    return _checked(_libc().syscall(ctypes.c_long(number), *map(_widened, arguments)))


def end_with_pipe(descriptor: int) -> None:
    """Have the kernel end this process as soon as the other end of a pipe is closed.

    That is done by SIGIO, which nobody else may use; it works while Python hangs in C.
    """
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC)


def renounce_capabilities() -> None:
    """Give up for good what root may do beyond others.

    Raises:
        OSError: If the kernel refuses.
    """
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)  # 0 is this process
    nothing = (ctypes.c_uint32 * NUM_CAPABILITY_WORDS)()
    _checked(_libc().capset(header, nothing))


def renounce_privileges() -> None:
    """Let nothing that this process might execute gain privileges, for good."""
    arguments = (ctypes.c_ulong(number) for number in (1, 0, 0, 0))
    _checked(_libc().prctl(PR_SET_NO_NEW_PRIVS, *arguments))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _widened(argument: object) -> object:
    """Return integers as wide as registers; ctypes would pass 32 bits."""
    return ctypes.c_long(argument) if isinstance(argument, int) else argument


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
