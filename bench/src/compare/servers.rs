//! The servers that are compared: how each is built and started. Every one prints
//! `listening on 127.0.0.1:PORT` once it accepts connections, and is ended by its process id.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::cargo;
use crate::error::{Error, Result};
use crate::run::Target;

/// A server that speaks the testbed's `app` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Server {
    /// The bare epoll loop of this package.
    Floor,
    /// The testbed of this workspace, one worker.
    Enchufe,
    /// socketioxide on axum, one thread.
    Socketioxide,
    /// The official server on Node.
    Node,
}

impl Server {
    pub(crate) const ALL: [Self; 4] = [Self::Floor, Self::Enchufe, Self::Socketioxide, Self::Node];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Floor => "floor (bare epoll)",
            Self::Enchufe => "Enchufe",
            Self::Socketioxide => "socketioxide 0.18.9 (axum)",
            Self::Node => "socket.io 4.8.4 (Node)",
        }
    }

    /// Builds it, or installs what it needs.
    pub(crate) fn build(self) -> Result<Built> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (program, arguments) = match self {
            Self::Floor => (cargo::build_release(here, "enchufe-bench", "floor")?, vec![]),
            Self::Enchufe => {
                let flags = ["--profile", "app", "--workers", "1"].map(OsString::from);
                (cargo::build_release(here, "testbed", "testbed")?, flags.into())
            }
            Self::Socketioxide => {
                let folder = here.join("peers/socketioxide");
                (cargo::build_release(&folder, "socketioxide-peer", "socketioxide-peer")?, vec![])
            }
            Self::Node => {
                let folder = here.join("peers/node");
                install(&folder)?;
                ("node".into(), vec![folder.join("server.js").into()])
            }
        };
        Ok(Built { server: self, program, arguments })
    }
}

/// `npm ci`, unless it was done before.
fn install(folder: &Path) -> Result<()> {
    if folder.join("node_modules/socket.io/package.json").exists() {
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
    pub(crate) server: Server,
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Built {
    /// Starts it on a free port.
    pub(crate) fn start(&self) -> Result<Running> {
        let title = self.server.title();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args(["--port", "0"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(Error::io(format!("starting {title}")))?;
        let output = child.stdout.take();
        // From here on the child is ended whatever happens.
        let mut running = Running { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let mut line = String::new();
        if let Some(output) = output {
            BufReader::new(output).read_line(&mut line).map_err(Error::io("reading the server's port"))?;
        }
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
}

impl Running {
    pub(crate) fn target(&self) -> Target {
        Target { address: self.address, pid: self.child.id() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only when it has ended by itself, which the run before has reported.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
