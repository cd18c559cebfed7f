//! The command line, parsed into what the program needs.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Parser;

/// A chat with rooms, accounts, pictures and history, on Socket.IO for Rust.
#[derive(Debug, Clone, Parser)]
#[command(name = "chat", version)]
pub(crate) struct Args {
    /// Port to listen on; 0 picks a free one and prints it.
    #[arg(long, default_value_t = 3000, env = "CHAT_PORT")]
    pub(crate) port: u16,

    /// Address to listen on. Other machines can reach the chat only if this is changed (0.0.0.0 or ::).
    #[arg(long, default_value = "127.0.0.1", env = "CHAT_HOST")]
    pub(crate) host: IpAddr,

    /// Folder for the database; made if it is missing.
    #[arg(long, value_name = "DIR", default_value = "chat-data", env = "CHAT_DATA")]
    pub(crate) data: PathBuf,

    /// Where people open the chat, such as `https://chat.example.org`. Set it when a proxy stands in front:
    /// only this origin is then accepted, and with https the cookies are marked Secure.
    #[arg(long, value_name = "URL", env = "CHAT_PUBLIC_URL", value_parser = parse_origin)]
    pub(crate) public_url: Option<Origin>,

    /// Believe the X-Forwarded-For and X-Forwarded-Proto headers. Only where every request comes through a
    /// proxy that sets them.
    #[arg(long, env = "CHAT_TRUST_PROXY")]
    pub(crate) trust_proxy: bool,
}

/// The settings that requests are judged by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    pub(crate) public_url: Option<Origin>,
    pub(crate) trust_proxy: bool,
}

impl From<&Args> for Config {
    fn from(args: &Args) -> Self {
        Self { public_url: args.public_url.clone(), trust_proxy: args.trust_proxy }
    }
}

/// A web origin in lower case: scheme, host and, where it is not the scheme's own, port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) https: bool,
    /// Host with port, as in a `Host` header.
    pub(crate) authority: String,
}

/// Reads an origin; a path other than `/` is an error, because the chat lives at the root.
pub(crate) fn parse_origin(text: &str) -> Result<Origin, String> {
    let (https, rest) = if let Some(rest) = text.strip_prefix("https://") {
        (true, rest)
    } else if let Some(rest) = text.strip_prefix("http://") {
        (false, rest)
    } else {
        return Err("must start with http:// or https://".to_owned());
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
    if authority.parse::<http::uri::Authority>().is_err() || authority.contains('@') {
        return Err("must be scheme, host and perhaps port, without a path".to_owned());
    }
    Ok(Origin { https, authority: without_default_port(&authority, https).to_owned() })
}

/// `authority` without `:80` or `:443` where that is the scheme's own port.
pub(crate) fn without_default_port(authority: &str, https: bool) -> &str {
    authority.strip_suffix(if https { ":443" } else { ":80" }).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_normalised() {
        let origin = parse_origin("https://Chat.Example.org:443/").unwrap();
        assert_eq!(origin, Origin { https: true, authority: "chat.example.org".into() });
        assert_eq!(parse_origin("http://[::1]:3000").unwrap().authority, "[::1]:3000");
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in ["chat.example.org", "ftp://x", "https://", "https://a/b", "https://me@a"] {
            assert!(parse_origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }
}
