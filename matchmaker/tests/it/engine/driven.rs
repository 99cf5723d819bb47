//! A driver that talks to an engine for a replica of which only its pools are known.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use duet_matchmaker::PoolKey;
use duet_matchmaker::engine::{Reply, Request, Ticket};
use duet_matchmaker::server::engine::{
    EngineSettings, EngineState, EngineStatus, Fault, Machine, Requests, Trouble, engine,
};
use duet_proto::ids::{BootId, ClientId};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::pool::{pool, seek};

/// What the replica is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Waits(ClientId),
    Found(ClientId, ClientId),
    Other,
    Resync,
}

/// One replica's side of an engine.
pub(super) struct Driven {
    pub(super) queue: Requests,
    pub(super) status: Arc<EngineStatus>,
    told: mpsc::Receiver<Told>,
    pub(super) pools: Arc<Mutex<Vec<(PoolKey, usize)>>>,
}

struct Pools {
    told: mpsc::Sender<Told>,
    pools: Arc<Mutex<Vec<(PoolKey, usize)>>>,
}

impl Machine for Pools {
    fn reply(&self, reply: Reply) {
        let told = match reply {
            Reply::Waits { client, .. } => Told::Waits(client),
            Reply::Found { client, waiter, .. } => Told::Found(client, waiter.client),
            Reply::Claimed { .. } | Reply::Full { .. } => Told::Other,
        };
        self.told.try_send(told).unwrap();
    }

    fn resync(&self) {
        self.told.try_send(Told::Resync).unwrap();
    }

    fn pools(&self) -> Vec<(PoolKey, usize)> {
        self.pools.lock().unwrap().clone()
    }
}

impl Driven {
    pub(super) fn start(url: &str) -> Self {
        Self::start_with(EngineSettings::new(url.parse().unwrap()), 1)
    }

    pub(super) fn start_with(settings: EngineSettings, boot: u8) -> Self {
        let (queue, driver, status) = engine(settings, BootId::from_random([boot; 16]));
        let (sender, told) = mpsc::channel(4096);
        let pools = Arc::new(Mutex::new(vec![(pool(), 0)]));
        tokio::spawn(driver.run(Pools { told: sender, pools: pools.clone() }));
        Driven { queue, status, told, pools }
    }

    pub(super) fn seek(&self, ticket: Ticket) {
        self.queue.push(Request::Seek(Box::new(seek(ticket))));
    }

    pub(super) async fn told(&mut self) -> Told {
        timeout(PATIENCE, self.told.recv()).await.expect("the driver says nothing").expect("the driver has ended")
    }

    /// What it is told but for resyncs, which may come at any time in an outage.
    pub(super) async fn answered(&mut self) -> Told {
        loop {
            match self.told().await {
                Told::Resync => {}
                told => return told,
            }
        }
    }

    pub(super) async fn up(&self) {
        timeout(PATIENCE, self.status.state().wait_for(EngineState::is_up)).await.expect("it comes up").unwrap();
    }

    /// Waits until something is wrong, and tells what.
    pub(super) async fn away(&self, fault: Fault) -> Trouble {
        let is_it =
            |state: &EngineState| matches!(state, EngineState::Away { why: Some(why), .. } if why.fault == fault);
        let mut states = self.status.state();
        let state = timeout(PATIENCE, states.wait_for(is_it)).await;
        let state = state.unwrap_or_else(|_| panic!("not {fault:?} but {:?}", self.status.state().borrow())).unwrap();
        let EngineState::Away { why: Some(why), .. } = &*state else { unreachable!() };
        why.clone()
    }
}

pub(super) const PATIENCE: Duration = Duration::from_secs(20);
