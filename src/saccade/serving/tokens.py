"""The file with the bearer token that a server asks for and a client sends."""

from pathlib import Path

from saccade.core.errors import UsageError


def read_token(file: Path) -> bytes:
    """Returns the token that a file holds, without the line's end. Raises UsageError for none."""
    try:
        token = file.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"The token file '{file}' cannot be read: {error.strerror}.") from error
    if not token:
        raise UsageError(f"The token file '{file}' is empty. Write a long random word into it.")
    return token
