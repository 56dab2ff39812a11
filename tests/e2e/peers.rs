//! What programs that nobody here wrote read in our logs and tables.

use crate::harness::{Bench, Run, peers_python};

/// Prints the rows of each Delta table below a folder.
const COUNT_ROWS: &str = "
import os, sys, deltalake
for name in sorted(os.listdir(sys.argv[1])):
    table = deltalake.DeltaTable(os.path.join(sys.argv[1], name))
    print(name, table.to_pyarrow_table().num_rows)
# The reader's threads sometimes abort the interpreter while it shuts down.
sys.stdout.flush()
os._exit(0)
";

/// Decodes every message of a log, and prints how many there are of each topic.
const COUNT_MESSAGES: &str = "
import collections, sys
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
counts = collections.Counter()
with open(sys.argv[1], 'rb') as log:
    reader = make_reader(log, validate_crcs=True, decoder_factories=[DecoderFactory()])
    for schema, channel, message, decoded in reader.iter_decoded_messages():
        counts[channel.topic] += len(decoded.objects) if channel.topic == '/perception/objects' else 1
for topic in sorted(counts):
    print(topic, counts[topic])
";

fn python(script: &str, argument: &std::path::Path) -> Option<Vec<(String, u64)>> {
    let output = peers_python()?
        .arg("-c")
        .arg(script)
        .arg(argument)
        .output()
        .expect("python3 starts");
    let run = Run::of(&output);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let pair = |line: &str| {
        let (name, count) = line.rsplit_once(' ')?;
        Some((name.to_owned(), count.parse().ok()?))
    };
    Some(
        run.stdout
            .lines()
            .map(|line| pair(line).expect("a name and a count"))
            .collect(),
    )
}

#[test]
fn python_counts_what_the_lake_counts() {
    let bench = Bench::new();
    bench.ok(&[
        "simulate",
        "--drives",
        "1",
        "--seconds",
        "12",
        "--seed",
        "9",
        "--out",
        "logs",
    ]);
    bench.ok(&["ingest", "logs"]);
    bench.ok(&["mine"]);
    let Some(tables) = python(COUNT_ROWS, &bench.path("lake/tables")) else {
        return;
    };
    assert!(tables.len() > 5, "{tables:?}");
    for (table, rows) in &tables {
        let count = bench.cell(&format!("SELECT count(*) FROM with_composed.{table}"));
        assert_eq!(count, rows.to_string(), "{table}");
    }
    let topics =
        python(COUNT_MESSAGES, &bench.path("logs/sim-9-0000.mcap")).expect("Python was there");
    let count = |topic: &str| {
        let found = topics.iter().find(|(name, _)| name == topic);
        found
            .map(|(_, count)| count.to_string())
            .expect("the topic")
    };
    assert_eq!(
        count("/localization/odometry"),
        bench.cell("SELECT count(*) FROM ego_state")
    );
    let objects = "SELECT count(*) FROM object_track WHERE category <> 'EGO_VEHICLE'";
    assert_eq!(count("/perception/objects"), bench.cell(objects));
}
