"""The model folders that are installed, and what has become of each."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.card import NAME_PATTERN, ModelCard, read_card
from models.classifier import ActivityClassifier
from models.errors import ModelError

ALIAS = re.compile(NAME_PATTERN)
REFERENCE = re.compile(rf"(?P<name>{NAME_PATTERN})(?:@(?P<version>[1-9][0-9]{{0,8}}))?")

State = Literal["not_loaded", "loading", "ready", "failed"]


@dataclass(kw_only=True)
class RegistryEntry:
    """One installed version of a model and what has become of it.

    Attributes:
        folder: Model folder `<name>/<version>`.
        state: `not_loaded` is installed and was not asked for; `failed` says why in `reason`.
        reason: Why the model is not ready. Of a model that is: why what lies in its folder now was
            not taken, empty while nothing is wrong.
        is_wanted: Whether it was asked for, so that it is loaded as soon as that is possible.
        card: The model's card, once it was read and is valid; of a loaded model, as it was loaded.
        classifier: The loaded model, when the state is `ready`.
    """

    folder: Path
    state: State = "not_loaded"
    reason: str = "not asked for"
    is_wanted: bool = False
    card: ModelCard | None = None
    classifier: ActivityClassifier | None = None

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.folder.parent.name

    @property
    def version(self) -> int:
        """Version of the model."""
        return int(self.folder.name)

    @property
    def reference(self) -> str:
        """The model's address, `name@version`."""
        return f"{self.name}@{self.version}"

    def is_stale(self) -> bool:
        """Say whether what is loaded is not what lies in the folder; reads the card."""
        try:
            return self.classifier is None or read_card(self.folder) != self.classifier.card
        except ModelError:
            return True

    def want(self) -> None:
        """Ask for the model, which is to be loaded."""
        self.is_wanted = True
        if self.classifier is None:
            self.state, self.reason = "loading", "still loading"

    def read_card(self) -> None:
        """Read the card, so that the model can be shown before it is loaded, or if it never is."""
        try:
            self.card = read_card(self.folder)
        except ModelError as exc:
            self.fail(str(exc))

    def serve(self, classifier: ActivityClassifier) -> None:
        """Answer with this from now on."""
        self.classifier, self.card = classifier, classifier.card
        self.state, self.reason = "ready", ""

    def fail(self, reason: str) -> None:
        """Note why the model was not loaded; what was loaded before goes on answering."""
        self.reason = reason
        if self.classifier is None:
            self.state = "failed"

    def drop(self) -> None:
        """Answer no more; requests under way keep what they have."""
        self.state, self.reason, self.is_wanted = "not_loaded", "unloaded", False
        self.classifier = None


def find_models(root: Path) -> list[RegistryEntry]:
    """Return an entry, not loaded, for every folder `<name>/<version>` below a root."""
    return [
        RegistryEntry(folder=folder)
        for folder in sorted(root.glob("*/*"))
        if folder.is_dir() and REFERENCE.fullmatch(f"{folder.parent.name}@{folder.name}")
    ]
