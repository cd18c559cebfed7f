//! A testbed under way: started on a port, known to listen, ended when dropped.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::process;

/// How long a server may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A running testbed.
pub(crate) struct Server {
    child: Child,
    /// The port that it listens on.
    pub(crate) port: u16,
}

impl Server {
    /// Starts a testbed with a profile; port 0 lets it choose.
    pub(crate) fn start(testbed: &Path, profile: &str, port: u16) -> Result<Self, String> {
        let mut child = Command::new(testbed)
            .args(["--profile", profile, "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", testbed.display()))?;
        let output = child.stdout.take();
        let mut server = Self { child, port };
        let (sender, receiver) = mpsc::channel();
        if let Some(output) = output {
            // Reads on to the end, so that the server never writes into a closed pipe.
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        let line = receiver
            .recv_timeout(START_LIMIT)
            .map_err(|_| format!("the testbed does not say that it listens, with profile {profile}"))?;
        server.port = line
            .strip_prefix("listening on 127.0.0.1:")
            .and_then(|port| port.trim().parse().ok())
            .ok_or_else(|| format!("the testbed's first line should name its port, not: {line}"))?;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        process::end_tree(self.child.id());
        // Nothing can be done about a process that cannot be waited for.
        let _ = self.child.wait();
    }
}
