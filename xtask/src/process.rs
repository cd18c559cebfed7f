//! Running one command: output to a log, no standard input, a time limit that ends the whole
//! process tree, and a line now and then for whoever watches.

use std::fs::File;
use std::io::{Error, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often the end of a command is looked for.
const POLL: Duration = Duration::from_millis(25);
/// After how long a running command says that it is still there.
const REMIND: Duration = Duration::from_secs(60);

/// What came of a command.
pub(crate) struct Finished {
    pub(crate) status: Option<ExitStatus>,
    /// Everything it wrote.
    pub(crate) output: String,
}

impl Finished {
    /// Whether it exited 0 within its time.
    pub(crate) fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// Runs `command` with its output appended to `log`; `status` is `None` when `limit` ended it.
pub(crate) fn run(command: &mut Command, log: &Path, limit: Duration) -> Result<Finished, String> {
    let shown = show(command);
    let mut file = File::options().append(true).read(true).create(true).open(log).map_err(at(log))?;
    writeln!(file, "$ {shown}").map_err(at(log))?;
    let start = file.seek(SeekFrom::End(0)).map_err(at(log))?;
    command.stdin(Stdio::null());
    command.stdout(file.try_clone().map_err(at(log))?);
    command.stderr(file.try_clone().map_err(at(log))?);
    let child = command.spawn().map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    let status = wait(child, limit, &shown)?;
    if status.is_none() {
        writeln!(file, "ended after {} s, the limit of this command", limit.as_secs()).map_err(at(log))?;
    }
    file.seek(SeekFrom::Start(start)).map_err(at(log))?;
    let mut output = Vec::new();
    file.read_to_end(&mut output).map_err(at(log))?;
    Ok(Finished { status, output: String::from_utf8_lossy(&output).into_owned() })
}

fn wait(mut child: Child, limit: Duration, shown: &str) -> Result<Option<ExitStatus>, String> {
    let started = Instant::now();
    let mut reminder = REMIND;
    loop {
        if let Some(status) = child.try_wait().map_err(|error| format!("`{shown}`: {error}"))? {
            return Ok(Some(status));
        }
        let elapsed = started.elapsed();
        if elapsed > limit {
            end_tree(child.id());
            child.wait().map_err(|error| format!("`{shown}`: {error}"))?;
            return Ok(None);
        }
        if elapsed > reminder {
            reminder += REMIND;
            let short = shorten(shown);
            println!("       … {} s: {short}", elapsed.as_secs());
        }
        std::thread::sleep(POLL);
    }
}

/// The beginning of a command, without the variables before it and the folder of its program.
fn shorten(shown: &str) -> String {
    let words: Vec<&str> = shown.split(' ').skip_while(|word| word.contains('=')).collect();
    let words = words.join(" ");
    let program = words.split(' ').next().unwrap_or_default();
    let start = program.rfind('/').map_or(0, |slash| slash + 1);
    words[start..].chars().take(70).collect()
}

/// Ends a process and all that it started: the tree is read from `/proc` where there is one, else
/// only the process itself is ended.
pub(crate) fn end_tree(root: u32) {
    let mut tree = vec![root];
    let mut next = 0;
    while next < tree.len() {
        let task = format!("/proc/{0}/task/{0}/children", tree[next]);
        if let Ok(children) = std::fs::read_to_string(task) {
            tree.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        next += 1;
    }
    let pids: Vec<String> = tree.iter().map(u32::to_string).collect();
    // A process that has gone meanwhile is no error, so what `kill` answers does not matter.
    // The shell's own `kill`: the program of that name is missing on small systems.
    let kill = ["-c", "kill -KILL \"$@\"", "sh"];
    let _ = Command::new("sh").args(kill).args(pids).stderr(Stdio::null()).status();
}

/// Whether a program of that name can be started.
pub(crate) fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The command as one would type it, with the variables that it sets.
fn show(command: &Command) -> String {
    let mut words = Vec::new();
    for (key, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", key.to_string_lossy(), value.to_string_lossy()));
        }
    }
    words.push(command.get_program().to_string_lossy().into_owned());
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

fn at(path: &Path) -> impl Fn(Error) -> String + '_ {
    move |error| format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("enchufe-xtask-{}-{name}.log", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    #[test]
    fn output_and_status_are_those_of_the_command() {
        let log = log("output");
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let finished = run(&mut command, &log, Duration::from_secs(10)).unwrap();
        assert_eq!(finished.output, "out\nerr\n");
        assert_eq!(finished.status.unwrap().code(), Some(3));
        assert!(std::fs::read_to_string(&log).unwrap().starts_with("$ sh -c echo out;"));
        std::fs::remove_file(log).unwrap();
    }

    #[test]
    fn a_command_is_shortened_to_what_tells_it() {
        assert_eq!(shorten("/a/b/cargo test --workspace"), "cargo test --workspace");
        assert_eq!(shorten("A=/x/y B=1 /usr/bin/node --test /a/b.mjs"), "node --test /a/b.mjs");
        assert_eq!(shorten("npm ci"), "npm ci");
    }

    #[test]
    fn the_limit_ends_the_grandchildren_too() {
        let log = log("limit");
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 30 & echo $!; wait"]);
        let started = Instant::now();
        let finished = run(&mut command, &log, Duration::from_millis(300)).unwrap();
        assert!(finished.status.is_none());
        assert!(started.elapsed() < Duration::from_secs(10));
        let sleeper = finished.output.lines().next().unwrap().to_owned();
        let gone = || {
            let state = std::fs::read_to_string(format!("/proc/{sleeper}/status")).unwrap_or_default();
            state.is_empty() || state.contains("zombie")
        };
        while !gone() {
            assert!(started.elapsed() < Duration::from_secs(20), "{sleeper} outlives its parent");
            std::thread::sleep(POLL);
        }
        std::fs::remove_file(log).unwrap();
    }
}
