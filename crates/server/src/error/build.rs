//! What is wrong with a server before it has started.

use thiserror::Error;

/// Why a server can't be built. Each is a mistake in the program, not in what happens while it runs.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A handler takes `State<T>` of a type that was not given to the server.
    #[error(
        "namespace {namespace}: a handler takes State<{type_name}>, but the server was given none: add .state(…)"
    )]
    MissingState {
        /// The namespace of the handler.
        namespace: String,
        /// The type that is missing.
        type_name: &'static str,
    },
    /// A handler was registered for a name that the protocol keeps for itself, so it would never be called.
    #[error("namespace {namespace}: no client can send {event:?}, the name is reserved{}", instead(event))]
    ReservedEvent {
        /// The namespace of the handler.
        namespace: String,
        /// The reserved name.
        event: String,
    },
    /// What was to be a pattern or regular expression for names of namespaces is none.
    #[error("no pattern for namespaces: {pattern}: {error}")]
    InvalidPattern {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        error: String,
    },
    /// Two namespaces of one server have the same name.
    #[error("namespace {0} is defined twice")]
    DuplicateNamespace(String),
    /// An option has a value that cannot be used.
    #[error("the option `{option}`: {reason}")]
    InvalidOption {
        /// The option's name, as the builder has it.
        option: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// What was meant by a handler for a reserved name.
fn instead(event: &str) -> &'static str {
    match event {
        "connect" => ": register with .on_connect(…)",
        "disconnect" => ": register with .on_disconnect(…)",
        "disconnecting" => ": register with .on_disconnecting(…)",
        _ => "",
    }
}
