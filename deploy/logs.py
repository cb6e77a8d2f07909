"""Structured logs on standard error, for people or for machines, with the correlation id of the call they belong to."""

from __future__ import annotations

import logging
import sys

import structlog

from services.kernel.settings import Log

QUIET = ("nameko", "kombu", "amqp", "alembic", "eventlet", "sqlalchemy")


def configure(settings: Log, quiet: bool = False) -> None:
    """Once per process. Libraries speak from WARNING up; expected errors of calls are answers, not log lines."""
    level = logging.ERROR if quiet else logging.getLevelNamesMapping()[settings.level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    machine = settings.format == "json"
    people = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        exception_formatter=structlog.dev.plain_traceback,  # the other shows variables, and so the data of people
    )
    renderer = structlog.processors.JSONRenderer() if machine else people
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer] if machine else [*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR if quiet else logging.WARNING)
    logging.getLogger("nameko.containers").addFilter(lambda record: "(expected) error" not in str(record.msg))
