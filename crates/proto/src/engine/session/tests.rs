//! The rules of a session, each by its name. Two sessions against each other are in `tests/session_pair/`.

use super::*;

fn config() -> SessionConfig {
    SessionConfig { ping_interval: 300, ping_timeout: 200, ..SessionConfig::default() }
}

fn server(transport: Transport) -> Session {
    let mut session = Session::server(0, transport, Frame::text("0{}"), 300, &config());
    session.outbox().clear();
    session
}

fn packet(text: &str) -> Packet<'_> {
    Packet::decode(text).unwrap()
}

fn outputs(session: &mut Session) -> Vec<Output> {
    std::iter::from_fn(|| session.poll_output()).collect()
}

fn queued(session: &mut Session) -> Vec<bytes::Bytes> {
    std::iter::from_fn(|| session.outbox().pop()).map(|frame| frame.body().clone()).collect()
}

#[test]
fn the_open_packet_is_the_first_thing_sent() {
    let mut session = Session::server(0, Transport::Polling, Frame::text("0{}"), 300, &config());
    assert_eq!(session.handle_poll(0), Poll::Answer);
    assert_eq!(queued(&mut session), ["0{}"]);
}

#[test]
fn a_ping_without_a_pong_closes() {
    let mut session = server(Transport::WebSocket);
    session.handle_timeout(299, &config());
    assert!(session.outbox().is_empty());
    session.handle_timeout(300, &config());
    assert_eq!(queued(&mut session), ["2"]);
    session.handle_timeout(500, &config());
    assert_eq!(session.state(), State::Closed(CloseReason::PingTimeout));
    assert_eq!(outputs(&mut session), [Output::Closed(CloseReason::PingTimeout)]);
}

#[test]
fn a_pong_starts_the_next_interval() {
    let mut session = server(Transport::WebSocket);
    session.handle_timeout(300, &config());
    assert_eq!(session.handle_packet(400, Path::Main, packet("3"), &config()), None);
    assert!(session.poll_timeout().unwrap() >= 700);
    session.handle_timeout(699, &config());
    assert_eq!(queued(&mut session), ["2"], "only the first ping");
}

#[test]
fn other_traffic_extends_the_wait_for_a_pong_once() {
    let mut session = server(Transport::WebSocket);
    session.handle_timeout(300, &config());
    for now in [310, 505] {
        assert_eq!(session.handle_packet(now, Path::Main, packet("4x"), &config()), Some("x"));
    }
    session.handle_timeout(500, &config());
    assert_eq!(session.state(), State::Open);
    session.handle_timeout(700, &config());
    assert_eq!(session.state(), State::Closed(CloseReason::PingTimeout));
}

#[test]
fn a_ping_from_the_client_is_the_wrong_direction() {
    let mut session = server(Transport::WebSocket);
    session.handle_packet(0, Path::Main, packet("2"), &config());
    assert_eq!(session.state(), State::Closed(CloseReason::TransportError));
}

#[test]
fn a_close_packet_ends_the_session_on_any_transport() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let mut session = server(transport);
        session.handle_packet(0, Path::Main, packet("1"), &config());
        assert_eq!(session.state(), State::Closed(CloseReason::TransportClose));
    }
}

#[test]
fn a_second_poll_closes_the_session() {
    let mut session = server(Transport::Polling);
    assert_eq!(session.handle_poll(0), Poll::Park);
    assert_eq!(session.handle_poll(0), Poll::Overlap);
    assert_eq!(session.state(), State::Closed(CloseReason::TransportError));
    assert_eq!(session.handle_poll(0), Poll::Closed);
}

#[test]
fn an_upgrade_is_a_probe_a_noop_and_a_switch() {
    let mut session = server(Transport::Polling);
    assert_eq!(session.handle_poll(0), Poll::Park);
    assert!(session.handle_probe_open(1, &config()));
    assert!(!session.handle_probe_open(1, &config()), "one probe at a time");
    session.handle_packet(2, Path::Probe, packet("2probe"), &config());
    session.handle_timeout(2, &config());
    assert_eq!(outputs(&mut session), [Output::SendProbe("3probe"), Output::AnswerNoop]);
    session.handle_poll_answered();
    session.handle_packet(3, Path::Probe, packet("5"), &config());
    assert_eq!(outputs(&mut session), [Output::Upgraded]);
    assert_eq!((session.state(), session.transport()), (State::Open, Transport::WebSocket));
    assert_eq!(session.handle_poll(4), Poll::WrongTransport);
}

