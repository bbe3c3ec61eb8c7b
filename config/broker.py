"""The embedded broker: Celery on a folder.

Kombu's filesystem channel makes a message's file before it writes it, so a reader may meet half a message.
Ours writes aside and renames. Messages are only doorbells (rows are the truth), so nothing is fsynced.
"""

import uuid
from pathlib import Path
from time import monotonic
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps


class AtomicChannel(filesystem.Channel):
    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]
        folder = Path(self.data_folder_out)
        name = f"{round(monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        aside = folder / f".{name}.part"
        aside.write_text(dumps(payload))
        aside.replace(folder / name)


class Transport(filesystem.Transport):
    Channel = AtomicChannel

    @property
    def default_connection_params(self) -> dict[str, Any]:
        """None: a folder has no host, and Kombu need not warn that it assumes one."""
        return {}
