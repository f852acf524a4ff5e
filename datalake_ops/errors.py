"""Everything that datalake-ops raises.

    DatalakeError
    ├── ConfigurationError (ValueError)         host, token or an argument cannot be right
    │   └── ArgumentError                       a field's value cannot be meant; `.field` names it
    ├── SecretPickleError (PicklingError)       a hook or a connection is not pickled, for it holds a token
    ├── NetworkError (ConnectionError)          no answer: refused, cut, unreadable
    │   ├── AnswerTimeoutError (TimeoutError)   the platform took too long
    │   ├── AmbiguousRequestError               the answer was lost; the platform may have done the work
    │   └── HostDownError                       nothing answered for so long that this was not tried
    ├── AnswerError                             the platform answered, and refused
    │   ├── BadRequestError (ValueError)        400, 422
    │   │   └── InvalidQueryError               400 to a query, or more than one match where one was asked
    │   ├── UnauthorizedError                   401
    │   ├── InsufficientResourcesError          402
    │   ├── ForbiddenError                      403
    │   ├── NotFoundError (LookupError)         404
    │   ├── ResourceConflictError               208, 409
    │   ├── RequestTooLargeError                413
    │   ├── ResourceLockedError                 423
    │   ├── TooManyRequestsError                429
    │   ├── StorageFullError                    507
    │   └── ServerError                         500 and above, but 507
    ├── UnexpectedAnswerError                   the answer has not the wire's form
    ├── UnsupportedError                        this platform does not offer what was asked
    ├── NoDataError (LookupError)               there is nothing to do: nothing matches, or what was given is empty
    ├── NothingDoneError                        an upload in which every file failed
    ├── IncompleteUploadError                   an upload in which more files failed than may; `.report` tells which
    ├── UploadError                             one file could not be uploaded; `.path` is its full path
    │   ├── InvalidFileError (ValueError)       missing, empty, unreadable, not a file
    │   │   ├── IncompleteSourceError           a folder or a manifest that could not be read to its end
    │   │   ├── EmptySourceError (NoDataError)  a folder or a pattern without a file to upload
    │   │   └── UnsupportedFileError            a kind of file that the platform does not read
    │   └── UnprocessableDataError              stored, but the platform cannot read it
    ├── DownloadError                           data could not be downloaded; `.failures` and `.paths` tell which
    ├── QualityGateError                        data do not keep the rules of a quality gate
    ├── DataWaitTimeoutError (TimeoutError)     data did not arrive in time
    └── JobError                                `.job`, `.url` and `.log` tell which and why
        ├── JobFailedError
        ├── JobKilledError
        ├── JobLostError (LookupError)          the platform no longer knows the job
        └── JobWaitTimeoutError (TimeoutError)  the job goes on; only the wait ended

Every class survives `pickle`, so that Airflow and Prefect can carry it between processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pickle import PicklingError
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from datalake_ops.wire.data import Data
    from datalake_ops.wire.jobs import Job


class Report(Protocol):
    """Report of an upload, as its errors carry it: an `UploadReport`."""

    @property
    def files(self) -> Sequence[Any]:
        """The row of each file, in input order."""

    @property
    def errors(self) -> list[UploadError]:
        """The error of each failed file, in input order."""

    def counts(self) -> dict[str, int]:
        """Return the number of files by status."""

    def retry(self, hook: Any, **changes: Any) -> Any:
        """Upload the failed files again."""


class DatalakeError(Exception):
    """Root of every error of datalake-ops; its text says what happened and what to do."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The default rebuilds by calling the class with `args`, which fails for keyword-only attributes.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(cls: type[DatalakeError], args: tuple[Any, ...], state: dict[str, Any]) -> DatalakeError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(DatalakeError, ValueError):
    """The connection, the environment or an argument cannot be right; nothing was sent."""


class ArgumentError(ConfigurationError):
    """An argument's value is not what its field takes; nothing was sent. The text says what to write."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class SecretPickleError(DatalakeError, PicklingError):
    """A value that holds a token is not pickled; nothing was written."""

    @classmethod
    def of(cls, value: object) -> SecretPickleError:
        """Return the error of a value that was to be pickled."""
        return cls(
            f"A {type(value).__name__} is not pickled, for its token could be read in the pickle. Make it where it is "
            "used: DatalakeHook.from_env() of the worker's environment, or hand on the name of a saved Prefect block "
            "(DatalakeCredentials) or of an Airflow connection."
        )


class NetworkError(DatalakeError, ConnectionError):
    """The platform could not be reached, or its answer could not be read."""


class AnswerTimeoutError(NetworkError, TimeoutError):
    """The platform did not answer in time."""


class AmbiguousRequestError(NetworkError):
    """The answer was lost and the request must not be repeated blindly: the platform may have done the work."""


class HostDownError(NetworkError):
    """A host did not answer anybody for so long that the rest was not tried; nothing of it was sent."""


class AnswerError(DatalakeError):
    """The platform refused; `.status`, `.method`, `.path`, `.detail` and `.retry_after` (seconds) tell more."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        method: str = "",
        path: str = "",
        detail: Any = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.method = method
        self.path = path
        self.detail = detail
        self.retry_after = retry_after


