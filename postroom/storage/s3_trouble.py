"""What an S3 service says when it does not do what it was asked: an outage, and the way out of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from postroom.config.settings import Bucket
from postroom.errors import (
    BucketUnusable,
    StoreAccessRefused,
    StoreLoginRefused,
    StoreUnavailable,
    StoreUnreachable,
)

# Amazon S3 API reference, "Error responses"; Ceph, MinIO and Garage use the same words.
_LOGIN = {
    "AuthFailure", "ExpiredToken", "InvalidAccessKeyId", "InvalidSecurity", "InvalidToken",
    "RequestTimeTooSkewed", "SignatureDoesNotMatch", "TokenRefreshRequired", "UnrecognizedClientException",
}  # fmt: skip
_ACCESS = {"403", "AccessDenied", "AccountProblem", "AllAccessDisabled", "Forbidden", "UnauthorizedAccess"}
_BUCKET = {
    "301", "400", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "InvalidBucketName",
    "NoSuchBucket", "PermanentRedirect", "TemporaryRedirect",
}  # fmt: skip
_NO_KEYS = (
    boto.CredentialRetrievalError,
    boto.LoginError,
    boto.MetadataRetrievalError,
    boto.NoAuthTokenError,
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.ProfileNotFound,
    boto.SSOError,
    boto.TokenRetrievalError,
)
_BUCKET_FIX = "make the bucket, or correct `storage.url`, its region and its endpoint"
_KEYS_FIX = "set `storage.access_key` and `storage.secret_key`, or what boto3 looks for"


@contextmanager
def explained(what: str, bucket: Bucket) -> Iterator[None]:
    """Turn what boto3 raises into an outage of the archive: `what` could not be done, and why."""
    try:
        yield
    except boto.ClientError as error:
        raise refusal(f"{what} in the bucket {bucket.name}", error) from error
    except _NO_KEYS as error:
        raise StoreLoginRefused(f"{what}: no key for the S3 service: {error}", fix=_KEYS_FIX) from error
    except (boto.ConnectionError, boto.ConnectionClosedError) as error:
        raise StoreUnreachable(
            f"{what}: {error}", fix="postroom check --connect shows which step fails"
        ) from error
    except (boto.BotoCoreError, ResponseParserError) as error:
        raise StoreUnavailable(
            f"{what} in the bucket {bucket.name}: {error}", fix="see what the S3 service's own log says"
        ) from error


def code_of(error: boto.ClientError) -> str:
    """Return the service's word for the error; the HTTP status where the answer had no body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def refusal(what: str, error: boto.ClientError) -> StoreUnavailable:
    """Return what the service's answer means to a person."""
    code, message = code_of(error), error.response.get("Error", {}).get("Message")
    words = f"{what}: the S3 service said {code}" + (f": {message}" if message else "")
    if code in _LOGIN:
        fix = "set the clock of this machine" if code == "RequestTimeTooSkewed" else _KEYS_FIX
        return StoreLoginRefused(words, fix=fix)
    if code in _ACCESS:
        return StoreAccessRefused(words, fix="give the key the rights that docs/how-to/s3.md names")
    if code in _BUCKET:
        return BucketUnusable(words, fix=_BUCKET_FIX)
    return StoreUnavailable(words, fix="see what the S3 service's own log says")
