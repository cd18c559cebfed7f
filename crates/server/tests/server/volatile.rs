//! Volatile events: all of one or nothing of it, and only to who can take it at once.

use enchufe::{Bytes, Namespace, Socket};
use tokio::time::{Duration, sleep};

use crate::support::{Client, Via, serve};

const BYTES: Bytes = Bytes::from_static(b"xy");
const ATTACHED: &str = "{\"_placeholder\":true,\"num\":0}";

fn only(io: &enchufe::Server) -> Socket {
    io.of("/").sockets().pop().unwrap()
}

#[tokio::test(start_paused = true)]
async fn of_consecutive_volatile_events_with_attachments_the_first_is_sent_whole_and_no_other() {
    for via in Via::BOTH {
        let io = serve(Namespace::new("/"));
        let mut client = Client::connect(&io, via).await;
        let socket = only(&io);
        let emitting = async {
            // A poll is pending by then.
            sleep(Duration::from_millis(10)).await;
            for n in 0..3 {
                socket.volatile().emit("v", (n, BYTES, BYTES)).unwrap();
            }
        };
        let (first, ()) = tokio::join!(client.next(), emitting);
        assert_eq!(first, format!("452-[\"v\",0,{ATTACHED},{}]", ATTACHED.replace('0', "1")));
        assert_eq!(client.take(2).await, ["beHk=", "beHk="]);
        socket.emit("done", ()).unwrap();
        assert_eq!(client.next().await, "42[\"done\"]");
    }
}

#[tokio::test(start_paused = true)]
async fn a_volatile_event_behind_another_that_waits_is_forgotten_attachments_and_all() {
    for via in Via::BOTH {
        let io = serve(Namespace::new("/"));
        let mut client = Client::connect(&io, via).await;
        let socket = only(&io);
        let emitting = async {
            sleep(Duration::from_millis(10)).await;
            socket.emit("first", BYTES).unwrap();
            socket.volatile().emit("lost", BYTES).unwrap();
            socket.emit("last", ()).unwrap();
        };
        let (first, ()) = tokio::join!(client.next(), emitting);
        assert_eq!(first, format!("451-[\"first\",{ATTACHED}]"));
        assert_eq!(client.take(2).await, ["beHk=", "42[\"last\"]"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_volatile_broadcast_reaches_those_who_can_take_it_whole_and_the_others_not_at_all() {
    let io = serve(Namespace::new("/"));
    let mut ready = Client::connect(&io, Via::WebSocket).await;
    // It has no poll pending.
    let mut busy = Client::connect(&io, Via::Polling).await;
    sleep(Duration::from_millis(10)).await;
    io.of("/").volatile().emit("v", (1, BYTES)).unwrap();
    assert_eq!(ready.take(2).await, [format!("451-[\"v\",1,{ATTACHED}]"), "beHk=".into()]);
    io.of("/").emit("done", ()).unwrap();
    assert_eq!(ready.next().await, "42[\"done\"]");
    assert_eq!(busy.next().await, "42[\"done\"]");
}

#[tokio::test(start_paused = true)]
async fn a_volatile_event_can_be_sent_again_when_the_one_before_has_left() {
    for via in Via::BOTH {
        let io = serve(Namespace::new("/"));
        let mut client = Client::connect(&io, via).await;
        let socket = only(&io);
        for n in 0..3 {
            let emitting = async {
                sleep(Duration::from_millis(10)).await;
                socket.volatile().emit("v", n).unwrap();
            };
            let (message, ()) = tokio::join!(client.next(), emitting);
            assert_eq!(message, format!("42[\"v\",{n}]"));
        }
    }
}
