"""Signs the wrong thing with the right key, with cryptography alone.

usage: forge_evidence.py ENVELOPE PRIVATE_KEY FORGERY

Prints the forged envelope. FORGERY is payload-type, statement-type, predicate-type, no-subject or none.
"""

import base64
import json
import sys

from cryptography.hazmat.primitives import serialization


def main(envelope_path, key_path, forgery):
    with open(envelope_path, "rb") as file:
        envelope = json.load(file)
    with open(key_path, "rb") as file:
        key = serialization.load_pem_private_key(file.read(), password=None)
    payload_type = envelope["payloadType"]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    if forgery == "payload-type":
        payload_type = "application/json"
    elif forgery == "statement-type":
        statement["_type"] = "https://in-toto.io/Statement/v0.1"
    elif forgery == "predicate-type":
        statement["predicateType"] = "https://slsa.dev/provenance/v1"
    elif forgery == "no-subject":
        statement["subject"] = []
    body = json.dumps(statement).encode()
    # DSSE protocol 1.0, "Signature Definition".
    message = b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(body), body)
    signature = key.sign(message)
    print(
        json.dumps(
            {
                "payload": base64.urlsafe_b64encode(body).decode(),
                "payloadType": payload_type,
                "signatures": [{"keyid": "", "sig": base64.b64encode(signature).decode()}],
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
