//! `redis-server`.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::{Process, free_port};

/// How a server is run.
#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    /// Whether each command is on disk before it is answered.
    pub is_persistent: bool,
    /// What clients have to know.
    pub password: Option<String>,
    /// The port of the server whose data it copies.
    pub replica_of: Option<u16>,
    /// Further arguments, such as `--maxclients 10`, each word its own.
    pub arguments: Vec<String>,
}

/// A server that is up unless it was killed.
#[derive(Debug)]
pub struct RedisServer {
    options: RedisOptions,
    directory: TempDir,
    port: u16,
    process: Option<Process>,
}

impl RedisServer {
    /// Starts one that keeps nothing on disk, and waits until it answers.
    ///
    /// # Panics
    ///
    /// If it can't, as whatever asks is a test.
    pub fn start() -> Self {
        Self::start_with(RedisOptions::default())
    }

    /// Starts one, and waits until it answers.
    ///
    /// # Panics
    ///
    /// Likewise.
    pub fn start_with(options: RedisOptions) -> Self {
        let directory = TempDir::new().expect("a directory can be made");
        // Another process may take the port in between.
        for _ in 0..ATTEMPTS {
            let port = free_port().expect("a port is free");
            let mut process = start(&options, &directory, port);
            if answers(&mut process, port) {
                return RedisServer { options, directory, port, process: Some(process) };
            }
        }
        panic!("redis-server does not come up");
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process, while it is up.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// How clients find it, with the password.
    pub fn url(&self) -> String {
        let password = self.options.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("redis://{password}127.0.0.1:{}/", self.port)
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Lets it neither read nor answer, with SIGSTOP.
    ///
    /// # Panics
    ///
    /// If it is not up.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on, with SIGCONT.
    ///
    /// # Panics
    ///
    /// If it is not up.
    pub fn cont(&self) {
        self.signal(Signal::CONT);
    }

    /// Starts it again on the same port with what it had on disk, if it was to keep that; kills it before, if it is up.
    ///
    /// # Panics
    ///
    /// If it does not come up.
    pub fn restart(&mut self) {
        self.kill();
        let mut process = start(&self.options, &self.directory, self.port);
        assert!(answers(&mut process, self.port), "redis-server does not come up again");
        self.process = Some(process);
    }

    /// The same, with nothing.
    ///
    /// # Panics
    ///
    /// Likewise.
    pub fn restart_empty(&mut self) {
        self.kill();
        self.directory = TempDir::new().expect("a directory can be made");
        self.restart();
    }

    /// Has it do something, by `redis-cli`, and gives its answer.
    ///
    /// # Panics
    ///
    /// If that program is not there.
    pub fn tell(&self, words: &[&str]) -> String {
        tell(self.port, self.options.password.as_deref(), words)
    }

    /// Has it begin something that takes long. It ends by itself, whatever becomes of who asked.
    ///
    /// # Panics
    ///
    /// If it can't be reached.
    pub fn begin(&self, words: &[&str]) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("it is up");
        let password = self.options.password.iter().map(|password| format!("AUTH {password}\r\n"));
        let line: String = password.chain([words.join(" ") + "\r\n"]).collect();
        stream.write_all(line.as_bytes()).expect("it takes a line");
    }

    /// A copy of what it has on disk by now.
    ///
    /// # Panics
    ///
    /// If it keeps nothing there.
    pub fn saved(&self) -> TempDir {
        let copy = TempDir::new().expect("a directory can be made");
        copy_files(&self.directory.path().join(KEPT_IN), copy.path());
        copy
    }

    /// Starts it again on the same port with a copy that was made earlier.
    ///
    /// # Panics
    ///
    /// If it does not come up.
    pub fn restart_with(&mut self, copy: &TempDir) {
        self.kill();
        self.directory = TempDir::new().expect("a directory can be made");
        let kept = self.directory.path().join(KEPT_IN);
        fs::create_dir(&kept).expect("a directory can be made");
        copy_files(copy.path(), &kept);
        self.restart();
    }

    fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("it is up").signal(signal);
    }
}

/// Has a server on this port do something, and gives its answer.
pub(crate) fn tell(port: u16, password: Option<&str>, words: &[&str]) -> String {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &port.to_string()]);
    if let Some(password) = password {
        command.args(["--no-auth-warning", "-a", password]);
    }
    let output = command.args(words).output().expect("redis-cli comes with redis-server");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn copy_files(from: &Path, to: &Path) {
    for file in fs::read_dir(from).expect("it keeps something on disk") {
        let file = file.expect("a file can be seen");
        fs::copy(file.path(), to.join(file.file_name())).expect("a file can be copied");
    }
}

/// Where a persistent server's log of commands is.
const KEPT_IN: &str = "appendonlydir";

fn start(options: &RedisOptions, directory: &TempDir, port: u16) -> Process {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--loglevel", "warning", "--logfile", "log", "--port"]);
    command.arg(port.to_string()).arg("--dir").arg(directory.path());
    if options.is_persistent {
        command.args(["--appendonly", "yes", "--appendfsync", "always"]);
    }
    if let Some(password) = &options.password {
        command.args(["--requirepass", password, "--masterauth", password]);
    }
    if let Some(primary) = options.replica_of {
        command.args(["--replicaof", "127.0.0.1", &primary.to_string()]);
    }
    Process::start(command.args(&options.arguments), "redis-server")
}

/// Waits until it does, unless it ends. Whoever lacks a password is told so, which is an answer, too.
pub(crate) fn answers(process: &mut Process, port: u16) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline && !process.has_ended() {
        let pinged = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).and_then(|mut stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(b"PING\r\n")?;
            let mut answer = [0; 5];
            stream.read_exact(&mut answer).map(|()| answer)
        });
        if pinged.is_ok_and(|answer| &answer == b"+PONG" || &answer == b"-NOAU") {
            return true;
        }
        thread::sleep(BETWEEN_PINGS);
    }
    false
}

const ATTEMPTS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(10);
const BETWEEN_PINGS: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_was_killed_comes_back_on_its_port() {
        let mut server = RedisServer::start();
        let (port, first) = (server.port(), server.pid());
        server.kill();
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
        server.restart();
        assert!(server.pid() != first && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    }
}
