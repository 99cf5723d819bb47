//! What the engine is asked for a call: a few scripts when it begins and ends, and nothing for what is said in it.

use duet_matchmaker::server::engine::Namespace;
use duet_matchmaker::server::engine::scripts::{Script, Scripts};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;
use crate::client::PATIENCE;

/// What an engine does, as it tells of it itself. Renewals of leases, which come by the clock, are left out.
struct Watched {
    told: Lines<BufReader<TcpStream>>,
    asker: TcpStream,
    scripts: Scripts,
    /// Which replica's connection has asked for which script, since this was last taken.
    calls: Vec<(String, Script)>,
    marks: u32,
}

impl Watched {
    async fn start(engine: &RedisServer) -> Self {
        let connect = || TcpStream::connect(("127.0.0.1", engine.port()));
        let (mut monitor, asker) = (connect().await.unwrap(), connect().await.unwrap());
        monitor.write_all(b"MONITOR\r\n").await.unwrap();
        let mut told = BufReader::new(monitor).lines();
        assert_eq!(told.next_line().await.unwrap().as_deref(), Some("+OK"));
        Watched { told, asker, scripts: Scripts::new(Namespace::default()), calls: Vec::new(), marks: 0 }
    }

    async fn next(&mut self) -> String {
        let line = timeout(PATIENCE, self.told.next_line()).await.expect("nothing is asked of the engine");
        let line = line.unwrap().expect("the engine is there");
        if let Some((_, rest)) = line.split_once(r#" "EVALSHA" ""#)
            && let Some(script) = self.scripts.by_hash(&rest[..40]).filter(|script| *script != Script::Renew)
        {
            let from = line.split(['[', ']']).nth(1).unwrap();
            self.calls.push((from.to_owned(), script));
        }
        line
    }

    /// Waits until a script has been asked for so often.
    async fn until(&mut self, script: Script, count: usize) {
        while self.count(script) < count {
            self.next().await;
        }
    }

    /// Takes all that was asked until now.
    async fn until_now(&mut self) {
        self.marks += 1;
        let mark = format!("mark-{}", self.marks);
        self.asker.write_all(format!("ECHO {mark}\r\n").as_bytes()).await.unwrap();
        while !self.next().await.contains(&mark) {}
    }

    fn count(&self, script: Script) -> usize {
        self.calls.iter().filter(|(_, called)| *called == script).count()
    }

    /// All that was asked for, in the order of [`Script::ALL`].
    fn take(&mut self) -> Vec<Script> {
        let mut scripts: Vec<_> = std::mem::take(&mut self.calls).into_iter().map(|(_, script)| script).collect();
        scripts.sort_by_key(|script| *script as usize);
        scripts
    }
}

async fn speak(speaker: &mut Client, listener: &mut Client) {
    for _ in 0..BURST {
        speaker.say(r#"{"type":"ice","candidate":{"candidate":"a"}}"#).await;
    }
    for _ in 0..BURST {
        listener.expect("ice").await;
    }
}

#[tokio::test]
async fn a_call_costs_the_engine_a_few_scripts_and_its_messages_none() {
    let cluster = Cluster::start(2);
    let mut engine = Watched::start(&cluster.engine).await;
    let mut moved = 0;
    for index in 0..4 {
        let (mut one, mut other) = (Client::connect(&cluster.ports[0]).await, Client::connect(&cluster.ports[1]).await);
        // The next two are of other replicas than these: sessions are spread over the links in turn.
        if index % 2 == 1 {
            drop(Client::connect(&cluster.ports[0]).await);
        }
        engine.until_now().await;
        engine.take();

        meet(&mut one, &mut other, &format!("pool-{index}")).await;
        engine.until(Script::Settle, 1).await;
        let homes: Vec<_> =
            engine.calls.iter().filter(|(_, script)| *script == Script::Seek).map(|(from, _)| from).collect();
        let is_moved = homes[0] != homes[1];
        // The waiter has left the replica that it was at.
        engine.until(Script::Withdraw, usize::from(is_moved)).await;
        engine.until_now().await;
        let withdrawn = &[Script::Withdraw][..usize::from(is_moved)];
        assert_eq!(engine.take(), [&[Script::Seek; 2], withdrawn, &[Script::Settle]].concat());
        moved += usize::from(is_moved);

        for _ in 0..MESSAGES / 2 / BURST {
            speak(&mut one, &mut other).await;
            speak(&mut other, &mut one).await;
        }
        engine.until_now().await;
        assert_eq!(engine.take(), [], "{MESSAGES} messages are none of the engine's business");

        one.say(r#"{"type":"leave"}"#).await;
        other.expect("partner-left").await;
        other.expect("waiting").await;
        engine.until(Script::Seek, 1).await;
        other.say(r#"{"type":"leave"}"#).await;
        engine.until(Script::Withdraw, 1).await;
        engine.until_now().await;
        assert_eq!(
            engine.take(),
            [Script::Seek, Script::Withdraw],
            "who was left has asked for another, and then left, too"
        );
    }
    assert!((1..4).contains(&moved), "partners of one replica and of two: {moved}");
}

/// In each call.
const MESSAGES: usize = 2_500;
/// Before they are heard.
const BURST: usize = 25;
