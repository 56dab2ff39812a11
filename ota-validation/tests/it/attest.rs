//! Signed evidence, and everything that can be wrong with it: each with a reason of its own.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use driveloop_ota_validation::{
    Error, Limits, PAYLOAD_TYPE, PrivateKey, Rejection, ScoreFile, ScoresOptions, Statement,
    Validation, Validity, VerifyRequest, pre_authentication_encoding, validate_scores, verify,
};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

const SEED: [u8; 32] = [7; 32];
const NS_PER_S: i64 = 1_000_000_000;
/// 2026-11-28T12:00:00Z.
const ISSUED_NS: i64 = 1_795_867_200 * NS_PER_S;
const DAY_NS: i64 = 86_400 * NS_PER_S;

fn validation() -> Validation {
    let csv = |failing: usize| {
        let rows = (0..400).map(|scene| format!("{scene},{}\n", u8::from(scene >= failing)));
        format!("token,passed\n{}", rows.collect::<String>())
    };
    let (candidate, baseline) = (csv(9), csv(8));
    let file = |name, bytes| ScoreFile { name, bytes };
    validate_scores(
        file("candidate.csv", candidate.as_bytes()),
        file("baseline.csv", baseline.as_bytes()),
        &ScoresOptions::new("token"),
    )
    .unwrap()
}

fn key() -> PrivateKey {
    PrivateKey::from_seed(SEED)
}

fn signed() -> (Validation, String) {
    let validation = validation();
    let validity = Validity {
        issued_ns: ISSUED_NS,
        expires_ns: ISSUED_NS + 90 * DAY_NS,
    };
    let envelope = validation.sign(validity, &key()).unwrap();
    (validation, envelope)
}

/// A day after it was signed.
fn request() -> VerifyRequest {
    VerifyRequest::new(&key().public(), ISSUED_NS + DAY_NS)
}

fn rejection(envelope: &str) -> Rejection {
    verify(envelope.as_bytes(), &request()).unwrap_err()
}

/// The envelope with a change to its JSON.
fn changed(envelope: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut json: Value = serde_json::from_str(envelope).unwrap();
    change(&mut json);
    json.to_string()
}

/// What the right key signs when it is asked to sign the wrong thing.
fn forged(payload_type: &str, body: &[u8]) -> String {
    let key = SigningKey::from_bytes(&SEED);
    let sig = key.sign(&pre_authentication_encoding(payload_type, body));
    json!({
        "payload": STANDARD.encode(body),
        "payloadType": payload_type,
        "signatures": [{"sig": STANDARD.encode(sig.to_bytes())}],
    })
    .to_string()
}

fn body(envelope: &str) -> Vec<u8> {
    let json: Value = serde_json::from_str(envelope).unwrap();
    STANDARD.decode(json["payload"].as_str().unwrap()).unwrap()
}

/// A statement of the right key with a change.
fn forged_statement(change: impl FnOnce(&mut Value)) -> String {
    let mut statement: Value = serde_json::from_slice(&body(&signed().1)).unwrap();
    change(&mut statement);
    forged(PAYLOAD_TYPE, statement.to_string().as_bytes())
}

#[test]
fn what_was_signed_is_accepted() {
    let (validation, envelope) = signed();
    assert_eq!(signed().1, envelope, "the same input gives the same bytes");
    let request = VerifyRequest {
        subject_sha256: validation.evidence.candidate.digest.clone(),
        evidence_sha256: Some(validation.evidence_digest.to_uppercase()),
        ..request()
    };
    let statement: Statement = verify(envelope.as_bytes(), &request).unwrap();
    assert_eq!(statement.subject[0].name, "candidate.csv");
    let predicate = &statement.predicate;
    assert_eq!(predicate.issued_at, "2026-11-28T12:00:00Z");
    assert_eq!(predicate.expires_at, "2027-02-26T12:00:00Z");
    assert_eq!(predicate.verdict, "INCONCLUSIVE");
    assert_eq!(predicate.evidence["verdict"]["decision"], "INCONCLUSIVE");
    assert_eq!(predicate.evidence_sha256, validation.evidence_digest);
}

