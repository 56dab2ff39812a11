//! Signed evidence, made by the binary and verified by a program that nobody here wrote.

use std::path::Path;

use driveloop_tests::peers_python;

use crate::harness::{Bench, Run, peer};

const FAR_FUTURE: &str = "2200-01-01T00:00:00+00:00";
const FAR_PAST: &str = "2020-01-01T00:00:00+00:00";

/// A bench with scores, a key pair, and the evidence signed; 2,000 scenes, of which the candidate fails `failing`.
fn signed(failing: usize) -> Bench {
    let bench = Bench::new();
    let csv = |failing: usize| {
        let rows = (0..2_000).map(|scene| format!("{scene},{}\n", u8::from(scene >= failing)));
        format!("token,passed\n{}", rows.collect::<String>())
    };
    bench.write("candidate.csv", csv(failing));
    bench.write("baseline.csv", csv(4));
    let columns = "pass_fail = [\"passed\"]\n[safety_critical]\npassed = 0.01\n";
    bench.write("columns.toml", columns);
    bench.write("release.toml", "purpose = \"fewer late stops\"\n");
    bench.ok(&["ota", "keygen", "release.key"]);
    bench.ok(&["ota", "keygen", "other.key"]);
    let run = bench.run(&VALIDATE);
    assert!([0, 3].contains(&run.status), "{}", run.stderr);
    bench
}

const VALIDATE: [&str; 18] = [
    "ota",
    "validate",
    "--scores",
    "candidate.csv",
    "--baseline-scores",
    "baseline.csv",
    "--columns",
    "columns.toml",
    "--release",
    "release.toml",
    "--evidence",
    "evidence.json",
    "--wanted",
    "wanted.json",
    "--sign",
    "release.key",
    "--envelope",
    "signed.json",
];

fn verify(bench: &Bench, envelope: &str, key: &str, more: &[&str]) -> Run {
    bench.run(
        &[
            &["ota", "verify", envelope, "--key", key, "--format", "csv"],
            more,
        ]
        .concat(),
    )
}

#[test]
fn evidence_says_what_was_decided_and_the_signature_what_it_is_about() {
    let bench = signed(3);
    let files = ["--subject", "candidate.csv", "--evidence", "evidence.json"];
    let run = verify(&bench, "signed.json", "release.key.pub", &files);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stdout.contains("PASS,candidate.csv,"), "{}", run.stdout);
    let evidence = std::fs::read(bench.path("evidence.json")).expect("the evidence");
    let evidence: serde_json::Value = serde_json::from_slice(&evidence).expect("JSON");
    assert_eq!(evidence["un_r156"]["purpose"], "fewer late stops");
    let absent = evidence["un_r156_absent"].as_array().expect("a list");
    assert!(absent.contains(&"target_vehicles".into()) && !absent.contains(&"purpose".into()));

    // Genuine is not good: a pipeline that goes on after status 0 does not release what was blocked.
    let blocked = signed(300);
    let run = verify(&blocked, "signed.json", "release.key.pub", &[]);
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert!(run.stdout.contains("BLOCK,"), "{}", run.stdout);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_signs_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = signed(3);
    let key = bench.path("release.key");
    let mode = |path: &Path| {
        std::fs::metadata(path)
            .expect("a file")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&key), 0o600);
    let pem = std::fs::read_to_string(&key).expect("the key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).expect("set");
    let run = bench.run(&VALIDATE);
    assert_eq!(run.status, 1);
    assert!(
        run.stderr.contains("chmod 600 release.key"),
        "{}",
        run.stderr
    );
    // What is no key is not shown either; nor is a key overwritten.
    let secret: &str = pem.lines().nth(1).expect("a line of the key");
    bench.write(
        "broken.key",
        format!("-----BEGIN PRIVATE KEY-----\n{secret}!\n-----END PRIVATE KEY-----\n"),
    );
    std::fs::set_permissions(
        bench.path("broken.key"),
        std::fs::Permissions::from_mode(0o600),
    )
    .expect("set");
    let broken = VALIDATE.map(|argument| argument.replace("release.key", "broken.key"));
    let broken: Vec<&str> = broken.iter().map(String::as_str).collect();
    let run = bench.run(&broken);
    assert_eq!(run.status, 1);
    assert!(!run.stderr.contains(&secret[..12]), "{}", run.stderr);
    let run = bench.run(&["ota", "keygen", "release.key"]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(&key).expect("the key"), pem);
}

/// An envelope, key, time and subject, with what the peer and what the binary say of it.
struct Case {
    envelope: &'static str,
    key: &'static str,
    at: Option<&'static str>,
    subject: Option<&'static str>,
    peer_says: &'static str,
    we_say: &'static str,
}

