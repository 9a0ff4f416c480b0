"""What is kept out of the log."""

import logging


class NoRefusals(logging.Filter):
    """An upgrade answered with an HTTP status is a refusal, not an error of ours, whatever uvicorn says."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "without completing handshake" not in record.msg
