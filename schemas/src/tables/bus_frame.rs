//! The `bus_frame` table.

use crate::ids::LogId;
use crate::table::table;
use crate::time::Day;

table! {
    /// One frame of a vehicle bus (CAN, CAN FD) as it was recorded, not decoded.
    BusFrame = "bus_frame", version 2, key ["log_id", "bus", "can_id", "stamp_ns"], partition_by ["day"];
    /// The drive.
    ["-"] log_id: LogId,
    /// UTC day of the drive's start.
    ["day"] day: Day,
    /// Stamp.
    ["ns, UTC"] stamp_ns: i64,
    /// Topic or channel that it was recorded on.
    ["-"] bus: String,
    /// Identifier, without the flags that some interfaces keep in its upper bits: 11 bits, or 29 where `is_extended`.
    ["1"] can_id: i64,
    /// Whether the identifier has 29 bits.
    ["-"] is_extended: bool,
    /// Whether it asks for data and carries none.
    ["-"] is_remote: bool,
    /// Whether the controller reports a fault of the bus; its data then describes the fault.
    ["-"] is_error: bool,
    /// Payload: up to 8 bytes, up to 64 on CAN FD.
    ["-"] data: Vec<u8>,
    /// Whether `synth` composed the drive; null in rows of version 1, where `drive` says it.
    ["-"] composed: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Row as _;
    use arrow::datatypes::DataType;

    #[test]
    fn payloads_survive_the_batch_and_what_readers_make_of_it() {
        let row = |data: &[u8]| BusFrame {
            log_id: "d".into(),
            day: Day(0),
            stamp_ns: 1,
            bus: "/can0".into(),
            can_id: 0x1fff_ffff,
            is_extended: true,
            is_remote: false,
            is_error: false,
            data: data.to_vec(),
            composed: Some(false),
        };
        let rows = [row(&[]), row(&[0, 255, 7])];
        let batch = BusFrame::to_batch(&rows).unwrap();
        assert_eq!(BusFrame::from_batch(&batch).unwrap(), rows);
        let at = batch.schema().index_of("data").unwrap();
        let mut columns = batch.columns().to_vec();
        columns[at] = arrow::compute::cast(&columns[at], &DataType::BinaryView).unwrap();
        let named = batch.schema();
        let named = named.fields().iter().zip(columns);
        let views = named.map(|(field, column)| (field.name().clone(), column));
        let views = arrow::record_batch::RecordBatch::try_from_iter(views).unwrap();
        assert_eq!(BusFrame::from_batch(&views).unwrap(), rows);
    }
}
