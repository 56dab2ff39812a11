//! Bounds of the operators.

/// Bounds of the operators. Each says what it prevents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperatorLimits {
    /// Rows of one drive that an operator holds at once: one endless drive must not take the machine's memory.
    pub drive_rows_max: usize,
    /// Data files whose footers are read to learn which drives they hold; beyond it the engine sorts instead, so that planning
    /// a query over a large lake does not take longer than running it.
    pub files_max: usize,
}

impl Default for OperatorLimits {
    fn default() -> Self {
        Self {
            drive_rows_max: 20_000_000,
            files_max: 10_000,
        }
    }
}
