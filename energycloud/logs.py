"""What is kept out of the log."""

import logging

STRANGERS = (
    # An upgrade answered with an HTTP status is a refusal, not an error of ours, whatever uvicorn says.
    "without completing handshake",
    # A line for each broken request would be a flood that an outsider controls.
    "Invalid HTTP request received",
    "Unsupported upgrade request",
)


class NoRefusals(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not any(text in str(record.msg) for text in STRANGERS)


class NoCards(logging.Filter):
    """What card providers ask for is logged without the rest of its path, in which the UID of a card may stand."""

    def filter(self, record: logging.LogRecord) -> bool:
        path = getattr(getattr(record, "request", None), "path", "")
        if path.startswith("/ocpi/") and isinstance(record.args, tuple):
            record.args = tuple("/ocpi/…" if isinstance(arg, str) and "/ocpi/" in arg else arg for arg in record.args)
        return True


class NoTraceOfRefusals(logging.Filter):
    """Whoever asks for what is not theirs, or not there, leaves a line and not a traceback: nothing of ours has failed."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = None
        return True
