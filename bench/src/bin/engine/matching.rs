//! How long a newcomer takes to be matched with somebody who waits: with pools in memory, by an engine, and by an engine with somebody of
//! another replica, who is summoned. All in one process but the engine; here gateways are what this does with frames.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use clap::Args;
use duet_matchmaker::Config;
use duet_matchmaker::server::Replica;
use duet_matchmaker::server::engine::{EngineSettings, EngineState};
use duet_proto::frame::{Attach, Doing, Down, DownFrame, Join, Up, UpFrame, Wishes};
use duet_proto::ids::{BootId, ClientId, SessionNumber};
use duet_proto::link::GatewayHello;
use duet_proto::queue::Sender;
use futures_util::StreamExt;
use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::mpsc;
use tokio::time::{Interval, interval};

use crate::server::{Engine, other};
use crate::spread::table;

/// Newcomers at a steady pace.
#[derive(Debug, Args)]
pub(crate) struct Matching {
    /// Joins a second
    #[arg(long, default_value = "1000")]
    rate: u32,
    /// Joins of a run, the first tenth of which does not count
    #[arg(long, default_value = "6000")]
    joins: u64,
    /// Runs of each kind, in turn
    #[arg(long, default_value = "7")]
    runs: usize,
}

const KINDS: [(&str, usize); 3] =
    [("in memory", 0), ("engine, one replica", 1), ("engine, two replicas, all across", 2)];

impl Matching {
    pub(crate) fn run(&self, cpu: usize) -> io::Result<()> {
        let mut runs: [Vec<(u64, u64, f64)>; KINDS.len()] = Default::default();
        for _ in 0..self.runs {
            for ((_, replicas), runs) in KINDS.iter().zip(&mut runs) {
                let engine = Engine::start(cpu)?;
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runs.push(runtime.block_on(self.match_all(&engine, *replicas))?);
            }
        }
        let mut table = table(["pools", "p50 µs", "p99 µs", "CPU µs/pair"]);
        for ((name, _), runs) in KINDS.iter().zip(&mut runs) {
            let mut median = |of: fn(&(u64, u64, f64)) -> f64| {
                runs.sort_by(|one, other| of(one).total_cmp(&of(other)));
                of(&runs[runs.len() / 2])
            };
            let (p50, p99, cpu) = (median(|run| run.0 as f64), median(|run| run.1 as f64), median(|run| run.2));
            table.add_row([(*name).to_owned(), format!("{p50:.0}"), format!("{p99:.0}"), format!("{cpu:.0}")]);
        }
        println!("{table}");
        Ok(())
    }

    /// p50 and p99 in microseconds, and processor time a pair.
    async fn match_all(&self, engine: &Engine, replicas: usize) -> io::Result<(u64, u64, f64)> {
        let config = Config { requeue_on_partner_leave: false, news_after: Duration::ZERO, ..Config::default() };
        let replicas: Vec<Replica> = match replicas {
            0 => vec![Replica::start("memory", config)],
            count => {
                let settings = EngineSettings::new(engine.url().parse().map_err(other)?);
                let start = |index| Replica::start_sharing(format!("r{index}"), config.clone(), None, settings.clone());
                (0..count).map(start).collect()
            }
        };
        for replica in replicas.iter().filter_map(Replica::engine) {
            let mut state = replica.state();
            state.wait_for(EngineState::is_up).await.map_err(other)?;
        }
        let mut gateway = Gateway::link(&replicas);
        let mut pace = interval(Duration::from_secs(1) / self.rate);
        let mut waits = Histogram::<u64>::new(3).map_err(other)?;
        let warm = self.joins / 10;
        let mut cpu = clock_gettime(ClockId::ProcessCPUTime);
        let mut came = 0;
        while came < self.joins || gateway.left > 0 {
            if let Some((number, waited)) = gateway.next(&mut pace, came < self.joins).await {
                if number % 2 == 0 && number > warm {
                    waits.record(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX)).map_err(other)?;
                }
            } else {
                came += 1;
                if came == warm {
                    cpu = clock_gettime(ClockId::ProcessCPUTime);
                }
                gateway.come(came);
            }
        }
        let used = clock_gettime(ClockId::ProcessCPUTime);
        let micros = (used.tv_sec - cpu.tv_sec) as f64 * 1e6 + (used.tv_nsec - cpu.tv_nsec) as f64 / 1e3;
        Ok((waits.value_at_quantile(0.5), waits.value_at_quantile(0.99), micros * 2.0 / (self.joins - warm) as f64))
    }
}

