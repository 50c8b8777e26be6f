//! The history's order, filters, pages and bounds.

use super::*;
use crate::store::{memory, mirror};

fn entry(at: i64, event: &str, subjects: &[&str], receiver: Option<&str>) -> HistoryEntry {
    HistoryEntry {
        at: Timestamp::from_millis(at),
        event: event.to_owned(),
        subjects: subjects.iter().map(|subject| (*subject).to_owned()).collect(),
        receiver: receiver.map(str::to_owned),
        body: format!(r#"{{"n":{at}}}"#),
    }
}

/// A store whose writer runs, in memory.
#[allow(clippy::disallowed_methods)] // a test supervises its own tasks
async fn store() -> Store {
    let (store, writer) = Store::open(None, &crate::metrics::Registry::new()).await;
    tokio::spawn((writer.start)());
    store
}

async fn times(store: &Store, filter: HistoryFilter) -> Vec<i64> {
    let filter = HistoryFilter { limit: filter.limit.max(10), ..filter };
    let rows = store.history(&filter).await.expect("readable");
    rows.into_iter().map(|row| row.entry.at.millis()).collect()
}

#[tokio::test]
async fn what_happened_is_found_by_time_alert_receiver_and_kind_the_newest_first() {
    let store = store().await;
    let entries = vec![
        entry(1_000, "firing", &["A", "aa"], None),
        entry(2_000, "attempt", &["A", "B", "aa", "bb"], Some("oncall")),
        entry(3_000, "attempt", &["B", "bb"], Some("boss")),
        entry(4_000, "resolved", &["A", "aa"], None),
    ];
    store.record_history(entries.clone()).await.expect("recorded");
    let all = HistoryFilter::default();
    let text = |text: &str| Some(text.to_owned());
    let at = |millis| Some(Timestamp::from_millis(millis));
    for (case, filter, wanted) in [
        ("all", all.clone(), vec![4_000, 3_000, 2_000, 1_000]),
        ("by name", HistoryFilter { subject: text("A"), ..all.clone() }, vec![4_000, 2_000, 1_000]),
        ("by fingerprint", HistoryFilter { subject: text("bb"), ..all.clone() }, vec![3_000, 2_000]),
        ("by receiver", HistoryFilter { receiver: text("oncall"), ..all.clone() }, vec![2_000]),
        (
            "by kind",
            HistoryFilter { events: vec!["firing".into(), "resolved".into()], ..all.clone() },
            vec![4_000, 1_000],
        ),
        ("by time", HistoryFilter { since: at(2_000), until: at(3_000), ..all.clone() }, vec![3_000, 2_000]),
        (
            "by all",
            HistoryFilter { subject: text("B"), receiver: text("boss"), since: at(3_000), ..all.clone() },
            vec![3_000],
        ),
        ("unknown", HistoryFilter { subject: text("' or 1=1"), ..all.clone() }, vec![]),
    ] {
        assert_eq!(times(&store, filter).await, wanted, "{case}");
    }
    let rows = store.history(&HistoryFilter { limit: 3, ..all.clone() }).await.expect("readable");
    assert_eq!(rows[1].entry, entries[2], "an entry comes back as it was");
    let next = store.history(&HistoryFilter { before: Some(rows[2].number), limit: 3, ..all }).await.expect("readable");
    assert_eq!(next.iter().map(|row| row.entry.at.millis()).collect::<Vec<_>>(), [1_000]);
}

#[tokio::test]
async fn a_clock_that_was_set_back_neither_disturbs_the_order_nor_hides_an_entry() {
    let store = store().await;
    for at in [5_000, 1_000, 1_500] {
        store.record_history(vec![entry(at, "firing", &["A"], None)]).await.expect("recorded");
    }
    assert_eq!(times(&store, HistoryFilter::default()).await, [1_500, 1_000, 5_000]);
    let since = HistoryFilter { since: Some(Timestamp::from_millis(1_200)), ..HistoryFilter::default() };
    assert_eq!(times(&store, since).await, [1_500, 5_000]);
}

#[tokio::test]
async fn the_history_is_bounded_by_age_and_by_number_and_takes_its_subjects_along() {
    let store = store().await;
    let many = (0..3_000).map(|n| entry(n, "firing", &["A", "aa"], None)).collect();
    store.record_history(many).await.expect("recorded");
    store.prune_history(Timestamp::from_millis(100), 100_000).await.expect("pruned");
    let filter = HistoryFilter { subject: Some("A".into()), limit: MOST_READ, ..HistoryFilter::default() };
    let oldest = |rows: Vec<HistoryRow>| rows.last().map(|row| row.entry.at.millis());
    let until = HistoryFilter { until: Some(Timestamp::from_millis(200)), ..filter.clone() };
    assert_eq!(oldest(store.history(&until).await.expect("readable")), Some(100));
    store.prune_history(Timestamp::from_millis(0), 20).await.expect("pruned");
    let rows = store.history(&filter).await.expect("readable");
    assert_eq!((rows.len(), oldest(rows)), (20, Some(2_980)));
    let mut conn = store.reader().await.expect("a reader");
    let (subjects,): (i64,) =
        sqlx::query_as("select count(*) from alert_history_subjects").fetch_one(&mut *conn).await.expect("countable");
    assert_eq!(subjects, 40);
}

#[tokio::test]
async fn a_database_that_is_half_full_forgets_the_oldest_history_rather_than_refuse_an_alert() {
    let pool = memory::open().await.expect("a database");
    let mut conn = pool.acquire().await.expect("a connection");
    sqlx::raw_sql("pragma max_page_count = 400").execute(&mut *conn).await.expect("set");
    let text = "x".repeat(500);
    for round in 0..50 {
        let entries: Vec<HistoryEntry> = (0..100)
            .map(|n| HistoryEntry { body: text.clone(), ..entry(round * 100 + n, "firing", &["A"], None) })
            .collect();
        record(&mut conn, &entries).await.expect("there is room");
    }
    let (newest,): (i64,) = sqlx::query_as("select at from alert_history order by sequence desc")
        .fetch_one(&mut *conn)
        .await
        .expect("some");
    assert_eq!(newest, 4_999);
}

#[tokio::test]
async fn the_newest_travel_between_file_and_memory_and_replace_nothing() {
    let (file, other) = (memory::open().await.expect("one"), memory::open().await.expect("another"));
    let (mut file, mut other) =
        (file.acquire().await.expect("a connection"), other.acquire().await.expect("a connection"));
    record(&mut file, &[entry(1_000, "firing", &["A"], None), entry(1_000, "firing", &["B"], None)])
        .await
        .expect("recorded");
    let contents = mirror::read(&mut file).await.expect("read");
    mirror::write(&mut other, &contents, false).await.expect("written");
    record(&mut other, &[entry(2_000, "resolved", &["A"], Some("r"))]).await.expect("recorded");
    let contents = mirror::read(&mut other).await.expect("read");
    record(&mut file, &[entry(1_500, "firing", &["C"], None)]).await.expect("recorded");
    mirror::write(&mut file, &contents, false).await.expect("written");
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select h.at, s.subject from alert_history h join alert_history_subjects s using (sequence) order by h.sequence",
    )
    .fetch_all(&mut *file)
    .await
    .expect("readable");
    let rows: Vec<(i64, &str)> = rows.iter().map(|(at, subject)| (*at, subject.as_str())).collect();
    assert_eq!(rows, [(1_000, "A"), (1_000, "B"), (1_500, "C"), (2_000, "A")]);
}
