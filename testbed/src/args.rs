//! The command line. A flag that is not here is an error of its own, never ignored.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, ValueEnum};
use enchufe::{Cors, OutboxPolicy, Parser as PacketParser, Recovery, ServerBuilder, TransportKind};

/// The contract server of the conformance, interop and load tests.
#[derive(Debug, Parser)]
#[command(name = "testbed")]
pub(crate) struct Args {
    /// What it behaves like.
    #[arg(long, value_enum)]
    pub(crate) profile: Profile,
    /// The port on 127.0.0.1; 0 picks a free one.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// Worker threads, each with a runtime and a listener of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: u16,
    /// All workers are threads of one runtime, with one listener.
    #[arg(long)]
    pub(crate) shared_runtime: bool,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// Engine.IO alone, echoing.
    Engine,
    /// Engine.IO alone, as the suite of a client expects it.
    EngineClient,
    /// Socket.IO, bare.
    Protocol,
    /// What a client library's own suite expects.
    Client,
    /// Everything else.
    App,
}

/// The options of the profile `app`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of the profile app")]
pub(crate) struct Options {
    /// Milliseconds from a pong to the next ping.
    #[arg(long, value_name = "MS", value_parser = millis())]
    ping_interval: Option<Duration>,
    /// Milliseconds that a pong may take.
    #[arg(long, value_name = "MS", value_parser = millis())]
    ping_timeout: Option<Duration>,
    /// Milliseconds until a connection must have joined a namespace.
    #[arg(long, value_name = "MS", value_parser = millis())]
    connect_timeout: Option<Duration>,
    /// Milliseconds that an upgrade may take.
    #[arg(long, value_name = "MS", value_parser = millis())]
    upgrade_timeout: Option<Duration>,
    /// Bytes of one POST or WebSocket message.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..))]
    max_http_buffer_size: Option<u32>,
    /// The transports on offer.
    #[arg(long, value_delimiter = ',', value_parser = transport())]
    transports: Vec<TransportKind>,
    /// No upgrade from polling.
    #[arg(long)]
    no_upgrade: bool,
    /// Clients of Engine.IO 3 are admitted.
    #[arg(long)]
    allow_eio3: bool,
    /// Pages of this origin may read the answers; `*` for any.
    #[arg(long, value_name = "ORIGIN")]
    cors: Option<String>,
    /// A cookie of this name with the session's id.
    #[arg(long, value_name = "NAME", value_parser = cookie_name)]
    cookie: Option<String>,
    /// Milliseconds that a client may be away and still find its socket as it was.
    #[arg(long, value_name = "MS", value_parser = millis())]
    recovery: Option<Duration>,
    /// How events are written.
    #[arg(long, default_value = "json", value_parser = parser())]
    parser: PacketParser,
    /// How nodes talk to each other.
    #[arg(long, default_value = "memory", value_parser = ["memory"])]
    adapter: String,
    /// Bytes that may wait for one connection.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..))]
    max_outbox: Option<u32>,
    /// What is done with a client that does not take what it is sent.
    #[arg(long, default_value = "close", value_parser = outbox_policy())]
    slow_client: OutboxPolicy,
    /// Messages that a client may send in a second.
    #[arg(long, value_name = "EVENTS_PER_SECOND", value_parser = clap::value_parser!(u32).range(1..))]
    rate_limit: Option<u32>,
}

impl Args {
    /// Whether an option of the profile `app` stands beside another profile.
    pub(crate) fn misplaced(&self) -> bool {
        self.profile != Profile::App && self.options.any_given()
    }
}

impl Options {
    fn any_given(&self) -> bool {
        self.ping_interval.is_some()
            || self.ping_timeout.is_some()
            || self.connect_timeout.is_some()
            || self.upgrade_timeout.is_some()
            || self.max_http_buffer_size.is_some()
            || !self.transports.is_empty()
            || self.no_upgrade
            || self.allow_eio3
            || self.cors.is_some()
            || self.cookie.is_some()
            || self.recovery.is_some()
            || self.max_outbox.is_some()
            || self.slow_client != OutboxPolicy::Close
            || self.rate_limit.is_some()
            || self.parser != PacketParser::Json
    }