#[test]
fn a_poll_during_an_upgrade_is_answered_with_a_noop_after_a_while() {
    let mut session = server(Transport::Polling);
    session.handle_probe_open(0, &config());
    session.handle_packet(0, Path::Probe, packet("2probe"), &config());
    outputs(&mut session);
    assert_eq!(session.handle_poll(10), Poll::Park);
    session.handle_timeout(109, &config());
    assert_eq!(outputs(&mut session), []);
    session.handle_timeout(110, &config());
    assert_eq!(outputs(&mut session), [Output::AnswerNoop]);
}

#[test]
fn upgrade_timeout_closes_only_the_probe() {
    let config = SessionConfig { upgrade_timeout: 100, ..config() };
    let mut session = server(Transport::Polling);
    session.handle_probe_open(0, &config);
    session.handle_timeout(100, &config);
    assert_eq!(outputs(&mut session), [Output::CloseProbe]);
    assert_eq!((session.state(), session.transport()), (State::Open, Transport::Polling));
    assert!(session.handle_probe_open(101, &config), "another may try");
}

#[test]
fn any_other_packet_on_the_probe_closes_only_the_probe() {
    for text in ["4x", "5", "2", "2other", "1", "6"] {
        let mut session = server(Transport::Polling);
        session.handle_probe_open(0, &config());
        assert_eq!(session.handle_packet(0, Path::Probe, packet(text), &config()), None);
        assert_eq!(outputs(&mut session), [Output::CloseProbe], "{text}");
        assert_eq!(session.state(), State::Open);
    }
}

#[test]
fn a_websocket_session_takes_no_probe() {
    let mut session = server(Transport::WebSocket);
    assert!(!session.handle_probe_open(0, &config()));
}

#[test]
fn closing_a_polling_session_lets_the_next_poll_fetch_the_rest() {
    let mut session = server(Transport::Polling);
    session.send([Frame::text("4bye")], &config()).unwrap();
    session.close(0, CloseReason::ForcedClose, &config());
    assert_eq!(session.state(), State::Closing(CloseReason::ForcedClose));
    assert_eq!(session.handle_poll(5), Poll::Answer);
    assert_eq!(queued(&mut session), ["4bye"]);
    session.handle_poll_answered();
    assert_eq!(session.state(), State::Closing(CloseReason::ForcedClose));
    // A close in the same payload would overtake the message in the client.
    assert_eq!(session.handle_poll(6), Poll::Answer);
    assert_eq!(queued(&mut session), ["1"]);
    session.handle_poll_answered();
    assert_eq!(session.state(), State::Closed(CloseReason::ForcedClose));
}

#[test]
fn closing_has_a_deadline() {
    let mut session = server(Transport::Polling);
    session.close(0, CloseReason::ForcedClose, &config());
    session.handle_timeout(30_000, &config());
    assert_eq!(session.state(), State::Closed(CloseReason::ForcedClose));
}

#[test]
fn a_peer_that_joins_nothing_is_closed() {
    let config = SessionConfig { ping_interval: 100_000, ..config() };
    let mut session = Session::server(0, Transport::WebSocket, Frame::text("0"), 100_000, &config);
    session.handle_timeout(45_000, &config);
    assert_eq!(session.state(), State::Closing(CloseReason::ForcedServerClose));
    let mut session = Session::server(0, Transport::WebSocket, Frame::text("0"), 100_000, &config);
    session.joined();
    session.handle_timeout(45_000, &config);
    assert_eq!(session.state(), State::Open);
}

#[test]
fn a_packet_that_stays_partial_closes() {
    let config = SessionConfig { ping_interval: 100_000, ..config() };
    let mut session = Session::server(0, Transport::WebSocket, Frame::text("0"), 100_000, &config);
    session.set_partial(0, true, &config);
    session.set_partial(20_000, true, &config);
    session.handle_timeout(30_000, &config);
    assert_eq!(
        session.state(),
        State::Closed(CloseReason::ParseError),
        "more of it does not move the deadline"
    );
}

