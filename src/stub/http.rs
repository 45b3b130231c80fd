//! An access point that answers requests of HTTP, and clients that speak anything else.

use super::fault::Fault;
use super::service::Session;
use std::io;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// What requests begin with that are answered as such.
const METHODS: [&[u8]; 2] = [b"GET ", b"HEAD "];

/// The longest head of a request; a longer one is no request.
const LONGEST_HEAD: usize = 8 * 1024;

/// Answers whatever the client's first bytes are.
pub(super) async fn answer(session: &Session, stream: &mut TcpStream) -> io::Result<()> {
    let mut read = Vec::new();
    while may_be_request(&read) && !is_whole(&read) {
        let before = read.len();
        if stream.read_buf(&mut read).await? == 0 {
            break;
        }
        session.counters.received(read.len() - before);
    }
    let may_answer = session.may_answer().await;
    if may_be_request(&read) && is_whole(&read) {
        return match may_answer {
            true => answer_request(session, stream).await,
            // Until the client gives up, or the access point is healed and the client asks again.
            false => session.echo(stream).await,
        };
    }
    if may_answer && !read.is_empty() {
        session.send(stream, &session.who_line()).await?;
        session.send(stream, &read).await?;
    }
    session.echo(stream).await
}

/// Whether what has come is a request, or the beginning of one.
fn may_be_request(read: &[u8]) -> bool {
    let begins = |method: &&[u8]| {
        let common = read.len().min(method.len());
        read[..common] == method[..common]
    };
    read.len() <= LONGEST_HEAD && METHODS.iter().any(begins)
}

fn is_whole(read: &[u8]) -> bool {
    read.windows(4).any(|window| window == b"\r\n\r\n")
}

async fn answer_request(session: &Session, stream: &mut TcpStream) -> io::Result<()> {
    let status = match session.fault() {
        Fault::Status(code) => code,
        Fault::None
        | Fault::Refuse
        | Fault::Reset
        | Fault::Mute
        | Fault::Slow(_)
        | Fault::Mtproto(_)
        | Fault::Loss(_)
        | Fault::Drop => 200,
    };
    let line = session.who_line();
    let head = format!(
        "HTTP/1.1 {status} stub\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        line.len()
    );
    session.send(stream, &[head.as_bytes(), &line].concat()).await
}