    pub(crate) fn apply(&self, mut builder: ServerBuilder) -> ServerBuilder {
        let mut limits = enchufe::Limits::default();
        if let Some(bytes) = self.max_http_buffer_size {
            limits.max_payload_bytes = bytes as usize;
        }
        if let Some(bytes) = self.max_outbox {
            limits.max_outbox_bytes = bytes as usize;
        }
        if let Some(events) = self.rate_limit {
            limits.max_events_per_second = events as usize;
        }
        builder = builder.limits(limits).outbox_policy(self.slow_client);
        if let Some(interval) = self.ping_interval {
            builder = builder.ping_interval(interval);
        }
        if let Some(timeout) = self.ping_timeout {
            builder = builder.ping_timeout(timeout);
        }
        if let Some(timeout) = self.connect_timeout {
            builder = builder.connect_timeout(timeout);
        }
        if let Some(timeout) = self.upgrade_timeout {
            builder = builder.upgrade_timeout(timeout);
        }
        if !self.transports.is_empty() {
            builder = builder.transports(self.transports.iter().copied());
        }
        if let Some(name) = &self.cookie {
            builder = builder.cookie(name);
        }
        if let Some(max_disconnection_duration) = self.recovery {
            let recovery = Recovery { max_disconnection_duration, ..Recovery::default() };
            builder = builder.connection_state_recovery(recovery);
        }
        match self.cors.as_deref() {
            Some("*") => builder = builder.cors(Cors::any()),
            Some(origin) => builder = builder.cors(Cors::origins([origin]).credentials(true)),
            None => {}
        }
        builder.parser(self.parser).allow_upgrades(!self.no_upgrade).allow_eio3(self.allow_eio3)
    }
}

fn millis() -> impl TypedValueParser<Value = Duration> {
    clap::value_parser!(u32).range(1..).map(|ms| Duration::from_millis(u64::from(ms)))
}

fn transport() -> impl TypedValueParser<Value = TransportKind> {
    PossibleValuesParser::new(["polling", "websocket"]).map(|name| match name.as_str() {
        "polling" => TransportKind::Polling,
        _ => TransportKind::WebSocket,
    })
}

fn parser() -> impl TypedValueParser<Value = PacketParser> {
    PossibleValuesParser::new(["json", "msgpack"]).map(|name| match name.as_str() {
        "json" => PacketParser::Json,
        _ => PacketParser::Msgpack,
    })
}

fn outbox_policy() -> impl TypedValueParser<Value = OutboxPolicy> {
    PossibleValuesParser::new(["close", "drop-volatile", "drop-oldest"]).map(|name| match name.as_str() {
        "drop-volatile" => OutboxPolicy::DropVolatile,
        "drop-oldest" => OutboxPolicy::DropOldest,
        _ => OutboxPolicy::Close,
    })
}

fn cookie_name(name: &str) -> Result<String, String> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if !name.is_empty() && name.chars().all(token) {
        Ok(name.to_owned())
    } else {
        Err("a cookie's name is letters, digits and !#$%&'*+-.^_`|~".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_flags_and_bad_values_are_errors() {
        for line in [
            "--profile app --nonsense",
            "--profile nothing",
            "--profile app --recovery 0",
            "--profile app --ping-interval -1",
            "--profile app --ping-interval soon",
            "--profile app --transports polling,pigeon",
            "--profile app --cookie a=b",
            "--profile app --workers 0",
            "--profile app --slow-client wait",
            "--profile app --rate-limit 0",
            "--profile app --parser xml",
            "--port 70000 --profile app",
            "",
        ] {
            let words = ["testbed"].into_iter().chain(line.split_whitespace());
            let error = Args::try_parse_from(words).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn options_of_app_do_not_go_with_other_profiles() {
        let args = |line: &str| Args::try_parse_from(line.split(' ')).unwrap();
        assert!(args("testbed --profile engine --no-upgrade").misplaced());
        assert!(args("testbed --profile engine --allow-eio3").misplaced());
        assert!(args("testbed --profile engine --rate-limit 5").misplaced());
        assert!(!args("testbed --profile engine --workers 2").misplaced());
        assert!(!args("testbed --profile app --no-upgrade").misplaced());
    }
}
