import pytest

from tests.contract.check import WHERE_PUBLISHED, document_path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says why nothing was judged, and where to get what is missing."""
    if not document_path().is_file():
        terminalreporter.write_line(
            f"{document_path()} is missing: {WHERE_PUBLISHED} STRIPE_OPENAPI says where it lies."
        )
