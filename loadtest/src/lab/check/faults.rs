//! Each fault of the path, as sockets meet it. Every one is looked at where it is, and beside it.

use super::Echoes;
use super::host::{PATIENCE, SILENCE, Seen, connect, connect_from, connect_in_vain, sender};
use super::report::{Observation, verdict};
use crate::lab::error::LabError;
use crate::lab::layout::{self, AccessPoint, Dc, Door};
use crate::lab::paths::{Direction, PathFault, What, Where};
use crate::lab::share::Share;
use crate::lab::topology::Lab;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const A: AccessPoint = AccessPoint { dc: Dc::Dc1, door: Door::A };
const B: AccessPoint = AccessPoint { dc: Dc::Dc1, door: Door::B };
const V6: AccessPoint = AccessPoint { dc: Dc::Dc1, door: Door::V6 };
const BESIDE: AccessPoint = AccessPoint { dc: Dc::Dc2, door: Door::A };

/// Datagrams that are sent to see how many get through.
const DATAGRAMS: u64 = 400;

pub(super) async fn observe(lab: &Lab, echoes: &Echoes) -> Result<Vec<Observation>, LabError> {
    let mut look = Look { lab, echoes, fault: String::new(), seen: Vec::new() };
    look.connects().await?;
    look.one_way(Direction::To).await?;
    look.one_way(Direction::From).await?;
    look.resets().await?;
    look.loss().await?;
    look.police().await?;
    look.longer_line().await?;
    Ok(look.seen)
}

struct Look<'a> {
    lab: &'a Lab,
    echoes: &'a Echoes,
    /// The one that is in force.
    fault: String,
    seen: Vec<Observation>,
}

