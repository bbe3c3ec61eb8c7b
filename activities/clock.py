"""Business time: what the policy, the gate and the feed call now.

It is real time, except beside the sandbox, whose account clock can be moved: a site that talks to it reads
the offset from the file that the sandbox writes, so that both live in the same moment. Leases, retries and
signatures use real time (`django.utils.timezone.now`).
"""

import json
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

_read: tuple[tuple[int, int], float] | None = None


def now() -> datetime:
    return timezone.now() + timedelta(seconds=_offset())


def _offset() -> float:
    global _read
    if not settings.CLOCK_FILE:
        return 0.0
    try:
        stat = Path(settings.CLOCK_FILE).stat()
    except FileNotFoundError:
        return 0.0
    stamp = (stat.st_mtime_ns, stat.st_ino)
    if _read is None or _read[0] != stamp:
        _read = (stamp, float(json.loads(Path(settings.CLOCK_FILE).read_text())["offset"]))
    return _read[1]
