//! Records as bytes of a page.

use driveloop_schemas::pose::{Pose, Quat};

/// A record of one size, as it is written to a page and read again.
pub(crate) trait Record: Copy {
    /// Bytes that it takes in a page.
    const BYTES: usize;

    /// Writes all of its bytes.
    fn write(&self, to: &mut Vec<u8>);

    /// Reads what [`Record::write`] wrote.
    fn read(from: &mut &[u8]) -> Option<Self>;
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl Record for $number {
            const BYTES: usize = size_of::<$number>();

            fn write(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_le_bytes());
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                let (bytes, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(Self::from_le_bytes(*bytes))
            }
        }
    )+};
}

numbers!(u8, u32, i32, u64, i64, f64);

impl<T: Record> Record for Option<T> {
    const BYTES: usize = 1 + T::BYTES;

    fn write(&self, to: &mut Vec<u8>) {
        let end = to.len() + Self::BYTES;
        to.push(u8::from(self.is_some()));
        if let Some(record) = self {
            record.write(to);
        }
        to.resize(end, 0);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let is_some = u8::read(from)? != 0;
        let (mut record, rest) = from.split_at_checked(T::BYTES)?;
        *from = rest;
        if is_some {
            T::read(&mut record).map(Some)
        } else {
            Some(None)
        }
    }
}

impl<const N: usize> Record for [f64; N] {
    const BYTES: usize = N * f64::BYTES;

    fn write(&self, to: &mut Vec<u8>) {
        self.iter().for_each(|number| number.write(to));
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let mut numbers = [0.0; N];
        for number in &mut numbers {
            *number = f64::read(from)?;
        }
        Some(numbers)
    }
}

impl<A: Record, B: Record> Record for (A, B) {
    const BYTES: usize = A::BYTES + B::BYTES;

    fn write(&self, to: &mut Vec<u8>) {
        self.0.write(to);
        self.1.write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some((A::read(from)?, B::read(from)?))
    }
}

/// Makes records of structs, field by field.
macro_rules! record {
    ($name:ty { $($field:ident: $type:ty),+ $(,)? }) => {
        impl $crate::paged::Record for $name {
            const BYTES: usize = 0 $(+ <$type as $crate::paged::Record>::BYTES)+;

            fn write(&self, to: &mut Vec<u8>) {
                $($crate::paged::Record::write(&self.$field, to);)+
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                Some(Self {
                    $($field: <$type as $crate::paged::Record>::read(from)?,)+
                })
            }
        }
    };
}
pub(crate) use record;

/// Makes records of structs of one unnamed field.
macro_rules! wrapped_record {
    ($($name:ty: $inner:ty),+ $(,)?) => {$(
        impl $crate::paged::Record for $name {
            const BYTES: usize = <$inner as $crate::paged::Record>::BYTES;

            fn write(&self, to: &mut Vec<u8>) {
                $crate::paged::Record::write(&self.0, to);
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                <$inner as $crate::paged::Record>::read(from).map(Self)
            }
        }
    )+};
}
pub(crate) use wrapped_record;

record!(Quat {
    w: f64,
    x: f64,
    y: f64,
    z: f64,
});
record!(Pose {
    translation: [f64; 3],
    rotation: Quat,
});
