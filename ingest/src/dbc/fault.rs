//! What is wrong with a database, and what that costs.

/// Faults of a database that are kept: stops files of which each line is one.
const FAULTS_MAX: usize = 1000;

/// What a fault of a database costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// The message: frames of its identifier give no values.
    Message,
    /// The signal; others of its message are read.
    Signal,
    /// A statement about messages or signals.
    Statement,
    /// Nothing: it was read in the one way that makes sense.
    Nothing,
}

/// What is wrong with a database in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFault {
    /// Line of the file, from 1.
    pub line: usize,
    /// The message, `Message.Signal`, or the keyword of the statement.
    pub subject: String,
    /// What it costs.
    pub loss: Loss,
    /// What is wrong: what was expected, and what the file has.
    pub reason: FaultReason,
}

/// What can be wrong with a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultReason {
    /// A part of a statement is missing or something else.
    #[error("expected {expected}, got {actual}")]
    Syntax {
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        actual: String,
    },
    /// The identifier has more bits than a frame.
    #[error("expected an identifier of 11 or 29 bits, got {0}")]
    Identifier(u64),
    /// The identifier has more than 11 bits, and nothing marks it as one of 29.
    #[error(
        "expected the mark of identifiers of 29 bits, got {0:#x} without it; it was read as one of them"
    )]
    NoExtendedFlag(u64),
    /// Another message that differs has the identifier.
    #[error("expected one message of an identifier, got `{0}` besides")]
    SameIdentifier(String),
    /// There are more signals than a message has.
    #[error("expected at most {max} signals of a message, got {actual}")]
    Signals {
        /// Most signals of a message.
        max: usize,
        /// Signals of this one.
        actual: usize,
    },
    /// The signal is wider than a number.
    #[error("expected 1 to 64 bits, got {0}")]
    Bits(u64),
    /// The signal lies where no frame has bits.
    #[error("expected bits below {max}, got {bits} from bit {start}")]
    Place {
        /// Bits of the longest payload.
        max: usize,
        /// First bit, as the file has it.
        start: u64,
        /// Number of bits.
        bits: usize,
    },
    /// The signal lies behind the end of its message.
    #[error(
        "expected a signal within the {0} bytes of its message, got one behind them; it is read where a frame is that long"
    )]
    BehindEnd(u64),
    /// A float of a width that floats do not have.
    #[error("expected {expected} bits of a float, got {actual}")]
    FloatBits {
        /// Width of the float.
        expected: usize,
        /// Width of the signal.
        actual: usize,
    },
    /// All values would be the same.
    #[error("expected a factor, got 0")]
    NoFactor,
    /// The signal that selects this one is missing, or was lost itself.
    #[error("expected the multiplexer `{0}` in its message, got none that can be read")]
    NoMultiplexer(String),
    /// Which signal selects this one is not said.
    #[error("expected one multiplexer in its message, got {0}")]
    Multiplexers(usize),
    /// Multiplexers wait for one another.
    #[error("expected at most {0} multiplexers above one another, got more or a circle")]
    Depth(usize),
    /// Several signals of a message have the name and can be in a frame together.
    #[error("expected one signal of the name in its message, got {0}")]
    SameName(usize),
    /// The long name belongs to another too.
    #[error(
        "expected a long name of its own, got `{0}`, which another has too; the short name is used"
    )]
    SameLongName(String),
    /// A quote does not end.
    #[error("expected the end of a quote, got the next statement")]
    OpenQuote,
    /// The statement does not end.
    #[error("expected a statement of fewer parts")]
    TooLong,
    /// The keyword is not of this format.
    #[error("expected a keyword of the format, got another")]
    Keyword,
}

/// The faults of a database.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    pub(super) list: Vec<DatabaseFault>,
    /// Faults beyond [`FAULTS_MAX`].
    pub(super) others: usize,
}

impl Faults {
    pub(super) fn add(&mut self, loss: Loss, line: usize, subject: &str, reason: FaultReason) {
        if self.list.len() == FAULTS_MAX {
            self.others += 1;
            return;
        }
        self.list.push(DatabaseFault {
            line,
            subject: subject.to_owned(),
            loss,
            reason,
        });
    }
}
