use super::*;
use crate::error::Error;
use crate::limits::Limits;

/// A record that takes so much room that few go into a page.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Wide {
    key: i64,
    place: u32,
    perhaps: Option<[f64; 2]>,
    padding: [f64; 400],
}

record!(Wide {
    key: i64,
    place: u32,
    perhaps: Option<[f64; 2]>,
    padding: [f64; 400],
});

/// A record whose key comes again and again, out of order.
fn wide(place: u32) -> Wide {
    let key = i64::from(place.wrapping_mul(2_654_435_761) % 97);
    Wide {
        key,
        place,
        perhaps: (key % 3 > 0).then_some([f64::from(place), f64::NAN.copysign(-1.0)]),
        padding: [f64::from(place); 400],
    }
}

fn bits(record: &Wide) -> Vec<u64> {
    let perhaps = record.perhaps.map(|numbers| numbers.map(f64::to_bits));
    let rest = record.padding.map(f64::to_bits);
    let head = [
        record.key as u64,
        u64::from(record.place),
        u64::from(perhaps.is_some()),
    ];
    head.into_iter()
        .chain(perhaps.unwrap_or_default())
        .chain(rest)
        .collect()
}

fn store(held_bytes_max: usize, held_disk_bytes_max: u64) -> Store {
    Store::new(&Limits {
        held_bytes_max,
        held_disk_bytes_max,
        ..Limits::default()
    })
}

#[test]
fn a_list_in_the_file_is_the_list_in_memory() {
    let records: Vec<Wide> = (0..1_000).map(wide).collect();
    let filed = store(0, 64 << 20);
    for store in [Store::default(), filed.clone(), store(200 << 10, 64 << 20)] {
        let list = Paged::collect_in(&store, records.iter().copied());
        assert_eq!(list.len(), 1_000);
        let all: Vec<_> = list.iter().map(|record| bits(&record)).collect();
        assert_eq!(all, records.iter().map(bits).collect::<Vec<_>>());
        for at in [0, 1, 15, 16, 17, 500, 991, 999] {
            assert_eq!(bits(&list.get(at).unwrap()), bits(&records[at]), "{at}");
        }
        assert!(list.get(1_000).is_none() && list.get(1_008).is_none());
        let some: Vec<_> = list.range(13..40).map(|record| record.place).collect();
        assert_eq!(some, (13..40).collect::<Vec<_>>());
        let mut sorted = records.clone();
        sorted.sort_by_key(|record| record.key);
        let list = list.sorted_by_key(|record| record.key);
        let places: Vec<_> = list.iter().map(|record| record.place).collect();
        assert_eq!(
            places,
            sorted.iter().map(|record| record.place).collect::<Vec<_>>()
        );
        for key in -1..99 {
            let expected = sorted.partition_point(|record| record.key < key);
            assert_eq!(
                list.partition_point(|record| record.key < key),
                expected,
                "{key}"
            );
        }
        store.check("drive").unwrap();
    }
    // What was dropped is free for others, in memory and in the file.
    assert_eq!(filed.bytes(), 0);
    let again = Paged::collect_in(&filed, records.iter().copied());
    assert_eq!(again.first().map(|record| record.place), Some(0));
}

#[test]
fn runs_that_do_not_fit_are_merged() {
    let store = store(1 << 20, 256 << 20);
    // 40 MB of numbers, of which a run holds 16.
    let numbers =
        (0..5_000_000_u64).map(|at| (at.wrapping_mul(11_400_714_819_323_198_485) >> 24) as i64);
    let list = Paged::collect_in(&store, numbers.clone());
    assert!(store.bytes() <= 2 << 20, "{}", store.bytes());
    let mut expected: Vec<i64> = numbers.collect();
    expected.sort_unstable();
    let list = list.sorted_by_key(|number| *number);
    assert!(list.iter().eq(expected.iter().copied()));
    assert_eq!(list.selected(1_234_567), Some(expected[1_234_567]));
    store.check("drive").unwrap();
}

#[test]
fn lists_of_any_length_have_an_end() {
    let per_page = Paged::<i64>::PER_PAGE as i64;
    for length in [0, 1, per_page - 1, per_page, per_page + 1, 2 * per_page] {
        let list: Paged<i64> = (0..length).collect();
        assert_eq!(
            (list.len() as i64, list.last()),
            (length, (length > 0).then(|| length - 1))
        );
        assert_eq!(
            list.partition_point(|number| *number < length) as i64,
            length
        );
        assert_eq!(list.partition_point(|number| *number < 0), 0);
        assert_eq!(list.pairs().count() as i64, (length - 1).max(0));
        assert_eq!(list.selected(0), (length > 0).then_some(0));
    }
}

#[test]
fn a_store_without_room_says_so() {
    let store = store(0, 100 << 10);
    let list = Paged::collect_in(&store, 0..100_000_i64);
    assert_eq!(list.len(), 100_000);
    match store.check("drive") {
        Err(Error::Limit { limit, .. }) => assert_eq!(limit, "held_disk_bytes_max"),
        other => panic!("{other:?}"),
    }
}