#[test]
fn a_client_opens_probes_pauses_and_switches() {
    let mut session = Session::client(0, Transport::Polling, &config());
    let open = r#"0{"sid":"a","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":1}"#;
    session.handle_packet(1, Path::Main, packet(open), &config());
    assert_eq!(outputs(&mut session), [Output::Opened, Output::StartProbe]);
    assert_eq!(session.take_open().unwrap().sid, "a");
    assert!(session.handle_probe_open(2, &config()));
    session.handle_packet(3, Path::Probe, packet("3probe"), &config());
    assert_eq!(outputs(&mut session), [Output::SendProbe("2probe"), Output::PausePolling]);
    assert!(!session.can_transmit());
    session.handle_paused();
    assert_eq!(outputs(&mut session), [Output::SendProbe("5"), Output::Upgraded]);
    assert!(session.can_transmit());
}

#[test]
fn a_client_answers_pings_and_misses_them() {
    let mut session = Session::client(0, Transport::WebSocket, &config());
    let open = r#"0{"sid":"a","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1}"#;
    session.handle_packet(0, Path::Main, packet(open), &config());
    session.take_open();
    session.handle_packet(300, Path::Main, packet("2"), &config());
    assert_eq!(queued(&mut session), ["3"]);
    session.handle_timeout(799, &config());
    assert_eq!(session.state(), State::Open);
    session.handle_timeout(800, &config());
    assert_eq!(session.state(), State::Closed(CloseReason::PingTimeout));
}