/// What a connect is expected to meet.
type Expected = (&'static str, AccessPoint);

impl Look<'_> {
    fn set(&mut self, place: Where, what: What) -> Result<(), LabError> {
        let fault = PathFault { place, what };
        self.fault = fault.to_string();
        self.lab.paths().set(&[fault])
    }

    fn note(&mut self, what: &str, expected: &str, ok: bool) {
        self.seen.push(Observation::new(&self.fault, what, expected, ok));
    }

    /// Faults that show when somebody connects, and who does not meet them.
    async fn connects(&mut self) -> Result<(), LabError> {
        let dc1 = Where::Dc(Dc::Dc1);
        let well = "connects";
        let cases: [(Where, What, &[Expected]); 8] = [
            (
                dc1,
                What::Blackhole,
                &[("silence", A), ("silence", B), ("silence", V6), (well, BESIDE)],
            ),
            (Where::AccessPoint(A), What::Blackhole, &[("silence", A), (well, B), (well, V6)]),
            (Where::AccessPoint(V6), What::Blackhole, &[("silence", V6), (well, A)]),
            (Where::V6(Dc::Dc1), What::Blackhole, &[("silence", V6), (well, A)]),
            (Where::AllDcs, What::Blackhole, &[("silence", A), ("silence", BESIDE)]),
            (dc1, What::Reset(Share::ALL), &[("refused", A), ("refused", V6), (well, BESIDE)]),
            (
                dc1,
                What::Unreachable,
                &[("host unreachable", A), ("host unreachable", V6), (well, BESIDE)],
            ),
            (
                dc1,
                What::Prohibited,
                &[("host unreachable", A), ("permission denied", V6), (well, BESIDE)],
            ),
        ];
        for (place, what, expected) in cases {
            self.set(place, what)?;
            for &(expected, at) in expected {
                self.connect(expected, at.address(), &format!("edge to {at}")).await?;
            }
            // The edge itself is well.
            self.client().await?;
        }

        self.set(Where::Uplink, What::Blackhole)?;
        for at in [A, BESIDE] {
            self.connect("silence", at.address(), &format!("edge to {at}")).await?;
        }
        let seen = connect_in_vain(self.lab.clients(), layout::edge()).await?;
        self.seen.push(verdict(&self.fault, "client to the edge", "silence", &seen));
        self.lab.paths().set(&[])?;
        self.fault = "no fault any more".to_owned();
        self.connect(well, A.address(), &format!("edge to {A}")).await?;
        self.client().await
    }

    async fn connect(&mut self, expected: &str, to: SocketAddr, who: &str) -> Result<(), LabError> {
        let seen = match expected {
            "silence" => connect_in_vain(self.lab.edge(), to).await?,
            _ => connect(self.lab.edge(), to).await?,
        };
        self.seen.push(verdict(&self.fault, who, expected, &seen));
        Ok(())
    }

    async fn client(&mut self) -> Result<(), LabError> {
        let from = SocketAddr::from((layout::client(77), 0));
        let seen = connect_from(self.lab.clients(), Some(from), layout::edge()).await?;
        self.seen.push(verdict(&self.fault, "client to the edge", "connects", &seen));
        Ok(())
    }

    /// A session that runs, up to a byte that has been there and back.
    async fn session(&self) -> Result<TcpStream, LabError> {
        let failed = || LabError::io(format!("have a session with {A}"));
        match connect(self.lab.edge(), A.address()).await? {
            Seen::Connected { mut stream, .. } => {
                round_trip(&mut stream, PATIENCE).await.map_err(failed())?;
                Ok(stream)
            }
            Seen::Failed(error) => Err(failed()(error)),
            Seen::Silence => Err(failed()(io::ErrorKind::TimedOut.into())),
        }
    }

    async fn one_way(&mut self, direction: Direction) -> Result<(), LabError> {
        let mut session = self.session().await?;
        self.set(Where::Dc(Dc::Dc1), What::OneWay(direction))?;
        let before = self.echoes.of(A).received();
        let silent = round_trip(&mut session, SILENCE).await.is_err();
        self.note("echo in a session", "does not come", silent);
        let arrived = self.echoes.of(A).received() > before;
        match direction {
            Direction::To => self.note("bytes of the session", "do not arrive", !arrived),
            Direction::From => self.note("bytes of the session", "arrive", arrived),
        }
        self.lab.paths().set(&[])?;
        self.fault = "no fault any more".to_owned();
        let mut byte = [0];
        let healed = timeout(PATIENCE, session.read_exact(&mut byte)).await;
        self.note("echo in a session", "comes late", matches!(healed, Ok(Ok(_))));
        Ok(())
    }

    async fn resets(&mut self) -> Result<(), LabError> {
        let mut session = self.session().await?;
        self.set(Where::Dc(Dc::Dc1), What::Reset(Share::ALL))?;
        let met = round_trip(&mut session, PATIENCE).await;
        self.note("a session", "is reset", is_reset(&met));
        self.lab.paths().set(&[])?;

        let mut session = self.session().await?;
        self.set(Where::Dc(Dc::Dc1), What::Reset(share(0.1)))?;
        let mut met = Ok(());
        // Each sends one segment at least: 500 go unharmed once in 10^22.
        for _ in 0..500 {
            met = round_trip(&mut session, PATIENCE).await;
            if met.is_err() {
                break;
            }
        }
        self.note("a session", "is reset by chance", is_reset(&met));
        self.lab.paths().set(&[])
    }

    async fn loss(&mut self) -> Result<(), LabError> {
        self.set(Where::Dc(Dc::Dc1), What::Loss(share(0.5)))?;
        let arrived = self.datagrams().await?;
        // Ten standard deviations of 10 either way.
        let half = (100..=300).contains(&arrived);
        self.note(&format!("{DATAGRAMS} datagrams to {A}"), "half of them arrive", half);
        self.lab.paths().set(&[])
    }

    async fn police(&mut self) -> Result<(), LabError> {
        let rate = NonZeroU32::MIN.saturating_add(99);
        self.set(Where::Dc(Dc::Dc1), What::Police(rate))?;
        let start = Instant::now();
        let arrived = self.datagrams().await?;
        let fits = f64::from(rate.get()) * (start.elapsed().as_secs_f64() + 0.1) + 1.0;
        let policed = arrived > 0 && (arrived as f64) <= fits;
        self.note(&format!("{DATAGRAMS} datagrams to {A}"), "what is too much is lost", policed);
        self.lab.paths().set(&[])
    }

    /// A line becomes longer while it is in use.
    async fn longer_line(&mut self) -> Result<(), LabError> {
        let length = Duration::from_millis(40);
        self.lab.line(Dc::Dc1).set(length, Duration::from_millis(5));
        self.fault = "dc1: 40 ms, up to 5 ms of jitter each way".to_owned();
        let seen = connect(self.lab.edge(), A.address()).await?;
        let late = matches!(seen, Seen::Connected { after, .. } if after >= length);
        self.note(&format!("edge to {A}"), "connects after 40 ms at least", late);
        Ok(())
    }

    /// How many of some datagrams arrive. They are sent slowly enough for buffers to be no limit.
    async fn datagrams(&self) -> Result<u64, LabError> {
        let socket = sender(self.lab.edge(), A.address())?;
        let before = self.echoes.of(A).datagrams();
        for number in 0..DATAGRAMS {
            socket.send(&[0; 32]).await.map_err(LabError::io("send a datagram"))?;
            if number % 20 == 0 {
                sleep(Duration::from_millis(2)).await;
            }
        }
        // Those that are on their way; there is no event for those that are not.
        sleep(SILENCE).await;
        Ok(self.echoes.of(A).datagrams() - before)
    }
}

async fn round_trip(session: &mut TcpStream, at_most: Duration) -> io::Result<()> {
    let mut byte = [7];
    session.write_all(&byte).await?;
    timeout(at_most, session.read_exact(&mut byte)).await??;
    Ok(())
}

fn is_reset(met: &io::Result<()>) -> bool {
    met.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
}

fn share(share: f64) -> Share {
    Share::new(share).expect("it is from 0 to 1")
}
