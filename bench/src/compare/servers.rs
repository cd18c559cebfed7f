//! The servers that are compared: how each is built and started. Every one prints
//! `listening on 127.0.0.1:PORT` once it accepts connections, and is ended by its process id.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum as _;

use crate::cargo;
use crate::error::{Error, Result};
use crate::meter::{Meter, Scratch};
use crate::run::Target;

/// How long a server may take from its start until it says its port. Under callgrind the official one would need most of it.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A server that speaks the testbed's `app` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Server {
    /// The bare epoll loop of this package.
    Floor,
    /// The testbed of this workspace.
    Enchufe,
    /// socketioxide on axum.
    Socketioxide,
    /// The official server on Node, which has one thread.
    Node,
}

impl Server {
    pub(crate) const ALL: [Self; 4] = [Self::Floor, Self::Enchufe, Self::Socketioxide, Self::Node];

    /// Whether it is one of those that are compared with, and not ours or the floor.
    pub(crate) fn is_peer(self) -> bool {
        matches!(self, Self::Socketioxide | Self::Node)
    }

    fn title(self) -> &'static str {
        match self {
            Self::Floor => "floor (bare epoll)",
            Self::Enchufe => "Enchufe",
            Self::Socketioxide => "socketioxide 0.18.9 (axum)",
            Self::Node => "socket.io 4.8.4 (Node)",
        }
    }
}

/// A server with a number of threads: what has a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Contender {
    /// Threads that serve.
    pub(crate) workers: u16,
    pub(crate) server: Server,
}

impl Contender {
    pub(crate) fn new(server: Server, workers: u16) -> Self {
        Self { workers, server }
    }

    /// The floor that it is held against.
    pub(crate) fn floor(self) -> Self {
        Self { server: Server::Floor, ..self }
    }

    pub(crate) fn is_floor(self) -> bool {
        self.server == Server::Floor
    }

    /// The head of its column.
    pub(crate) fn title(self) -> String {
        let title = self.server.title();
        if self.workers == 1 { title.into() } else { format!("{title}, {} workers", self.workers) }
    }

    /// Builds it, or installs what it needs.
    pub(crate) fn build(self) -> Result<Built> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (program, mut arguments): (PathBuf, Vec<OsString>) = match self.server {
            Server::Floor => (cargo::build_release(here, "enchufe-bench", "floor")?, vec![]),
            Server::Enchufe => {
                (cargo::build_release(here, "testbed", "testbed")?, vec!["--profile".into(), "app".into()])
            }
            Server::Socketioxide => {
                let folder = here.join("peers/socketioxide");
                (cargo::build_release(&folder, "socketioxide-peer", "socketioxide-peer")?, vec![])
            }
            Server::Node => {
                let folder = here.join("peers/node");
                install(&folder)?;
                ("node".into(), vec![folder.join("server.js").into()])
            }
        };
        if self.server != Server::Node {
            arguments.extend(["--workers".into(), self.workers.to_string().into()]);
        }
        Ok(Built { contender: self, program, arguments })
    }
}

impl From<Contender> for String {
    fn from(contender: Contender) -> Self {
        let name = contender.server.to_possible_value();
        format!("{}-{}", name.as_ref().map_or("", |name| name.get_name()), contender.workers)
    }
}

impl TryFrom<String> for Contender {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let (server, workers) = text.rsplit_once('-').ok_or_else(|| format!("`{text}` is no server"))?;
        let workers = workers.parse().map_err(|_| format!("`{text}` has no number of workers"))?;
        Ok(Self { workers, server: Server::from_str(server, false)? })
    }
}

/// `npm ci`, unless it was done before.
fn install(folder: &Path) -> Result<()> {
    let is_there = |package: &str| folder.join("node_modules").join(package).exists();
    if is_there("socket.io") && is_there("socket.io-msgpack-parser") {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    let status =
        npm.current_dir(folder).args(["ci", "--no-audit", "--no-fund"]).stdout(Stdio::null()).status();
    match status.map_err(Error::io("running npm (the official server needs Node)"))? {
        status if status.success() => Ok(()),
        _ => Err(Error::Setup("npm could not install the official server".into())),
    }
}

/// A server that is ready to start.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) contender: Contender,
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Built {
    /// Starts it on a free port, with `flags` that every server understands.
    pub(crate) fn start(&self, flags: &[&str]) -> Result<Running> {
        self.run(Command::new(&self.program), flags, None, START_TIMEOUT)
    }

    /// Starts it under callgrind, which makes it slow.
    pub(crate) fn start_under_callgrind(&self, flags: &[&str]) -> Result<Running> {
        let scratch = Scratch::create()?;
        self.run(scratch.command(&self.program), flags, Some(scratch), START_TIMEOUT)
    }

    fn run(
        &self,
        mut command: Command,
        flags: &[&str],
        scratch: Option<Scratch>,
        patience: Duration,
    ) -> Result<Running> {
        let title = self.contender.title();
        command.args(&self.arguments).args(flags).args(["--port", "0"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let begun = Instant::now();
        let mut child = command.spawn().map_err(Error::io(format!("starting {title}")))?;
        let output = child.stdout.take();
        // From here on the child is ended whatever happens.
        let mut running =
            Running { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), begun, _scratch: scratch };
        let (tell, told) = mpsc::channel();
        // It ends with the line, or with the server.
        thread::spawn(move || {
            let mut line = String::new();
            let read = output.map_or(Ok(0), |output| BufReader::new(output).read_line(&mut line));
            // Nobody waits any more where it came too late.
            let _ = tell.send(read.map(|_| line));
        });
        let line = told.recv_timeout(patience).map_err(|_| {
            Error::Late(format!("{title} was started and did not say its port within {patience:?}"))
        })?;
        let line = line.map_err(Error::io("reading the server's port"))?;
        let line = line.trim();
        let address = line.strip_prefix("listening on ").and_then(|address| address.parse().ok());
        running.address =
            address.ok_or_else(|| Error::Setup(format!("{title} said `{line}` instead of its port")))?;
        Ok(running)
    }
}

/// A started server; dropping ends it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
    /// Just before it was started.
    begun: Instant,
    /// Removed after the process has ended.
    _scratch: Option<Scratch>,
}

impl Running {
    pub(crate) fn target(&self, meter: Meter) -> Target {
        Target { address: self.address, pid: self.child.id(), started: Some(self.begun), meter }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only when it has ended by itself, which the run before has reported.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_never_says_its_port_is_ended() {
        let silent = Built {
            contender: Contender::new(Server::Socketioxide, 1),
            program: "sh".into(),
            arguments: vec!["-c".into(), "exec sleep 1000".into()],
        };
        let command = Command::new(&silent.program);
        let late = silent.run(command, &[], None, Duration::from_millis(20)).unwrap_err();
        let Error::Late(text) = late else { panic!("{late}") };
        assert!(text.contains("socketioxide") && text.contains("port"), "{text}");

        let talkative = Built { arguments: vec!["-c".into(), "echo hello".into()], ..silent };
        let wrong = talkative.start(&[]).unwrap_err();
        assert!(wrong.to_string().contains("`hello` instead of its port"), "{wrong}");
    }

    #[test]
    fn a_contender_is_read_back_from_its_name() {
        for contender in [Contender::new(Server::Enchufe, 2), Contender::new(Server::Node, 1)] {
            assert_eq!(Contender::try_from(String::from(contender)), Ok(contender));
        }
        for wrong in ["enchufe", "enchufe-x", "other-1"] {
            assert!(Contender::try_from(wrong.to_owned()).is_err());
        }
    }
}