const GENUINE: Case = Case {
    envelope: "signed.json",
    key: "release.key.pub",
    at: None,
    subject: Some("candidate.csv"),
    peer_says: "accepted PASS",
    we_say: "",
};

const CASES: [Case; 13] = [
    GENUINE,
    Case {
        envelope: "none.json",
        ..GENUINE
    },
    Case {
        envelope: "altered.json",
        peer_says: "altered",
        we_say: "altered: the signature",
        ..GENUINE
    },
    Case {
        envelope: "retyped.json",
        peer_says: "altered",
        we_say: "altered: the signature",
        ..GENUINE
    },
    Case {
        key: "other.key.pub",
        peer_says: "other-key",
        we_say: "signed by another key",
        ..GENUINE
    },
    Case {
        at: Some(FAR_FUTURE),
        peer_says: "expired",
        we_say: "expired: it was valid until",
        ..GENUINE
    },
    Case {
        at: Some(FAR_PAST),
        peer_says: "not-yet-valid",
        we_say: "not yet valid: issued at",
        ..GENUINE
    },
    Case {
        envelope: "payload-type.json",
        peer_says: "payload-type",
        we_say: "wrong payload type",
        ..GENUINE
    },
    Case {
        envelope: "statement-type.json",
        peer_says: "statement-type",
        we_say: "wrong statement type",
        ..GENUINE
    },
    Case {
        envelope: "predicate-type.json",
        peer_says: "predicate-type",
        we_say: "wrong predicate type",
        ..GENUINE
    },
    Case {
        subject: Some("baseline.csv"),
        peer_says: "subject",
        we_say: "wrong subject",
        ..GENUINE
    },
    Case {
        envelope: "cut.json",
        peer_says: "malformed",
        we_say: "malformed: envelope",
        ..GENUINE
    },
    Case {
        envelope: "vast.json",
        peer_says: "oversized",
        we_say: "oversized: envelope",
        ..GENUINE
    },
];

/// Writes the tampered envelopes beside the genuine one.
fn tamper(bench: &Bench) -> Option<()> {
    let text = std::fs::read_to_string(bench.path("signed.json")).expect("the envelope");
    let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    bench.write("cut.json", &text[..text.len() / 2]);
    bench.write("vast.json", " ".repeat((32 << 20) + 1) + &text);
    bench.write(
        "retyped.json",
        text.replace("vnd.in-toto+json", "vnd.in-toto-json"),
    );
    let payload = json["payload"].as_str().expect("a payload");
    let (head, tail) = payload.split_at(payload.len() / 2);
    let other = if tail.starts_with('A') { "B" } else { "A" };
    json["payload"] = format!("{head}{other}{}", &tail[1..]).into();
    bench.write("altered.json", json.to_string());
    for forgery in ["none", "payload-type", "statement-type", "predicate-type"] {
        let output = peers_python()?
            .arg(peer("forge_evidence.py"))
            .args([bench.path("signed.json"), bench.path("release.key")])
            .arg(forgery)
            .output();
        let run = Run::of(&output.expect("python3 starts"));
        assert_eq!(run.status, 0, "{}", run.stderr);
        bench.write(&format!("{forgery}.json"), run.stdout);
    }
    Some(())
}

#[test]
fn another_implementation_accepts_it_and_refuses_each_tampering_for_the_same_reason() {
    let bench = signed(3);
    if tamper(&bench).is_none() {
        return;
    }
    for case in CASES {
        let Some(mut python) = peers_python() else {
            return;
        };
        let mut command = python
            .arg(peer("verify_evidence.py"))
            .args([case.envelope, case.key].map(|name| bench.path(name)))
            .arg(case.at.unwrap_or("now"));
        command = command.args(case.subject.map(|name| bench.path(name)));
        let theirs = Run::of(&command.output().expect("python3 starts"));
        let name = format!("{} with {} at {:?}", case.envelope, case.key, case.at);
        assert_eq!(theirs.status, 0, "{name}: {}", theirs.stderr);
        let said = theirs.stdout.trim();
        let at = case.at.map(|at| ["--at", at]);
        let subject = case.subject.map(|subject| ["--subject", subject]);
        let more: Vec<&str> = at.into_iter().chain(subject).flatten().collect();
        let ours = verify(&bench, case.envelope, case.key, &more);
        if case.we_say.is_empty() {
            assert!(said.starts_with(case.peer_says), "{name}: {said}");
            assert_eq!(ours.status, 0, "{name}: {}", ours.stderr);
            let key_id = said.rsplit(' ').next().expect("a key id");
            assert!(ours.stdout.contains(key_id), "{name}: {}", ours.stdout);
        } else {
            assert_eq!(said, case.peer_says, "{name}");
            assert_eq!(ours.status, 1, "{name}: {}", ours.stderr);
            assert!(ours.stderr.contains(case.we_say), "{name}: {}", ours.stderr);
        }
    }
}
