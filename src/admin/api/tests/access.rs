//! Who may ask what, and what is told of it.

use std::io;

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;

use super::*;
use crate::admin::asked::{Body, Peer};
use crate::config::{Admin, AdminBind};
use crate::telemetry::lines::Lines;

const READ: &str = "token-of-the-reader-1234";
const WRITE: &str = "token-of-the-writer-1234";

/// A context with tokens, or without.
async fn room(with_tokens: bool) -> AdminContext {
    let live = Live::warm().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens");
    std::fs::write(&file, format!("mon read {READ}\nann write {WRITE}\n")).expect("a file");
    let admin = Admin {
        bind: AdminBind::Off,
        tokens_file: with_tokens.then_some(file),
        tls: None,
        allowed_hosts: Vec::new(),
    };
    let credentials = Credentials::load(&admin).expect("good tokens");
    let (_, beaten) = watch::channel(vec![Duration::ZERO]);
    let context = context(&live, drain::channel().1, beaten);
    let failed = context.metrics.admin_logins_failed_total.clone();
    AdminContext { gate: Gate::new(Arc::new(credentials), failed), ..context }
}

fn here() -> Peer {
    Peer::Tcp(([127, 0, 0, 1], 5000).into())
}

fn elsewhere() -> Peer {
    Peer::Tcp(([192, 0, 2, 7], 5000).into())
}

fn owner() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn user(uid: u32) -> Peer {
    Peer::Unix { uid, pid: Some(7) }
}

fn bearer(token: &str) -> HeaderMap {
    let value = HeaderValue::try_from(format!("Bearer {token}")).expect("a header");
    HeaderMap::from_iter([(AUTHORIZATION, value)])
}

fn asked(endpoint: Endpoint, query: &str, peer: Peer, headers: &HeaderMap) -> Asked {
    let route = endpoint.route();
    let path = route.path.replace("{dc}", "2").replace("{number}", "1");
    let path = path.replace("{access_point}", "10.0.2.1:443");
    let uri = format!("{path}{query}");
    let mut head = Request::builder().method(route.method).uri(uri).body(()).expect("a request");
    head.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
    head.headers_mut().extend(headers.clone());
    Asked { head, body: Body::Here(Bytes::new()), peer, certificate: None }
}

/// What becomes of a request for something of each kind of access.
type Fates = [(Access, u16); 4];

const OK: u16 = 0;

const fn fates(public: u16, local: u16, read: u16, write: u16) -> Fates {
    [(Access::Public, public), (Access::Local, local), (Access::Read, read), (Access::Write, write)]
}

/// Asks for everything, and checks that each is refused as it should be, or not at all.
async fn try_all(context: &AdminContext, who: &str, peer: Peer, headers: &HeaderMap, fates: Fates) {
    for endpoint in Endpoint::ALL {
        let reply = context.respond(asked(endpoint, "", peer, headers)).await;
        let status = reply.status().as_u16();
        let (_, expected) = fates
            .into_iter()
            .find(|(access, _)| *access == endpoint.route().access)
            .expect("each kind of access has a fate");
        let is_expected = match expected {
            OK => ![401, 403, 421, 429].contains(&status),
            refused => status == refused,
        };
        assert!(is_expected, "{who} asks for {endpoint:?}: {status}, not {expected}");
        assert_eq!(status == 401, reply.headers().contains_key(WWW_AUTHENTICATE));
    }
}

#[tokio::test]
async fn each_role_is_let_in_where_it_may_and_nowhere_else() {
    let (none, right) = (HeaderMap::new(), fates(OK, OK, OK, OK));
    let stranger = user(owner() + 1);
    for (who, peer, headers, fates) in [
        ("nobody here", here(), &none, fates(OK, OK, 401, 401)),
        ("nobody elsewhere", elsewhere(), &none, fates(OK, 401, 401, 401)),
        ("a reader here", here(), &bearer(READ), fates(OK, OK, OK, 403)),
        ("a reader elsewhere", elsewhere(), &bearer(READ), fates(OK, OK, OK, 403)),
        ("a writer here", here(), &bearer(WRITE), right),
        ("a writer elsewhere", elsewhere(), &bearer(WRITE), right),
        ("the owner", user(owner()), &none, right),
        ("root", user(0), &none, right),
        ("the owner with a lesser token", user(owner()), &bearer(READ), right),
        ("a stranger", stranger, &none, fates(OK, OK, 401, 401)),
        ("a stranger who reads", stranger, &bearer(READ), fates(OK, OK, OK, 403)),
        ("a stranger who writes", stranger, &bearer(WRITE), right),
    ] {
        let context = room(true).await;
        try_all(&context, who, peer, headers, fates).await;
    }
}

