//! nearpoint is a layer-4 edge router: it stands between clients and a network of data centres
//! (DCs), and gives each client that connects the closest healthy one. Where clients are is known
//! from their addresses, what is healthy from probes and from the sessions themselves. Bytes are
//! forwarded with as few copies as the kernel allows. A new list of access points takes effect while
//! sessions run, and when the power of a DC fails, its clients reach another one.
//!
//! This page is the map of the code. What operators need is in the repository under `docs/`.
//!
//! # Words
//!
//! One word for each thing, in code, configuration, metrics and documents.
//!
//! | word | meaning |
//! |---|---|
//! | listener | one or more local addresses at which clients are served alike, by TCP or by UDP |
//! | downstream, upstream | the client's side of a session or flow, the DC's side |
//! | DC | a data centre: an id, a name, perhaps a location |
//! | site | the place whose power fails; DCs may share one |
//! | access point | one address of a DC that can be dialled: DC id, IP, port, and TCP or UDP |
//! | traffic | what a session or flow needs an access point to take: a protocol and a class |
//! | class | what a session, an access point and a DC are for: main, media, or a CDN |
//! | replica | a DC that holds the same keys and data as another, and may stand in for it |
//! | session | one TCP connection of a client, with the one that was made for it |
//! | flow | what one client sends over UDP from one port, and the socket that was made for it |
//! | bound | a session whose DC is fixed: it goes there, to a replica, or nowhere |
//! | destination | where one session may go: the nearest DC, or the one that it is bound to |
//! | probe, evidence | an active check; what a probe or a session showed of an access point |
//! | health | what evidence adds up to: Unknown, Up, Suspect, Down |
//! | alarm | what somebody should look at about an access point, whatever its health |
//! | admin state | what the operator wants, whatever the health: Ready, Drain, Maint |
//! | rule, verdict | what policy says about clients; what all of it comes to for one client |
//! | remembered | the DC that a listener gave a client before, on a `sticky` listener |
//! | route | what a listener does with a client: `nearest`, one DC, or the DC that its header names |
//! | header | what a client of MTProto begins with; the DC in it is a fact with a secret, else a hint |
//! | ranking | the DCs in the order in which one client would use them |
//! | candidate, exclusion | a DC of the ranking that may be dialled; why another may not |
//! | attempt, hedge | one dial for a session; one beside another that is silent |
//! | topology | what configuration says there is |
//! | event | a state change as people are told of it, with its time and cause |
//! | snapshot | topology, health and admin state at one moment; immutable |
//! | generation, revision | the number of a snapshot; the hash of the `dc_options` it was made of |
//! | drain | no new sessions, those that are open may end |
//! | fail-open | nothing is Up, so health is ignored |
//!
//! # Layers
//!
//! A module imports from layers below its own. A test reads every import and holds it to this.
//!
//! | layer | modules | what they do | what they may use |
//! |---|---|---|---|
//! | 0 | [`routing`] | decides: geography, health, ranking, attempts, control state | `std` only |
//! | 1 | [`config`] | files to valid values, to the plan of a reload | `routing` |
//! | 1 | [`net`] | sockets and pipes as Linux has them | nothing |
//! | 1 | [`mtproto`] | the protocol of clients: headers, frames, the first question | nothing |
//! | 1 | [`proxy_protocol`] | headers that say who a client is, read and written | nothing |
//! | 1 | [`metrics`] | all that Prometheus reads | `routing` |
//! | 1 | [`state_dir`] | the folder for what survives a restart | nothing |
//! | 1 | [`memory`] | the DC that each client was given, and who came lately, over restarts too | `routing`, `state_dir`, `blocking` |
//! | 1 | [`events`] | the last state changes and their causes | `routing` |
//! | 1 | [`sessions`] | who is here, and bounds over all workers | `routing` |
//! | 1 | [`blocking`], [`drain`], [`signal`] | small things that many need to know | nothing |
//! | 1 | [`telemetry`] | logs | how `config` wants them |
//! | 2 | [`geoip`], [`probe`], [`control`] | clients to places; live checks; the writer of snapshots | layers 0 and 1, not each other |
//! | 3 | [`forward`], [`admin`] | the data plane; HTTP for operators | layers 0 and 1, the handles of `control`, not each other |
//! | 4 | [`reload`], [`operations`], [`app`], [`cli`], [`stub`], [`demo`], `main` | put everything together, and show it | everything |
//!
//! # The life of a connection
//!
//! `forward/session.rs` shows all of it on one screen.
//!
//! 1. A worker accepts. Each has a socket of its own for every bind ([`net::bind_group`]), and a
//!    session stays on the thread that accepted it. A place among the descriptors of the process
//!    was reserved before; one among the sessions of the listener is now
//!    ([`sessions::ListenerSessions::admit`]).
//! 2. Who is it? The address of the peer, or what a PROXY header from a trusted network says
//!    (`forward/proxy_header.rs`, [`proxy_protocol::parse`]), in its canonical form ([`routing::ClientAddr`]): forms of IPv6
//!    that carry an IPv4 address are that address.
//!    May it come in? Its own limits are asked before those of the listener (`forward/gate.rs`).
//!    What does it say? A listener that routes by that looks at the first bytes, and leaves them in the
//!    socket (`forward/sniff.rs`, [`mtproto::sniff()`]); one that dials on the first byte waits for that.
//!    All looks wait in the same way (`forward/peek.rs`), and nothing is decided before.
//! 3. One snapshot is loaded ([`control::SnapshotReader::load_full`]). All that follows is decided
//!    by it, whatever is published meanwhile. Where may it go? As its listener says, or what it has
//!    said ([`routing::topology::ByHeader::destination`]).
//! 4. Where is it? [`routing::Locate::locate`], which [`geoip::Locator`] implements. It may be one of those
//!    that stand for all ([`memory::ListenerSample::note`]). And which DC was
//!    it given before? [`memory::ListenerMemory::recall`].
//! 5. Which DCs, in which order? [`routing::rank()`]: policy, exclusions, what is remembered, costs,
//!    groups of DCs that are equally near, rendezvous hashing within a group.
//! 6. Connect: `forward/connect.rs` dials ([`net::Dial`]) what [`routing::AttemptPlan`] says, and
//!    tells it what came of each dial. A dial that is silent gets a second one beside it; the first
//!    to connect wins, and the other is reset. Failures, and dials that were overtaken so, are left
//!    as evidence ([`control::PassiveEvidence`]). A sticky listener remembers which DC it was
//!    ([`memory::ListenerMemory::remember`]).
//!    A DC that expects a PROXY header is told who comes (`forward/announce.rs`,
//!    [`proxy_protocol::v2()`]): from here on the connection is the client's.
//! 7. Account: the session keeps the counters of its DC and access point, and lets the snapshot go
//!    (`forward/account.rs`).
//! 8. Relay: two flows, one for each direction (`forward/relay.rs`, `forward/flow.rs`). A flow
//!    copies through the buffer of its worker, moves to a pipe when it is bulk ([`net::Pipe`]), and
//!    back when it calms down; bulk takes turns (`forward/turns.rs`). A coarse wheel ends sessions in
//!    which nothing moves (`forward/idle.rs`). The first byte of the upstream, or that there was none for a client who
//!    spoke, is left as evidence ([`routing::AccessPointSlot::record_answered`],
//!    [`control::PassiveEvidence::mute`]).
//!    While the access point is down, and another DC answers, the session is asked once a second whether
//!    it still hears of it (`forward/closing.rs`); one that does not is reset, and its client comes back.
//! 9. Close: the end has a side and a reason ([`routing::CloseReason`]) and is counted when the
//!    session is dropped, however that comes about.
//!
//! # The life of a flow
//!
//! `forward/udp` has all of it. A worker has one task for all its flows, which asks the kernel whose sockets
//! have something to read ([`net::Readiness`]), and passes datagrams on in batches ([`net::Inbox`],
//! [`net::Outbox`]): many datagrams of one client or of many for one system call, joined and cut by the
//! kernel, with their boundaries and their congestion bits.
//!
//! 1. The first datagram of a client finds no flow in the table of its socket ([`routing::FlowTable`]). What
//!    limits allow is asked, then the same ranking and the same plan of attempts as for a session, of the
//!    access points that serve UDP. A socket is connected to the first of them: it has no answer to wait for.
//! 2. Each later one is held against the newest snapshot. A flow whose access point has gone Down, or has
//!    refused, is ranked again. Where that leads elsewhere it gets another socket, and goes on.
//! 3. What a flow has shown decides how long it may be idle, and which one makes room when the listener, the
//!    descriptors or the ports are used up: first who was never answered, then who never spoke again.
//! 4. The first answer, and what ICMP says, are left as evidence. That a flow hears nothing is none: there
//!    are services that do not answer.
//!
//! # How state flows
//!
//! [`control`] is the only writer of the snapshot. It runs a pure machine,
//! [`routing::control::ControlState::on_event`], which takes events and the time and gives back
//! effects: probe this one, publish this snapshot, tell people of that change. The driver around it
//! ([`control::run`]) carries effects out and waits for none of them. Changes go into a bounded ring
//! ([`events::EventLog`]), where the admin API finds them with their causes, and into the log.
//!
//! Its inputs are kept apart, so that none starves another. Commands ([`control::CommandSender`])
//! wait in a short queue and are answered once their snapshot is published. Reports of probes are at
//! most one for each access point, and one for each probe that was asked for, even if it is given up.
//! Evidence of sessions lies in counters that snapshots hand on ([`routing::AccessPointSlot`]), with
//! one notification for all of them.
//!
//! A configuration comes from files by way of [`reload`]: read once they hold still, checked as a
//! whole ([`config::load`], [`config::guards`]), held against the clients that came lately
//! ([`routing::moves`], [`operations::Forecaster`]), its sockets opened, and then put into force by one
//! command, in one snapshot. What fails on the way leaves the last good one as it is. A list that an
//! operator pushes goes the same way, one after the other with the files, and is on disk before it is in
//! force ([`operations::history`]); it stands for the file until that changes.
//!
//! Everybody else reads: workers through [`control::SnapshotReader`], operators through [`admin`],
//! which explains a client's way with the very function that decides it, clients through whoever passes
//! the answers of [`admin`] on, Prometheus through [`metrics`].
//!
//! Because the machine and the attempt plans take the time as an argument, `tests/simulation` can storm
//! them: simulated DCs, sites, clients and faults, hundreds of seeds in a few seconds, with rules that
//! are checked at every event and detection times that are asserted on the simulated clock. A broken
//! rule is told with its seed, and `SIM_SEED` plays that storm again.
//!
//! That packets really vanish, only a network shows. `loadtest/lab` builds one of network namespaces, with lines
//! that have a delay and a router that loses what it is told to, and puts the daemon through declared
//! failures; its README tells how to add one. What must hold is asserted there, what a clock says is reported.
//!
//! # What holds
//!
//! Much of the design is in what is absent.
//!
//! **Invariant: a message costs system calls and nothing else.** Between the read and the write
//! there is no lock, no look-up of a label, no clock, and no allocation while the reader keeps up.
//! Counters are resolved when a listener first uses a DC; the bytes of a long session are added to
//! them every ten seconds.
//!
//! **Invariant: an idle session owns no buffer.** The read buffer is the worker's and is borrowed
//! within one poll. Only bytes that a slow reader has not taken are kept, and those of all sessions
//! together are bounded.
//!
//! **Invariant: a datagram is passed on at once or dropped.** Nothing of UDP is kept: what finds no room is
//! counted and gone, as on any other hop.
//!
//! **Invariant: the sockets of a bind are as many as at the start.** The kernel gives a client's datagrams to
//! one of them by a hash; another number of them would give flows to workers that do not know them.
//!
//! **Invariant: a pipe is filled only when it is empty.** Then "would block" has one meaning: the
//! source has nothing. With bytes in the pipe it could as well mean that the pipe is full, and a flow
//! would wait for the wrong event.
//!
//! **Invariant: a pipe goes back empty or not at all.** Bytes in it belong to one session. A pipe
//! that still holds some is closed.
//!
//! **Invariant: a refusal is a reset.** A client that gets no DC sees its connection break, never an
//! orderly end that could pass for an answer. So do both sides of a session that one side broke, but
//! only after what was received before has been delivered.
//!
//! **Invariant: an edge that is cut off ends no session.** Open ones are given up only of an access
//! point that goes on failing after another DC has answered, while another one is in use, and never in
//! isolation or soon after two sites have fallen silent together.
//!
//! **Invariant: `routing` has no clock.** Nor randomness, sockets, tasks or logs. Time and facts come
//! in, decisions go out as values. So the same function serves traffic, `nearpoint explain` and the
//! admin API, and hours of outages are tested in milliseconds.
//!
//! **Invariant: nobody imports layer 4.** What is shared moves down; what knows everybody is known
//! by nobody.
//!
//! **Invariant: `unsafe` is in [`net`] only.**
//!
//! **Invariant: an access point that leaves the list makes room first.** One that was usable stays
//! until another of its DC is Up, ten seconds at most: a new list never leaves a DC without an
//! access point that answers. It is *retiring*.
//!
//! **Invariant: health belongs to an identity, not to a place in a list.** A reload that keeps an
//! access point keeps what is known of it.
//!
//! **Invariant: refusing wins.** A client that rules restrict to some DCs gets none of the others, not
//! in failover and not in fail-open.
//!
//! **Invariant: nobody's address is kept on disk.** What is remembered of clients are hashes with a key
//! that is made at random, and the place of some. In memory there are addresses of who is here, and of a
//! bounded sample of those who came within the last hour ([`memory::ClientsSeen`]).
//!
//! **Invariant: a client's bytes go to one upstream.** Of the dials of a session one wins; all others
//! are reset before a byte is sent, one of a PROXY header included, however late they turn out to have
//! connected.
//!
//! **Invariant: failures of this edge are nobody's evidence.** No descriptor, no port, no route, an
//! answer that was there and looked at too late: counted by reasons of their own
//! ([`routing::LocalFailure`]), never held against an access point. Descriptors for probes are kept
//! aside, so that a flood of clients makes nobody look dead.
//!
//! **Invariant: the data plane waits for nobody.** It never waits for control, and nothing of the
//! admin API, the probes or a reload runs on its threads. A thread that panics ends the process; a
//! whole daemon is started by the service manager.
//!
//! **Invariant: what changes something has a name.** Nothing is changed through the admin side by somebody who is
//! not known by a token or by the user they are on this machine, and nothing without a line in the log.
//! Secrets are in none: tokens are kept as hashes only.
//!
//! **Invariant: what can grow is bounded.** Sessions, flows, descriptors, connects in flight, kept bytes,
//! pipes, probes, series of metrics, files that are read, requests that are served and those that
//! wait, events that are kept, lines of the log about one access point.

pub mod admin;
pub mod app;
pub mod blocking;
pub mod cli;
pub mod config;
pub mod control;
pub mod demo;
pub mod drain;
pub mod events;
pub mod forward;
pub mod geoip;
pub mod memory;
pub mod metrics;
pub mod mtproto;
pub mod net;
pub mod operations;
pub mod probe;
pub mod proxy_protocol;
pub mod reload;
pub mod routing;
pub mod sessions;
pub mod signal;
pub mod state_dir;
pub mod stub;
pub mod telemetry;
