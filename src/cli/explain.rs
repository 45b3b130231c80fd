//! `nearpoint explain`: asks a daemon, or decides by a configuration alone.

use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::args::ExplainArgs;
use super::client::{FetchError, encode, fetch};
use super::table::Look;
use super::{BAD_CONFIG, FAILED, block_on, output, table};
use crate::admin::view::{ExplainError, ExplainView, explain, the_listener};
use crate::routing::Snapshot;
use crate::{config, reload};

/// Explains by this configuration alone: every access point is taken to be Up, nothing is measured.
pub(super) fn offline(config: &Path, args: &ExplainArgs) -> ExitCode {
    let loaded = match config::load(config) {
        Ok(loaded) => loaded.config,
        Err(error) => return output::fail(&error.to_string(), BAD_CONFIG),
    };
    let databases = match reload::open_databases(&loaded.geoip) {
        Ok(databases) => databases,
        Err(errors) => return output::fail(&errors.to_string(), BAD_CONFIG),
    };
    let locator = reload::locator(&loaded.geoip, databases);
    let snapshot = Snapshot::presume_up(loaded.topology, Arc::new(locator));
    match explain_all(&snapshot, args.listener.as_deref(), &args.ips) {
        Ok(views) => print(&views, args.json),
        Err(error) => output::fail(&error.to_string(), BAD_CONFIG),
    }
}

/// Asks the daemon about every address and prints what it says.
pub(super) fn ask(args: &ExplainArgs) -> ExitCode {
    match block_on(ask_all(args)) {
        Ok(Ok(views)) => print(&views, args.json),
        Ok(Err(error)) => output::fail(&error.to_string(), FAILED),
        Err(error) => output::fail(&error.to_string(), FAILED),
    }
}

async fn ask_all(args: &ExplainArgs) -> Result<Vec<ExplainView>, FetchError> {
    let mut views = Vec::with_capacity(args.ips.len());
    for ip in &args.ips {
        let mut target = format!("/v1/explain?ip={}", encode(&ip.to_string()));
        if let Some(listener) = &args.listener {
            target.push_str("&listener=");
            target.push_str(&encode(listener));
        }
        views.push(fetch(&args.daemon.admin, &target).await?);
    }
    Ok(views)
}

fn explain_all(
    snapshot: &Snapshot,
    listener: Option<&str>,
    ips: &[IpAddr],
) -> Result<Vec<ExplainView>, ExplainError> {
    let listener = the_listener(&snapshot.topology, listener)?;
    ips.iter().map(|ip| explain(snapshot, listener, *ip)).collect()
}

fn print(views: &[ExplainView], json: bool) -> ExitCode {
    if json {
        return output::print_json(&views);
    }
    let look = Look::of_stdout();
    let texts: Vec<String> = views.iter().map(|view| table::explain(view, look)).collect();
    output::print(&texts.join("\n\n"))
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Instant;

    use clap::Parser;
    use hyper::Request;
    use tokio::net::TcpListener;

    use super::*;
    use crate::admin::fixture::{Germany, Live, three_dcs};
    use crate::admin::{AdminContext, Facts, serve};
    use crate::cli::{Cli, Command};
    use crate::memory::{HashKey, StickyMemory};
    use crate::metrics::Metrics;
    use crate::routing::Topology;

    #[test]
    fn a_configuration_alone_explains_where_clients_go() {
        let snapshot = Snapshot::presume_up(Topology::new(three_dcs()), Arc::new(Germany));
        let ips = ["203.0.113.7", "10.0.0.1"].map(|ip| ip.parse().expect("an address"));
        let views = explain_all(&snapshot, None, &ips).expect("one listener");
        assert!(views[0].sentence.ends_with("576 km away: nearest."));
        let nobody_knows = "10.0.0.1 (location unknown) goes to DC ";
        assert!(views[1].sentence.starts_with(nobody_knows), "{}", views[1].sentence);
        assert!(explain_all(&snapshot, Some("nobody"), &ips).is_err());
    }

    #[tokio::test]
    async fn a_daemon_explains_what_its_snapshot_says() {
        let live = Live::warm().await;
        let (_trigger, draining) = crate::drain::channel();
        let context = AdminContext {
            reader: live.reader.clone(),
            memory: Arc::new(StickyMemory::new(HashKey::new([0; 16]))),
            metrics: Arc::new(Metrics::new("edge-1")),
            facts: Arc::new(Facts::new("edge-1", 2, Instant::now())),
            allowed_hosts: vec!["127.0.0.1".into()],
            draining,
            beat_ages: Arc::new(Vec::new),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let service = move |request: &Request<()>| context.respond(request);
        tokio::spawn(serve(listener, service, pending()));
        let line = format!("nearpoint explain 203.0.113.7 2001:db8::1 --admin http://{address}");
        let Ok(Cli { command: Command::Explain(mut args) }) = Cli::try_parse_from(line.split(' '))
        else {
            panic!("{line} is a good command");
        };
        let views = ask_all(&args).await.expect("answers");
        let snapshot = live.reader.load();
        let decided = explain_all(&snapshot, None, &args.ips).expect("one listener");
        let sentences = |views: &[ExplainView]| {
            let sentences = views.iter().map(|view| view.sentence.clone());
            sentences.collect::<Vec<_>>()
        };
        assert_eq!(sentences(&views), sentences(&decided));
        args.listener = Some("no such & one".into());
        let refused = ask_all(&args).await.map_err(|error| error.to_string());
        let refused = refused.expect_err("there is no such listener");
        assert!(refused.contains(r#""no such & one": known are clients"#), "{refused}");
    }
}
