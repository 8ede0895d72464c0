"""Reading what workers send, without running what it says.

Messages between processes are pickles, and a pickle can have its reader call any function. Here the
reader builds only what a worker that was not taken over sends.
"""

import builtins
import os
import pickle
from io import BytesIO
from multiprocessing import reduction
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import Any

import models.errors

MAX_MESSAGE_BYTES = 16 * 2**20
"""An answer takes some 100 bytes a window."""

PLAIN_CLASSES = frozenset(
    [
        *(
            ("pebble.pool.process", name)
            for name in ("Acknowledgement", "TaskProblem", "TaskResult")
        ),
        *(("pebble.common.types", name) for name in ("Result", "ResultStatus")),
        ("pebble.common.types", "RemoteException.rebuild_exception"),
        *(("models.video.windows", name) for name in ("VideoInfo", "WindowSpan")),
        ("app.isolation.worker", "Isolation"),
    ]
)
ERROR_MODULES = {"builtins": builtins, "models.errors": models.errors}


class CheckingReader(Connection):
    """The end of a pipe at which messages come out; in another process, it is an ordinary one."""

    def recv(self) -> Any:
        """Return the next message.

        Raises:
            pickle.PicklingError: If it holds what no worker sends.
            OSError: If it is over `MAX_MESSAGE_BYTES`; the pipe is closed then.
        """
        return _Unpickler(BytesIO(self.recv_bytes(MAX_MESSAGE_BYTES))).load()

    def __reduce__(self) -> tuple[Any, ...]:
        descriptor = reduction.DupFd(self.fileno())
        return _rebuild, (descriptor, self.readable, self.writable)


class CheckingContext(ForkServerContext):
    """Forks workers from a server, and checks what they send."""

    def Pipe(self, duplex: bool = True) -> tuple[Any, Any]:  # noqa: N802 multiprocessing's name
        """Return the ends of a pipe."""
        reader, writer = super().Pipe(duplex)
        with reader:
            checking = CheckingReader(os.dup(reader.fileno()), writable=reader.writable)
        return checking, writer


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) in PLAIN_CLASSES or _is_error(module, name):
            return super().find_class(module, name)
        raise pickle.PicklingError(f"a worker sent {module}.{name}")


def _is_error(module: str, name: str) -> bool:
    found = getattr(ERROR_MODULES.get(module), name, None)
    return isinstance(found, type) and issubclass(found, Exception)


def _rebuild(descriptor: Any, readable: bool, writable: bool) -> Connection:
    return Connection(descriptor.detach(), readable, writable)