class BadRequestError(AnswerError, ValueError):
    """400 or 422: the platform does not accept what was sent."""


class InvalidQueryError(BadRequestError):
    """The query text is wrong, or a search for one object matched several."""


class UnauthorizedError(AnswerError):
    """401: the token is missing, wrong or expired."""


class InsufficientResourcesError(AnswerError):
    """402: the organization has no quota left."""


class ForbiddenError(AnswerError):
    """403: the token may not do this."""


class NotFoundError(AnswerError, LookupError):
    """404: there is no such object, or the token may not see it."""


class ResourceConflictError(AnswerError):
    """208 or 409: an object of that name is there already."""


class RequestTooLargeError(AnswerError):
    """413: the body is larger than the platform takes."""


class ResourceLockedError(AnswerError):
    """423: another operation holds the object."""


class TooManyRequestsError(AnswerError):
    """429: slow down; `.retry_after` is the platform's word on how long."""


class StorageFullError(AnswerError):
    """507: the platform's storage is full; the same request meets the same answer until somebody frees space."""


class ServerError(AnswerError):
    """500 and above, but 507: the platform failed."""


class UnexpectedAnswerError(DatalakeError):
    """The answer is not of the wire's form: a proxy in between, or another version of the platform."""


class UnsupportedError(DatalakeError):
    """This platform does not offer the extension that the call needs."""


class NoDataError(DatalakeError, LookupError):
    """There is nothing to do: no data match, or the data, files, jobs or names that were given are none."""


class NothingDoneError(DatalakeError):
    """Every file of an upload failed; `.errors` holds one error per file, `.report` a row for each, and `.retry`."""

    def __init__(self, message: str, errors: Sequence[UploadError] = (), report: Report | None = None) -> None:
        super().__init__(message)
        self.errors = list(errors)
        self.report = report


class IncompleteUploadError(DatalakeError):
    """More files of an upload failed than the caller tolerates; `.report` has a row for each, and `.retry`."""

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message)
        self.report = report


class UploadError(DatalakeError):
    """One file could not be uploaded; `.path` is its full path, ready to be given to a new upload."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class InvalidFileError(UploadError, ValueError):
    """The file is missing, empty, unreadable or not a file; nothing was sent."""


class IncompleteSourceError(InvalidFileError):
    """A folder or a manifest could not be read to its end, so nobody knows how many files are missing."""


class EmptySourceError(InvalidFileError, NoDataError):
    """A folder or a pattern holds no file to upload."""


class UnsupportedFileError(InvalidFileError):
    """The platform does not read files of this kind; nothing was sent."""


class UnprocessableDataError(UploadError):
    """The file was stored, as `.data`, but the platform could not read it as an image or a video."""

    def __init__(self, message: str, path: str = "", data: Data | None = None) -> None:
        super().__init__(message, path)
        self.data = data


class DownloadError(DatalakeError):
    """A data could not be downloaded whole; one of many carries the paths of the others, and each failure, by id."""

    def __init__(
        self, message: str, paths: Mapping[UUID, Path] | None = None, failures: Mapping[UUID, Exception] | None = None
    ) -> None:
        super().__init__(message)
        self.paths = dict(paths or {})
        self.failures = dict(failures or {})


class QualityGateError(DatalakeError):
    """Data do not keep the rules of a quality gate; the text has each rule that is broken, with the counts."""


class DataWaitTimeoutError(DatalakeError, TimeoutError):
    """The data that were waited for did not arrive in time."""


class JobError(DatalakeError):
    """A job did not end well; carries the job, its page on the platform and the last lines of its log."""

    def __init__(self, message: str, job: Job | None = None, url: str | None = None, log: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.job = job
        self.url = url
        self.log = list(log)


class JobFailedError(JobError):
    """The job ended in failure."""


class JobKilledError(JobError):
    """The job was stopped before it could end."""


class JobLostError(JobError, LookupError):
    """The platform no longer knows a job that it had started, so nobody will learn how it ended."""


class JobWaitTimeoutError(JobError, TimeoutError):
    """The wait reached its deadline; the job itself goes on."""


ERROR_OF_STATUS: dict[int, type[AnswerError]] = {
    208: ResourceConflictError,
    400: BadRequestError,
    401: UnauthorizedError,
    402: InsufficientResourcesError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ResourceConflictError,
    413: RequestTooLargeError,
    422: BadRequestError,
    423: ResourceLockedError,
    429: TooManyRequestsError,
    507: StorageFullError,
}


class ErrorManager:
    """Collects the errors of an upload, one per file that failed, for the caller to read afterwards.

    The official SDK's class of the same name is used the same way: pass one to `upload_data`, then read `.errors`.
    """

    def __init__(self) -> None:
        self.errors: list[UploadError] = []

    def append_error(self, error: UploadError) -> None:
        """Keep one more error."""
        self.errors.append(error)
