"""What a mail server's answer means for the mail: try later, give up, or nobody can know."""

import smtplib

from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused

from activities.models import Delivery

State = Delivery.State


def fate_of(error: Exception) -> Delivery.State:
    """The state a delivery takes after this error while it was being handed over.

    `waiting` only where the server said that it did not take the mail, `failed` where it said that it never
    will; all else (a dropped line, a time-out, a surprise) is `unsure`: the mail may have gone out.
    """
    match error:
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _reason in error.recipients.values()]
            return State.FAILED if all(code >= 500 for code in codes) else State.WAITING
        case smtplib.SMTPDataError():
            return State.FAILED if error.smtp_code >= 500 else State.WAITING
        case smtplib.SMTPServerDisconnected():
            return State.UNSURE
        case smtplib.SMTPResponseException() | smtplib.SMTPNotSupportedError():
            return State.WAITING  # the sender, the greeting or the login was refused: ours to mend
        case AnymailRecipientsRefused():
            return State.FAILED
        case AnymailAPIError():
            return State.WAITING if 400 <= (error.status_code or 0) < 500 else State.UNSURE
        case AnymailError():
            return State.WAITING  # refused before anything was asked of the provider
        case _:
            return State.UNSURE


def in_words(error: Exception) -> str:
    """One line for the row and the console: what the server said, without the address it said it about."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            return "; ".join(f"{code} {_text(reason)}" for code, reason in error.recipients.values())
        case smtplib.SMTPResponseException():
            return f"{error.smtp_code} {_text(error.smtp_error)}"
        case _:
            return f"{type(error).__name__}: {error}"[:500]


def _text(reason: bytes | str) -> str:
    return (reason.decode(errors="replace") if isinstance(reason, bytes) else reason)[:500]
