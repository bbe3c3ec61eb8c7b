from django.db import models


class CodeMail(models.Model):
    """A sign-in e-mail that was sent, for as long as its code works. Strangers' addresses are kept as keyed hashes."""

    class Kind(models.TextChoices):
        SIGN_IN = "sign_in", "A sign-in code"
        UNKNOWN = "unknown", "Nobody has this address"
        JOIN = "join", "A new account, or that there is one already"
        ADDRESS = "address", "Another address for an account"
        REENTRY = "reentry", "A code for who is signed in"

    kind = models.CharField(max_length=8, choices=Kind, default=Kind.SIGN_IN)
    address = models.CharField(max_length=64)
    code = models.CharField(max_length=64, blank=True, help_text="A keyed hash; empty once it has let somebody in.")
    sent_at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [models.Index(fields=["address", "kind", "sent_at"], name="code_mails_by_address")]

    def __str__(self) -> str:
        return f"sent at {self.sent_at.isoformat()}"
