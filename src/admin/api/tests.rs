use std::future::ready;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::{TcpListener, TcpStream};

mod access;

use super::*;
use crate::admin::fixture::{Live, all_up, three_dcs};
use crate::admin::operations::Author;
use crate::admin::view::{ConfigView, ErrorView, EventsView, ExplainView, NearestDcView, Standing};
use crate::admin::{Body, Credentials, ScrapeContext, serve};
use crate::drain::{self, DrainTrigger, DrainWatch};
use crate::memory::HashKey;
use crate::routing::AdminState;
use tokio::sync::watch;

/// Both listeners on free ports, over a control that runs.
struct Lab {
    api: SocketAddr,
    scrape: SocketAddr,
    live: Live,
    draining: DrainTrigger,
    beats: watch::Sender<Vec<Duration>>,
}

struct Answer {
    status: StatusCode,
    headers: hyper::HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).expect("the view that was asked for")
    }

    fn error(&self) -> String {
        self.json::<ErrorView>().error
    }
}

impl Lab {
    async fn new(live: Live) -> Self {
        let (draining, drained) = drain::channel();
        let (beats, beaten) = watch::channel(vec![Duration::ZERO; 2]);
        let context = context(&live, drained, beaten);
        let scrape = ScrapeContext {
            reader: live.reader.clone(),
            memory: Arc::clone(&context.memory),
            metrics: Arc::clone(&context.metrics),
            facts: Arc::clone(&context.facts),
        };
        Self {
            api: listen_to(context).await,
            scrape: listen(move |request: Asked| ready(scrape.respond(&request.head))).await,
            live,
            draining,
            beats,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        ask(self.api, Method::GET, path, "localhost:9900").await
    }
}

fn context(
    live: &Live,
    draining: DrainWatch,
    beats: watch::Receiver<Vec<Duration>>,
) -> AdminContext {
    let metrics = Arc::new(Metrics::new("edge-1"));
    AdminContext {
        reader: live.reader.clone(),
        memory: Arc::new(StickyMemory::new(HashKey::new([0; 16]))),
        sessions: Arc::default(),
        gate: Gate::new(Arc::default(), metrics.admin_logins_failed_total.clone()),
        metrics,
        facts: Arc::new(Facts::new("edge-1", 2, Instant::now())),
        allowed_hosts: vec!["localhost".into(), "127.0.0.1".into()],
        draining,
        events: EventsApi::new(Arc::clone(&live.events)),
        beat_ages: Arc::new(move || beats.borrow().clone()),
        operations: live.desk(),
    }
}

async fn listen_to(context: AdminContext) -> SocketAddr {
    let context = Arc::new(context);
    listen(move |request| {
        let context = Arc::clone(&context);
        async move { context.respond(request).await }
    })
    .await
}

async fn listen<A>(service: impl Fn(Asked) -> A + Send + Sync + 'static) -> SocketAddr
where
    A: Future<Output = Reply> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(serve(listener, service, std::future::pending()));
    address
}

async fn ask(address: SocketAddr, method: Method, path: &str, host: &str) -> Answer {
    let stream = TcpStream::connect(address).await.expect("it listens");
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.expect("a handshake on a fresh connection");
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, host)
        .body(Empty::<Bytes>::new())
        .expect("a request of the test");
    let reply = sender.send_request(request).await.expect("an answer");
    let (head, body) = reply.into_parts();
    Answer {
        status: head.status,
        headers: head.headers,
        body: body.collect().await.expect("a whole body").to_bytes(),
    }
}

#[tokio::test]
async fn livez_fails_when_a_worker_has_not_beaten_for_ten_seconds() {
    let lab = Lab::new(Live::cold()).await;
    let answer = lab.get("/livez").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.json::<LiveView>().live);
    lab.beats.send_replace(vec![Duration::ZERO, Duration::from_secs(11)]);
    let answer = lab.get("/livez").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let reasons = answer.json::<LiveView>().reasons;
    assert_eq!(reasons, ["worker 1 is stuck for 11 s"]);
}

#[tokio::test]
async fn readyz_waits_for_the_first_probe_round() {
    let lab = Lab::new(Live::cold()).await;
    let answer = lab.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let view: ReadyView = answer.json();
    assert!(view.reasons[0].starts_with("warming up"), "{view:?}");
}

