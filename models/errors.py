"""Every error that this project raises on purpose.

    DriverActivityError
    |-- MediaError                  what a client sent
    |   |-- UnsupportedMediaError   not a container, codec or image type that is accepted
    |   |-- UndecodableMediaError   of an accepted kind, but broken
    |   |-- MediaTooShortError      fewer frames than the documented minimum
    |   |-- MediaLimitError         over a limit: names the limit, what was found, what is accepted
    |   `-- InvalidFramesError      an array or a batch of images of the wrong dtype or shape
    `-- ModelError                  what an operator installed
        |-- UnknownModelError       no such name, version or alias
        |-- ModelNotReadyError      known, but not loaded; says why
        |-- AliasTakenError         an alias would have the name of a model
        |-- ModelInUseError         what leads to it, or compares it, needs it
        |-- InvalidCardError        card.json is missing, malformed or contradicts itself
        |-- CorruptFileError        a file is missing or its sha256 is not the card's
        |-- ForeignFileError        a file is not one of the folder of models
        |-- UnsafeFolderError       others can write what only the service should
        |-- SignatureError          nobody who is trusted has signed the card
        |-- SigningKeyError         a key of signatures cannot be used
        |-- WeightsError            tensors do not fit the network
        `-- GoldenClipError         the network does not answer as its card says

Errors carry facts as attributes and no HTTP status: mapping them is the service's business. They
are built from positional facts, so that they can be made anew outside of a worker process.
"""


class DriverActivityError(Exception):
    """Base of all errors of this project."""


class MediaError(DriverActivityError):
    """A client's video or frames cannot be used."""


class UnsupportedMediaError(MediaError):
    """The media is of a kind that is not accepted."""


class UndecodableMediaError(MediaError):
    """The media is of an accepted kind, but cannot be decoded."""


class MediaTooShortError(MediaError):
    """The media holds fewer frames than the minimum."""

    def __init__(self, num_frames: int, min_frames: int) -> None:
        super().__init__(num_frames, min_frames)
        self.num_frames = num_frames
        self.min_frames = min_frames

    def __str__(self) -> str:
        return f"video has {self.num_frames} frames, needs at least {self.min_frames}"


class MediaLimitError(MediaError):
    """The media is over a limit.

    Attributes:
        limit: Name of the limit, which is the name of its setting, such as `max_pixels`.
        found: What the media has, or the least that is known of it.
        accepted: The largest value that is accepted.
    """

    def __init__(self, limit: str, found: float, accepted: float) -> None:
        super().__init__(limit, found, accepted)
        self.limit = limit
        self.found = found
        self.accepted = accepted

    def __str__(self) -> str:
        return f"{self.limit}: found {_word(self.found)}, accepted at most {_word(self.accepted)}"


def _word(value: float) -> str:
    """Return counts with all their digits, and what was measured with six."""
    return str(value) if isinstance(value, int) else f"{value:g}"


class InvalidFramesError(MediaError):
    """An array or a batch of images has the wrong dtype or shape."""


class ModelError(DriverActivityError):
    """A model cannot be used."""


class UnknownModelError(ModelError):
    """No model of that name, version or alias is installed."""

    def __init__(self, reference: str, known: tuple[str, ...]) -> None:
        super().__init__(reference, known)
        self.reference = reference
        self.known = known

    def __str__(self) -> str:
        return f"unknown model {self.reference!r}, known: {', '.join(self.known) or 'none'}"


class ModelNotReadyError(ModelError):
    """The model is installed, but not loaded."""

    def __init__(self, reference: str, reason: str) -> None:
        super().__init__(reference, reason)
        self.reference = reference
        self.reason = reason

    def __str__(self) -> str:
        return f"model {self.reference!r} is not ready: {self.reason}"


class AliasTakenError(ModelError):
    """An alias would have the name of an installed model, and hide it."""


class ModelInUseError(ModelError):
    """The model cannot be unloaded or replaced, because something needs it."""

    def __init__(self, reference: str, reason: str) -> None:
        super().__init__(reference, reason)
        self.reference = reference
        self.reason = reason

    def __str__(self) -> str:
        return f"model {self.reference!r} is in use: {self.reason}"


class InvalidCardError(ModelError):
    """A model folder's card.json is missing, malformed or contradicts itself."""


class CorruptFileError(ModelError):
    """A file of a model folder is missing, or is not the one that its card names."""


class ForeignFileError(ModelError):
    """A file of a model folder leads out of the folder of models, or is no file to read."""


class UnsafeFolderError(ModelError):
    """A folder that only the service's user should write cannot be used as one."""


class SignatureError(ModelError):
    """A card must be signed, and is not, or not by whom the operator trusts."""


class SigningKeyError(ModelError):
    """A key that signatures are made or checked with cannot be used."""


class WeightsError(ModelError):
    """Tensors do not fit the network that should take them."""


class GoldenClipError(ModelError):
    """A loaded network does not answer its card's golden clip as it did when it was made."""
