"""Every error that a user can cause, with its exit code and its HTTP status."""


class SaccadeError(Exception):
    """An error whose message says what happened, with which value, and what to do next."""

    exit_code = 1
    http_status = 500


class UsageError(SaccadeError):
    """The command or its environment is wrong: a missing path, a taken port, no Java."""

    exit_code = 2
    http_status = 400


class SpecError(UsageError):
    """A preprocessing, training or scoring parameter is impossible."""


class DataError(SaccadeError):
    """The images or labels cannot be used as they are."""

    exit_code = 3
    http_status = 400


class BundleError(SaccadeError):
    """A dataset or model bundle is incomplete, altered, or of another version."""

    exit_code = 3
    http_status = 503


class ServingError(SaccadeError):
    """A server did not start, did not answer, or answered with an error."""

    http_status = 503


class StorageError(SaccadeError):
    """A disk is full or read-only; what was there before is unharmed."""


class QualityGateError(SaccadeError):
    """The work is done but a figure stays under the limit that was asked for."""

    exit_code = 4
    http_status = 409