#[test]
fn a_client_has_a_deadline_whatever_the_server_announces() {
    let open = format!(r#"0{{"sid":"s","upgrades":[],"pingInterval":{},"pingTimeout":1}}"#, Millis::MAX);
    let mut session = Session::client(7, Transport::WebSocket, &config());
    session.handle_packet(7, Path::Main, packet(&open), &config());
    assert_eq!(session.state(), State::Open);
    assert_eq!(session.poll_timeout(), Some(7 + Millis::from(LONGEST_PATIENCE)));
}

#[test]
fn a_server_that_pings_without_reading_the_pongs_is_left() {
    let mut session = Session::client(0, Transport::WebSocket, &config());
    let open = r#"0{"sid":"s","upgrades":[],"pingInterval":300,"pingTimeout":200}"#;
    session.handle_packet(0, Path::Main, packet(open), &config());
    let config = SessionConfig { outbox_limit: 10_000, ..config() };
    let ping = format!("2{}", "x".repeat(1000));
    let mut pings = 0;
    while session.state() == State::Open {
        assert!(session.queued_bytes() <= config.outbox_limit);
        session.handle_packet(0, Path::Main, packet(&ping), &config);
        pings += 1;
    }
    assert_eq!(session.state(), State::Closed(CloseReason::SlowConsumer));
    assert_eq!((pings, session.queued_bytes()), (10, 0));
}

#[test]
fn a_client_that_is_never_answered_gives_up() {
    let mut session = Session::client(0, Transport::WebSocket, &config());
    session.handle_timeout(20_000, &config());
    assert_eq!(session.state(), State::Closed(CloseReason::TransportError));
}

#[test]
fn every_state_but_closed_has_a_deadline() {
    let closed = |s: &Session| matches!(s.state(), State::Closed(_));
    let mut sessions = vec![server(Transport::Polling), server(Transport::WebSocket)];
    sessions.push(Session::client(0, Transport::Polling, &config()));
    let mut upgrading = server(Transport::Polling);
    upgrading.handle_probe_open(0, &config());
    sessions.push(upgrading);
    let mut closing = server(Transport::Polling);
    closing.close(0, CloseReason::ForcedClose, &config());
    sessions.push(closing);
    for session in &mut sessions {
        let mut steps = 0;
        while let Some(at) = session.poll_timeout() {
            session.handle_timeout(at, &config());
            session.outbox().clear();
            steps += 1;
            assert!(steps < 10, "{session:?}");
        }
        assert!(closed(session), "a silent peer ends the session: {session:?}");
    }
}

#[test]
fn nothing_revives_a_closed_session() {
    let mut session = server(Transport::Polling);
    session.abort(CloseReason::ForcedClose);
    outputs(&mut session);
    session.handle_packet(1, Path::Main, packet("4x"), &config());
    session.handle_timeout(1_000_000, &config());
    session.close(1, CloseReason::ParseError, &config());
    session.handle_transport_closed(CloseReason::TransportClose);
    assert!(!session.handle_probe_open(1, &config()));
    assert_eq!(outputs(&mut session), []);
    assert_eq!(session.state(), State::Closed(CloseReason::ForcedClose));
}

#[test]
fn a_peer_that_is_not_read_has_its_time_anew() {
    let mut session = server(Transport::WebSocket);
    session.handle_timeout(300, &config());
    session.handle_unread(499, &config());
    session.handle_timeout(500, &config());
    assert_eq!(session.state(), State::Open);
    assert_eq!(session.poll_timeout(), Some(699));
    session.handle_timeout(699, &config());
    assert_eq!(session.state(), State::Closed(CloseReason::PingTimeout));
    session.handle_unread(700, &config());
    assert_eq!(session.poll_timeout(), None);
}

// ---- revision 3 ---------------------------------------------------------------------------------

fn old_server(transport: Transport) -> Session {
    let mut session = Session::server_of_revision_3(0, transport, Frame::text("0{}"), &config());
    session.outbox().clear();
    session
}

#[test]
fn in_revision_3_the_client_pings_and_the_server_answers() {
    let mut session = old_server(Transport::WebSocket);
    for now in [100, 550, 1_000] {
        assert_eq!(session.handle_packet(now, Path::Main, packet("2"), &config()), None);
        session.handle_timeout(now, &config());
        assert_eq!(queued(&mut session), ["3"]);
        assert_eq!(session.poll_timeout().unwrap(), now + 500);
    }
    session.handle_packet(1_100, Path::Main, packet("2data"), &config());
    assert_eq!(queued(&mut session), ["3data"]);
    session.handle_timeout(1_599, &config());
    assert!(queued(&mut session).is_empty(), "it never pings by itself");
    session.handle_timeout(1_600, &config());
    assert_eq!(outputs(&mut session), [Output::Closed(CloseReason::PingTimeout)]);
}

#[test]
fn in_revision_3_other_traffic_extends_the_wait_for_a_ping_once() {
    let mut session = old_server(Transport::Polling);
    assert_eq!(session.handle_packet(400, Path::Main, packet("4x"), &config()), Some("x"));
    session.handle_timeout(500, &config());
    assert_eq!(session.state(), State::Open);
    assert!(session.handle_binary(Path::Main));
    session.handle_timeout(700, &config());
    assert_eq!(session.state(), State::Closed(CloseReason::PingTimeout));
}

#[test]
fn in_revision_3_a_pong_from_the_client_is_the_wrong_direction() {
    let mut session = old_server(Transport::WebSocket);
    session.handle_packet(0, Path::Main, packet("3"), &config());
    assert_eq!(session.state(), State::Closed(CloseReason::TransportError));
}

#[test]
fn in_revision_3_pings_that_nobody_reads_the_answers_of_close() {
    let config = SessionConfig { outbox_limit: 1_000, ..config() };
    let mut session = old_server(Transport::Polling);
    for _ in 0..100 {
        session.handle_packet(0, Path::Main, packet("2"), &config);
    }
    assert_eq!(session.state(), State::Closed(CloseReason::SlowConsumer));
}

#[test]
fn in_revision_3_the_probe_is_as_in_4() {
    let mut session = old_server(Transport::Polling);
    assert!(session.handle_probe_open(0, &config()));
    session.handle_packet(1, Path::Probe, packet("2probe"), &config());
    assert_eq!(outputs(&mut session), [Output::SendProbe("3probe")]);
    // The heartbeat goes on over polling meanwhile.
    session.handle_packet(2, Path::Main, packet("2"), &config());
    assert_eq!(queued(&mut session), ["3"]);
    session.handle_packet(3, Path::Probe, packet("5"), &config());
    assert_eq!(outputs(&mut session), [Output::Upgraded]);
    assert_eq!((session.transport(), session.poll_timeout().unwrap()), (Transport::WebSocket, 502));
}

#[test]
fn in_revision_3_what_was_not_read_is_not_late() {
    let mut session = old_server(Transport::WebSocket);
    session.handle_unread(450, &config());
    session.handle_timeout(949, &config());
    assert_eq!(session.state(), State::Open);
    session.handle_timeout(950, &config());
    assert_eq!(session.state(), State::Closed(CloseReason::PingTimeout));
}
