"""A domain of the Landlock security module, out of which a process reaches no other.

From inside, no process outside can be traced, nor its memory or environment read, although it has
the same user; nothing can be executed, and by the kernel's version no TCP port be reached (6.7) and
no other process be sent a signal (6.12).

Source: linux/landlock.h and the kernel's Documentation/userspace-api/landlock.rst.
"""

import ctypes
import os

from app.isolation.kernel import call_kernel, renounce_privileges

CREATE_RULESET, RESTRICT_SELF = 444, 446  # on every architecture
ASK_VERSION = 1

EXECUTE_FILES = 1 << 0
BIND_TCP, CONNECT_TCP = 1 << 0, 1 << 1
ABSTRACT_SOCKETS, SIGNALS = 1 << 0, 1 << 1
NETWORK_VERSION, SCOPE_VERSION = 4, 6


class _Ruleset(ctypes.Structure):
    """The kernel's struct landlock_ruleset_attr; earlier kernels take only its beginning."""

    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def enter_domain() -> None:
    """Put this process into a domain of its own, for good.

    Raises:
        OSError: If the kernel has no Landlock.
    """
    version = landlock_version()
    has_network, has_scopes = version >= NETWORK_VERSION, version >= SCOPE_VERSION
    ruleset = _Ruleset(
        EXECUTE_FILES,
        (BIND_TCP | CONNECT_TCP) * has_network,
        (ABSTRACT_SOCKETS | SIGNALS) * has_scopes,
    )
    size = ctypes.sizeof(ctypes.c_uint64) * (1 + has_network + has_scopes)
    descriptor = call_kernel(CREATE_RULESET, ctypes.byref(ruleset), size, 0)
    try:
        renounce_privileges()
        call_kernel(RESTRICT_SELF, descriptor, 0)
    finally:
        os.close(descriptor)


def landlock_version() -> int:
    """Return the version of Landlock's interface that the kernel has.

    Raises:
        OSError: If it has none.
    """
    return call_kernel(CREATE_RULESET, None, 0, ASK_VERSION)
