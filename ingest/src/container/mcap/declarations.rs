//! Schemas and channels as a file declares them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::records::{ChannelRecord, Schema};
use crate::container::{Channel, MessageType};
use crate::limits::Limits;

/// What was declared so far.
#[derive(Debug, Default)]
pub(crate) struct Declarations {
    schemas: BTreeMap<u16, Arc<MessageType>>,
    channels: Vec<Option<Channel>>,
    bytes: u64,
}

/// Why a declaration is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declined(pub(crate) String);

impl Declarations {
    pub(crate) fn schema(&mut self, body: &[u8], limits: &Limits) -> Result<(), Declined> {
        let schema = Schema::parse(body)
            .ok_or_else(|| Declined("expected a schema, got other bytes".to_owned()))?;
        let there = self.schemas.get(&schema.id);
        if there.is_some_and(|there| there.name == schema.name && there.text == schema.text) {
            return Ok(());
        }
        self.spend(schema.name, body.len(), limits)?;
        let message_type = MessageType {
            name: schema.name.to_owned(),
            encoding: schema.encoding.to_owned(),
            text: schema.text.to_owned(),
        };
        self.schemas.insert(schema.id, Arc::new(message_type));
        Ok(())
    }

    /// Takes a channel; says its id where it is new, or another one than before.
    pub(crate) fn channel(
        &mut self,
        body: &[u8],
        limits: &Limits,
    ) -> Result<Option<u16>, Declined> {
        let record = ChannelRecord::parse(body)
            .ok_or_else(|| Declined("expected a channel, got other bytes".to_owned()))?;
        let schema = self.schemas.get(&record.schema_id).cloned();
        let there = self.get(record.id);
        let same = |there: &Channel| {
            there.topic == record.topic
                && there.message_encoding == record.message_encoding
                // A channel whose schema was lost keeps the one of the summary.
                && schema.as_ref().is_none_or(|schema| there.schema == *schema)
        };
        if there.is_some_and(same) {
            return Ok(None);
        }
        self.spend(record.topic, body.len(), limits)?;
        let channel = Channel {
            topic: record.topic.to_owned(),
            message_encoding: record.message_encoding.to_owned(),
            schema: schema.unwrap_or_default(),
        };
        let at = usize::from(record.id);
        if self.channels.len() <= at {
            self.channels.resize(at + 1, None);
        }
        self.channels[at] = Some(channel);
        Ok(Some(record.id))
    }

    pub(crate) fn get(&self, id: u16) -> Option<&Channel> {
        self.channels.get(usize::from(id))?.as_ref()
    }

    /// Ids of the channels, ascending.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u16> + '_ {
        let known = |(id, channel): (u16, &Option<Channel>)| channel.as_ref().map(|_| id);
        (0..=u16::MAX).zip(&self.channels).filter_map(known)
    }

    fn spend(&mut self, name: &str, bytes: usize, limits: &Limits) -> Result<(), Declined> {
        let (actual, max) = (name.len(), limits.name_bytes_max);
        if actual > max {
            let start: String = name.chars().take(40).collect();
            return Err(Declined(format!(
                "expected a name of at most {max} bytes (name_bytes_max), got {actual}: `{start}…`"
            )));
        }
        self.bytes += bytes as u64;
        let (actual, max) = (self.bytes, limits.declarations_bytes_max);
        if actual > max {
            return Err(Declined(format!(
                "expected schemas and channels of at most {max} bytes (declarations_bytes_max), got {actual}"
            )));
        }
        Ok(())
    }
}
