//! Which database is for which bus.

use std::sync::Arc;

use crate::error::Result;
use crate::pattern;

use super::database::CanDatabase;
use super::message::CanMessage;

/// A CAN database of a run, and the bus that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFile {
    /// The topic of the bus, in which `*` stands for any text. Without one the database is for no bus in particular: it decodes an
    /// identifier only where no other such database has another message for it, and where it comes on one bus.
    pub topic: Option<String>,
    /// A name for errors and findings: where the file is.
    pub name: String,
    /// The DBC file.
    pub bytes: Vec<u8>,
}

/// The databases of a run, with the buses that they are for.
#[derive(Debug, Default)]
pub(crate) struct Buses {
    databases: Vec<Bound>,
}

#[derive(Debug)]
struct Bound {
    topic: Option<String>,
    database: CanDatabase,
}

/// How closely a database belongs to a bus. The closest that know an identifier decode it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Binding {
    /// By the topic's own name.
    Topic,
    /// By a pattern that the topic fits.
    Pattern,
    /// By nothing.
    None,
}

/// A message of one of the databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MessageKey {
    pub(super) database: usize,
    /// Its place among the messages of the database.
    pub(super) message: usize,
}

/// What the databases of a bus make of an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// None knows it.
    Unknown,
    Message(MessageKey, Binding),
    /// Several know it, and differ: their names.
    Ambiguous(Arc<str>),
}

impl Buses {
    /// Parses the databases.
    ///
    /// # Errors
    /// Where one of the files is no database.
    pub(crate) fn parse(files: &[DatabaseFile]) -> Result<Self> {
        let databases = files.iter().map(|file| {
            Ok(Bound {
                topic: file.topic.clone(),
                database: CanDatabase::parse(&file.name, &file.bytes)?,
            })
        });
        Ok(Self {
            databases: databases.collect::<Result<_>>()?,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.databases.is_empty()
    }

    /// The databases, each with the topic that it is bound to.
    pub(super) fn all(&self) -> impl Iterator<Item = (Option<&str>, &CanDatabase)> {
        let databases = self.databases.iter();
        databases.map(|bound| (bound.topic.as_deref(), &bound.database))
    }

    pub(super) fn database(&self, at: usize) -> Option<&CanDatabase> {
        Some(&self.databases.get(at)?.database)
    }

    pub(super) fn message(&self, key: MessageKey) -> Option<&CanMessage> {
        self.database(key.database)?.at(key.message)
    }

    /// The databases of a bus, the closest first, else in the order in which they were given.
    pub(super) fn of_topic(&self, topic: &str) -> Vec<(Binding, usize)> {
        let bindings = self.databases.iter().enumerate().filter_map(|(at, bound)| {
            let binding = match bound.topic.as_deref() {
                None => Binding::None,
                Some(own) if own == topic => Binding::Topic,
                Some(pattern) if pattern::fits(pattern, topic) => Binding::Pattern,
                Some(_) => return None,
            };
            Some((binding, at))
        });
        let mut bindings: Vec<_> = bindings.collect();
        bindings.sort_unstable();
        bindings
    }

    /// What databases, the closest first, make of an identifier. Equal messages of several databases are one.
    pub(super) fn meaning(
        &self,
        databases: &[(Binding, usize)],
        can_id: u32,
        is_extended: bool,
    ) -> Meaning {
        let mut known = databases.iter().filter_map(|(binding, database)| {
            let message = self.database(*database)?.place(can_id, is_extended)?;
            let database = *database;
            Some((*binding, MessageKey { database, message }))
        });
        let Some((binding, key)) = known.next() else {
            return Meaning::Unknown;
        };
        let first = self.message(key);
        let alike = known.take_while(|(other, _)| *other == binding);
        let others: Vec<_> = alike
            .filter(|(_, other)| {
                let pair = first.zip(self.message(*other));
                !pair.is_some_and(|(first, other)| first.is_same(other))
            })
            .collect();
        if others.is_empty() {
            return Meaning::Message(key, binding);
        }
        let keys = std::iter::once(key).chain(others.into_iter().map(|(_, key)| key));
        let names = keys.filter_map(|key| self.database(key.database));
        let names: Vec<_> = names.map(|each| format!("`{}`", each.name())).collect();
        Meaning::Ambiguous(names.join(", ").into())
    }
}
