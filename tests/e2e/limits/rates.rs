//! How many sessions may be new.

use super::*;

/// Seconds that the machine may have let pass, and one for the second that has begun.
fn seconds_since(then: Instant) -> f64 {
    then.elapsed().as_secs_f64() + 1.0
}

#[tokio::test]
async fn a_client_that_comes_too_often_is_refused_and_takes_nobody_elses_part() {
    const BURST: u32 = 5;
    const OTHERS: usize = 60;
    let lab = Lab::new(1);
    let keys = "limits: {new_per_second_per_client: {rate: 1, burst: 5}, \
         new_per_second: {rate: 1, burst: 100}}";
    let edge = start(&lab, keys).await;
    let began = Instant::now();
    let mut old = session(edge.clients(), ip("8.8.4.4")).await;
    let (mut refused, mut served) = (0, 0);
    for other in clients(OTHERS) {
        for _ in 0..4 {
            match who_answers(edge.clients(), ip(GREEDY)).await {
                Ok(_) => served += 1,
                Err(_) => refused += 1,
            }
        }
        who_answers(edge.clients(), other).await.expect("who comes once is served");
    }
    assert!(served >= BURST);
    let most = f64::from(BURST) + seconds_since(began);
    assert!(f64::from(served) <= most, "{served} sessions, {most} at most");
    assert_eq!(refused_by(&edge, "new_per_second_per_client").await, f64::from(refused));
    old.echo(b"unmoved").await.expect("who has a session keeps it");
    // Whoever goes on asking is let in when there is room again.
    eventually("the rate admits it again", async || {
        who_answers(edge.clients(), ip(GREEDY)).await.ok()
    })
    .await;
}

#[tokio::test]
async fn new_sessions_of_all_come_only_so_fast_and_old_ones_notice_nothing() {
    const BURST: u32 = 10;
    const CLIENTS: usize = 60;
    let lab = Lab::new(1);
    let edge = start(&lab, "limits: {new_per_second: {rate: 1, burst: 10}}").await;
    let began = Instant::now();
    let mut old = session(edge.clients(), ip("8.8.4.4")).await;
    let (mut refused, mut served) = (0, 1);
    for client in clients(CLIENTS) {
        match who_answers(edge.clients(), client).await {
            Ok(_) => served += 1,
            Err(_) => refused += 1,
        }
    }
    let most = f64::from(BURST) + seconds_since(began);
    assert!((BURST..=most as u32).contains(&served), "{served} sessions, {most} at most");
    assert_eq!(refused_by(&edge, "new_per_second").await, f64::from(refused));
    assert_eq!(edge.doors.scrape().await.sum("geo_lookups_total", &[]), f64::from(served));
    old.echo(b"unmoved").await.expect("who has a session keeps it");
}

#[tokio::test]
async fn what_a_client_has_used_of_its_rate_outlives_a_reload_that_leaves_the_rate_as_it_is() {
    const BURST: usize = 40;
    let rate = "new_per_second_per_client: {rate: 1, burst: 40}";
    let lab = Lab::new(1);
    let edge = start(&lab, &format!("limits: {{{rate}}}")).await;
    let began = Instant::now();
    let ask = async || {
        let mut served = 0;
        for _ in 0..BURST {
            served += usize::from(who_answers(edge.clients(), ip(GREEDY)).await.is_ok());
        }
        served
    };
    assert_eq!(ask().await, BURST);
    lab.configure(&[("listeners", &listener(&format!("limits: {{sessions: 500, {rate}}}")))]);
    let outcome = within("a reload", edge.app.reload()).await;
    assert!(matches!(outcome, Outcome::Accepted), "{outcome:?}");
    let (served, most) = (ask().await, seconds_since(began));
    assert!(served as f64 <= most, "{served} sessions, {most} at most");
    let refused = refused_by(&edge, "new_per_second_per_client").await;
    assert_eq!(refused, (BURST - served) as f64);
}
