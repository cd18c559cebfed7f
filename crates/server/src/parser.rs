//! The form in which the packets of a namespace travel.

use crate::namespace::Namespace;
use crate::server::ServerBuilder;

/// How packets are written. All clients of a namespace must use the same one as the server.
///
/// ```
/// use enchufe::{Namespace, Parser, Server};
///
/// let io = Server::builder()
///     .namespace(Namespace::new("/"))
///     .namespace(Namespace::new("/game").parser(Parser::Msgpack))
///     .build()?;
/// # Ok::<_, enchufe::BuildError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Parser {
    /// JSON text, with binary messages behind it for what is binary: what all clients speak.
    #[default]
    Json,
    /// One msgpack message for each packet, binary data included: smaller where there are many numbers or bytes.
    /// Clients need [`socket.io-msgpack-parser`](https://socket.io/docs/v4/custom-parser/), in JavaScript
    /// `io({ parser })`.
    ///
    /// Handlers see no difference: `undefined` and `null` are `None`, a `Date` is its ISO text, as in JSON. A packet may
    /// hold 1,024 pieces of binary data, or more where [`Limits::max_attachments`](crate::Limits::max_attachments) is
    /// higher; all other limits are as for JSON.
    Msgpack,
}

impl Parser {
    /// `json` or `msgpack`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Msgpack => "msgpack",
        }
    }
}

/// # The parser
impl ServerBuilder {
    /// How packets are written in namespaces that don't say otherwise. Default JSON.
    pub const fn parser(mut self, parser: Parser) -> Self {
        self.config.parser = parser;
        self
    }
}

/// # The parser
impl Namespace {
    /// How packets are written in this namespace. Default what the [server](ServerBuilder::parser) says.
    ///
    /// A client that asks for the namespace in another form is refused, in its own form and with a message that names the
    /// right one.
    pub const fn parser(mut self, parser: Parser) -> Self {
        self.routes.parser = Some(parser);
        self
    }

    pub(crate) const fn parser_or(mut self, default: Parser) -> Self {
        if self.routes.parser.is_none() {
            self.routes.parser = Some(default);
        }
        self
    }
}
