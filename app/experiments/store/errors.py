"""What can be wrong with the records.

DriverActivityError
`-- RecordsError
    |-- InvalidRecordsUrlError       the setting names no database that is supported
    |-- RecordsUnavailableError      the database or the folder cannot be used now
    |-- ForeignDatabaseError         something else is in the place of the records
    |   `-- NewerDatabaseError       records of a later release
    |-- ExperimentExistsError        the name is taken
    |-- OverlappingExperimentsError  two experiments on the requests of one alias
    |-- UnknownExperimentError       no such name
    |-- ExperimentEndedError         what has ended does not change
    `-- InvalidFeedbackError         unknown requests or activities
"""

from models.errors import DriverActivityError


class RecordsError(DriverActivityError):
    """The records cannot do what was asked."""


class InvalidRecordsUrlError(RecordsError):
    """The URL names no database that is supported; it is not shown, it may hold a password."""

    def __str__(self) -> str:
        return (
            "the URL of the records is neither sqlite:///<file> nor "
            "postgresql+psycopg://<user>:<password>@<host>/<database>"
        )


class MissingDriverError(RecordsError):
    """The package that speaks to the database is not installed."""

    def __str__(self) -> str:
        return f"{self.args[0]} is not installed; the extra 'postgresql' of the project has it"


class RecordsUnavailableError(RecordsError):
    """The database, or the folder of the journals, cannot be used at the moment."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"records at {self.where} are not available: {self.reason}"


class ForeignDatabaseError(RecordsError):
    """What is there is no database, or not one of records; it was left as it is."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.where} does not hold records: {self.reason}"


class NewerDatabaseError(ForeignDatabaseError):
    """The database was made by a later release; it was left as it is."""

    def __init__(self, where: str, found: str, known: str) -> None:
        super().__init__(where, f"it has revision {found!r}, the newest known is {known!r}")
        self.args = (where, found, known)
        self.found = found
        self.known = known


class ExperimentExistsError(RecordsError):
    """An experiment of that name was made before."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"there is an experiment {self.name!r} already"


class OverlappingExperimentsError(RecordsError):
    """Another experiment that has not ended takes the requests of the same alias."""

    def __init__(self, name: str, other: str, alias: str) -> None:
        super().__init__(name, other, alias)
        self.name = name
        self.other = other
        self.alias = alias

    def __str__(self) -> str:
        return (
            f"experiment {self.name!r} wants alias {self.alias!r}, "
            f"which belongs to {self.other!r} until that has ended"
        )


class UnknownExperimentError(RecordsError):
    """No experiment has that name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return f"unknown experiment {self.name!r}, known: {', '.join(self.known) or 'none'}"


class ExperimentEndedError(RecordsError):
    """The experiment has ended, and does not change any more."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"experiment {self.name!r} has ended"


class InvalidFeedbackError(RecordsError):
    """Some of the feedback fits no request; none of it was stored.

    Attributes:
        faults: What is wrong with the first of them, for people.
        num_faults: How many are wrong.
    """

    def __init__(self, faults: tuple[str, ...], num_faults: int) -> None:
        super().__init__(faults, num_faults)
        self.faults = faults
        self.num_faults = num_faults

    def __str__(self) -> str:
        rest = self.num_faults - len(self.faults)
        return "; ".join((*self.faults, *([f"and {rest} more"] if rest else [])))


UNAVAILABLE = (RecordsUnavailableError, ForeignDatabaseError)
"""What is raised while there is no database of records to ask."""