#[tokio::test]
async fn readyz_is_withdrawn_while_draining() {
    let lab = Lab::new(Live::warm().await).await;
    assert_eq!(lab.get("/readyz").await.status, StatusCode::OK);
    lab.draining.start();
    let answer = lab.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.json::<ReadyView>().ready);
}

#[tokio::test]
async fn readyz_is_withdrawn_when_no_dc_may_be_used() {
    let lab = Lab::new(Live::warm().await).await;
    for dc in [1, 2, 5] {
        lab.live.intend(dc, AdminState::Maint).await;
    }
    let view: ReadyView = lab.get("/readyz").await.json();
    assert_eq!(view.reasons[1], "listener clients: 3 maint");
}

#[tokio::test]
async fn status_dcs_and_explain_tell_the_same_story() {
    let lab = Lab::new(Live::warm().await).await;
    lab.live.intend(2, AdminState::Drain).await;
    let status: StatusView = lab.get("/v1/status").await.json();
    let dcs: DcsView = lab.get("/v1/dcs").await.json();
    let explain: ExplainView = lab.get("/v1/explain?ip=203.0.113.7").await.json();
    assert!(status.ready);
    assert_eq!(status.dcs[1].stands.standing, Standing::Drain);
    assert_eq!(dcs.dcs[1].admin, "drain");
    assert_eq!(dcs.dcs[1].access_points[0].round_trip_ms, Some(12.0));
    assert_eq!(explain.dcs[0].exclusion.as_deref(), Some("drain"));
    assert_eq!(explain.attempts[0].dc, 1);
    assert_eq!(explain.generation, dcs.generation);
}

#[tokio::test]
async fn an_answer_is_of_one_snapshot_whatever_is_published_meanwhile() {
    // The reader has a cold snapshot, generation 0; the request came with a warm one.
    let live = Live::cold();
    let (_draining, drained) = drain::channel();
    let (_beats, beaten) = watch::channel(Vec::new());
    let context = context(&live, drained, beaten);
    let snapshot = Arc::new(all_up(three_dcs()));
    let (query, head) = (Query::parse(None, &[]).expect("no query"), Request::new(()));
    for (route, generation) in [(Endpoint::Status, Some(7)), (Endpoint::Ready, None)] {
        let call = Call {
            head: &head,
            segments: &Vec::new(),
            query: &query,
            body: Body::Here(Bytes::new()),
            author: Author::default(),
        };
        let reply = context.answer(route, call, Arc::clone(&snapshot)).await;
        let reply = reply.expect("a route without parameters");
        let body = reply.into_body().collect().await.expect("a whole body").to_bytes();
        let view: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(view["ready"], true, "{view}");
        assert_eq!(view["generation"].as_u64(), generation);
    }
}

