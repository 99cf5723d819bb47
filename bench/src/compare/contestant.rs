//! The servers of a comparison: how each is started, and ended.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::works::Job;
use crate::bench::Bench;
use crate::dialect::Dialect;
use crate::server::Processes;

/// One server.
pub(super) struct Contestant {
    pub(super) name: &'static str,
    dialect: Dialect,
    start: Start,
}

enum Start {
    /// One process, told its port.
    Alone(Box<dyn Fn(u16) -> Command>),
    /// Duet's two services, and what lies between them.
    Two(PathBuf, Link),
}

#[derive(Clone, Copy)]
enum Link {
    Tcp,
    Unix,
}

/// Where the servers' files are.
pub(super) struct Places {
    pub(super) duet: PathBuf,
    pub(super) old: Option<PathBuf>,
    pub(super) peers: PathBuf,
    pub(super) matchbox: PathBuf,
}

/// All that can be compared.
pub(super) fn all(places: &Places) -> Vec<Contestant> {
    let script = |folder: &str, runner: PathBuf| {
        let script = places.peers.join(folder).join("server.mjs");
        Start::Alone(Box::new(move |port| {
            let mut command = Command::new(&runner);
            command.arg(&script).arg(port.to_string());
            command
        }))
    };
    let node = || PathBuf::from("node");
    let floor = std::env::current_exe().unwrap_or_default().with_file_name("floor");
    let matchbox = places.matchbox.clone();
    let mut all = vec![
        Contestant { name: "node-ws", dialect: Dialect::Duet, start: script("node-ws", node()) },
        Contestant {
            name: "bun",
            dialect: Dialect::Duet,
            start: script("bun", places.peers.join("node_modules/.bin/bun")),
        },
        Contestant { name: "peerjs", dialect: Dialect::Peerjs, start: script("peerjs", node()) },
        Contestant {
            name: "matchbox",
            dialect: Dialect::Matchbox,
            start: Start::Alone(Box::new(move |port| {
                let mut command = Command::new(&matchbox);
                command.arg(format!("127.0.0.1:{port}")).env("RUST_LOG", "off");
                command
            })),
        },
        Contestant {
            name: "floor",
            dialect: Dialect::Duet,
            start: Start::Alone(Box::new(move |port| {
                let mut command = Command::new(&floor);
                command.arg(port.to_string());
                command
            })),
        },
    ];
    let mut add = |[standalone, tcp, unix]: [&'static str; 3], duet: &Path| {
        let executable = duet.to_owned();
        let alone = move |port| duet_command(&executable, "standalone", port);
        all.push(Contestant { name: standalone, dialect: Dialect::Duet, start: Start::Alone(Box::new(alone)) });
        for (name, link) in [(tcp, Link::Tcp), (unix, Link::Unix)] {
            all.push(Contestant { name, dialect: Dialect::Duet, start: Start::Two(duet.to_owned(), link) });
        }
    };
    if let Some(old) = &places.old {
        add(["old-standalone", "old-tcp", "old"], old);
    }
    add(["duet-standalone", "duet-tcp", "duet"], &places.duet);
    all
}

fn duet_command(executable: &Path, verb: &str, port: u16) -> Command {
    let mut command = Command::new(executable);
    // The limits stay on; they are only set so high that the load passes.
    let settings = [("PORT", port.to_string()), ("LISTEN_ADDRESS", "127.0.0.1".to_owned())];
    command.arg(verb).envs(settings).envs(LIMITS.map(|limit| (limit, "1000000")));
    command
}

/// Those that the load would run into.
const LIMITS: [&str; 7] = [
    "MESSAGE_RATE",
    "MESSAGE_BURST",
    "WISH_RATE",
    "WISH_BURST",
    "MAX_CONNECTIONS_PER_ADDRESS",
    "CONNECT_RATE_PER_ADDRESS",
    "CONNECT_BURST_PER_ADDRESS",
];

impl Contestant {
    /// Whether it can do that at all.
    pub(super) fn can(&self, job: &Job) -> bool {
        self.dialect.is_paired_by_server() || !job.wants_matchmaking()
    }

    /// Starts its processes on one processor, and waits until it accepts connections.
    pub(super) fn start(&self, cpu: usize) -> io::Result<Running> {
        let port = free_port()?;
        let mut running = Running { children: Vec::new(), socket: None, port, dialect: self.dialect };
        match &self.start {
            Start::Alone(command) => running.spawn(&command(port), cpu)?,
            Start::Two(executable, link) => {
                let grpc = free_port()?;
                let socket = std::env::temp_dir().join(format!("duet-bench-{grpc}.sock"));
                let mut matchmaker = Command::new(executable);
                matchmaker.arg("matchmaker").env("GRPC_LISTEN", format!("127.0.0.1:{grpc}"));
                let mut gateway = duet_command(executable, "gateway", port);
                match link {
                    Link::Tcp => gateway.env("MATCHMAKER_URL", format!("http://127.0.0.1:{grpc}")),
                    Link::Unix => {
                        matchmaker.env("GRPC_SOCKET", &socket);
                        gateway.env("MATCHMAKER_URL", format!("unix:{}", socket.display()))
                    }
                };
                running.spawn(&matchmaker, cpu)?;
                running.socket = Some(socket);
                wait_for(grpc)?;
                running.spawn(&gateway, cpu)?;
            }
        }
        wait_for(port)?;
        // A gateway answers before it is linked.
        thread::sleep(Duration::from_millis(300));
        Ok(running)
    }
}

/// A server's processes, ended with it.
pub(super) struct Running {
    children: Vec<Child>,
    /// Removed at the end: the processes are killed.
    socket: Option<PathBuf>,
    port: u16,
    dialect: Dialect,
}

impl Running {
    fn spawn(&mut self, command: &Command, cpu: usize) -> io::Result<()> {
        let mut pinned = Command::new("taskset");
        pinned.arg("-c").arg(cpu.to_string()).arg(command.get_program()).args(command.get_args());
        pinned.envs(command.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
        let child = pinned.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let named = |error| io::Error::other(format!("{}: {error}", command.get_program().display()));
        self.children.push(child.map_err(named)?);
        Ok(())
    }

    pub(super) fn bench(&self, measured: Duration, warm_up: Duration) -> Bench {
        let pid = |child: &Child| i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Bench {
            host: SocketAddr::from(([127, 0, 0, 1], self.port)),
            path: "/ws".to_owned(),
            dialect: self.dialect,
            processes: Processes(self.children.iter().filter_map(pid).collect()),
            warm_up,
            measured,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended by itself, which the run has noticed.
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some(socket) = &self.socket {
            let _ = std::fs::remove_file(socket);
        }
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn wait_for(port: u16) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}
