use std::time::SystemTime;

use super::*;
use crate::routing::Health;
use crate::routing::control::Change;
use crate::routing::health::Transition;

fn api() -> Arc<EventsApi> {
    Arc::new(EventsApi::new(Arc::new(EventLog::new(SystemTime::UNIX_EPOCH))))
}

fn push(api: &EventsApi, dc: u16) {
    let transition = Transition { from: Health::Up, to: Health::Down };
    let change = Change::Dc { dc: DcId(dc), transition };
    api.log().push(SystemTime::UNIX_EPOCH, change, |_| None);
}

async fn ask(api: &EventsApi, query: &str) -> Result<EventsView, EventsError> {
    let query = Query::parse(Some(query), PARAMETERS).expect("known parameters");
    api.answer(&query).await
}

async fn ids(api: &EventsApi, query: &str) -> Vec<u64> {
    let view = ask(api, query).await.expect("a good query");
    view.events.iter().map(|event| event.id).collect()
}

#[tokio::test]
async fn events_are_given_from_an_id_on_and_of_one_dc() {
    let api = api();
    [1, 2, 1].into_iter().for_each(|dc| push(&api, dc));
    assert_eq!(ids(&api, "").await, [1, 2, 3]);
    assert_eq!(ids(&api, "after=1&limit=1").await, [2]);
    assert_eq!(ids(&api, "dc=1").await, [1, 3]);
    let view = ask(&api, "dc=1&limit=1").await.expect("a good query");
    assert_eq!((view.first, view.last, view.next, view.lost), (1, 3, 1, 0));
}

#[tokio::test]
async fn what_cannot_be_meant_is_named() {
    let api = api();
    for (query, says) in [
        ("after=-1", r#"after: "-1" is not the id of an event"#),
        ("dc=0", r#"dc: "0" is not the number of a DC"#),
        ("dc=70000", r#"dc: "70000" is not the number of a DC"#),
        ("limit=0", r#"limit: "0" is not a number from 1 to 1000"#),
        ("limit=1001", r#"limit: "1001" is not a number from 1 to 1000"#),
        ("wait=25", r#"wait: "25" is not a time up to 60 s, such as 25s"#),
        ("wait=61s", r#"wait: "61s" is not a time up to 60 s, such as 25s"#),
    ] {
        let refused = ask(&api, query).await.map_err(|error| error.to_string());
        assert_eq!(refused, Err(says.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn who_waits_gets_the_next_event_that_it_wants() {
    let api = api();
    push(&api, 1);
    let waiting = tokio::spawn({
        let api = Arc::clone(&api);
        async move { ids(&api, "after=1&dc=2&wait=60s").await }
    });
    for dc in [1, 1, 2] {
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        push(&api, dc);
    }
    assert_eq!(waiting.await.expect("it ends"), [4]);
}

#[tokio::test]
async fn a_wait_ends_empty_and_says_where_to_go_on() {
    let api = api();
    push(&api, 1);
    let view = ask(&api, "after=0&dc=2&wait=10ms").await.expect("a good query");
    assert_eq!((view.events.len(), view.next, view.last), (0, 1, 1));
}

#[tokio::test]
async fn an_id_of_another_process_is_answered_at_once() {
    let api = api();
    push(&api, 1);
    let asked = ask(&api, "after=7&wait=60s");
    let answered = tokio::time::timeout(LONGEST / 2, asked).await;
    let view = answered.expect("it does not wait").expect("a good query");
    assert_eq!((view.events.len(), view.last), (0, 1));
    assert_eq!(ids(&api, "after=1&instance=another&wait=60s").await, [1], "from the beginning");
    let query = format!("after=1&instance={}", view.instance);
    assert_eq!(ids(&api, &query).await, [] as [u64; 0]);
}

#[tokio::test]
async fn a_bounded_number_waits_and_others_are_told() {
    let api = api();
    let waiting: Vec<_> = (0..WAITING)
        .map(|_| {
            let api = Arc::clone(&api);
            tokio::spawn(async move { ids(&api, "wait=60s").await })
        })
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(ask(&api, "wait=60s").await, Err(EventsError::Busy));
    assert_eq!(ids(&api, "").await, [] as [u64; 0], "who does not wait is answered");
    push(&api, 1);
    for waiting in waiting {
        assert_eq!(waiting.await.expect("it ends"), [1]);
    }
    assert_eq!(ids(&api, "after=1&wait=1ms").await, [] as [u64; 0], "there is a place again");
}
