//! nearpoint's admin API, as an operator uses it.

use crate::http;
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// For all access points to be up; and for each so many of them another second, since new ones are probed
/// at 500 a second.
const PATIENCE: Duration = Duration::from_secs(60);
const A_SECOND: u64 = 100;
/// Between looks.
const LOOK: Duration = Duration::from_millis(50);

/// Questions block, unless they are `async`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Door(SocketAddr);

impl Door {
    pub(crate) fn new(admin: SocketAddr) -> Door {
        Door(admin)
    }

    pub(crate) fn status(self) -> io::Result<Value> {
        Ok(serde_json::from_str(&http::get(self.0, "/v1/status")?)?)
    }

    /// Which list is in force.
    pub(crate) fn revision(self) -> io::Result<Value> {
        Ok(self.status()?["revision"].take())
    }

    /// Access points that are up, of how many.
    pub(crate) fn up(self) -> io::Result<(u64, u64)> {
        let status = self.status()?;
        let dcs = status["dcs"].as_array().ok_or(io::ErrorKind::InvalidData)?;
        let sum = |key: &str| dcs.iter().filter_map(|dc| dc[key].as_u64()).sum();
        Ok((sum("access_points_up"), sum("access_points")))
    }

    /// Returns how long it took until all access points were up.
    pub(crate) async fn all_up(self) -> io::Result<Duration> {
        let began = Instant::now();
        loop {
            let looked = spawn_blocking(move || self.up()).await;
            let (up, all) = looked.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?;
            if up == all {
                return Ok(began.elapsed());
            }
            if began.elapsed() > PATIENCE + Duration::from_secs(all / A_SECOND) {
                let text = format!("only {up} of {all} access points were found up in time");
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            sleep(LOOK).await;
        }
    }

    /// Who is here.
    pub(crate) fn sessions(self, token: &str) -> io::Result<String> {
        http::get_with(self.0, "/v1/sessions", &[authorization(token)])
    }

    /// Puts a list in force. It is when this returns.
    pub(crate) fn push(self, token: &str, list: &str) -> io::Result<()> {
        let headers = [
            authorization(token),
            ("Content-Type", "application/yaml".to_owned()),
            ("If-Match", "*".to_owned()),
        ];
        http::put(self.0, "/v1/dc_options", &headers, list).map(drop)
    }
}

fn authorization(token: &str) -> (&'static str, String) {
    ("Authorization", format!("Bearer {token}"))
}
