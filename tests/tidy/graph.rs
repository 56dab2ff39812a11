//! Who may use what, from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

/// The stages of the loop: they share the lake, and do not know of each other.
const STAGES: &[&str] = &[
    "driveloop-ingest",
    "driveloop-scenario-mining",
    "driveloop-synth",
    "driveloop-train-orchestrator",
    "driveloop-evaluation",
    "driveloop-ota-validation",
];

/// Libraries (and those whose names begin with theirs and a hyphen) and the crates that alone may use them.
const ONLY: &[(&str, &[&str])] = &[
    ("deltalake", &["driveloop-lake"]),
    ("object_store", &["driveloop-lake"]),
    (
        "datafusion",
        &["driveloop-lake", "driveloop-scenario-mining"],
    ),
    // `ingest` reads logs, `synth` writes those of the simulator.
    ("mcap", &["driveloop-ingest", "driveloop-synth"]),
    ("image", &["driveloop-ingest", "driveloop-synth"]),
    ("tch", &["driveloop-worker"]),
    ("torch-sys", &["driveloop-worker"]),
    ("clap", &["driveloop", "driveloop-worker"]),
    ("anyhow", &["driveloop", "driveloop-worker"]),
];

/// What `schemas` must do without: it has no IO and no async.
const NOT_IN_SCHEMAS: &[&str] = &[
    "tokio",
    "futures",
    "async-trait",
    "object_store",
    "url",
    "driveloop-lake",
];

/// What must not even come with the worker: its binary travels to the nodes.
const NOT_WITH_THE_WORKER: &[&str] = &["datafusion", "deltalake", "object_store", "driveloop-lake"];

/// The packages and the resolved graph of this machine's platform, without network.
fn metadata() -> Metadata {
    let rustc = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc runs");
    let version = String::from_utf8(rustc.stdout).expect("rustc writes UTF-8");
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("rustc names its host");
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .other_options(["--offline", "--filter-platform", host].map(str::to_owned))
        .exec()
        .expect("cargo metadata works")
}

/// The libraries that the package is built with; those of its tests alone are not.
fn uses(package: &Package) -> impl Iterator<Item = &str> {
    let built = package
        .dependencies
        .iter()
        .filter(|used| used.kind != DependencyKind::Development);
    built.map(|used| used.name.as_str())
}

fn is_or_part_of(name: &str, library: &str) -> bool {
    name.strip_prefix(library)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

#[track_caller]
fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn stages_do_not_know_of_each_other() {
    let mut broken = Vec::new();
    for package in metadata().workspace_packages() {
        let name = package.name.as_str();
        // The command line runs them all; the crates of these tests and of fuzzing may.
        if ["driveloop", "driveloop-tests", "driveloop-fuzz"].contains(&name) {
            continue;
        }
        broken.extend(
            uses(package)
                .filter(|used| STAGES.contains(used))
                .map(|used| format!("{name} → {used}")),
        );
    }
    assert_none("no crate but the command line depends on a stage", &broken);
}

#[test]
fn layers_go_down() {
    let allowed = |name: &str| -> Option<&[&str]> {
        match name {
            "driveloop-schemas" | "driveloop-statistics" => Some(&[]),
            "driveloop-lake" | "driveloop-worker" => Some(&["driveloop-schemas"]),
            _ => None,
        }
    };
    let mut broken = Vec::new();
    for package in metadata().workspace_packages() {
        let name = package.name.as_str();
        let Some(allowed) = allowed(name) else {
            continue;
        };
        let ours = uses(package).filter(|used| used.starts_with("driveloop"));
        broken.extend(
            ours.filter(|used| !allowed.contains(used))
                .map(|used| format!("{name} → {used}")),
        );
    }
    assert_none(
        "`schemas` and `statistics` are at the bottom; `lake` and the worker stand on it alone",
        &broken,
    );
}

#[test]
fn libraries_are_used_where_the_design_says() {
    let mut broken = Vec::new();
    for package in metadata().workspace_packages() {
        let name = package.name.as_str();
        for used in uses(package) {
            let rule = ONLY
                .iter()
                .find(|(library, _)| is_or_part_of(used, library));
            if let Some((library, allowed)) = rule.filter(|(_, allowed)| !allowed.contains(&name)) {
                broken.push(format!(
                    "{name} → {used} (`{library}` is for {} alone)",
                    allowed.join(" and ")
                ));
            }
        }
    }
    assert_none("a library is used outside its crates", &broken);
}

#[test]
fn schemas_have_no_io_and_no_async() {
    let metadata = metadata();
    let schemas = metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.name.as_str() == "driveloop-schemas");
    let broken: Vec<_> = uses(schemas.expect("the crate is there"))
        .filter(|used| {
            NOT_IN_SCHEMAS
                .iter()
                .any(|library| is_or_part_of(used, library))
        })
        .map(|used| format!("driveloop-schemas → {used}"))
        .collect();
    assert_none("`schemas` has no IO and no async", &broken);
}

#[test]
fn the_worker_stays_small() {
    let metadata = metadata();
    let names: BTreeMap<&PackageId, &str> = metadata
        .packages
        .iter()
        .map(|package| (&package.id, package.name.as_str()))
        .collect();
    let nodes: BTreeMap<&PackageId, &cargo_metadata::Node> = metadata
        .resolve
        .iter()
        .flat_map(|resolve| &resolve.nodes)
        .map(|node| (&node.id, node))
        .collect();
    let worker = names
        .iter()
        .find(|(_, name)| **name == "driveloop-worker")
        .expect("the crate is there")
        .0;

    let mut paths = BTreeMap::from([(*worker, "driveloop-worker".to_owned())]);
    let mut queue = VecDeque::from([*worker]);
    while let Some(id) = queue.pop_front() {
        let built = |used: &&cargo_metadata::NodeDep| {
            used.dep_kinds
                .iter()
                .any(|kind| kind.kind != DependencyKind::Development)
        };
        for used in nodes[id].deps.iter().filter(built) {
            if !paths.contains_key(&used.pkg) {
                paths.insert(&used.pkg, format!("{} → {}", paths[id], names[&used.pkg]));
                queue.push_back(&used.pkg);
            }
        }
    }
    let broken: Vec<_> = paths
        .iter()
        .filter(|(id, _)| {
            NOT_WITH_THE_WORKER
                .iter()
                .any(|library| is_or_part_of(names[*id], library))
        })
        .map(|(_, path)| path.clone())
        .collect();
    assert_none("the worker is built with what it must not carry", &broken);
}

#[test]
fn the_architecture_names_every_crate() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let Ok(text) = std::fs::read_to_string(format!("{root}/ARCHITECTURE.md")) else {
        eprintln!("skipped: no ARCHITECTURE.md");
        return;
    };
    let metadata = metadata();
    let folders: BTreeSet<String> = metadata
        .workspace_packages()
        .iter()
        .filter_map(|package| {
            package
                .manifest_path
                .parent()?
                .strip_prefix(&metadata.workspace_root)
                .ok()
        })
        .map(|folder| format!("`{folder}/`"))
        .collect();
    let broken: Vec<_> = folders
        .into_iter()
        .filter(|folder| !text.contains(folder))
        .collect();
    assert_none("ARCHITECTURE.md names every crate by its folder", &broken);
}
