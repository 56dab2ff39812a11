//! Parts of `rosbag2` in `SQLite` files, `.db3`: tables `topics` and `messages` (`rosbag2_storage_sqlite3`).
//!
//! Newer versions carry the definitions of their message types in `message_definitions`; of older ones only types that are known by
//! heart can be read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use super::{Channel, Damage, MessageType, RawMessage, Visitor};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Topics of a file: stops tables that name a million.
const TOPICS_MAX: usize = u16::MAX as usize;

/// Reads a file from its first message to its last.
pub(crate) fn scan(
    path: &Path,
    name: &str,
    limits: &Limits,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    let failed = |error: rusqlite::Error| Error::Format {
        file: name.to_owned(),
        expected: "a SQLite file of rosbag2, with the tables topics and messages".to_owned(),
        actual: error.to_string(),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // A file that is being written has a journal beside it; what is committed is read without it.
    let uri = format!("file:{}?immutable=1", escaped(path));
    let flags = flags | OpenFlags::SQLITE_OPEN_URI;
    let file = Connection::open_with_flags(uri, flags).map_err(failed)?;
    visitor.file(name);
    let definitions = definitions(&file, limits);
    let topics = topics(&file, &definitions).map_err(failed)?;
    let mut ids = BTreeMap::new();
    for (at, (topic_id, channel)) in topics.into_iter().enumerate().take(TOPICS_MAX) {
        let id = u16::try_from(at).unwrap_or(u16::MAX);
        ids.insert(topic_id, id);
        visitor.channel(id, &channel);
    }
    let mut messages = file
        .prepare("SELECT topic_id, timestamp, data FROM messages ORDER BY timestamp, id")
        .map_err(failed)?;
    let mut rows = messages.query([]).map_err(failed)?;
    let mut read = 0_u64;
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(()),
            Err(error) => {
                visitor.damage(Damage {
                    check: "record_damaged",
                    offset: 0,
                    lost: 1,
                    reason: format!("expected a row behind {read} messages, got: {error}"),
                });
                return Ok(());
            }
        };
        read += 1;
        let topic: i64 = row.get(0).map_err(failed)?;
        let stamp: i64 = row.get(1).map_err(failed)?;
        let data = row
            .get_ref(2)
            .map_err(failed)?
            .as_blob()
            .unwrap_or_default();
        visitor.message(&RawMessage {
            channel_id: ids.get(&topic).copied().unwrap_or(u16::MAX),
            log_time: u64::try_from(stamp).unwrap_or_default(),
            data,
        })?;
    }
}

/// A path in a URI of `SQLite`.
fn escaped(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23")
}

/// Definitions by message type; none in files of older versions.
fn definitions(file: &Connection, limits: &Limits) -> BTreeMap<String, MessageType> {
    let read = || -> rusqlite::Result<BTreeMap<String, MessageType>> {
        let mut query = file.prepare(
            "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions",
        )?;
        let rows = query.query_map([], |row| {
            Ok(MessageType {
                name: row.get(0)?,
                encoding: row.get(1)?,
                text: row.get::<_, String>(2)?.into_bytes(),
            })
        })?;
        let (mut definitions, mut bytes) = (BTreeMap::new(), 0);
        for definition in rows {
            let definition = definition?;
            bytes += definition.text.len() as u64;
            if bytes > limits.declarations_bytes_max {
                break;
            }
            definitions.insert(definition.name.clone(), definition);
        }
        Ok(definitions)
    };
    read().unwrap_or_default()
}

fn topics(
    file: &Connection,
    definitions: &BTreeMap<String, MessageType>,
) -> rusqlite::Result<Vec<(i64, Channel)>> {
    let mut query =
        file.prepare("SELECT id, name, type, serialization_format FROM topics ORDER BY id")?;
    let rows = query.query_map([], |row| {
        let (id, topic, kind, format): (i64, String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let known = definitions.get(&kind).cloned();
        let schema = known.unwrap_or_else(|| {
            let text = super::known::definition(&kind);
            MessageType {
                name: kind.clone(),
                encoding: "ros2msg".to_owned(),
                text: text.map_or_else(Vec::new, String::into_bytes),
            }
        });
        let channel = Channel {
            topic,
            message_encoding: format,
            schema: Arc::new(schema),
        };
        Ok((id, channel))
    })?;
    rows.collect()
}
