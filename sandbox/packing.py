"""Values that look alike, kept small: the first one packed is the dictionary for all the others."""

import json
import zlib
from typing import Any


def as_text(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"))


class Packer:
    """For JSON values of one kind. Packed bytes mean something only to the packer that made them."""

    def __init__(self) -> None:
        self.sample = b""

    def pack(self, value: Any) -> bytes:
        return self.pack_text(as_text(value).encode())

    def pack_text(self, text: bytes) -> bytes:
        self.sample = self.sample or text
        squeeze = zlib.compressobj(1, zdict=self.sample)
        return squeeze.compress(text) + squeeze.flush()

    def unpack(self, packed: bytes) -> Any:
        return json.loads(zlib.decompressobj(zdict=self.sample).decompress(packed))
