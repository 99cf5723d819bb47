//! Running the executable: started on free ports, asked by its greeting where it listens, ended by its own pid.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::time::timeout;

use crate::client::{PATIENCE, pause};

/// A running `duet`. Killed when dropped.
pub(crate) struct Duet {
    child: Child,
    /// The greeting, up to its last line.
    greeting: Vec<String>,
    /// The log is read to the end by this thread, as a full pipe would block the process.
    reader: Option<thread::JoinHandle<()>>,
    /// The log so far.
    log: Arc<Mutex<String>>,
}

impl Duet {
    /// Starts a verb with its flags, and waits for its greeting.
    pub(crate) fn start(args: &[&str]) -> Self {
        Duet::start_with(args, &[])
    }

    /// The same with environment variables.
    pub(crate) fn start_with(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut duet = Duet::spawn(args, environment);
        let stderr = duet.child.stderr.take().unwrap();
        let logged = duet.log.clone();
        duet.reader = Some(thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                *logged.lock().unwrap() += &(line.unwrap() + "\n");
            }
        }));
        duet.greeted()
    }

    /// The same with a log that nobody reads.
    pub(crate) fn start_unread(args: &[&str], environment: &[(&str, &str)]) -> Self {
        Duet::spawn(args, environment).greeted()
    }

    fn spawn(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = command(args);
        let child =
            command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Duet { child, greeting: Vec::new(), reader: None, log: Arc::default() }
    }

    fn greeted(self) -> Self {
        let mut duet = self;
        let lines = BufReader::new(duet.child.stdout.take().unwrap()).lines();
        for line in lines {
            duet.greeting.push(line.unwrap());
            if duet.greeting.last().unwrap().contains("Ctrl-C") {
                return duet;
            }
        }
        panic!("no greeting: {:?}, {:?}", duet.greeting.clone(), duet.ended());
    }

    /// The `host:port` that the greeting names on the line that starts with that word.
    pub(crate) fn address(&self, line: &str) -> String {
        let line = self.greeting.iter().find(|text| text.trim_start().starts_with(line)).unwrap();
        let url = line.split_whitespace().find(|word| word.contains(':')).unwrap();
        url.trim_start_matches("http://")
            .trim_start_matches("https://")
            .trim_start_matches("wss://")
            .trim_start_matches("ws://")
            .trim_end_matches("/ws")
            .trim_end_matches('/')
            .to_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill`: a small machine has no other.
        let command = format!("kill -s {name} {}", self.pid());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }

    /// Waits for the end; how it was, and all that was logged.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        self.reader.take().into_iter().for_each(|reader| reader.join().unwrap());
        let log = self.log.lock().unwrap().clone();
        (status, log)
    }

    /// Waits until a line of the log has all of these, and gives it.
    pub(crate) async fn logged(&self, texts: &[&str]) -> String {
        let has = |line: &&str| texts.iter().all(|text| line.contains(text));
        let logged = async {
            loop {
                if let Some(line) = self.log.lock().unwrap().lines().find(has) {
                    return line.to_owned();
                }
                pause(Duration::from_millis(20)).await;
            }
        };
        match timeout(PATIENCE, logged).await {
            Ok(line) => line,
            Err(_) => panic!("no line has {texts:?}: {}", self.log.lock().unwrap()),
        }
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Duet {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs to the end; status, standard output, standard error.
pub(crate) fn run(args: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = command(args).envs(environment.iter().copied()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duet"));
    // What the tester's shell has set is not what is tested.
    command.env_clear().env("RUST_BACKTRACE", "1").args(args);
    // The crowds of these tests come from one address.
    command.envs([("MAX_CONNECTIONS_PER_ADDRESS", "0"), ("CONNECT_RATE_PER_ADDRESS", "0")]);
    // Most tests read the log as people do.
    command.env("LOG_FORMAT", "pretty");
    command
}

/// What takes its full measure in a long run, as `./run-tests --long` makes it, and a scaled-down one otherwise.
pub(crate) fn scaled<T>(long: T, short: T) -> T {
    if std::env::var_os("DUET_LONG").is_some() { long } else { short }
}

/// Both shapes of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Standalone,
    TwoProcesses,
}

pub(crate) const SHAPES: [Shape; 2] = [Shape::Standalone, Shape::TwoProcesses];

/// A deployment under test.
pub(crate) struct Deployment {
    /// `host:port` of the gateway.
    pub(crate) gateway: String,
    /// `host:port` of the matchmaker's gRPC.
    pub(crate) matchmaker: String,
    pub(crate) processes: Vec<Duet>,
}

impl Deployment {
    pub(crate) fn start(shape: Shape) -> Self {
        Deployment::with(shape, &[], &[])
    }

    /// With flags for the gateway and for the matchmaker.
    pub(crate) fn with(shape: Shape, gateway: &[&str], matchmaker: &[&str]) -> Self {
        match shape {
            Shape::Standalone => {
                let args = [&["standalone", "--grpc-listen", "127.0.0.1:0"], GATEWAY, gateway, matchmaker].concat();
                let duet = Duet::start(&args);
                Deployment {
                    gateway: duet.address("WebSocket"),
                    matchmaker: duet.address("gRPC"),
                    processes: vec![duet],
                }
            }
            Shape::TwoProcesses => {
                let args = [&["matchmaker", "--grpc-listen", "127.0.0.1:0"], matchmaker].concat();
                let matchmaker = Duet::start(&args);
                let address = matchmaker.address("gRPC");
                let url = format!("http://{address}");
                let args = [&["gateway", "--matchmaker-url", &url], GATEWAY, gateway].concat();
                let gateway = Duet::start(&args);
                Deployment {
                    gateway: gateway.address("WebSocket"),
                    matchmaker: address,
                    processes: vec![matchmaker, gateway],
                }
            }
        }
    }

    /// The process that browsers reach.
    pub(crate) fn gateway_process(&mut self) -> &mut Duet {
        self.processes.last_mut().unwrap()
    }
}

/// IPv4 loopback on a free port.
pub(crate) const GATEWAY: &[&str] = &["--port", "0", "--listen-address", "127.0.0.1"];
