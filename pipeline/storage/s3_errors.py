"""What an S3 service's answers mean for us: one table, read by status and code."""

from collections.abc import Mapping

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    InvalidRegionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)

from pipeline.storage.port import (
    InvalidObject,
    ObjectExists,
    ObjectMissing,
    ObjectTooLarge,
    StorageError,
    StoreRefused,
    StoreUnavailable,
)

CREDENTIALS = "Check CALLSHEET_S3_ACCESS_KEY and CALLSHEET_S3_SECRET_KEY, and what they may do."
BUCKET = "Check CALLSHEET_S3_BUCKET and CALLSHEET_S3_REGION."
CLOCK = "Set this machine's clock: signatures carry the time."
AWAY = "Check that the service runs and that CALLSHEET_S3_ENDPOINT is its address, then try again."
AGAIN = "Try again."

Meaning = tuple[type[StorageError], str]

CODES: Mapping[str, Meaning] = {
    "NoSuchKey": (ObjectMissing, ""),
    "NoSuchBucket": (StoreRefused, BUCKET),
    "InvalidBucketName": (StoreRefused, BUCKET),
    "PermanentRedirect": (StoreRefused, BUCKET),
    "AuthorizationHeaderMalformed": (StoreRefused, BUCKET),
    "PreconditionFailed": (ObjectExists, ""),
    "ConditionalRequestConflict": (StoreUnavailable, AGAIN),
    "OperationAborted": (StoreUnavailable, AGAIN),
    "EntityTooLarge": (ObjectTooLarge, ""),
    "RequestTimeTooSkewed": (StoreRefused, CLOCK),
    "RequestTimeout": (StoreUnavailable, AGAIN),
    "KeyTooLongError": (InvalidObject, ""),
    "MetadataTooLarge": (InvalidObject, ""),
}

STATUSES: Mapping[int, Meaning] = {
    301: (StoreRefused, BUCKET),
    307: (StoreRefused, BUCKET),
    401: (StoreRefused, CREDENTIALS),
    403: (StoreRefused, CREDENTIALS),
    404: (ObjectMissing, ""),
    409: (StoreUnavailable, AGAIN),
    412: (ObjectExists, ""),
    413: (ObjectTooLarge, ""),
    429: (StoreUnavailable, AGAIN),
}
"""For answers without a body, such as those to HEAD, and for codes that are not in the table above."""

TRANSPORT: Mapping[type[BotoCoreError], Meaning] = {
    NoCredentialsError: (StoreRefused, CREDENTIALS),
    PartialCredentialsError: (StoreRefused, CREDENTIALS),
    ParamValidationError: (InvalidObject, ""),
    InvalidRegionError: (StoreRefused, BUCKET),
    BotoConnectionError: (StoreUnavailable, AWAY),
    HTTPClientError: (StoreUnavailable, AWAY),
    IncompleteReadError: (StoreUnavailable, AGAIN),
    FlexibleChecksumError: (StoreUnavailable, AGAIN),
}


def code_of(error: BaseException | None) -> str:
    """Return the service's code, or the empty string where it gave none."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def status_of(error: ClientError) -> int:
    """Return the HTTP status of an answer."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def translate(error: BotoCoreError | ClientError, doing: str) -> StorageError:
    """Return our error for the SDK's: what could not be done, the service's code, and what to do next."""
    meaning, fix = _meaning(error)
    cause = f"{status_of(error)} {code_of(error)}".strip() if isinstance(error, ClientError) else type(error).__name__
    return meaning(f"The store could not {doing} ({cause}).{f' {fix}' if fix else ''}")


def _meaning(error: BotoCoreError | ClientError) -> Meaning:
    if not isinstance(error, ClientError):
        return next((meaning for kind, meaning in TRANSPORT.items() if isinstance(error, kind)), (StorageError, ""))
    status = status_of(error)
    if status >= 500:  # noqa: PLR2004 - 5xx
        return StoreUnavailable, AGAIN
    return CODES.get(code_of(error)) or STATUSES.get(status) or (StorageError, "")
