//! Clients that speak MTProto: they ask one question, in any style and in any segments.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, UNIX_EPOCH};

use nearpoint::mtproto::{Answer, Question, Random, Style, message_id};
use nearpoint::stub::dc_of_fingerprints;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;

/// How a client speaks, and how its bytes are cut.
pub(crate) struct Caller {
    style: Style,
    announcement: Vec<u8>,
    segments: Segments,
    patience: Duration,
}

/// How the bytes of a client are cut into segments.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Segments {
    /// All in one.
    Together,
    /// The announcement, what comes before the first frame, and the frame, each in one of its own.
    Apart,
    /// Cut behind so many bytes.
    CutAt(usize),
    /// Each byte in one of its own.
    OneByOne,
}

/// What a client got.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The answer of the stub of this DC.
    Dc(u16),
    /// Any other answer.
    Other(Answer),
    /// An end of stream.
    Closed,
    /// A reset.
    Reset,
    /// Nothing, for as long as the client had patience.
    Silent,
}

impl Caller {
    /// Says all in one segment, and waits for an answer as long as any test does.
    pub(crate) fn new(style: Style) -> Self {
        let (announcement, segments) = (Vec::new(), Segments::Together);
        Self { style, announcement, segments, patience: PATIENCE }
    }

    /// Sends these bytes first, such as a PROXY header.
    pub(crate) fn announced_by(self, announcement: Vec<u8>) -> Self {
        Self { announcement, ..self }
    }

    /// Cuts its bytes so.
    pub(crate) fn in_segments(self, segments: Segments) -> Self {
        Self { segments, ..self }
    }

    /// Takes silence of this length for an outcome. For tests that expect it.
    pub(crate) fn patient_for(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Connects, asks, and says what came of it. A reset may overtake anything but the connect.
    pub(crate) async fn call(&self, at: SocketAddr) -> Outcome {
        match self.connect(at).await {
            Ok(mut session) => session.ask().await,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => panic!("{error}"),
            Err(_) => Outcome::Reset,
        }
    }

    /// Connects, and sends what announces the client.
    pub(crate) async fn connect(&self, at: SocketAddr) -> io::Result<Session<'_>> {
        let stream = TcpStream::connect(at).await?;
        stream.set_nodelay(true)?;
        Ok(Session { caller: self, stream })
    }

    /// All bytes of a client with this question, cut.
    fn pieces(&self, question: &Question) -> Vec<Vec<u8>> {
        let bytes = [&self.announcement, question.opening()].concat();
        let cuts = match self.segments {
            Segments::Together => vec![],
            Segments::Apart => {
                let announced = self.announcement.len();
                vec![announced, announced + self.style.prologue_len()]
            }
            Segments::CutAt(at) => vec![at],
            Segments::OneByOne => (0..bytes.len()).collect(),
        };
        let ends = cuts.iter().copied().chain([bytes.len()]);
        let begins = [0].into_iter().chain(cuts.iter().copied());
        begins.zip(ends).map(|(from, to)| bytes[from..to].to_vec()).collect()
    }
}

/// One connection of a caller.
pub(crate) struct Session<'a> {
    caller: &'a Caller,
    stream: TcpStream,
}

impl Session<'_> {
    /// Asks, and says what came of it. Once.
    pub(crate) async fn ask(&mut self) -> Outcome {
        let nonce = random_bytes();
        let Ok(random) = Random::draw(|bytes| {
            *bytes = random_bytes();
            Ok::<(), Infallible>(())
        });
        let since_1970 = UNIX_EPOCH.elapsed().expect("a clock after 1970");
        let question = Question::new(&self.caller.style, nonce, message_id(since_1970), &random);
        let pieces = self.caller.pieces(&question);
        match timeout(self.caller.patience, self.converse(question, &pieces)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => match error.kind() {
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Outcome::Reset,
                _ => panic!("a session ended in a strange way: {error}"),
            },
            Err(_) => Outcome::Silent,
        }
    }

    async fn converse(
        &mut self,
        mut question: Question,
        pieces: &[Vec<u8>],
    ) -> io::Result<Outcome> {
        for piece in pieces {
            self.stream.write_all(piece).await?;
            // Whoever runs on this thread may read it now, and finds no more.
            tokio::task::yield_now().await;
        }
        let mut buffer = [0; 512];
        loop {
            let bytes = match self.stream.read(&mut buffer).await? {
                0 => return Ok(Outcome::Closed),
                bytes => &buffer[..bytes],
            };
            if let Some(answer) = question.on_bytes(bytes) {
                return Ok(outcome_of(answer));
            }
        }
    }
}

fn outcome_of(answer: Answer) -> Outcome {
    let dc = match &answer {
        Answer::ResPq { fingerprints } => dc_of_fingerprints(fingerprints),
        Answer::OtherNonce | Answer::Error(_) | Answer::Foreign => None,
    };
    dc.map_or(Outcome::Other(answer), Outcome::Dc)
}

/// Other ones at each call, the same ones in each run (SplitMix64).
fn random_bytes<const N: usize>() -> [u8; N] {
    static STATE: AtomicU64 = AtomicU64::new(0);
    std::array::from_fn(|_| {
        let state = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 56) as u8
    })
}