#[test]
fn other_writers_of_the_same_are_accepted() {
    let (_, envelope) = signed();
    // URL-safe base64, no key id, a field of the future, and a signature of somebody else beside the right one.
    let envelope = changed(&envelope, |json| {
        let payload = STANDARD.decode(json["payload"].as_str().unwrap()).unwrap();
        json["payload"] = URL_SAFE.encode(payload).into();
        let mut ours = json["signatures"][0].clone();
        ours.as_object_mut().unwrap().remove("keyid");
        let theirs = json!({"keyid": "theirs", "sig": STANDARD.encode([1; 64])});
        json["signatures"] = json!([theirs, ours]);
        json["later"] = json!({"version": 2});
    });
    verify(envelope.as_bytes(), &request()).unwrap();
}

#[test]
fn every_changed_byte_is_noticed() {
    let (_, envelope) = signed();
    let is_altered = |envelope: &str| matches!(rejection(envelope), Rejection::Altered { .. });
    let payload = body(&envelope);
    for at in (0..payload.len()).step_by(payload.len() / 50) {
        let mut bytes = payload.clone();
        bytes[at] ^= 1;
        let envelope = changed(&envelope, |json| {
            json["payload"] = STANDARD.encode(bytes).into();
        });
        assert!(is_altered(&envelope), "byte {at} of the payload");
    }
    for at in 0..64 {
        let envelope = changed(&envelope, |json| {
            let sig = json["signatures"][0]["sig"].as_str().unwrap();
            let mut bytes = STANDARD.decode(sig).unwrap();
            bytes[at] ^= 1;
            json["signatures"][0]["sig"] = STANDARD.encode(bytes).into();
        });
        assert!(is_altered(&envelope), "byte {at} of the signature");
    }
    let swapped = changed(&envelope, |json| {
        json["payloadType"] = "application/json".into();
    });
    assert!(is_altered(&swapped), "the type is signed too");
}

#[test]
fn another_key_is_named() {
    let (_, envelope) = signed();
    let other = PrivateKey::from_seed([8; 32]).public();
    let error = verify(envelope.as_bytes(), &VerifyRequest::new(&other, ISSUED_NS)).unwrap_err();
    let expected = Rejection::OtherKey {
        expected: other.key_id(),
        actual: vec![key().public().key_id()],
    };
    assert_eq!(error, expected);
}

#[test]
fn a_statement_holds_from_its_issue_to_its_expiry() {
    let (_, envelope) = signed();
    let at = |at_ns: i64| {
        verify(
            envelope.as_bytes(),
            &VerifyRequest::new(&key().public(), at_ns),
        )
    };
    let skew_ns = i64::from(Limits::default().clock_skew_s_max) * NS_PER_S;
    let expires_ns = ISSUED_NS + 90 * DAY_NS;
    at(ISSUED_NS - skew_ns).unwrap();
    at(expires_ns - 1).unwrap();
    assert!(matches!(
        at(ISSUED_NS - skew_ns - 1),
        Err(Rejection::NotYetValid { .. })
    ));
    assert!(matches!(at(expires_ns), Err(Rejection::Expired { .. })));
    assert!(matches!(at(i64::MAX), Err(Rejection::Expired { .. })));
    assert!(matches!(at(i64::MIN), Err(Rejection::NotYetValid { .. })));
}

#[test]
fn the_wrong_subject_and_the_wrong_evidence_are_noticed() {
    let (validation, envelope) = signed();
    let verify = |subject: Option<&str>, evidence: Option<&str>| {
        let request = VerifyRequest {
            subject_sha256: subject.map(str::to_owned),
            evidence_sha256: evidence.map(str::to_owned),
            ..request()
        };
        verify(envelope.as_bytes(), &request).unwrap_err()
    };
    // The baseline's digest is in the evidence, but the statement is not about it.
    let baseline = validation.evidence.baseline.digest.as_deref();
    assert!(matches!(verify(baseline, None), Rejection::Subject { .. }));
    assert!(matches!(
        verify(None, baseline),
        Rejection::OtherEvidence { .. }
    ));
}

#[test]
fn what_the_right_key_signed_of_another_kind_is_refused_by_kind() {
    let (_, envelope) = signed();
    let payload = body(&envelope);
    let actual = rejection(&forged("application/vnd.other+json", &payload));
    assert!(
        matches!(&actual, Rejection::PayloadType { actual, .. } if actual == "application/vnd.other+json")
    );
    let link = forged_statement(|json| json["_type"] = "https://in-toto.io/Statement/v0.1".into());
    assert!(matches!(rejection(&link), Rejection::StatementType { .. }));
    let provenance =
        forged_statement(|json| json["predicateType"] = "https://slsa.dev/provenance/v1".into());
    assert!(matches!(
        rejection(&provenance),
        Rejection::PredicateType { .. }
    ));
}

