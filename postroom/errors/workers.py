"""What may befall the worker processes that take mails apart."""

from __future__ import annotations

from postroom.errors.base import TransientError


class WorkerDied(TransientError):
    """A worker process died while it took messages apart.

    It is as if a host had died over them: each is tried again at once, by another process, and costs no
    attempt. A message that processes died over twice is tried alone. Where many die, look at the memory of
    this machine: `dmesg` tells whom the system ended.
    """

    code = "E-WORKER"

    def __init__(self, cause: str, *, fix: str = "") -> None:
        super().__init__(f"a worker process {cause}", fix=fix)
        self.cause = cause


class WorkerUnavailable(TransientError):
    """No worker process can be started, so mails are taken apart in this process, on one core.

    Look at the memory of this machine and at the number of its processes. It is tried again after a minute;
    `jobs.processes = 0` wants none.
    """

    code = "E-WORKER-START"
