//! What is known of a scenario before it runs: its title, what its figure counts, what is demanded
//! of Enchufe, how often it is worth repeating.

use std::time::Duration;

use clap::ValueEnum as _;

use super::Scenario;

/// What may be left of 100,000 connections: 42 bytes of each, so that a leak of one small allocation is seen. What
/// an allocator keeps of the few that were open at a time is a fifth of it.
const CHURN_BYTES: f64 = (4 << 20) as f64;
/// What 100 slow consumers may take: the largest outbox (4 MiB) once, since they are sent the same, and 256 KiB for each,
/// as `Limits::max_outbox_bytes` promises, and a tenth for the allocator.
const SLOW_CONSUMERS_BYTES: f64 = (32 << 20) as f64;

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Messages per second of server CPU time.
    PerCpuSecond,
    /// Resident bytes, of a connection or in all.
    Bytes,
    /// Nanoseconds of the wall clock.
    Nanoseconds,
}

/// What is demanded of Enchufe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// At least so much of the floor's figure.
    MinOfFloor(f64),
    /// At most so much of the floor's figure.
    MaxOfFloor(f64),
    /// At least so much of the best peer's figure.
    MinOfBestPeer(f64),
    /// At most so much of the best peer's figure.
    MaxOfBestPeer(f64),
    /// A figure of at most this.
    Max(f64),
}

