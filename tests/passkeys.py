"""A passkey in software: answers a page that asks for one, as a browser with a fingerprint reader does."""

import json
import os
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import sha256, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

Json = dict[str, Any]
SEEN = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV


def make_passkey(options: Json, *, site: str = "testserver", flags: AuthenticatorData.FLAG = SEEN) -> Json:
    """What the browser hands to the form for `creation_options`; `flags` say whether it saw its owner."""
    key = ES256.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()).public_key())
    credential_id = os.urandom(16)
    held = AttestedCredentialData.create(bytes(16), credential_id, key)
    data = AuthenticatorData.create(sha256(site.encode()), flags | AuthenticatorData.FLAG.AT, 0, bytes(held))
    asked = {
        "type": "webauthn.create",
        "challenge": options["publicKey"]["challenge"],
        "origin": f"http://{site}",
    }
    return {
        "type": "public-key",
        "id": websafe_encode(credential_id),
        "rawId": websafe_encode(credential_id),
        "response": {
            "clientDataJSON": websafe_encode(json.dumps(asked).encode()),
            "attestationObject": websafe_encode(bytes(AttestationObject.create("none", data, {}))),
        },
        "clientExtensionResults": {"credProps": {"rk": True}},
    }
