use http_body_util::Full;
use hyper::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::admin::serve;
use crate::admin::view::LiveView;

async fn listen() -> (TcpListener, DaemonArgs) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    (listener, daemon(&format!("http://127.0.0.1:{port}")))
}

fn daemon(url: &str) -> DaemonArgs {
    let admin = url.parse().expect("a URL");
    DaemonArgs { admin, token_file: None, ca: None, cert: None, key: None }
}

async fn answer(status: u16, body: &'static str) -> Result<LiveView, FetchError> {
    let (listener, daemon) = listen().await;
    let service = move |_| {
        let mut reply = Response::new(Full::new(body.into()));
        *reply.status_mut() = StatusCode::from_u16(status).expect("a status");
        std::future::ready(reply)
    };
    let server = tokio::spawn(serve(listener, service, std::future::pending()));
    let fetched = fetch(&daemon, "/livez").await;
    server.abort();
    fetched
}

#[test]
fn values_are_encoded() {
    assert_eq!(encode("2001:db8::1"), "2001:db8::1");
    assert_eq!(encode("a&b=c %é"), "a%26b%3Dc%20%25%C3%A9");
}

#[tokio::test]
async fn a_view_is_read_and_an_error_keeps_its_words() {
    let view = answer(200, r#"{"live": true, "reasons": []}"#).await;
    assert!(view.is_ok_and(|view| view.live));
    let refused = answer(400, r#"{"error": "ip is missing"}"#).await;
    let message = refused.map_err(|error| error.to_string());
    assert_eq!(message, Err("ip is missing (400)".to_owned()));
    let strange = answer(200, "<html>").await;
    assert!(matches!(strange, Err(FetchError::Unexpected(..))));
}

#[tokio::test]
async fn one_connection_carries_many_requests_and_a_lost_one_is_replaced() {
    let (listener, daemon) = listen().await;
    let mut accepted = tokio::spawn(async move {
        let body = r#"{"live": true, "reasons": []}"#;
        let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.expect("a client");
            for _ in 0..3 {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.expect("a request"));
                }
                stream.write_all(reply.as_bytes()).await.expect("a reply");
            }
        }
    });
    let mut conversation = Conversation::new(&daemon);
    for _ in 0..6 {
        let view = conversation.fetch::<LiveView>("/livez").await;
        assert!(view.is_ok_and(|view| view.live));
    }
    (&mut accepted).await.expect("two connections of three requests each");
}

#[tokio::test]
async fn nobody_listening_and_nobody_speaking_http_are_told_apart() {
    let (listener, daemon) = listen().await;
    let other = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        stream.write_all(b"SSH-2.0\r\n").await.expect("a greeting");
        listener
    });
    let fetched = fetch::<LiveView>(&daemon, "/livez").await;
    assert!(matches!(fetched, Err(FetchError::Http(..))), "{fetched:?}");
    drop(other.await);
    let fetched = fetch::<LiveView>(&daemon, "/livez").await;
    let message = fetched.map_err(|error| error.to_string());
    assert!(message.is_err_and(|text| text.starts_with("nothing listens at http://")));
}

/// The headers that a daemon gets when it is asked with this token.
async fn shown(token: &str) -> Option<String> {
    let (listener, mut daemon) = listen().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, token).expect("a file");
    daemon.token_file = Some(file);
    let (seen, mut saw) = tokio::sync::mpsc::unbounded_channel();
    let service = move |asked: crate::admin::Asked| {
        let header = asked.head.headers().get(header::AUTHORIZATION).cloned();
        let _ = seen.send(header.map(|it| it.to_str().unwrap_or_default().to_owned()));
        std::future::ready(Response::new(Full::new(r#"{"live": true, "reasons": []}"#.into())))
    };
    let server = tokio::spawn(serve(listener, service, std::future::pending()));
    let fetched = fetch::<LiveView>(&daemon, "/livez").await;
    server.abort();
    match fetched {
        Ok(_) => saw.recv().await.flatten(),
        Err(error) => {
            let told = error.to_string();
            assert!(told.ends_with("token holds no token"), "{told}");
            None
        }
    }
}

#[tokio::test]
async fn a_token_is_the_first_line_of_its_file_or_of_a_file_of_tokens() {
    let bearer = Some("Bearer abc".to_owned());
    assert_eq!(shown("abc\n").await, bearer);
    assert_eq!(shown("# mine\n\nabc\nother").await, bearer);
    assert_eq!(shown("ann write abc # mine").await, None, "a comment has its own line");
    assert_eq!(shown("ann write abc").await, bearer);
    for none in ["", "# abc", "two words", "secret\u{1}"] {
        assert_eq!(shown(none).await, None, "{none}");
    }
}

#[tokio::test]
async fn a_refusal_tells_each_problem_once_and_what_to_give() {
    let said = async |status, body| answer(status, body).await.map_err(|error| error.to_string());
    let both = r#"{"error": "a: bad\nb: bad", "problems": ["a: bad", "b: bad"]}"#;
    assert_eq!(said(422, both).await, Err("it has 2 problems (422)\n  a: bad\n  b: bad".into()));
    let other = r#"{"error": "refused", "problems": ["a: bad"]}"#;
    assert_eq!(said(422, other).await, Err("refused (422)\n  a: bad".into()));
    let unknown = said(401, r#"{"error": "who?"}"#).await;
    assert!(unknown.is_err_and(|text| text.contains("--token-file FILE")));
}
