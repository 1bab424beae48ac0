"""What handlers raise to say more than that they failed, and why a worker gives up."""

from __future__ import annotations


class TaskError(Exception):
    """A failure that the handler itself chose to report.

    Args:
        code: The handler's own code: upper-case letters, digits and `_`, at most 63 characters.
        message: What went wrong, for people.
        payload: Details for programs: anything that JSON can hold; None for nothing.
        retryable: Whether the failure policy of the task may try again.
    """

    # What a subclass has whose own `__init__` does not call this one.
    code: str = "HANDLER_ERROR"
    message: str = ""
    payload: object = None
    retryable: bool = True

    def __init__(self, code: str, message: str, *, payload: object = None, retryable: bool = True) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.payload = payload
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class PermanentError(TaskError):
    """A failure that no retry can mend, whatever the failure policy says."""

    retryable: bool = False

    def __init__(self, message: str, *, code: str = "HANDLER_ERROR", payload: object = None) -> None:
        super().__init__(code, message, payload=payload, retryable=False)


class WorkerRefused(Exception):
    """The server does not want this worker as it is; trying again cannot help."""


class StreamBroken(Exception):
    """A session ended without either side wanting it to; the worker connects again."""
