//! Messages of J1939 that are longer than a frame (J1939-21, section 5.10): an announcement (`TP.CM`, broadcast or for one receiver)
//! and numbered packets of seven bytes (`TP.DT`) are put together.
//!
//! The longer messages of ISO 11783 (ETP) and the fast packets of NMEA 2000 are not.

use std::collections::BTreeMap;

use super::j1939::Group;

/// Bytes of the longest message: 255 packets of seven.
pub(super) const MESSAGE_BYTES_MAX: usize = 255 * PACKET_BYTES;
const PACKET_BYTES: usize = 7;
/// Bytes of the shortest message that is sent in packets.
const MESSAGE_BYTES_MIN: usize = 9;
/// Messages that are put together at once: stops logs that begin messages without end. A bus of 30 control units has some ten.
const SESSIONS_MAX: usize = 256;
/// Between two packets of a message lie at most 1.25 s (T2 and T3 of J1939-21); later ones are of another message whose announcement was
/// not recorded.
const PACKET_GAP_MAX_NS: u64 = 1_250_000_000;

/// Groups of the announcements and of the packets.
const MANAGEMENT: u32 = 0xec00;
const TRANSFER: u32 = 0xeb00;
/// First byte of an announcement: to one receiver, to all, given up. Others are answers of receivers.
const REQUEST_TO_SEND: u8 = 16;
const BROADCAST: u8 = 32;
const ABORT: u8 = 255;

/// Messages of a bus that are being put together.
#[derive(Debug, Default)]
pub(super) struct Transport {
    /// By sender and receiver: a sender has one message at a time for each.
    sessions: BTreeMap<(u8, u8), Session>,
}

#[derive(Debug)]
struct Session {
    /// The identifier of its announcement.
    can_id: u32,
    /// The group of the message.
    number: u32,
    stamp_ns: i64,
    payload: Vec<u8>,
    /// Whether each packet is there.
    packets: Vec<bool>,
}

/// What a frame is to the transport.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// No frame of it.
    Other,
    /// A frame of it.
    Taken,
    /// The last frame of a message.
    Whole { group: Group, payload: Vec<u8> },
}

/// A message that packets are missing of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Incomplete {
    /// The identifier of its announcement, or of a packet without one.
    pub(super) can_id: u32,
    pub(super) stamp_ns: i64,
}

impl Transport {
    /// Takes a frame of 29 bits. Messages that are given up by it are added to `incomplete`.
    pub(super) fn take(
        &mut self,
        can_id: u32,
        stamp_ns: i64,
        data: &[u8],
        incomplete: &mut Vec<Incomplete>,
    ) -> Step {
        let group = Group::of(can_id);
        let ends = (group.source, group.destination.unwrap_or_default());
        match (group.number, data) {
            (MANAGEMENT, [control, ..]) => {
                match *control {
                    REQUEST_TO_SEND | BROADCAST => {
                        let begun = Session::announced(can_id, stamp_ns, data);
                        let before = self.sessions.remove(&ends);
                        incomplete.extend(before.map(|session| session.incomplete()));
                        match begun {
                            Some(session) => self.begin(ends, session, incomplete),
                            None => incomplete.push(Incomplete { can_id, stamp_ns }),
                        }
                    }
                    // Either side gives up.
                    ABORT => {
                        for ends in [ends, (ends.1, ends.0)] {
                            let before = self.sessions.remove(&ends);
                            incomplete.extend(before.map(|session| session.incomplete()));
                        }
                    }
                    _ => {}
                }
                Step::Taken
            }
            (TRANSFER, [number, packet @ ..]) => {
                let Some(mut session) = self.sessions.remove(&ends) else {
                    // The first packet stands for its message, whose announcement is missing.
                    if *number == 1 {
                        incomplete.push(Incomplete { can_id, stamp_ns });
                    }
                    return Step::Taken;
                };
                if stamp_ns.abs_diff(session.stamp_ns) > PACKET_GAP_MAX_NS {
                    incomplete.push(session.incomplete());
                    return Step::Taken;
                }
                session.stamp_ns = stamp_ns;
                session.put(*number, packet);
                if session.packets.iter().all(|is_there| *is_there) {
                    return session.whole(ends);
                }
                self.sessions.insert(ends, session);
                Step::Taken
            }
            (MANAGEMENT | TRANSFER, []) => Step::Taken,
            _ => Step::Other,
        }
    }

    fn begin(&mut self, ends: (u8, u8), session: Session, incomplete: &mut Vec<Incomplete>) {
        if self.sessions.len() == SESSIONS_MAX {
            let given_up = self.sessions.pop_first();
            incomplete.extend(given_up.map(|(_, session)| session.incomplete()));
        }
        self.sessions.insert(ends, session);
    }

    /// The messages that packets are still missing of at the end.
    pub(super) fn finish(self) -> impl Iterator<Item = Incomplete> {
        let sessions = self.sessions.into_values();
        sessions.map(|session| session.incomplete())
    }
}

impl Session {
    /// A message by its announcement; `None` where its sizes contradict each other.
    fn announced(can_id: u32, stamp_ns: i64, data: &[u8]) -> Option<Self> {
        let [_, low, high, packets, _, number @ ..] = data else {
            return None;
        };
        let [first, second, third, ..] = *number else {
            return None;
        };
        let bytes = usize::from(u16::from_le_bytes([*low, *high]));
        let is_sound = (MESSAGE_BYTES_MIN..=MESSAGE_BYTES_MAX).contains(&bytes)
            && bytes.div_ceil(PACKET_BYTES) == usize::from(*packets);
        is_sound.then(|| Self {
            can_id,
            number: u32::from_le_bytes([first, second, third & 3, 0]),
            stamp_ns,
            payload: vec![0; bytes],
            packets: vec![false; usize::from(*packets)],
        })
    }

