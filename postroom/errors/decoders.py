"""What may befall the children that open containers."""

from __future__ import annotations

from postroom.errors.base import PermanentError, TransientError


class DecoderDied(PermanentError):
    """The child process that opens a winmail.dat, a signed mail or a zip died over it, or took too long.

    It costs this message one attempt and nothing else. At the last attempt the container is kept as it is,
    and everything else in the mail becomes documents as usual. `limits.unpack_time` and
    `limits.unpack_memory` say how much such a child may take.
    """

    code = "E-DECODER"


class MessageDeadly(PermanentError):
    """Processes died over this message, and a child that took it apart alone died too, or took too long.

    It costs this message one attempt; after the last one it is FAILED, and all others go on. Its raw mail is
    kept: `postroom messages --raw` writes it out, and `postroom replay` tries it again with a newer release.
    """

    code = "E-DEADLY"


class DecoderUnavailable(TransientError):
    """The child process that opens containers cannot be started, cannot write, or was ended from outside.

    Look at the memory of this machine, at the number of its processes, and at the disk of the temporary
    folder (`TMPDIR`) and of `state_dir`. Nothing is lost: the message is tried again later.
    """

    code = "E-DECODER-START"
