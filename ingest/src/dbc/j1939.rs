//! Identifiers of SAE J1939 (J1939-21, section 5): priority, parameter group, addresses.

/// The address of a sender that has none yet; databases have it where any sender is meant.
const NULL_ADDRESS: u8 = 0xfe;
/// The address of all receivers.
pub(super) const GLOBAL_ADDRESS: u8 = 0xff;
/// Bits of a parameter group number: extended data page, data page, format and specific.
const GROUP_BITS: u32 = 0x3_ffff;
/// Formats below it have a receiver's address in place of the group's lower eight bits (PDU1).
const FIRST_BROADCAST_FORMAT: u32 = 240;
/// The priority of what is reassembled, which has none of its own: that of information.
const PRIORITY: u32 = 6;

/// The parameter group of an identifier of 29 bits, with its addresses. The priority is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    /// The parameter group number; its lower eight bits are 0 where they are an address.
    pub(super) number: u32,
    /// The receiver, in groups that have one.
    pub(super) destination: Option<u8>,
    pub(super) source: u8,
}

impl Group {
    pub(super) fn of(can_id: u32) -> Self {
        let [source, specific, format, _] = can_id.to_le_bytes();
        let number = (can_id >> 8) & GROUP_BITS;
        if u32::from(format) < FIRST_BROADCAST_FORMAT {
            Self {
                number: number & !0xff,
                destination: Some(specific),
                source,
            }
        } else {
            Self {
                number,
                destination: None,
                source,
            }
        }
    }

    /// The identifier that a frame of the group would have.
    pub(super) fn identifier(self) -> u32 {
        let destination = u32::from(self.destination.unwrap_or_default());
        PRIORITY << 26 | (self.number | destination) << 8 | u32::from(self.source)
    }
}

/// What a message of a database says about the frames that are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GroupAddress {
    pub(super) number: u32,
    /// The one sender; `None` for any.
    pub(super) source: Option<u8>,
    /// The receiver in the identifier. It tells messages apart that have all else in common.
    pub(super) destination: Option<u8>,
}

impl GroupAddress {
    pub(super) fn of(can_id: u32) -> Self {
        let group = Group::of(can_id);
        let is_sender = group.source != NULL_ADDRESS && group.source != GLOBAL_ADDRESS;
        Self {
            number: group.number,
            source: is_sender.then_some(group.source),
            destination: group.destination,
        }
    }

    /// How closely the address fits a frame of its group: a sender before any, then the frame's receiver, then all receivers.
    /// `None` where the frame is another sender's.
    fn closeness(self, group: Group) -> Option<(bool, u8)> {
        if self.source.is_some_and(|source| source != group.source) {
            return None;
        }
        let destination = match self.destination {
            own if own == group.destination => 2,
            Some(GLOBAL_ADDRESS | NULL_ADDRESS) => 1,
            _ => 0,
        };
        Some((self.source.is_some(), destination))
    }
}

/// The message of a frame among those of its group: the closest. `None` where none fits, or several that are meant for
/// others fit alike.
pub(super) fn closest(messages: &[(GroupAddress, usize)], group: Group) -> Option<usize> {
    let close =
        |(address, message): &(GroupAddress, usize)| Some((address.closeness(group)?, *message));
    let mut best: Vec<_> = messages.iter().filter_map(close).collect();
    best.sort_by_key(|(closeness, _)| std::cmp::Reverse(*closeness));
    match best.as_slice() {
        [first, second, ..] if first.0 == second.0 => None,
        [first, ..] => Some(first.1),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_told_from_addresses() {
        // Examples of J1939-21, table A1 and J1939-71: EEC1 (61444), TSC1 (0), CCVS (65265); the data page is part of the number.
        for (can_id, number, destination, source) in [
            (0x0cf0_0400, 61444, None, 0x00),
            (0x0c00_0b21, 0, Some(0x0b), 0x21),
            (0x18fe_f1fe, 65265, None, 0xfe),
            (0x1def_ff80, 0x1_ef00, Some(0xff), 0x80),
        ] {
            let group = Group::of(can_id);
            assert_eq!(
                (group.number, group.destination, group.source),
                (number, destination, source)
            );
            assert_eq!(
                group.identifier() & 0x03ff_ffff,
                can_id & 0x03ff_ffff,
                "{can_id:x}"
            );
        }
    }

    #[test]
    fn the_closest_message_of_a_group_is_taken() {
        let messages = [0x0c00_fffe, 0x0c00_0bfe, 0x0c00_ff21, 0x0c00_2921];
        let messages: Vec<_> = messages
            .map(GroupAddress::of)
            .into_iter()
            .zip(0..)
            .collect();
        let of = |can_id| closest(&messages, Group::of(can_id));
        assert_eq!(of(0x0c00_0b03), Some(1), "its receiver");
        assert_eq!(of(0x0c00_0c03), Some(0), "all receivers");
        assert_eq!(of(0x1800_2921), Some(3), "sender and receiver");
        assert_eq!(
            of(0x1800_0b21),
            Some(2),
            "the sender goes before the receiver"
        );
        let others = [messages[1], (GroupAddress::of(0x0c00_29fe), 4)];
        assert_eq!(closest(&others, Group::of(0x0c00_0c03)), None);
        assert_eq!(closest(&others[..1], Group::of(0x0c00_0c03)), Some(1));
    }
}