impl Scenario {
    /// What `compare` runs when nothing is chosen: a few minutes with four servers.
    pub(crate) const MINIMAL: [Self; 4] = [Self::Echo1, Self::Echo16, Self::Broadcast1000, Self::Idle];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Echo1 => "echo with ack, 64 B, 100 connections, 1 in flight",
            Self::Echo16 => "the same, 16 in flight",
            Self::Echo16K => "echo with ack, 16 KiB text, 50 connections, 1 in flight",
            Self::Echo64KBinary => "echo with ack, 64 KiB binary, 20 connections, 1 in flight",
            Self::EchoMsgpack => "msgpack: echo with ack, 64 B, 100 connections, 1 in flight",
            Self::Namespaces => "echo in 1,000 namespaces of one connection, 64 B, 16 in flight",
            Self::Broadcast1000 => "broadcast, 128 B to 1,000",
            Self::BroadcastBurst => "broadcasts in bursts of 10, 128 B to 1,000",
            Self::Broadcast10000 => "broadcast, 128 B to 10,000",
            Self::SlowConsumers => "the same to 9,900, beside 100 that do not read what they get",
            Self::Rooms => "100 rooms of 10, everybody emits 128 B",
            Self::Connect => "connections opened and joined",
            Self::Polling => "long-polling echo (POST + GET), 64 B, 100 sessions",
            Self::RoundTrip => "round trip, one connection, 1 in flight",
            Self::OpenLoop => "echo in an open loop, at half of what the best peer can do: p99",
            Self::Idle => "idle connection, few headers",
            Self::IdleChrome => "idle connection, Chrome's headers",
            Self::Churn => "left of 100,000 connections opened and closed, in all",
            Self::ColdStart => "cold start, from exec to the first client that has joined",
        }
    }

    /// The title where there is little room, in the chart and in the progress.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::Echo1 => "echo 64 B, 1 in flight",
            Self::Echo16 => "echo 64 B, 16 in flight",
            Self::Echo16K => "echo 16 KiB text",
            Self::Echo64KBinary => "echo 64 KiB binary",
            Self::EchoMsgpack => "echo 64 B, msgpack",
            Self::Namespaces => "1,000 namespaces",
            Self::Broadcast1000 => "broadcast to 1,000",
            Self::BroadcastBurst => "broadcast, bursts of 10",
            Self::Broadcast10000 => "broadcast to 10,000",
            Self::SlowConsumers => "beside slow consumers",
            Self::Rooms => "100 rooms of 10",
            Self::Connect => "connections opened",
            Self::Polling => "long-polling echo",
            Self::RoundTrip => "round trip",
            Self::OpenLoop => "open loop, p99",
            Self::Idle => "idle, few headers",
            Self::IdleChrome => "idle, Chrome's headers",
            Self::Churn => "memory after churn",
            Self::ColdStart => "cold start",
        }
    }

    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::Idle | Self::IdleChrome | Self::Churn => Unit::Bytes,
            Self::RoundTrip | Self::OpenLoop | Self::ColdStart => Unit::Nanoseconds,
            _ => Unit::PerCpuSecond,
        }
    }

    /// The goals that the project has set itself.
    pub(crate) fn goal(self) -> Option<Goal> {
        Some(match self {
            Self::Echo1 => Goal::MinOfFloor(0.9),
            Self::Echo16 => Goal::MinOfFloor(0.62),
            Self::Echo16K => Goal::MinOfFloor(0.7),
            Self::Echo64KBinary => Goal::MinOfFloor(0.85),
            Self::Broadcast1000 | Self::Broadcast10000 => Goal::MinOfFloor(0.92),
            Self::Rooms => Goal::MinOfFloor(1.15),
            Self::Connect => Goal::MinOfFloor(0.65),
            Self::Polling => Goal::MinOfBestPeer(1.25),
            Self::RoundTrip => Goal::MaxOfFloor(1.15),
            Self::Idle => Goal::Max(1_200.0),
            Self::IdleChrome => Goal::Max(2_000.0),
            Self::OpenLoop => Goal::MaxOfBestPeer(1.0),
            Self::EchoMsgpack
            | Self::Namespaces
            | Self::BroadcastBurst
            | Self::SlowConsumers
            | Self::Churn
            | Self::ColdStart => return None,
        })
    }

    /// Resident bytes by which Enchufe may grow; one more is a failure and not a figure.
    pub(crate) fn max_growth(self) -> Option<f64> {
        match self {
            Self::Churn => Some(CHURN_BYTES),
            Self::SlowConsumers => Some(SLOW_CONSUMERS_BYTES),
            _ => None,
        }
    }

    /// Whether each round needs a server of its own: memory that earlier connections have left behind
    /// would be used again, and thousands that close at once keep a server busy for long.
    pub(crate) fn needs_fresh_server(self) -> bool {
        matches!(
            self,
            Self::Connect | Self::Broadcast10000 | Self::SlowConsumers | Self::EchoMsgpack | Self::ColdStart
        ) || self.unit() == Unit::Bytes
    }

    /// Whether it is run with more than one thread as well: whatever is held against the floor, and the open loop.
    pub(crate) fn is_for_many_workers(self) -> bool {
        matches!(self.goal(), Some(Goal::MinOfFloor(_) | Goal::MinOfBestPeer(_) | Goal::MaxOfBestPeer(_)))
    }

    /// Whether peers with more than one thread have a part in it; the others are about ours and the floor.
    pub(crate) fn is_for_peers_with_many_workers(self) -> bool {
        self == Self::OpenLoop
    }

    /// Flags that every server is started with; this one needs servers of its own.
    pub(crate) fn flags(self) -> &'static [&'static str] {
        if self == Self::EchoMsgpack { &["--parser", "msgpack"] } else { &[] }
    }

    /// Rounds that this scenario is worth of those asked for: memory hardly varies, churn takes long.
    pub(crate) fn rounds(self, asked: usize) -> usize {
        match self {
            Self::Churn => 1,
            Self::SlowConsumers => asked.min(3),
            _ if self.unit() == Unit::Bytes => asked.min(3),
            _ => asked,
        }
    }

    /// Whether what a message costs is counted as well, which takes runs of its own. Not where thousands of
    /// clients would have to open under callgrind.
    pub(crate) fn is_counted(self) -> bool {
        self.unit() == Unit::PerCpuSecond && !matches!(self, Self::Broadcast10000 | Self::SlowConsumers)
    }

    /// About how many seconds a run takes besides its window, for the progress.
    pub(crate) fn weight(self) -> f64 {
        match self {
            Self::Churn => 25.0,
            Self::Idle | Self::IdleChrome => 5.0,
            Self::Broadcast10000 => 4.0,
            Self::SlowConsumers => 7.0,
            Self::OpenLoop => 1.0,
            Self::Broadcast1000 | Self::BroadcastBurst | Self::Rooms => 0.8,
            _ => 0.4,
        }
    }

    /// Longest that a run may take: a server that hangs fails instead of holding up the others.
    pub(crate) fn timeout(self) -> Duration {
        Duration::from_secs(if self == Self::Churn { 300 } else { 90 })
    }
}

impl From<Scenario> for String {
    fn from(scenario: Scenario) -> Self {
        scenario.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl TryFrom<String> for Scenario {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        <Self as clap::ValueEnum>::from_str(&name, false)
    }
}
