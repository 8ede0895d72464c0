"""Reading what workers send, without running what it says.

Messages between processes are pickles, and a pickle can have its reader call any function. Here the
reader builds only what a worker that was not taken over sends.
"""

import builtins
import pickle
from io import BytesIO
from typing import Any

import models.errors

MAX_MESSAGE_BYTES = 16 * 2**20
"""An answer takes some 100 bytes a window."""

PLAIN_CLASSES = frozenset(
    [
        *(("models.video.windows", name) for name in ("VideoInfo", "WindowSpan")),
        ("app.isolation.worker", "Isolation"),
    ]
)
ERROR_MODULES = {"builtins": builtins, "models.errors": models.errors}


def read_message(message: bytes) -> Any:
    """Return what a worker sent.

    Raises:
        pickle.PicklingError: If it holds what no worker sends.
    """
    return _Unpickler(BytesIO(message)).load()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) in PLAIN_CLASSES or _is_error(module, name):
            return super().find_class(module, name)
        raise pickle.PicklingError(f"a worker sent {module}.{name}")


def _is_error(module: str, name: str) -> bool:
    found = getattr(ERROR_MODULES.get(module), name, None)
    return isinstance(found, type) and issubclass(found, Exception)