#[test]
fn malformed_envelopes_are_refused_by_part() {
    let (_, envelope) = signed();
    let cases = [
        ("envelope", String::new()),
        ("envelope", envelope[..envelope.len() / 2].to_owned()),
        ("envelope", "[".repeat(100_000)),
        (
            "envelope",
            changed(&envelope, |json| json["payload"] = 3.into()),
        ),
        // The second of two fields of one name would be another's: neither counts.
        (
            "envelope",
            envelope.replacen('{', "{\"payload\": \"e30=\",", 1),
        ),
        (
            "payload",
            changed(&envelope, |json| json["payload"] = "?".into()),
        ),
        (
            "signatures",
            changed(&envelope, |json| json["signatures"] = json!([])),
        ),
        (
            "signature",
            changed(&envelope, |json| json["signatures"][0]["sig"] = "?".into()),
        ),
        ("statement", forged(PAYLOAD_TYPE, b"")),
        (
            "statement",
            forged_statement(|json| json["predicate"] = Value::Null),
        ),
        (
            "subject",
            forged_statement(|json| json["subject"] = json!([])),
        ),
        (
            "subject",
            forged_statement(|json| json["subject"][0]["digest"] = json!({"md5": "x"})),
        ),
        (
            "issuedAt",
            forged_statement(|json| json["predicate"]["issuedAt"] = "soon".into()),
        ),
        (
            "expiresAt",
            forged_statement(|json| json["predicate"]["expiresAt"] = "9999-01-01T00:00:00Z".into()),
        ),
    ];
    for (expected, envelope) in cases {
        match rejection(&envelope) {
            Rejection::Malformed { part, .. } => assert_eq!(part, expected),
            other => panic!("{expected}: {other}"),
        }
    }
    let short = changed(&envelope, |json| {
        json["signatures"][0]["sig"] = "AAAA".into();
    });
    assert!(matches!(rejection(&short), Rejection::Altered { .. }));
}

#[test]
fn what_is_beyond_the_limits_is_not_looked_at() {
    let (_, envelope) = signed();
    let part = |envelope: &str, limits: Limits| {
        let request = VerifyRequest {
            limits,
            ..request()
        };
        match verify(envelope.as_bytes(), &request).unwrap_err() {
            Rejection::Oversized { part, .. } => part,
            other => panic!("{other}"),
        }
    };
    let small = Limits {
        envelope_bytes_max: envelope.len() - 1,
        ..Limits::default()
    };
    assert_eq!(part(&envelope, small), "envelope, bytes");
    let many = changed(&envelope, |json| {
        json["signatures"] = vec![json["signatures"][0].clone(); 17].into();
    });
    assert_eq!(part(&many, Limits::default()), "signatures");
    let many =
        forged_statement(|json| json["subject"] = vec![json["subject"][0].clone(); 65].into());
    assert_eq!(part(&many, Limits::default()), "subjects");
}

#[test]
fn messages_of_strangers_are_short_and_plain() {
    let (_, envelope) = signed();
    let long = format!("\u{1b}[2J{}", "x".repeat(100_000));
    let other = PrivateKey::from_seed([8; 32]).public();
    for envelope in [
        changed(&envelope, |json| {
            json["signatures"][0]["keyid"] = long.clone().into();
        }),
        changed(&envelope, |json| json["signatures"] = long.clone().into()),
    ] {
        let request = VerifyRequest::new(&other, ISSUED_NS);
        let text = verify(envelope.as_bytes(), &request)
            .unwrap_err()
            .to_string();
        assert!(text.len() < 400 && !text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn nothing_is_signed_for_no_time_or_about_nothing() {
    let validity = Validity {
        issued_ns: ISSUED_NS,
        expires_ns: ISSUED_NS,
    };
    let error = validation().sign(validity, &key()).unwrap_err();
    assert!(matches!(
        error,
        Error::Signing {
            subject: "expiry",
            ..
        }
    ));
    let mut weightless = validation();
    weightless.evidence.candidate.digest = None;
    let validity = Validity {
        expires_ns: ISSUED_NS + 1,
        ..validity
    };
    let error = weightless.sign(validity, &key()).unwrap_err();
    assert!(matches!(
        error,
        Error::Signing {
            subject: "candidate",
            ..
        }
    ));
}
