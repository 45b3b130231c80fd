//! Many who push at once, while clients come.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{KEPT, etag, history, list, push};
use crate::places::clients;
use crate::support::doors::Doors;
use crate::support::lab::Lab;
use crate::support::load::Load;

/// Who pushes.
const CLIENTS: usize = 8;

/// What each of them pushes; every other one is no list.
const EACH: usize = 38;

/// What one of them has seen, in its order.
#[derive(Default)]
struct View {
    seen: Vec<String>,
    /// Revisions before and after the pushes that were accepted.
    accepted: Vec<(String, String)>,
}

#[tokio::test]
async fn three_hundred_racing_pushes_cost_no_session_and_nobody_sees_lists_go_back() {
    let lab = Arc::new(Lab::new(3));
    lab.configure(&[("edge", KEPT)]);
    let edge = lab.start().await;
    let first = etag(&edge.doors).await;
    let load = Load::start(edge.clients(), &clients(16));
    load.go_on(1).await;
    let racing =
        (0..CLIENTS).map(|client| tokio::spawn(race(Arc::clone(&lab), edge.doors, client)));
    let mut views = Vec::new();
    for racer in racing.collect::<Vec<_>>() {
        views.push(racer.await.expect("it does not panic"));
    }
    load.go_on(1).await;
    let outcomes = load.stop().await;
    let failed: Vec<_> = outcomes.iter().filter(|it| it.answered.is_err()).collect();
    assert!(
        failed.is_empty(),
        "{} of {} sessions failed: {failed:?}",
        failed.len(),
        outcomes.len()
    );

    // Every accepted push follows exactly one other.
    let pairs: Vec<_> = views.iter().flat_map(|view| view.accepted.iter().cloned()).collect();
    let next: BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(next.len(), pairs.len(), "two pushes replaced the same list");
    let mut line = vec![first];
    while let Some(after) = next.get(line.last().expect("it begins with one")) {
        line.push(after.clone());
    }
    assert_eq!(line.len(), pairs.len() + 1, "pushes that follow no other");
    assert_eq!(line.last(), Some(&etag(&edge.doors).await));
    assert!(pairs.len() > CLIENTS, "{} pushes were accepted", pairs.len());

    // The history has them in the same order, as far as it reaches.
    let entries = history(&edge.doors).await;
    let told = entries.iter().map(|entry| entry["revision"].as_str().unwrap_or_default());
    assert!(told.eq(line.iter().rev().take(entries.len()).map(String::as_str)));
    assert_eq!(entries.len(), line.len().min(100));
    assert_eq!(entries[0]["live"], true);

    // And nobody has seen one after a later one.
    let place: BTreeMap<_, _> = line.iter().zip(0..).collect();
    for view in &views {
        let places: Vec<usize> = view.seen.iter().map(|seen| place[seen]).collect();
        assert!(places.is_sorted(), "{places:?}");
    }
    let counted = |result| {
        let labels = [("source", "push"), ("result", result)];
        async move { edge_count(&edge.doors, &labels).await }
    };
    assert_eq!(counted("accepted").await, pairs.len() as f64);
    assert_eq!(counted("refused").await, (CLIENTS * EACH - pairs.len()) as f64);
}

async fn edge_count(doors: &Doors, labels: &[(&str, &str)]) -> f64 {
    doors.scrape().await.value("config_reloads_total", labels)
}

async fn race(lab: Arc<Lab>, doors: Doors, client: usize) -> View {
    let mut view = View::default();
    for round in 0..EACH {
        let over = etag(&doors).await;
        view.seen.push(over.clone());
        if round % 2 == 1 {
            let told = push(&doors, &over, "", "- {id: 0, ip: nowhere, port: 0}").await;
            assert!([412, 422].contains(&told.status), "{told:?}");
            continue;
        }
        let told = push(&doors, &over, "", &list(&lab, 1 + client * EACH + round)).await;
        match told.status {
            200 => {
                let told = told.json();
                let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
                assert_eq!((text("outcome"), text("before")), ("accepted".to_owned(), over));
                view.accepted.push((text("before"), text("after")));
                view.seen.push(text("after"));
            }
            412 => view.seen.push(told.etag.expect("it says which list is in force")),
            other => panic!("{other}: {}", told.body),
        }
    }
    view
}