/// What stands for a gateway's worker.
struct Gateway {
    up: Vec<Sender<UpFrame>>,
    down: mpsc::Receiver<(usize, Vec<DownFrame>)>,
    heard: Vec<(usize, DownFrame)>,
    sessions: HashMap<SessionNumber, (ClientId, usize, Instant)>,
    /// Sessions that are not matched yet.
    left: u64,
}

impl Gateway {
    fn link(replicas: &[Replica]) -> Self {
        let hello = GatewayHello { gateway: "gateway".into(), boot: BootId::from_random([9; 16]), worker: 0 };
        let (tell, down) = mpsc::channel(BATCHES);
        let mut up = Vec::new();
        for (index, replica) in replicas.iter().enumerate() {
            let mut end = replica.connect(hello.clone());
            up.push(end.up);
            let tell = tell.clone();
            tokio::spawn(async move {
                while let Some(batch) = end.down.next().await {
                    if tell.send((index, batch)).await.is_err() {
                        return;
                    }
                }
            });
        }
        Gateway { up, down, heard: Vec::new(), sessions: HashMap::new(), left: 0 }
    }

    fn push(&self, replica: usize, session: SessionNumber, kind: Up) {
        // Nothing is as long as what a link holds.
        let _ = self.up[replica].push(UpFrame { session, client_seq: 0, kind });
    }

    /// A session comes and asks for anybody: every second one finds somebody.
    fn come(&mut self, number: u64) {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let (client, session) = (ClientId::from_random(id), SessionNumber(number));
        let replica = usize::try_from(number).unwrap_or_default() % self.up.len();
        let attach = Attach { client, identity: None, attempt: 0, doing: Doing::Idle, resumable: None };
        self.push(replica, session, Up::Attach(Box::new(attach)));
        self.sessions.insert(session, (client, replica, Instant::now()));
        self.left += 1;
        self.push(replica, session, Up::Join(join(Duration::ZERO)));
    }

    /// The next session that has a partner and how long it took; `None` when it is time for another to come.
    async fn next(&mut self, pace: &mut Interval, some_come: bool) -> Option<(u64, Duration)> {
        loop {
            while let Some((replica, frame)) = self.heard.pop() {
                if let Some(matched) = self.hear(replica, frame) {
                    return Some(matched);
                }
            }
            tokio::select! {
                batch = self.down.recv() => {
                    let (replica, frames) = batch?;
                    self.heard.extend(frames.into_iter().rev().map(|frame| (replica, frame)));
                }
                _ = pace.tick(), if some_come => return None,
            }
        }
    }

    fn hear(&mut self, replica: usize, frame: DownFrame) -> Option<(u64, Duration)> {
        let (client, home, since) = *self.sessions.get(&frame.session)?;
        match frame.kind {
            Down::Matched(_) if home == replica => {
                let waited = since.elapsed();
                self.push(home, frame.session, Up::End);
                self.sessions.remove(&frame.session);
                self.left -= 1;
                Some((frame.session.0, waited))
            }
            Down::Summon { .. } => {
                self.push(home, frame.session, Up::Departed { client });
                let doing = Doing::Waiting(join(since.elapsed()));
                let attach = Attach { client, identity: None, attempt: 1, doing, resumable: None };
                self.push(replica, frame.session, Up::Attach(Box::new(attach)));
                self.sessions.insert(frame.session, (client, replica, since));
                None
            }
            _ => None,
        }
    }
}

fn join(waited: Duration) -> Join {
    Join { attempt: 1, wishes: Wishes::default(), waited }
}

/// Batches that have come and were not looked at.
const BATCHES: usize = 1_024;
