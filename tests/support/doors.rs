//! The side doors of a daemon: the admin API and the metrics.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::scrape::Scrape;
use super::within;

/// Where the side doors of one daemon are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doors {
    pub(crate) admin: SocketAddr,
    pub(crate) metrics: SocketAddr,
}

impl Doors {
    /// Status and body of a path of the admin API.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        get(self.admin, path).await
    }

    /// A path of the admin API that has to succeed.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// Where a client of the listener `clients` would go.
    pub(crate) async fn explain(&self, client: IpAddr) -> Value {
        self.json(&format!("/v1/explain?listener=clients&ip={client}")).await
    }

    /// The metrics as of now.
    pub(crate) async fn scrape(&self) -> Scrape {
        let (status, text) = get(self.metrics, "/metrics").await;
        assert_eq!(status, 200, "{text}");
        Scrape::parse(&text).unwrap_or_else(|line| panic!("no line of metrics: {line}"))
    }
}

async fn get(at: SocketAddr, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    let exchange = async {
        let mut stream = TcpStream::connect(at).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = within(path, exchange).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}