#[tokio::test]
async fn explain_refuses_what_it_cannot_read() {
    let lab = Lab::new(Live::cold()).await;
    for (query, part) in [
        ("", "ip is missing"),
        ("?ip=", "ip is missing"),
        ("?ip=203.0.113", "no IPv4 or IPv6 address"),
        ("?ip=203.0.113.7&ip=203.0.113.8", "given twice"),
        ("?ip=%zz", "percent-encoded"),
        ("?adress=203.0.113.7", "expected ip, listener"),
    ] {
        let answer = lab.get(&format!("/v1/explain{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.error().contains(part), "{query}: {}", answer.error());
    }
    let unknown = lab.get("/v1/explain?ip=203.0.113.7&listener=nobody").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert!(unknown.error().contains("known are clients"));
    let unfit = lab.get("/v1/explain?ip=203.0.113.7&dc=2").await;
    assert_eq!(unfit.status, StatusCode::CONFLICT, "{}", unfit.error());
}

#[tokio::test]
async fn clients_are_answered_by_the_live_state() {
    let lab = Lab::new(Live::warm().await).await;
    let config: ConfigView = lab.get("/v1/config?ip=203.0.113.7&listener=clients").await.json();
    let nearest: NearestDcView = lab.get("/v1/nearest_dc?ip=203.0.113.7").await.json();
    assert_eq!((config.nearest_dc, nearest.nearest_dc), (2, 2));
    assert_eq!((config.country.as_str(), nearest.country.as_str()), ("DE", "DE"));
    assert_eq!((config.dc_options.len(), config.expires - config.date), (6, 3600));
    lab.live.intend(2, AdminState::Drain).await;
    let config: ConfigView = lab.get("/v1/config?ip=203.0.113.7").await.json();
    assert_eq!((config.nearest_dc, config.dc_options.len()), (1, 5));
}

#[tokio::test]
async fn answers_for_clients_are_refused_as_explanations_are() {
    let lab = Lab::new(Live::cold()).await;
    for path in ["/v1/config", "/v1/nearest_dc"] {
        for (query, part) in [
            ("", format!("ip is missing: {path}?ip=203.0.113.7")),
            ("?ip=203.0.113", "no IPv4 or IPv6 address".into()),
            ("?ip=::1&ip=::1", "given twice".into()),
            ("?ip=::1&dc=2", "expected ip, listener".into()),
        ] {
            let answer = lab.get(&format!("{path}{query}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}{query}");
            assert!(answer.error().contains(&part), "{path}{query}: {}", answer.error());
        }
        let unknown = lab.get(&format!("{path}?ip=::1&listener=nobody")).await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND);
        let target = format!("{path}?ip=::1");
        let head = ask(lab.api, Method::HEAD, &target, "localhost").await;
        assert!(head.status.is_success() && head.body.is_empty());
        let put = ask(lab.api, Method::PUT, &target, "localhost").await;
        assert_eq!(put.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn events_tell_how_everything_came_to_be() {
    let lab = Lab::new(Live::warm().await).await;
    let view: EventsView = lab.get("/v1/events?dc=5&wait=1s").await.json();
    let told: Vec<&str> = view.events.iter().map(|event| event.says.as_str()).collect();
    for number in 1..=2 {
        let up = format!("access point 10.0.5.{number}:443 of DC 5 sin is up: probe answered");
        assert!(told.contains(&up.as_str()), "{told:?}");
    }
    for (query, part) in [
        ("wait=2", "such as 25s"),
        ("after=x", "the id of an event"),
        ("until=1", "expected after"),
    ] {
        let answer = lab.get(&format!("/v1/events?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.error().contains(part), "{query}: {}", answer.error());
    }
}

#[tokio::test]
async fn foreign_hosts_are_refused_before_anything_else() {
    let lab = Lab::new(Live::cold()).await;
    for path in ["/v1/status", "/livez", "/nothing"] {
        let answer = ask(lab.api, Method::GET, path, "rebound.example").await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST);
        assert!(answer.error().contains("admin.allowed_hosts"));
    }
    let answer = ask(lab.scrape, Method::GET, "/metrics", "edge-1.example").await;
    assert_eq!(answer.status, StatusCode::OK, "Prometheus comes by any name");
}

#[tokio::test]
async fn unknown_paths_name_the_known_and_methods_are_checked() {
    let lab = Lab::new(Live::cold()).await;
    let answer = lab.get("/status").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.error().contains("/v1/status"));
    assert_eq!(lab.get("/metrics").await.status, StatusCode::NOT_FOUND);
    for (address, path) in [(lab.api, "/v1/status"), (lab.scrape, "/metrics")] {
        let answer = ask(address, Method::POST, path, "localhost").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers[ALLOW], "GET, HEAD");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let lab = Lab::new(Live::cold()).await;
    let whole = lab.get("/livez").await;
    let head = ask(lab.api, Method::HEAD, "/livez", "localhost").await;
    assert_eq!(head.status, whole.status);
    assert_eq!(head.headers[CONTENT_LENGTH], whole.headers[CONTENT_LENGTH]);
    assert!(head.body.is_empty() && !whole.body.is_empty());
}

#[tokio::test]
async fn metrics_show_the_snapshot_of_the_scrape() {
    let lab = Lab::new(Live::warm().await).await;
    let answer = ask(lab.scrape, Method::GET, "/metrics", "localhost").await;
    assert_eq!(answer.headers[CONTENT_TYPE], "text/plain; version=0.0.4");
    let text = String::from_utf8_lossy(&answer.body);
    for line in ["nearpoint_dc_up{dc=\"5\"} 1", "nearpoint_dc_options_age_seconds "] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let answer = ask(lab.scrape, Method::GET, "/", "localhost").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}
