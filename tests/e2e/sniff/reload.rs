//! Secrets that change while clients are here.

use nearpoint::reload::Outcome;

use super::*;

const NEW: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn other_secrets_take_effect_and_open_sessions_stay() {
    let lab = Lab::new(1);
    lab.write("secrets", SECRET);
    lab.configure(&[("listeners", &listener("secrets_file: secrets", ""))]);
    let edge = lab.start().await;
    let old = header(2, Some(SECRET));
    let mut open = Client::plain(edge.clients()).await.expect("connected");
    open.send(&old).await.expect("sent");
    open.who().await.expect("a session");
    open.hear(&old).await.expect("all of it");
    // Waited for while the secrets change: it goes by those that were there when it came.
    let mut slow = Client::plain(edge.clients()).await.expect("connected");
    slow.send(&old[..10]).await.expect("sent");
    eventually("both are here", async || {
        (edge.doors.scrape().await.sum("worker_sessions", &[]) == 2.0).then_some(())
    })
    .await;
    is_reset(&edge, &header(2, Some(NEW))).await;

    lab.write("secrets", format!("{SECRET} # until tomorrow\n{NEW}\n"));
    reload(&edge).await;
    until_all_workers(&edge, &header(2, Some(NEW)), true).await;
    until_all_workers(&edge, &old, true).await;

    lab.write("secrets", NEW);
    reload(&edge).await;
    until_all_workers(&edge, &old, false).await;
    until_all_workers(&edge, &header(2, Some(NEW)), true).await;
    open.echo(b"still here").await.expect("a reload drops nobody");
    slow.send(&old[10..]).await.expect("sent");
    assert_eq!(slow.who().await.expect("a session").dc, AMSTERDAM);
}

/// Asks for a reload, which the watcher may have forestalled.
async fn reload(edge: &Edge) {
    let outcome = within("a reload", edge.app.reload()).await;
    assert!(matches!(outcome, Outcome::Accepted | Outcome::Unchanged), "{outcome:?}");
}

/// Waits until clients that begin so are served, or refused, whichever worker gets them: each hears of a
/// reload by itself.
async fn until_all_workers(edge: &Edge, sent: &[u8], serve: bool) {
    eventually("every worker knows", async || {
        for _ in 0..16 {
            let mut client = Client::plain(edge.clients()).await.ok()?;
            let answer = async {
                client.send(sent).await?;
                client.who().await
            };
            let served = within("an answer or a reset", answer).await.is_ok();
            if served != serve {
                return None;
            }
        }
        Some(())
    })
    .await;
}

#[tokio::test]
async fn a_client_that_came_before_the_listener_began_to_listen_goes_the_old_way() {
    const PATIENT: &str = ", proxy_protocol: {accept_from: [127.0.0.0/8], timeout: 1h}";
    let lab = Lab::new(1);
    let by_header = listener(&format!("secrets: [{SECRET}]"), PATIENT);
    let nearest = by_header.replace(&format!("{{mtproto: {{secrets: [{SECRET}]}}}}"), "nearest");
    lab.configure(&[("listeners", &nearest), IN_SINGAPORE]);
    let edge = lab.start().await;
    let announced = proxy_v2("127.0.0.1".parse().expect("an address"));
    let mut early = Client::plain(edge.clients()).await.expect("connected");
    early.send(&announced[..10]).await.expect("sent");
    eventually("it is here", async || {
        (edge.doors.scrape().await.sum("worker_sessions", &[]) == 1.0).then_some(())
    })
    .await;

    lab.configure(&[("listeners", &by_header), IN_SINGAPORE]);
    reload(&edge).await;
    let named = [&announced[..], &header(2, Some(SECRET))].concat();
    eventually("the listener listens", async || {
        let mut client = Client::plain(edge.clients()).await.ok()?;
        client.send(&named).await.ok()?;
        (client.who().await.ok()?.dc == AMSTERDAM).then_some(())
    })
    .await;
    early.send(&announced[10..]).await.expect("sent");
    assert_eq!(within("an answer", early.who()).await.expect("a session").dc, SINGAPORE);

    // And who is listened to when it ends goes the new way.
    let mut late = Client::plain(edge.clients()).await.expect("connected");
    late.send(&named[..announced.len() + 10]).await.expect("sent");
    eventually("it is listened to", async || {
        let scrape = edge.doors.scrape().await;
        (scrape.sum("worker_sessions", &[]) >= 2.0).then_some(())
    })
    .await;
    lab.configure(&[("listeners", &nearest), IN_SINGAPORE]);
    reload(&edge).await;
    late.send(&named[announced.len() + 10..]).await.expect("sent");
    assert_eq!(within("an answer", late.who()).await.expect("a session").dc, SINGAPORE);
}

#[tokio::test]
async fn a_file_of_secrets_is_watched_and_a_bad_one_changes_nothing() {
    let lab = Lab::new(1);
    lab.write("secrets", SECRET);
    lab.configure(&[("listeners", &listener("secrets_file: secrets", ""))]);
    let edge = lab.start().await;
    let reloads = async |result: &str| {
        let scrape = edge.doors.scrape().await;
        scrape.sum("config_reloads_total", &[("source", "file"), ("result", result)])
    };
    lab.write("secrets", format!("{SECRET}\nnonsense {NEW}"));
    eventually("it is refused", async || (reloads("refused").await >= 1.0).then_some(())).await;
    let status = edge.doors.json("/v1/status").await;
    let problems = status["last_reload"]["problems"].to_string();
    assert!(problems.contains("secrets:2: is not a secret"), "{problems}");
    assert!(!problems.contains(NEW) && !problems.contains("nonsense"), "{problems}");
    assert_eq!(who(&edge, &header(2, Some(SECRET))).await.dc, AMSTERDAM);

    lab.write("secrets", NEW);
    eventually("it is accepted", async || (reloads("accepted").await >= 1.0).then_some(())).await;
    until_all_workers(&edge, &header(2, Some(NEW)), true).await;
    let configuration = edge.doors.json("/v1/configuration").await;
    let secrets = &configuration["listeners"][0]["route"]["mtproto"]["secrets"];
    let shown = secrets[0].as_str().expect("one secret");
    assert!(shown.starts_with("redacted:") && !configuration.to_string().contains(NEW), "{shown}");
}
