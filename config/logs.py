"""Structured logs on standard error: JSON lines in production, plain ones where a person reads them."""

import logging
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def say_refusals_in_a_line(record: logging.LogRecord) -> bool:
    """Who may not come in is no failure: where the code said so tells nobody anything."""
    if record.exc_info and isinstance(record.exc_info[1], PermissionDenied):
        record.exc_info = None
    return True


def logging_settings(*, level: str, json: bool) -> dict[str, Any]:
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    # A plain traceback: a richer one prints local variables, and with them keys and addresses.
    console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    # Here, so that what Django and Celery log has its traceback too.
                    *(
                        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
                        if json
                        else [console]
                    ),
                ],
                "foreign_pre_chain": SHARED,
            }
        },
        "filters": {"refusals": {"()": "django.utils.log.CallbackFilter", "callback": say_refusals_in_a_line}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["refusals"]}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {"stripe": {"level": "WARNING"}, "kombu": {"level": "WARNING"}},
    }
