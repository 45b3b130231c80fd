use super::*;
use crate::lab::layout::{Dc, Door};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::thread;

/// A peer whose program is another one, which takes no notice of its configuration.
fn launch(peer: Peer) -> Launch {
    let installed = Installed { peer, version: "1".to_owned(), program: PathBuf::from("sleep") };
    installed.prepare(Setting::example(Probe::Tcp)).unwrap()
}

/// Dies of the first signal, also where tests are run by somebody who ignores it (nohup(1)).
fn process() -> Child {
    let default = "--default-signal=HUP,USR2";
    let process = Command::new("env").args([default, "sleep", "60"]).spawn().unwrap();
    let name = format!("/proc/{}/comm", process.id());
    while fs::read_to_string(&name).unwrap() != "sleep\n" {
        thread::yield_now();
    }
    process
}

fn without_dc2() -> Vec<AccessPoint> {
    everywhere().into_iter().filter(|access_point| access_point.dc != Dc::Dc2).collect()
}

#[test]
fn every_peer_is_given_all_access_points_and_later_those_of_the_new_list() {
    for (peer, file, signal) in [
        (Peer::Nearpoint, "dc_options.yaml", Signal::HUP),
        (Peer::Haproxy, "haproxy.cfg", Signal::USR2),
        (Peer::HaproxyKeepalive, "haproxy.cfg", Signal::USR2),
        (Peer::Nginx, "nginx.conf", Signal::HUP),
        // It takes no signal, and gets the one that ends this test.
        (Peer::Envoy, "lists/dcs.yaml", Signal::KILL),
    ] {
        let launch = launch(peer);
        let has = |access_point: &AccessPoint| {
            let text = fs::read_to_string(launch.directory.path().join(file)).unwrap();
            text.contains(&access_point.address().ip().to_string())
        };
        assert!(everywhere().iter().all(has), "{}", peer.name());

        let haproxy = matches!(peer, Peer::Haproxy | Peer::HaproxyKeepalive);
        let asked = haproxy.then(|| haproxy_that_tells_its_states(&launch));
        let mut process = process();
        launch.replace(process.id(), &without_dc2()).unwrap();
        for access_point in everywhere() {
            let (dc2, name) = (access_point.dc == Dc::Dc2, peer.name());
            assert_eq!(has(&access_point), !dc2, "{access_point} in {name}");
        }
        if signal == Signal::KILL {
            assert!(process.try_wait().unwrap().is_none(), "it was told by the file alone");
            process.kill().unwrap();
        }
        assert_eq!(process.wait().unwrap().signal(), Some(signal.as_raw()), "{}", peer.name());

        if let Some(asked) = asked {
            assert_eq!(asked.join().unwrap(), "show servers state\n");
            let states = launch.directory.path().join("haproxy.state");
            assert_eq!(fs::read_to_string(states).unwrap(), "1\nstates\n");
        }
    }
}

/// Where HAProxy answers questions. Returns the first question.
fn haproxy_that_tells_its_states(launch: &Launch) -> thread::JoinHandle<String> {
    let listener = UnixListener::bind(launch.directory.path().join("haproxy.sock")).unwrap();
    thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        let mut question = String::new();
        stream.read_line(&mut question).unwrap();
        stream.get_mut().write_all(b"1\nstates\n").unwrap();
        question
    })
}

#[test]
fn haproxy_that_does_not_answer_is_not_reloaded() {
    let launch = launch(Peer::Haproxy);
    let mut process = process();
    launch.replace(process.id(), &without_dc2()).unwrap_err();
    assert!(process.try_wait().unwrap().is_none());
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn words_are_told_apart() {
    let words: std::collections::BTreeSet<_> =
        everywhere().into_iter().map(setting::word).collect();
    assert_eq!(words.len(), 9);
    let access_point = AccessPoint { dc: Dc::Dc3, door: Door::V6 };
    assert_eq!(setting::word(access_point), "dc3-v6");
}
