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


class NoTraceOfRefusals(logging.Filter):
    """Whoever asks for what is not theirs, or not there, leaves a line and not a traceback: nothing of ours has failed."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = None
        return True
