"""The mail reader: messages that the product wrote as ``.eml`` files into the ``--mail`` folder."""

import email.policy
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from sandbox.box import box
from sandbox.pages.rail import show_page
from sandbox.pages.security import MAIL_POLICY

LINK = re.compile(r"https?://[^\s<>\"')\]]+[^\s<>\"')\].,;:!?]")
HREF = re.compile(r"""href=["'](https?://[^"']+)["']""")
SHOWN = 200


@dataclass(frozen=True)
class Mail:
    """One message as read from its file."""

    id: str
    to: str
    sender: str
    subject: str
    at: datetime
    text: str
    html: str

    @property
    def links(self) -> list[str]:
        """Distinct addresses in the text part, then in the HTML part."""
        found = LINK.findall(self.text) + [link.replace("&amp;", "&") for link in HREF.findall(self.html)]
        return list(dict.fromkeys(found))

    def as_json(self) -> dict[str, object]:
        """The shape that tests read."""
        return {
            "id": self.id,
            "to": self.to,
            "subject": self.subject,
            "date": self.at.isoformat(),
            "text": self.text,
            "links": self.links,
        }


@require_safe
def mailbox(request: HttpRequest) -> HttpResponse:
    """List messages, newest first; ``?format=json`` answers the list as data, ``?to=`` narrows it."""
    to = request.GET.get("to", "").strip().lower()
    mails = [mail for mail in read_folder(mail_folder()) if to in mail.to.lower()]
    if request.GET.get("format") == "json":
        return JsonResponse([mail.as_json() for mail in mails], safe=False)
    context = {"mails": mails, "folder_missing": mail_folder() is None, "query": to}
    return show_page(request, "mailbox", "sandbox/dashboard/mailbox.html", context)


@require_safe
def message(request: HttpRequest, mail_id: str) -> HttpResponse:
    """Show one message: its text with live links, its HTML part in a frame of its own."""
    return show_page(request, "mailbox", "sandbox/dashboard/mail.html", {"mail": find_mail(mail_id)})


@require_safe
def message_html(request: HttpRequest, mail_id: str) -> HttpResponse:
    """The HTML part alone, under a policy that lets it run nothing."""
    # Links leave the frame: no page of the product lets itself be framed.
    response = HttpResponse(f'<base target="_blank">{find_mail(mail_id).html}')
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


def mail_folder() -> Path | None:
    """Where the product writes its mail, where the sandbox was told."""
    return Path(box().options.mail) if box().options.mail else None


def read_folder(folder: Path | None) -> list[Mail]:
    """The newest messages of a folder, newest first."""
    if folder is None or not folder.is_dir():
        return []
    files = sorted(folder.glob("*.eml"), key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)
    return [read_mail(path) for path in files[:SHOWN]]


def find_mail(mail_id: str) -> Mail:
    """The message of that id. Raises Http404."""
    folder = mail_folder()
    path = folder / f"{mail_id}.eml" if folder else None
    if path is None or not path.is_file():
        raise Http404("No such message.")
    return read_mail(path)


def read_mail(path: Path) -> Mail:
    """Parse one file."""
    parsed = BytesParser(_class=EmailMessage, policy=email.policy.default).parsebytes(path.read_bytes())
    return Mail(
        id=path.stem,
        to=str(parsed.get("To", "")),
        sender=str(parsed.get("From", "")),
        subject=str(parsed.get("Subject", "(no subject)")),
        at=sent_at(parsed, path),
        text=part_of(parsed, "plain"),
        html=part_of(parsed, "html"),
    )


def sent_at(parsed: EmailMessage, path: Path) -> datetime:
    """The Date header, else when the file was written."""
    try:
        return parsedate_to_datetime(str(parsed["Date"])).astimezone(UTC)
    except (TypeError, ValueError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def part_of(parsed: EmailMessage, kind: str) -> str:
    """The text of one alternative, or nothing."""
    body = parsed.get_body(preferencelist=(kind,))
    return str(body.get_content()) if body is not None else ""