#[tokio::test]
async fn without_tokens_only_the_owner_of_the_socket_does_what_needs_one() {
    let (none, right) = (HeaderMap::new(), fates(OK, OK, OK, OK));
    let context = room(false).await;
    for (who, peer, headers, fates) in [
        ("nobody here", here(), &none, fates(OK, OK, 403, 403)),
        ("somebody with a token", here(), &bearer(WRITE), fates(OK, OK, 403, 403)),
        ("nobody elsewhere", elsewhere(), &none, fates(OK, 403, 403, 403)),
        ("the owner", user(owner()), &none, right),
        ("root", user(0), &none, right),
        ("a stranger", user(owner() + 1), &none, fates(OK, OK, 403, 403)),
    ] {
        try_all(&context, who, peer, headers, fates).await;
    }
    let refused = context.respond(asked(Endpoint::List, "", here(), &none)).await;
    assert!(text(refused).await.contains("set admin.tokens_file"));
}

#[tokio::test]
async fn wrong_tokens_are_refused_counted_and_slowed_down() {
    let context = room(true).await;
    let odd = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"))]);
    let mut twice = bearer(WRITE);
    twice.append(AUTHORIZATION, twice[AUTHORIZATION].clone());
    let wrong = [bearer("wrong"), bearer(&WRITE[1..]), bearer(""), odd, twice];
    for headers in wrong.iter().cycle().take(10) {
        let reply = context.respond(asked(Endpoint::Status, "", elsewhere(), headers)).await;
        assert_eq!(reply.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(context.metrics.admin_logins_failed_total.get(), 10);
    let right = asked(Endpoint::Status, "", elsewhere(), &bearer(WRITE));
    let slowed = context.respond(right).await;
    assert_eq!(slowed.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait = slowed.headers()[RETRY_AFTER].to_str().ok().and_then(|text| text.parse().ok());
    assert!(wait.is_some_and(|wait: u64| (1..=6).contains(&wait)), "{wait:?}");
    for (what, peer, headers) in
        [(Endpoint::Status, here(), bearer(WRITE)), (Endpoint::Live, elsewhere(), bearer("wrong"))]
    {
        let reply = context.respond(asked(what, "", peer, &headers)).await;
        assert_eq!(reply.status(), StatusCode::OK, "another address, and what needs no token");
    }
    let counted = |code| context.metrics.admin_requests_total.with_label_values(&[code]).get();
    assert_eq!((counted("200"), counted("401"), counted("429")), (2, 10, 1));
}

#[tokio::test]
async fn pages_change_nothing_whatever_token_their_visitor_has() {
    let context = room(true).await;
    for (name, value, refused) in [
        (ORIGIN.as_str(), "https://evil.example", true),
        (ORIGIN.as_str(), "null", true),
        ("sec-fetch-site", "cross-site", true),
        ("sec-fetch-site", "same-origin", true),
        ("sec-fetch-site", "none", false),
    ] {
        let mut headers = bearer(WRITE);
        let name = hyper::header::HeaderName::try_from(name).expect("a name");
        headers.insert(name, HeaderValue::from_static(value));
        for peer in [here(), user(owner())] {
            let reply = context.respond(asked(Endpoint::EndSessions, "", peer, &headers)).await;
            assert_eq!(reply.status() == StatusCode::FORBIDDEN, refused, "{value}");
            let reply = context.respond(asked(Endpoint::Status, "", peer, &headers)).await;
            assert_eq!(reply.status(), StatusCode::OK, "{value}: reading is not writing");
        }
    }
}

#[tokio::test]
async fn hosts_are_checked_at_addresses_and_not_at_sockets() {
    let context = room(true).await;
    let foreign = HeaderMap::from_iter([(HOST, HeaderValue::from_static("evil.example"))]);
    for (peer, status) in [
        (here(), StatusCode::MISDIRECTED_REQUEST),
        (elsewhere(), StatusCode::MISDIRECTED_REQUEST),
        (user(owner()), StatusCode::OK),
    ] {
        let reply = context.respond(asked(Endpoint::Live, "", peer, &foreign)).await;
        assert_eq!(reply.status(), status, "{peer}");
    }
}

#[tokio::test]
async fn a_few_lists_are_read_at_a_time_and_others_wait_for_their_turn() {
    let context = room(true).await;
    let mut places = Vec::new();
    for _ in 0..4 {
        places.push(context.gate.upload().await.expect("a place"));
    }
    let push = asked(Endpoint::PushList, "", here(), &bearer(WRITE));
    let mut waits = std::pin::pin!(context.respond(push));
    tokio::select! {
        biased;
        reply = &mut waits => panic!("{}", reply.status()),
        () = tokio::task::yield_now() => {}
    }
    drop(places);
    let reply = waits.await;
    assert_eq!(reply.status(), StatusCode::PRECONDITION_REQUIRED, "it is looked at");
}

async fn text(reply: Reply) -> String {
    let bytes = reply.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What this thread logs, for as long as the others are kept.
fn log_of_this_thread() -> (Lines, (DefaultGuard, Dispatch)) {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(lines.clone());
    let guard = tracing::subscriber::set_default(subscriber.finish());
    // While there is only one, `tracing` asks the one of whichever thread logs a line first whether
    // anybody wants it, and another test's has none.
    let second = Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());
    (lines, (guard, second))
}

/// Those lines that are about changes.
fn audited(lines: &Lines) -> Vec<String> {
    let text = lines.text();
    assert!(!text.contains("token-of-the"), "a token is in the log: {text}");
    text.lines().filter(|line| line.contains("nearpoint::audit")).map(str::to_owned).collect()
}

#[tokio::test]
async fn whatever_would_change_something_leaves_one_line() {
    let (lines, _listening) = log_of_this_thread();
    let context = room(true).await;
    let ask = |endpoint, query: &'static str, headers: &HeaderMap, body: &'static str| {
        let request = asked(endpoint, query, elsewhere(), headers);
        Asked { body: Body::Here(body.into()), certificate: Some("ann-pc".into()), ..request }
    };
    let drain = r#"{"state": "drain", "for_seconds": 60, "reason": "a\nb"}"#;
    for request in [
        ask(Endpoint::DcState, "", &bearer(WRITE), drain),
        ask(Endpoint::EndSessions, "?dc=2", &bearer(READ), ""),
        ask(Endpoint::Rollback, "?token=token-of-the-writer-1234", &bearer(WRITE), ""),
        ask(Endpoint::EndSessions, "?client=192.0.2.1%0Awho", &bearer(WRITE), ""),
        // Not written down.
        ask(Endpoint::Status, "", &bearer(READ), ""),
    ] {
        context.respond(request).await;
    }
    let told = audited(&lines);
    let [state, refused, odd, end] = &told[..] else { panic!("four lines: {told:#?}") };
    for part in [
        r#"who="ann""#,
        "from=192.0.2.7:5000 certificate ann-pc",
        "request=PUT /v1/dcs/2/state",
        r#"what="drain for 60 s: a\nb""#,
        r#"before="ready""#,
    ] {
        assert!(state.contains(part), "{part}: {state}");
    }
    assert!(refused.contains("status=403") && refused.contains(r#"who="mon""#), "{refused}");
    assert!(odd.contains("status=400") && odd.contains(r#"query="""#), "{odd}");
    assert!(end.contains(r#"query="client=192.0.2.1%0Awho""#), "{end}");
}

#[tokio::test]
async fn who_leaves_before_the_answer_is_written_down_too() {
    let (lines, _listening) = log_of_this_thread();
    let context = room(true).await;
    drop(context.respond(asked(Endpoint::Reload, "", here(), &bearer(WRITE))));
    assert_eq!(audited(&lines), [""; 0], "nothing was asked yet");
    let mut line = audit::Line::new(&Method::POST, "/v1/reload", "127.0.0.1:1".to_owned());
    line.who = "ann".to_owned();
    drop(line);
    assert!(audited(&lines)[0].ends_with("status=left"), "{:?}", audited(&lines));
}
