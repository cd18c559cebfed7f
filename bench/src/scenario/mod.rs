//! The workloads. Each opens its own clients against a server that speaks the testbed's `app`
//! contract, keeps a fixed number of messages under way (a closed loop), and checks every message.

mod broadcast;
mod connect;
mod echo;
mod idle;
mod polling;
mod rooms;

use crate::error::Result;
use crate::run::{Outcome, Plan, Target};

/// One row of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
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
    /// Broadcast of 128 B to 1,000 connections, the next when all have it.
    #[value(name = "broadcast-1000")]
    Broadcast1000,
    /// Broadcast of 128 B to 9,000 connections.
    #[value(name = "broadcast-9000")]
    Broadcast9000,
    /// 100 rooms of 10; everybody emits 128 B to its room and again when its own message is back.
    #[value(name = "rooms")]
    Rooms,
    /// Connections opened and joined, 64 at once.
    #[value(name = "connect")]
    Connect,
    /// Echo of 64 B over long-polling (POST, then GET), 100 sessions.
    #[value(name = "polling")]
    Polling,
    /// Resident bytes per idle connection, 9,000 connections.
    #[value(name = "idle")]
    Idle,
}

impl Scenario {
    /// What `compare` runs when nothing is chosen: under five minutes with four servers.
    pub(crate) const MINIMAL: [Self; 4] = [Self::Echo1, Self::Echo16, Self::Broadcast1000, Self::Idle];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Echo1 => "echo with ack, 64 B, 100 connections, 1 in flight",
            Self::Echo16 => "the same, 16 in flight",
            Self::Echo16K => "echo with ack, 16 KiB text, 50 connections, 1 in flight",
            Self::Echo64KBinary => "echo with ack, 64 KiB binary, 20 connections, 1 in flight",
            Self::Broadcast1000 => "broadcast, 128 B to 1,000",
            Self::Broadcast9000 => "broadcast, 128 B to 9,000",
            Self::Rooms => "100 rooms of 10, everybody emits 128 B",
            Self::Connect => "connections opened and joined",
            Self::Polling => "long-polling echo (POST + GET), 64 B, 100 sessions",
            Self::Idle => "idle connection, resident bytes",
        }
    }

    /// Whether the figure is bytes (less is better) rather than messages per CPU second.
    pub(crate) fn is_memory(self) -> bool {
        self == Self::Idle
    }

    /// Whether each round needs a server of its own: memory that earlier connections have left behind
    /// would be used again, and thousands that close at once keep a server busy for long.
    pub(crate) fn needs_fresh_server(self) -> bool {
        matches!(self, Self::Idle | Self::Connect | Self::Broadcast9000)
    }

    /// Rounds that this scenario is worth of those asked for: memory hardly varies.
    pub(crate) fn rounds(self, asked: usize) -> usize {
        if self.is_memory() { asked.min(3) } else { asked }
    }

    pub(crate) async fn run(self, target: Target, plan: Plan) -> Result<Outcome> {
        match self {
            Self::Echo1 => echo::run(target, plan, echo::Shape::text(100, 1, 64)).await,
            Self::Echo16 => echo::run(target, plan, echo::Shape::text(100, 16, 64)).await,
            Self::Echo16K => echo::run(target, plan, echo::Shape::text(50, 1, 16 * 1024)).await,
            Self::Echo64KBinary => echo::run(target, plan, echo::Shape::binary(20, 1, 64 * 1024)).await,
            Self::Broadcast1000 => broadcast::run(target, plan, 1_000).await,
            Self::Broadcast9000 => broadcast::run(target, plan, 9_000).await,
            Self::Rooms => rooms::run(target, plan).await,
            Self::Connect => connect::run(target, plan).await,
            Self::Polling => polling::run(target, plan, 100).await,
            Self::Idle => idle::run(target, 9_000).await,
        }
    }
}
