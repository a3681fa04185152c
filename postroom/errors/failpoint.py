"""What a failpoint brings: an order that cannot be obeyed, and the error that was ordered."""

from __future__ import annotations

from postroom.errors.base import Exit, OperatorError, TransientError


class FailpointUnknown(OperatorError):
    """POSTROOM_FAILPOINT names no place that there is, or nothing that can be done there.

    `postroom failpoints` lists the places, and how the variable is written. Outside of tests it is unset.
    """

    code = "E-FAILPOINT"
    exit = Exit.USAGE


class FailpointReached(TransientError):
    """POSTROOM_FAILPOINT asked for an error at this place, and here it is.

    Nothing is wrong, and no mail is lost by it. Outside of tests the variable is unset.
    """

    code = "E-FAILPOINT-REACHED"
