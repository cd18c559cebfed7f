//! The workloads. Each opens its own clients against a server that speaks the testbed's `app`
//! contract and checks every message. All but `open-loop` keep a fixed number of messages under way.

mod broadcast;
mod catalog;
mod churn;
mod cold;
mod connect;
mod echo;
mod idle;
mod msgpack;
mod namespaces;
mod open_loop;
mod polling;
mod rooms;
mod slow;

pub(crate) use self::catalog::{Goal, Unit};
use crate::connection::Headers;
use crate::error::Result;
use crate::run::{Outcome, Plan, Target};

/// One row of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Scenario {
    /// Echo of 64 B with an ack, 100 connections, 1 in flight each.
    #[value(name = "echo-1")]
    Echo1,
    /// The same with 16 in flight each.
    #[value(name = "echo-16")]
    Echo16,
    /// Echo of 16 KiB of text, 50 connections, 1 in flight.
    #[value(name = "echo-16k")]
    Echo16K,
    /// Echo of 64 KiB of binary, 20 connections, 1 in flight.
    #[value(name = "echo-64k-binary")]
    Echo64KBinary,
    /// Echo of 64 B with the msgpack parser, 100 connections, 1 in flight.
    #[value(name = "echo-msgpack")]
    EchoMsgpack,
    /// Echo of 64 B in 1,000 namespaces of one connection, 16 in flight.
    #[value(name = "namespaces")]
    Namespaces,
    /// Broadcast of 128 B to 1,000 connections, the next when all have it.
    #[value(name = "broadcast-1000")]
    Broadcast1000,
    /// Broadcasts of 128 B to 1,000 connections, ten with one write.
    #[value(name = "broadcast-burst")]
    BroadcastBurst,
    /// Broadcast of 128 B to 10,000 connections.
    #[value(name = "broadcast-10000")]
    Broadcast10000,
    /// Broadcast of 128 B to 9,900 connections, beside 100 that never read what they are sent.
    #[value(name = "slow-consumers")]
    SlowConsumers,
    /// 100 rooms of 10; everybody emits 128 B to its room and again when its own message is back.
    #[value(name = "rooms")]
    Rooms,
    /// Connections opened and joined, 64 at once.
    #[value(name = "connect")]
    Connect,
    /// Echo of 64 B over long-polling (POST, then GET), 100 sessions.
    #[value(name = "polling")]
    Polling,
    /// One connection, 1 in flight: the time of a round trip.
    #[value(name = "round-trip")]
    RoundTrip,
    /// Echo of 64 B at half of what the best peer can do, in an open loop.
    #[value(name = "open-loop")]
    OpenLoop,
    /// Resident bytes per idle connection, 10,000 connections.
    #[value(name = "idle")]
    Idle,
    /// The same with the headers that Chrome sends.
    #[value(name = "idle-chrome")]
    IdleChrome,
    /// Resident bytes that are left of 100,000 connections which opened and closed.
    #[value(name = "churn")]
    Churn,
    /// Time from the start of the process to the first client that has joined.
    #[value(name = "cold-start")]
    ColdStart,
}

impl Scenario {
    pub(crate) async fn run(self, target: Target, plan: Plan) -> Result<Outcome> {
        match self {
            Self::Echo1 => echo::run(target, plan, echo::Shape::text(100, 1, 64)).await,
            Self::Echo16 => echo::run(target, plan, echo::Shape::text(100, 16, 64)).await,
            Self::Echo16K => echo::run(target, plan, echo::Shape::text(50, 1, 16 * 1024)).await,
            Self::Echo64KBinary => echo::run(target, plan, echo::Shape::binary(20, 1, 64 * 1024)).await,
            Self::EchoMsgpack => msgpack::run(target, plan).await,
            Self::Namespaces => namespaces::run(target, plan).await,
            Self::Broadcast1000 => broadcast::run(target, plan, 1_000, 1).await,
            Self::BroadcastBurst => broadcast::run(target, plan, 1_000, 10).await,
            Self::Broadcast10000 => broadcast::run(target, plan, 10_000, 1).await,
            Self::SlowConsumers => slow::run(target, plan, 10_000).await,
            Self::Rooms => rooms::run(target, plan).await,
            Self::Connect => connect::run(target, plan).await,
            Self::Polling => polling::run(target, plan, 100).await,
            Self::RoundTrip => {
                echo::run(target, plan, echo::Shape::text(1, 1, 64)).await?.judged_by_latency(0.5)
            }
            Self::OpenLoop => open_loop::run(target, plan).await,
            Self::Idle => idle::run(target, 10_000, Headers::Few).await,
            Self::IdleChrome => idle::run(target, 10_000, Headers::Chrome).await,
            Self::Churn => churn::run(target, if plan.quick { 10_000 } else { 100_000 }).await,
            Self::ColdStart => cold::run(target).await,
        }
    }
}
