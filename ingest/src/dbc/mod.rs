//! CAN databases (DBC files): from the payload of a frame to named values.
//!
//! A file is cut into statements, and each statement is read by itself, so that one that is wrong costs what it says and no more
//! ([`DatabaseFault`]). What they say of a message is compiled once into bit layouts and multiplexer conditions, so that a
//! frame costs a look-up and some shifts. Read are:
//!
//! * little- and big-endian integers, signed or not, IEEE floats and doubles (`SIG_VALTYPE_`), scale and offset, value tables (`VAL_`,
//!   `VAL_TABLE_`), simple (`M`, `m3`) and extended multiplexing (`m3M`, `SG_MUL_VAL_`), payloads of CAN FD, long names;
//! * J1939: messages whose `VFrameFormat` is `J1939PG`, or which have none in a database whose `ProtocolType` is `J1939`, are parameter
//!   groups: priority and receiver of a frame are passed over, and its sender too, unless the message names one (any but 0xFE and
//!   0xFF). Messages of several packets are put together. In a database that says neither, each identifier of 29 bits is one message
//!   with all of its bits. Values that the standard reserves (not available, error) are numbers as any other.
//!
//! A database may be bound to a bus by its topic. [`Buses`] knows which database is for which bus, [`BusDecoder`] decodes the
//! frames of a drive by them.

mod attributes;
mod bus;
mod buses;
mod database;
mod decoder;
mod draft;
mod exact;
mod fault;
mod j1939;
mod layout;
mod message;
mod multiplex;
mod parts;
mod statement;
mod text;
mod transport;

pub use buses::DatabaseFile;
pub use database::CanDatabase;
pub use exact::ExactNumber;
pub use fault::{DatabaseFault, FaultReason, Loss};
pub use message::{CanMessage, CanValue, Precision};

pub(crate) use buses::Buses;
pub(crate) use decoder::BusDecoder;
