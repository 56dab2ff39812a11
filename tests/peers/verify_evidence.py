"""Verifies signed evidence with securesystemslib's DSSE and cryptography's keys, step by step, and prints the outcome.

usage: verify_evidence.py ENVELOPE PUBLIC_KEY TIME|now [SUBJECT_FILE]

Prints `accepted VERDICT KEY_ID`, or one word that says what is wrong.
"""

import datetime
import hashlib
import json
import os
import sys

from cryptography.hazmat.primitives import serialization
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Signature, SSlibKey

BYTES_MAX = 32 << 20
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:x-driveloop:release-evidence:v1"


def main(envelope_path, key_path, at, subject_path=None):
    if os.path.getsize(envelope_path) > BYTES_MAX:
        return "oversized"
    try:
        with open(envelope_path, "rb") as file:
            envelope = Envelope.from_dict(json.load(file))
    except Exception:  # Whatever is wrong with the form, it is no envelope.
        return "malformed"

    with open(key_path, "rb") as file:
        public = serialization.load_pem_public_key(file.read())
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    key_id = hashlib.sha256(der).hexdigest()
    named = envelope.signatures.keys()
    if key_id not in named and "" not in named:
        return "other-key"
    key = SSlibKey.from_crypto(public, keyid=key_id)
    if "" in named:
        envelope.signatures = {key_id: Signature(key_id, envelope.signatures[""].signature)}
    try:
        envelope.verify([key], threshold=1)
    except VerificationError:
        return "altered"
    if envelope.payload_type != PAYLOAD_TYPE:
        return "payload-type"
    try:
        statement = json.loads(envelope.payload)
        if statement["_type"] != STATEMENT_TYPE:
            return "statement-type"
        if statement["predicateType"] != PREDICATE_TYPE:
            return "predicate-type"
        predicate = statement["predicate"]
        digests = [subject["digest"]["sha256"] for subject in statement["subject"]]
        issued, expires = (datetime.datetime.fromisoformat(predicate[name]) for name in ("issuedAt", "expiresAt"))
    except (ValueError, KeyError):
        return "malformed"
    if subject_path is not None:
        with open(subject_path, "rb") as file:
            if hashlib.sha256(file.read()).hexdigest() not in digests:
                return "subject"
    now = datetime.datetime.now(datetime.timezone.utc) if at == "now" else datetime.datetime.fromisoformat(at)
    if now + datetime.timedelta(seconds=300) < issued:
        return "not-yet-valid"
    if now >= expires:
        return "expired"
    return f"accepted {predicate['verdict']} {key_id}"


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
