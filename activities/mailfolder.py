"""Mail without a server: one `.eml` file per message, for the demo and for trying things out."""

import hashlib
import os
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class EmailBackend(BaseEmailBackend):
    def open(self) -> bool:
        Path(settings.MAIL_DIR).mkdir(mode=0o700, parents=True, exist_ok=True)
        return False

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        self.open()
        for email_message in email_messages:
            _write(email_message, folder=Path(settings.MAIL_DIR))
        return len(email_messages)


def _write(email_message: EmailMessage, *, folder: Path) -> None:
    """A reader sees the whole file or none; names sort by time, and one message has one name."""
    message = email_message.message()
    sent = parsedate_to_datetime(message["Date"])
    digest = hashlib.sha256(str(message["Message-ID"]).encode()).hexdigest()[:16]
    name = f"{sent:%Y%m%dT%H%M%S}-{digest}.eml"
    aside = folder / f".{name}.{os.getpid()}.part"
    with aside.open("wb") as file:
        file.write(message.as_bytes())
        file.flush()
        os.fsync(file.fileno())
    aside.replace(folder / name)
