//! A real `redis-server` on a processor of its own, and what it says of itself.

use std::io;
use std::time::{Duration, Instant};

use duet_matchmaker::PoolKey;
use duet_matchmaker::engine::Request;
use duet_matchmaker::server::engine::Namespace;
use duet_matchmaker::server::engine::scripts::{Home, Scripts};
use duet_testing::RedisServer;
use redis::{Cmd, Connection, Pipeline, Value};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

/// The server, and a connection to ask it how it is.
pub(crate) struct Engine {
    server: RedisServer,
    control: Line,
}

/// A connection of one home, which keeps its leases.
pub(crate) struct Line {
    pub(crate) home: Home,
    scripts: Scripts,
    connection: Connection,
    renewed: Instant,
}

/// What the server has used until now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    /// Of the processor, inside the kernel and outside.
    pub(crate) cpu: Duration,
    /// Scripts that were run.
    pub(crate) scripts: u64,
    /// How long they took, as the server measures it.
    pub(crate) in_scripts: Duration,
    /// Memory in bytes.
    pub(crate) memory: u64,
}

impl Engine {
    /// Starts one on that processor.
    pub(crate) fn start(cpu: usize) -> io::Result<Self> {
        let server = RedisServer::start();
        let pid = server.pid().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let mut set = CpuSet::new();
        set.set(cpu);
        sched_setaffinity(pid, &set)?;
        let control = Line::connect(&server, "control")?;
        Ok(Engine { server, control })
    }

    /// A connection of a home of that name.
    pub(crate) fn line(&self, home: &str) -> io::Result<Line> {
        Line::connect(&self.server, home)
    }

    /// How it is found.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// What it has used.
    pub(crate) fn used(&mut self) -> io::Result<Used> {
        let values = self.control.run(&["cpu", "commandstats", "memory"].map(|section| {
            let mut command = redis::cmd("INFO");
            command.arg(section);
            command
        }))?;
        let texts: Vec<String> =
            values.iter().map(|value| redis::from_redis_value_ref(value).map_err(other)).collect::<io::Result<_>>()?;
        let text = texts.concat();
        let seconds = |name: &str| field(&text, name).and_then(|value| value.parse().ok()).map(Duration::from_secs_f64);
        let cpu = ["used_cpu_user_main_thread:", "used_cpu_sys_main_thread:"].into_iter().filter_map(seconds).sum();
        let memory = field(&text, "used_memory:").and_then(|value| value.parse().ok()).unwrap_or_default();
        let mut used = Used { cpu, memory, ..Used::default() };
        if let Some(scripts) = field(&text, "cmdstat_evalsha:") {
            let number = |name: &str| -> Option<u64> {
                scripts.split(',').find_map(|part| part.strip_prefix(name))?.parse().ok()
            };
            used.scripts = number("calls=").unwrap_or_default();
            used.in_scripts = Duration::from_micros(number("usec=").unwrap_or_default());
        }
        Ok(used)
    }
}

impl Used {
    /// What has come since.
    pub(crate) fn since(self, before: Used) -> Used {
        Used {
            cpu: self.cpu - before.cpu,
            scripts: self.scripts - before.scripts,
            in_scripts: self.in_scripts - before.in_scripts,
            memory: self.memory.saturating_sub(before.memory),
        }
    }
}

impl Line {
    fn connect(server: &RedisServer, home: &str) -> io::Result<Self> {
        let connection = redis::Client::open(server.url()).and_then(|client| client.get_connection()).map_err(other)?;
        let scripts = Scripts::new(Namespace::default());
        let mut line = Line { home: Home(home.into()), scripts, connection, renewed: Instant::now() };
        line.run(&line.scripts.load().collect::<Vec<_>>())?;
        Ok(line)
    }

    /// Asks all in one write; what is answered.
    pub(crate) fn ask(&mut self, requests: &[Request]) -> io::Result<Vec<Value>> {
        self.run(&requests.iter().map(|request| self.scripts.command(request, &self.home, None)).collect::<Vec<_>>())
    }

    /// Renews the lease of the home in a pool, if that is due.
    pub(crate) fn keep(&mut self, pool: &PoolKey) -> io::Result<()> {
        if self.renewed.elapsed() >= RENEWED_EVERY {
            self.renew(std::slice::from_ref(pool))?;
        }
        Ok(())
    }

    /// Renews the leases of the home in pools.
    pub(crate) fn renew(&mut self, pools: &[PoolKey]) -> io::Result<()> {
        self.renewed = Instant::now();
        self.run(&pools.iter().map(|pool| self.scripts.renew(pool, &self.home, 0, None)).collect::<Vec<_>>()).map(drop)
    }

    fn run(&mut self, commands: &[Cmd]) -> io::Result<Vec<Value>> {
        let mut pipeline = Pipeline::with_capacity(commands.len());
        for command in commands {
            pipeline.add_command(command.clone());
        }
        let packed = pipeline.get_packed_pipeline();
        let values = redis::ConnectionLike::req_packed_commands(&mut self.connection, &packed, 0, commands.len());
        let values = values.map_err(other)?;
        match values.iter().find(|value| matches!(value, Value::ServerError(_))) {
            Some(refused) => Err(io::Error::other(format!("the engine refuses: {refused:?}"))),
            None => Ok(values),
        }
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}

pub(crate) fn other(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}

/// As replicas do.
const RENEWED_EVERY: Duration = Duration::from_secs(1);
