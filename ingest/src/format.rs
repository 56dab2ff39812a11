//! Log formats of your own: whoever frames messages needs to know nothing of tables.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::Read;
use std::sync::Arc;

use driveloop_lake::ObjectEntry;

use crate::blob::{AsRead, Blobs, Pass};
use crate::container::{Channel, Damage, MessageType, RawMessage, Visitor};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Whatever a format of your own fails with. An error of [`Messages`] goes through as it is.
pub type FormatError = Box<dyn std::error::Error + Send + Sync>;

/// A log format that driveloop does not have: it finds its logs in a listing, and reads each as messages of topics.
///
/// What the messages say is not its business. They are of ROS (`cdr`, `ros1`), `protobuf` or `json`, each with the schema that its topic
/// declares; the mapping turns topics into tables, with frames, findings and bounds as for every other log ([`crate::DEFAULT_MAPPING`]).
/// JSON is the least work: any record becomes an object of it. `examples/own_format.rs` is a whole format.
///
/// An implementation keeps no state between logs, and gives the same messages for the same bytes. It runs on a thread that may block. A
/// panic costs the log.
pub trait LogFormat: Debug + Send + Sync {
    /// Name of the format, as in `drive.format`.
    fn name(&self) -> &'static str;

    /// The files by which it is recognised, for a person: `files that end in .xyz`.
    fn looks_like(&self) -> &'static str;

    /// The logs among the files of a source, each with its files. Paths are relative to the source, in order, and parted by `/`. Formats
    /// that are given to an ingest are asked before those that it has.
    fn logs(&self, paths: &[&str]) -> Vec<LogFiles>;

    /// The name that a log gives itself. Where it gives none, it is named by its file or folder and by its bytes.
    ///
    /// # Errors
    /// When the log cannot be read; it fails by itself then.
    fn log_id(&self, log: &Log<'_>) -> Result<Option<String>, FormatError> {
        let _ = log;
        Ok(None)
    }

    /// Reads a log from its beginning to its end.
    ///
    /// # Errors
    /// When the log cannot be read any further and what was read of it is not worth having: it fails by itself. Damage that costs some
    /// messages is told with [`Messages::damage`], and is no error.
    fn read(&self, log: &Log<'_>, messages: &mut Messages<'_>) -> Result<(), FormatError>;
}

/// The files of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFiles {
    /// The folder or file by which the log goes.
    pub path: String,
    /// Its files, of those that were listed, in the order in which they are read.
    pub files: Vec<String>,
}

impl LogFiles {
    /// A log that is one file.
    #[must_use]
    pub fn one(path: impl Into<String>) -> Self {
        let path = path.into();
        Self {
            files: vec![path.clone()],
            path,
        }
    }
}

/// A log that is read.
pub struct Log<'a> {
    files: &'a [ObjectEntry],
    blobs: &'a Blobs,
    limits: &'a Limits,
}

impl<'a> Log<'a> {
    pub(crate) fn new(files: &'a [ObjectEntry], blobs: &'a Blobs, limits: &'a Limits) -> Self {
        Self {
            files,
            blobs,
            limits,
        }
    }

    /// Its files, each with its size in bytes.
    pub fn files(&self) -> impl Iterator<Item = (&'a str, u64)> {
        self.files
            .iter()
            .map(|file| (file.path.as_str(), file.size))
    }

    /// A reader of a file, from its start.
    ///
    /// # Errors
    /// When the log has no such file, or the store fails.
    pub fn open(&self, path: &str) -> Result<impl Read + use<'a>> {
        Ok(AsRead(self.blobs.reader(self.file(path)?, Pass::Decode)?))
    }

    /// All bytes of a file, of at most [`Limits::file_bytes_max`].
    ///
    /// # Errors
    /// When the log has no such file, it is larger, or the store fails.
    pub fn bytes(&self, path: &str) -> Result<bytes::Bytes> {
        self.blobs
            .whole(self.file(path)?, self.limits.file_bytes_max)
    }

    /// What a log may ask for.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.limits
    }

    fn file(&self, path: &str) -> Result<&'a ObjectEntry> {
        let file = self.files.iter().find(|file| file.path == path);
        file.ok_or_else(|| Error::Source {
            file: path.to_owned(),
            source: "the log has no such file".into(),
        })
    }
}

