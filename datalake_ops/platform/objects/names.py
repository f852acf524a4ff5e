"""Object names: validation and generation."""

from __future__ import annotations

from uuid import UUID, uuid4

from datalake_ops.wire.media_types import ending_of

NAME_BYTES = 1024  # the longest key S3 takes
# First folder of a generated name, by the wire's object type.
FOLDERS = {"DATA": "data", "DATA_PROJECTION": "projections", "LOGGING": "logs"}


class BadNameError(ValueError):
    """The object name cannot be stored safely; the text has the reason."""


def check_object_name(name: str) -> str:
    """Return `name` if it is a plain relative path of printable parts.

    Raises:
        BadNameError: it is empty, too long, absolute, not Unicode text, or has an empty, `.` or `..` part.
    """
    if not name or "\0" in name:
        raise BadNameError("An object name must not be empty and must not hold a NUL character.")
    try:
        length = len(name.encode())
    except UnicodeEncodeError as error:
        raise BadNameError("An object name must be valid Unicode text.") from error
    if length > NAME_BYTES:
        raise BadNameError(f"An object name has at most {NAME_BYTES} bytes, this one has {length}.")
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise BadNameError(f"The object name {name!r} must be relative, without empty, '.' or '..' parts.")
    return name


def generate_object_name(kind: str, filename: str, upload_dir: str | None = None, owner: UUID | None = None) -> str:
    """Generate a unique name: a fresh uuid4 under a folder, with the file's extension kept.

    Args:
        kind: the wire's object type; unknown ones get their own lower-case folder.
        filename: only its extension is used.
        upload_dir: becomes the name's prefix, in place of the folder of `kind`.
        owner: the job, experiment, ... that the object belongs to; becomes one more folder.

    Raises:
        BadNameError: `upload_dir` is no safe relative path.
    """
    folder = upload_dir.strip("/") if upload_dir else FOLDERS.get(kind, kind.lower())
    parts = [folder, str(owner)] if owner else [folder]
    return check_object_name("/".join([*parts, f"{uuid4()}{ending_of(filename)}"]))


def payload_name(job: UUID) -> str:
    """Name of the platform's object that lists the data for a job's program."""
    return f"jobs/{job}/payload.json"
