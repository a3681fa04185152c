"""The connection to an S3 service: boto3's client, made when it is first asked for, for every thread."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any

from boto3.session import Session
from botocore.config import Config

from postroom.config.masked import Secret
from postroom.config.settings import Addressing, Bucket, Storage
from postroom.storage.s3_shortcut import Shortcut

_ANY_REGION = "us-east-1"  # what services that know no regions call theirs


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one request may take, and how often boto3 tries it before the archive counts as away."""

    connect_seconds: float = 5.0
    read_seconds: float = 20.0  # without a byte
    attempts: int = 3


PATIENT = Patience()


class Connection:
    """A bucket and the client that speaks to its service; nothing is sent before it is used.

    `connections` is how many threads may use it at once without waiting for one another's connections.
    """

    def __init__(
        self, storage: Storage, bucket: Bucket, *, connections: int, patience: Patience = PATIENT
    ) -> None:
        self.bucket = bucket
        self._storage = storage
        self._connections, self._patience = connections, patience
        self._lock = Lock()

    @property
    def client(self) -> Any:  # boto3 makes its classes at run time
        """Return the client.  Raises BotoCoreError where the machine's own AWS settings are unsound."""
        with self._lock:  # a client may be shared, but not made by two threads at once
            return self._client

    @property
    def shortcut(self) -> Shortcut:
        """Return the way without boto3's layers, for requests for one object; otherwise as `client`."""
        with self._lock:
            return self._shortcut

    @cached_property
    def _shortcut(self) -> Shortcut:
        return Shortcut(self._client, lambda: self.session.get_credentials().get_frozen_credentials())

    @cached_property
    def _client(self) -> Any:
        bucket, session = self.bucket, self.session
        client = session.client(
            "s3",
            region_name=bucket.region or session.region_name or _ANY_REGION,
            endpoint_url=bucket.endpoint,
            verify=str(bucket.ca) if bucket.ca else None,
            config=Config(
                connect_timeout=self._patience.connect_seconds,
                read_timeout=self._patience.read_seconds,
                retries={"mode": "standard", "total_max_attempts": self._patience.attempts},
                max_pool_connections=self._connections,
                tcp_keepalive=True,
                # Old services refuse the checksums that boto3 adds by itself; postroom sends Content-MD5.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": _addressing(bucket)},
                user_agent_extra="postroom",
            ),
        )
        client.meta.events.register("before-call.s3.HeadBucket", _ask_once)
        return client

    @cached_property
    def session(self) -> Session:
        """Return boto3's session, which looks for keys where none are set."""
        storage = self._storage
        return Session(
            aws_access_key_id=_revealed(storage.access_key),
            aws_secret_access_key=_revealed(storage.secret_key),
            aws_session_token=_revealed(storage.session_token),
        )

    def place(self, key: str) -> dict[str, str]:
        """Return where an object lies, as the client's methods want it."""
        prefix = f"{self.bucket.prefix}/" if self.bucket.prefix else ""
        return {"Bucket": self.bucket.name, "Key": prefix + key}

    def encryption(self) -> dict[str, str]:
        """Return the encryption to be asked for with a new object; none means the bucket's default."""
        wanted = {"ServerSideEncryption": self.bucket.sse, "SSEKMSKeyId": self.bucket.sse_key}
        return {name: value for name, value in wanted.items() if value}


def _ask_once(params: dict[str, Any], **_: object) -> None:
    """Keep a redirect in bounds: botocore asks HeadBucket where to, and would follow its redirect too."""
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def _addressing(bucket: Bucket) -> str:
    """Return botocore's word; its own "auto" wants a DNS name for each bucket at any endpoint."""
    if bucket.addressing is Addressing.AUTO:
        return "path" if bucket.endpoint else "virtual"
    return bucket.addressing.value


def _revealed(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None
