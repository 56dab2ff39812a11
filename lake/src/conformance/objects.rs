//! Cases on objects: conditional puts, journals, packs.

use bytes::Bytes;

use super::{Opener, Outcome, is, refused, same};
use crate::error::Error;
use crate::journal::Journal;
use crate::pack::PackWriter;

/// Bytes of the large frame: several parts of an upload.
const LARGE_BYTES: u32 = 20_000_000;

pub(super) async fn an_object_is_written_once_where_there_is_none(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    let store = lake.store();
    let writers = (0..8_u8).map(|writer| {
        let store = store.clone();
        async move {
            store
                .put_if_absent("reports/one", Bytes::from(vec![writer; 8]))
                .await
        }
    });
    let first = futures::future::try_join_all(writers).await?;
    let winners: Vec<u8> = (0..8)
        .zip(&first)
        .filter(|(_, first)| **first)
        .map(|(writer, _)| writer)
        .collect();
    same("writers who were first", winners.len(), 1)?;
    let winner = Bytes::from(vec![winners[0]; 8]);
    same("the object", store.get("reports/one").await?, winner)?;
    store
        .put("reports/one", Bytes::from_static(b"anew"))
        .await?;
    same(
        "the object written anew",
        store.get("reports/one").await?,
        Bytes::from_static(b"anew"),
    )?;
    // Two who write the same bytes are two all the same.
    for expected in [true, false] {
        let first = store
            .put_if_absent("reports/two", Bytes::from_static(b"same"))
            .await?;
        same("being first with the same bytes", first, expected)?;
    }
    let listed: Vec<_> = store
        .list("reports")
        .await?
        .into_iter()
        .map(|entry| (entry.path, entry.size))
        .collect();
    let expected = vec![("reports/one".to_owned(), 4), ("reports/two".to_owned(), 4)];
    same("the listing", listed, expected)
}

pub(super) async fn one_run_at_a_time_extends_a_journal(opener: Opener) -> Outcome {
    let (one, other) = (opener.open().await?, opener.open().await?);
    let mut first = Journal::open(&one, "round-a").await?;
    let mut second = Journal::open(&other, "round-a").await?;
    same("the first entry", first.append(&"begun").await?, 0)?;
    let error = refused("the same entry by another", second.append(&"begun").await)?;
    is(
        "the same entry by another",
        &error,
        matches!(error, Error::JournalTaken { sequence: 0, .. }),
    )?;
    same("the second entry", first.append(&"done").await?, 1)?;
    let mut third = Journal::open(&other, "round-a").await?;
    same(
        "the third entry, by another",
        third.append(&"again").await?,
        2,
    )?;
    let entries = third.entries::<String>().await?;
    let expected: Vec<_> = ["begun", "done", "again"].map(str::to_owned).into();
    same("entries", entries, expected.clone())?;
    let news = first.news::<String>().await?;
    same("news for the first", news, vec!["again".to_owned()])?;
    same("the entry after the news", first.append(&"on").await?, 3)?;
    let mut late = Journal::from_start(&other, "round-a");
    let news = late.news::<String>().await?;
    same("news for one who knows nothing", news.len(), 4)?;
    same("news of news", late.news::<String>().await?.len(), 0)?;
    let names = Journal::names(&one).await?;
    same("journals", names, vec!["round-a".to_owned()])
}

pub(super) async fn media_bytes_come_back_unchanged(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    let large: Vec<u8> = (0..LARGE_BYTES).map(|i| (i % 251) as u8).collect();
    let frames = [
        Bytes::from_static(b"first"),
        Bytes::from(large),
        Bytes::new(),
        Bytes::from_static(b"last"),
    ];
    // A pack that was begun and given up is not there, and does not stand in the way.
    let mut given_up = PackWriter::new(&lake, "drive/../a", "01ab", "/camera");
    given_up.append(&frames[1]).await?;
    drop(given_up);
    let mut writer = PackWriter::new(&lake, "drive/../a", "01ab", "/camera");
    let mut ranges = Vec::new();
    for frame in &frames {
        ranges.push(writer.append(frame).await?);
    }
    writer.finish().await?;
    let reader = opener.open().await?;
    for (frame, range) in frames
        .iter()
        .zip(&ranges)
        .filter(|(frame, _)| !frame.is_empty())
    {
        let bytes = range.offset as u64..(range.offset + range.length) as u64;
        let read = reader.store().get_range(&range.pack, bytes).await?;
        same("the bytes of a frame", read == *frame, true)?;
    }
    let packs = reader.store().list("media").await?;
    let sizes: Vec<_> = packs.iter().map(|pack| pack.size).collect();
    same(
        "sizes of the packs",
        sizes,
        vec![u64::from(LARGE_BYTES) + 9],
    )
}

pub(super) async fn what_is_not_there_is_said(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    let store = lake.store();
    for error in [
        refused(
            "an object that is not there",
            store.get("no/such/object").await,
        )?,
        refused(
            "bytes of an object that is not there",
            store.get_range("no/such/object", 0..4).await,
        )?,
    ] {
        is(
            "an object that is not there",
            &error,
            matches!(error, Error::NotFound { .. }),
        )?;
    }
    same(
        "whether it is there",
        store.exists("no/such/object").await?,
        false,
    )?;
    same(
        "a listing of nothing",
        store.list("no/such").await?.len(),
        0,
    )?;
    let error = refused(
        "a column that is not there",
        lake.query("SELECT nothing FROM drive").await,
    )?;
    is(
        "a column that is not there",
        &error,
        matches!(error, Error::Query { .. }),
    )
}