    /// Puts a packet, which are numbered from 1, where it belongs. One that comes again replaces the first.
    fn put(&mut self, number: u8, packet: &[u8]) {
        let Some(at) = usize::from(number).checked_sub(1) else {
            return;
        };
        let Some(place) = self.payload.chunks_mut(PACKET_BYTES).nth(at) else {
            return;
        };
        if let Some(packet) = packet.get(..place.len()) {
            place.copy_from_slice(packet);
            self.packets[at] = true;
        }
    }

    fn whole(self, (source, destination): (u8, u8)) -> Step {
        // The number says whether the group has a receiver.
        let mut group = Group::of(self.number << 8 | u32::from(source));
        group.destination = group.destination.map(|_| destination);
        Step::Whole {
            group,
            payload: self.payload,
        }
    }

    fn incomplete(&self) -> Incomplete {
        Incomplete {
            can_id: self.can_id,
            stamp_ns: self.stamp_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::j1939::GLOBAL_ADDRESS;
    use super::*;

    /// Steps and incomplete messages of frames: identifier, milliseconds, bytes.
    fn run(frames: &[(u32, i64, &[u8])]) -> (Vec<(Group, Vec<u8>)>, Vec<Incomplete>) {
        let (mut transport, mut incomplete) = (Transport::default(), Vec::new());
        let mut whole = Vec::new();
        for (can_id, ms, data) in frames {
            let step = transport.take(*can_id, ms * 1_000_000, data, &mut incomplete);
            if let Step::Whole { group, payload } = step {
                whole.push((group, payload));
            }
        }
        incomplete.extend(transport.finish());
        (whole, incomplete)
    }

    /// Active trouble codes (DM1, group 65226) of 11 bytes by sender 3, as J1939-21 shows a broadcast.
    const BAM: (u32, i64, &[u8]) = (0x1cec_ff03, 0, &[32, 11, 0, 2, 255, 0xca, 0xfe, 0]);
    const FIRST: (u32, i64, &[u8]) = (0x1ceb_ff03, 50, &[1, 10, 11, 12, 13, 14, 15, 16]);
    const SECOND: (u32, i64, &[u8]) = (0x1ceb_ff03, 100, &[2, 17, 18, 19, 20, 255, 255, 255]);

    #[test]
    fn a_broadcast_is_put_together() {
        let (whole, incomplete) = run(&[BAM, FIRST, SECOND]);
        let group = Group {
            number: 65226,
            destination: None,
            source: 3,
        };
        assert_eq!(whole, [(group, (10..=20).collect())]);
        assert_eq!(incomplete, []);
    }

    #[test]
    fn messages_of_two_senders_cross_and_packets_come_again() {
        let to_one: [(u32, i64, &[u8]); 5] = [
            (0x1cec_1705, 1, &[16, 9, 0, 2, 2, 0, 0xef, 0]),
            (0x1cec_0517, 2, &[17, 2, 1, 255, 255, 0, 0xef, 0]),
            (0x1ceb_1705, 60, &[2, 8, 9, 0, 0, 0, 0, 0]),
            (0x1ceb_1705, 70, &[2, 8, 9, 0, 0, 0, 0, 0]),
            (0x1ceb_1705, 80, &[1, 1, 2, 3, 4, 5, 6, 7]),
        ];
        let [rts, cts, second, again, first] = to_one;
        let (whole, incomplete) = run(&[BAM, rts, cts, FIRST, second, again, first, SECOND]);
        let group = Group {
            number: 0xef00,
            destination: Some(0x17),
            source: 5,
        };
        assert_eq!(whole[0], (group, (1..=9).collect()));
        assert_eq!(whole[1].0.number, 65226);
        assert_eq!(incomplete, []);
    }

    #[test]
    fn what_is_not_whole_is_counted_once() {
        let late = (SECOND.0, 2000, SECOND.2);
        let abort: (u32, i64, &[u8]) = (0x1cec_03ff, 60, &[255, 1, 255, 255, 255, 0xca, 0xfe, 0]);
        let too_few: (u32, i64, &[u8]) = (0x1cec_ff03, 0, &[32, 11, 0, 1, 255, 0xca, 0xfe, 0]);
        let short: (u32, i64, &[u8]) = (0x1ceb_ff03, 50, &[1, 10]);
        for frames in [
            &[BAM, FIRST][..],
            &[BAM, FIRST, BAM, FIRST, SECOND],
            &[FIRST, SECOND],
            &[BAM, FIRST, late],
            &[BAM, FIRST, abort, SECOND],
            &[too_few],
            &[BAM, short, SECOND],
        ] {
            let (whole, incomplete) = run(frames);
            assert_eq!(incomplete.len(), 1, "{frames:?}");
            assert_eq!(whole.len(), usize::from(frames.len() == 5), "{frames:?}");
        }
    }

    #[test]
    fn announcements_without_end_take_no_memory_without_end() {
        let (mut transport, mut incomplete) = (Transport::default(), Vec::new());
        for source in 0..=255 {
            for destination in [GLOBAL_ADDRESS, 1, 2] {
                let can_id = 0x1cec_0000 | u32::from(destination) << 8 | source;
                let step = transport.take(can_id, 0, BAM.2, &mut incomplete);
                assert_eq!(step, Step::Taken);
            }
        }
        assert_eq!(transport.sessions.len(), SESSIONS_MAX);
        assert_eq!(incomplete.len(), 3 * 256 - SESSIONS_MAX);
    }
}
