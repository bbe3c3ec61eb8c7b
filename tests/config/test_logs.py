"""What a failure leaves in the log: where it happened, and nothing that was in its hands."""

import json
import logging
import logging.config
import sys

import pytest
from django.core.exceptions import PermissionDenied

from config.logs import logging_settings


def line_of(*, as_json: bool) -> str:
    made = logging_settings(level="INFO", json=as_json)["formatters"]["line"]
    formatter = made.pop("()")(**made)
    try:
        secret = "sk_test_" + "held"  # noqa: F841  # a local variable of the frame that fails
        raise LookupError("no such thing")
    except LookupError:
        record = logging.LogRecord("django.request", logging.ERROR, __file__, 1, "It broke", None, sys.exc_info())
    text: str = formatter.format(record)
    return text


def test_a_failure_that_django_logs_has_its_traceback() -> None:
    line = json.loads(line_of(as_json=True))
    assert (line["event"], line["level"], line["logger"]) == ("It broke", "error", "django.request")
    assert "Traceback" in line["exception"]
    assert "LookupError: no such thing" in line["exception"]


def test_who_may_not_come_in_is_one_line_and_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    settings = logging_settings(level="INFO", json=True)
    settings["handlers"]["console"]["stream"] = sys.stderr
    logger = logging.getLogger("django.request")
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        logging.config.dictConfig(settings)
        for error in (PermissionDenied(), LookupError("no such thing")):
            logger.warning("Forbidden: %s", "/console/", exc_info=error)
    finally:
        logging.getLogger().handlers[:], logging.getLogger().level = before
    refused, broken = map(json.loads, capsys.readouterr().err.splitlines())
    assert refused["event"] == "Forbidden: /console/" and "exception" not in refused
    assert "LookupError: no such thing" in broken["exception"]


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_tells_no_local_variable(as_json: bool) -> None:
    line = line_of(as_json=as_json)
    assert "LookupError: no such thing" in line
    assert "sk_test_held" not in line