/// How messages of a topic are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageEncoding {
    /// JSON objects.
    Json,
    /// Protocol buffers.
    Protobuf,
    /// ROS 2: the Common Data Representation of DDS.
    Cdr,
    /// ROS 1.
    Ros1,
}

/// What messages of a topic hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Schema<'a> {
    /// The type's name, which rules of a mapping ask for: `nav_msgs/msg/Odometry`, `foxglove.PoseInFrame`, or one of yours.
    pub name: &'a str,
    /// What `text` is: `jsonschema`, `protobuf` (a `FileDescriptorSet`), `ros2msg`, `ros2idl`, `ros1msg`. Empty where there is none, which
    /// JSON alone can do without.
    pub encoding: &'a str,
    /// The definition.
    pub text: &'a [u8],
}

/// A topic of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicId(u16);

/// Takes what a log holds, in its order.
pub struct Messages<'a> {
    visitor: &'a mut dyn Visitor,
    topics: u16,
}

impl<'a> Messages<'a> {
    pub(crate) fn new(visitor: &'a mut dyn Visitor) -> Self {
        Self { visitor, topics: 0 }
    }

    /// A file of the log begins: findings name it. Topics of the file before are forgotten.
    pub fn file(&mut self, path: &str) {
        self.topics = 0;
        self.visitor.file(path);
    }

    /// Declares a topic.
    ///
    /// # Errors
    /// When a file declares more than 65,535 topics.
    pub fn topic(
        &mut self,
        name: &str,
        encoding: MessageEncoding,
        schema: Schema<'_>,
    ) -> Result<TopicId> {
        let id = TopicId(self.topics);
        self.topics = self.topics.checked_add(1).ok_or_else(|| Error::Limit {
            subject: name.to_owned(),
            limit: "topics",
            max: u64::from(u16::MAX),
            actual: u64::from(u16::MAX) + 1,
        })?;
        let encoding = match encoding {
            MessageEncoding::Json => "json",
            MessageEncoding::Protobuf => "protobuf",
            MessageEncoding::Cdr => "cdr",
            MessageEncoding::Ros1 => "ros1",
        };
        let channel = Channel {
            topic: name.to_owned(),
            message_encoding: encoding.to_owned(),
            schema: Arc::new(MessageType {
                name: schema.name.to_owned(),
                encoding: schema.encoding.to_owned(),
                text: schema.text.to_vec(),
            }),
        };
        self.visitor.channel(id.0, &channel);
        Ok(id)
    }

    /// A message, with the time at which it was logged in nanoseconds since 1970 (UTC). The stamp in the message goes before that, where it
    /// has one.
    ///
    /// # Errors
    /// When the log asks for more than its bounds, or the lake fails: give it back as it is.
    pub fn message(&mut self, topic: TopicId, logged_ns: u64, data: &[u8]) -> Result<()> {
        self.visitor.message(&RawMessage {
            channel_id: topic.0,
            log_time: logged_ns,
            data,
        })
    }

    /// What the log says of itself: `vehicle_id`, `map_id`, `region`, `software_version`, `licence`.
    pub fn about(&mut self, values: BTreeMap<String, String>) {
        self.visitor.metadata(crate::topics::METADATA, values);
    }

    /// Something that was taken for granted; it becomes a finding of that name.
    pub(crate) fn assumed(&mut self, check: &'static str, reason: &str) {
        self.visitor.assumed(check, reason);
    }

    /// Something that cannot be read, at so many bytes from the start of the file, and how many messages are lost by it, as far as that is
    /// known. It becomes a finding, and the log is damaged.
    pub fn damage(&mut self, offset_bytes: u64, lost: u64, reason: impl Into<String>) {
        self.visitor.damage(Damage {
            check: "record_damaged",
            offset: offset_bytes,
            lost,
            reason: reason.into(),
        });
    }
}
