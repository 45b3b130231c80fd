use std::future::pending;
use std::time::Instant;

use clap::Parser;
use tokio::net::TcpListener;

use super::*;
use crate::admin::fixture::{Germany, Live, three_dcs};
use crate::admin::{AdminContext, Asked, EventsApi, Facts, Gate, serve};
use crate::cli::{Cli, Command};
use crate::memory::{HashKey, StickyMemory};
use crate::metrics::Metrics;
use crate::routing::Topology;

/// The admin API of a daemon that has found everything Up.
pub(super) async fn daemon(live: &Live) -> String {
    let (_trigger, draining) = crate::drain::channel();
    let metrics = Arc::new(Metrics::new("edge-1"));
    let context = AdminContext {
        reader: live.reader.clone(),
        memory: Arc::new(StickyMemory::new(HashKey::new([0; 16]))),
        sessions: Arc::default(),
        gate: Gate::new(Arc::default(), metrics.admin_logins_failed_total.clone()),
        metrics,
        facts: Arc::new(Facts::new("edge-1", 2, Instant::now())),
        allowed_hosts: vec!["127.0.0.1".into()],
        draining,
        events: EventsApi::new(Arc::clone(&live.events)),
        beat_ages: Arc::new(Vec::new),
        operations: live.desk(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let context = Arc::new(context);
    let service = move |request: Asked| {
        let context = Arc::clone(&context);
        async move { context.respond(request).await }
    };
    tokio::spawn(serve(listener, service, pending()));
    format!("http://{address}")
}

/// The arguments of a command.
pub(super) fn arguments(line: &str) -> ExplainArgs {
    match Cli::try_parse_from(line.split(' ')) {
        Ok(Cli { command: Command::Explain(args) }) => args,
        other => panic!("{line} is a good command: {other:?}"),
    }
}

#[test]
fn a_configuration_alone_explains_where_clients_go() {
    let snapshot = Snapshot::presume_up(Topology::new(three_dcs()), Arc::new(Germany));
    let mut args = arguments("nearpoint explain 203.0.113.7 10.0.0.1");
    let views = explain_all(&snapshot, &args).expect("one listener");
    assert!(views[0].sentence.ends_with("576 km away: nearest."));
    let nobody_knows = "10.0.0.1 (location unknown) goes to DC ";
    assert!(views[1].sentence.starts_with(nobody_knows), "{}", views[1].sentence);
    args.listener = Some("nobody".into());
    assert!(explain_all(&snapshot, &args).is_err());
}

#[tokio::test]
async fn a_daemon_explains_what_its_snapshot_says() {
    let live = Live::warm().await;
    let url = daemon(&live).await;
    let line = format!("nearpoint explain 203.0.113.7 2001:db8::1 --admin {url}");
    let mut args = arguments(&line);
    let views = ask_all(&args).await.expect("answers");
    let snapshot = live.reader.load();
    let decided = explain_all(&snapshot, &args).expect("one listener");
    assert!(views.iter().all(|view| view.basis == "live"));
    // Nobody is remembered: but for that, both know the same.
    let as_live = decided.into_iter().map(|view| ExplainView { basis: "live".into(), ..view });
    assert_eq!(views, as_live.collect::<Vec<_>>());
    args.listener = Some("no such & one".into());
    let refused = ask_all(&args).await.map_err(|error| error.to_string());
    let refused = refused.expect_err("there is no such listener");
    assert!(refused.contains(r#""no such & one": known are clients"#), "{refused}");
}
