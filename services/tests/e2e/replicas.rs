//! A gateway with more than one matchmaker, each of which is played by the test: where sessions are announced, and where they go on.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use duet_proto::frame::{Attach, Doing, Down, DownFrame, Matched, Up, UpFrame, Waiting};
use duet_proto::ids::{BootId, ClientId, RoomId, SessionNumber, TicketNumber};
use duet_proto::link::MatchmakerHello;
use duet_proto::v1;
use duet_proto::v1::signaling_server::{Signaling, SignalingServer};
use futures_util::{Stream, StreamExt, stream};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

use crate::client::{Client, PATIENCE, pair, pause};
use crate::http::get;
use crate::metrics::{free_address, value};
use crate::process::{Duet, GATEWAY};

/// What comes down one link.
type Batches = mpsc::Sender<Result<v1::LinkDown, Status>>;

/// A matchmaker whose links the test holds.
struct Replica {
    address: String,
    links: mpsc::Receiver<Link>,
    /// Takes no link.
    is_away: Arc<AtomicBool>,
    /// Says nothing to who would link.
    is_mute: Arc<AtomicBool>,
}

/// One link: what the gateway says, and what it is told.
struct Link {
    up: Streaming<v1::LinkUp>,
    down: Batches,
    /// Frames of a batch that are not looked at yet.
    frames: Vec<UpFrame>,
}

struct Service {
    hello: MatchmakerHello,
    links: mpsc::Sender<Link>,
    is_away: Arc<AtomicBool>,
    is_mute: Arc<AtomicBool>,
}

#[tonic::async_trait]
impl Signaling for Service {
    type LinkStream = Pin<Box<dyn Stream<Item = Result<v1::LinkDown, Status>> + Send>>;

    async fn link(&self, request: Request<Streaming<v1::LinkUp>>) -> Result<Response<Self::LinkStream>, Status> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(Status::unavailable("away"));
        }
        if self.is_mute.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let (down, batches) = mpsc::channel(100);
        let link = Link { up: request.into_inner(), down, frames: Vec::new() };
        self.links.send(link).await.map_err(|_| Status::unavailable("the test is over"))?;
        let hello = v1::LinkDown { hello: Some((&self.hello).into()), frames: Vec::new() };
        let later = stream::unfold(batches, |mut batches| async { batches.recv().await.map(|batch| (batch, batches)) });
        Ok(Response::new(Box::pin(stream::iter([Ok(hello)]).chain(later))))
    }
}

impl Replica {
    async fn start(name: &str, engine: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (links, held) = mpsc::channel(10);
        let [is_away, is_mute] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let hello = MatchmakerHello {
            replica: name.to_owned(),
            boot: BootId::from_random(rand::random()),
            engine: Some(engine.to_owned()),
        };
        let service =
            SignalingServer::new(Service { hello, links, is_away: is_away.clone(), is_mute: is_mute.clone() });
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
        Replica { address, links: held, is_away, is_mute }
    }

    /// The next link, after its hello.
    async fn link(&mut self) -> Link {
        let mut link = timeout(PATIENCE, self.links.recv()).await.expect("no link").unwrap();
        assert!(link.up.message().await.unwrap().unwrap().hello.is_some());
        link
    }
}

impl Link {
    /// The next frame that is no announcement of a session that does nothing.
    async fn hears(&mut self) -> UpFrame {
        loop {
            while self.frames.is_empty() {
                let batch = timeout(PATIENCE, self.up.message()).await.expect("nothing came").unwrap().unwrap();
                let frames = batch.frames.into_iter().filter_map(|frame| UpFrame::from_wire(frame).unwrap());
                self.frames.extend(frames);
            }
            let frame = self.frames.remove(0);
            if !matches!(&frame.kind, Up::Attach(attach) if attach.doing == Doing::Idle) {
                return frame;
            }
        }
    }

    /// The next frame, which must announce a session.
    async fn announced(&mut self) -> (SessionNumber, Attach) {
        let frame = self.hears().await;
        let Up::Attach(attach) = frame.kind else { panic!("{frame:?}") };
        (frame.session, *attach)
    }

    async fn says(&self, session: SessionNumber, kind: Down) {
        let frames = vec![DownFrame { session, seq: 0, taken: 0, kind }.into()];
        self.down.send(Ok(v1::LinkDown { hello: None, frames })).await.unwrap();
    }

    /// A client's first wish is taken.
    async fn takes_wish(&mut self, client: &mut Client) -> SessionNumber {
        client.available().await;
        let frame = self.hears().await;
        let Up::Join(join) = frame.kind else { panic!("{frame:?}") };
        let waiting = Waiting {
            ticket: TICKET,
            waited: Duration::ZERO,
            pool: join.wishes.pool,
            position: 0,
            estimate: None,
            widened: false,
        };
        self.says(frame.session, Down::Waiting(waiting)).await;
        client.expect("waiting").await;
        frame.session
    }
}

const TICKET: TicketNumber = TicketNumber { attempt: 1, round: 0 };

fn matched() -> Down {
    Down::Matched(Matched {
        ticket: TICKET,
        room: RoomId::from_random([1; 16]),
        partner: ClientId::from_random([2; 16]),
        initiator: true,
        waited: Duration::ZERO,
        shown: None,
        tags: Box::default(),
        traces: None,
    })
}

/// A gateway of one worker that is linked to both, and the links.
async fn linked(replicas: &mut [Replica; 2]) -> (Duet, [Link; 2]) {
    let urls = replicas.each_ref().map(|replica| format!("http://{}", replica.address)).join(",");
    let gateway = Duet::start(&[&["gateway", "--workers", "1", "--matchmaker-url", &urls], GATEWAY].concat());
    let [one, other] = replicas;
    let links = [one.link().await, other.link().await];
    gateway.logged(&["linked", "one"]).await;
    gateway.logged(&["linked", "other"]).await;
    (gateway, links)
}

/// A client that waits, its session, the link that it is on, and the other.
async fn waiter(gateway: &Duet, [one, other]: [Link; 2]) -> (Client, SessionNumber, Link, Link) {
    let mut client = Client::connect(&gateway.address("WebSocket")).await;
    // The first session of a worker is on its second link.
    let (mut home, other) = (other, one);
    let session = home.takes_wish(&mut client).await;
    (client, session, home, other)
}

#[tokio::test]
async fn who_waits_at_one_replica_meets_a_partner_at_another() {
    let mut replicas = [Replica::start("one", "shared").await, Replica::start("other", "shared").await];
    let (gateway, links) = linked(&mut replicas).await;
    let (mut client, session, mut home, mut other) = waiter(&gateway, links).await;
    let id: ClientId = client.id.parse().unwrap();
    other.says(session, Down::Summon { client: id, ticket: TICKET }).await;
    let (number, attach) = other.announced().await;
    assert_eq!((number, attach.client, attach.attempt), (session, id, 1));
    assert!(matches!(attach.doing, Doing::Waiting(_)));
    assert_eq!(home.hears().await.kind, Up::Departed { client: id });
    other.says(session, matched()).await;
    client.expect("matched").await;

    home.says(session, Down::Summon { client: id, ticket: TICKET }).await;
    assert_eq!(home.hears().await.kind, Up::Stays { client: id, ticket: TICKET }, "it has found somebody");
}

#[tokio::test]
async fn sessions_go_on_at_another_replica_when_theirs_goes_away_or_is_gone() {
    for says_so in [true, false] {
        let mut replicas = [Replica::start("one", "shared").await, Replica::start("other", "shared").await];
        let (gateway, links) = linked(&mut replicas).await;
        let (mut client, session, home, mut other) = waiter(&gateway, links).await;
        replicas[1].is_away.store(true, Ordering::Relaxed);
        let end = if says_so { Status::unavailable("it goes away") } else { Status::internal("it is broken") };
        home.down.send(Err(end)).await.unwrap();
        let (number, attach) = other.announced().await;
        assert_eq!((number, attach.client.to_string()), (session, client.id.clone()));
        other.says(session, matched()).await;
        client.expect("matched").await;

        replicas[1].is_away.store(false, Ordering::Relaxed);
        let mut home = replicas[1].link().await;
        let departed = home.hears().await;
        assert_eq!((departed.session, departed.kind), (session, Up::Departed { client: attach.client }));
    }
}

#[tokio::test]
async fn sessions_wait_for_a_mute_replica_only_so_long() {
    let mut replicas = [Replica::start("one", "shared").await, Replica::start("other", "shared").await];
    let (gateway, links) = linked(&mut replicas).await;
    let (client, session, home, mut other) = waiter(&gateway, links).await;
    replicas[1].is_mute.store(true, Ordering::Relaxed);
    home.down.send(Err(Status::internal("it is broken"))).await.unwrap();
    let (number, attach) = other.announced().await;
    assert_eq!((number, attach.client.to_string()), (session, client.id.clone()));
    gateway.signal("KILL");
    let (_, log) = gateway.ended();
    assert!(!log.contains("did not answer in time"), "it went on only when that try was over: {log}");
}

#[tokio::test]
async fn a_replica_that_is_named_twice_is_linked_to_once() {
    let mut replica = Replica::start("one", "shared").await;
    let urls = [(); 2].map(|()| format!("http://{}", replica.address)).join(",");
    let gateway = Duet::start(&[&["gateway", "--workers", "1", "--matchmaker-url", &urls], GATEWAY].concat());
    let _links = [replica.link().await, replica.link().await];
    gateway.logged(&["no link to the matchmaker", "is linked to as", "already"]).await;
    assert_eq!(get(&gateway.address("WebSocket"), "/readyz").await.status, 200);
}

#[tokio::test]
async fn a_replica_of_another_engine_is_not_used() {
    let mut replicas = [Replica::start("one", "shared").await, Replica::start("other", "different").await];
    let urls = replicas.each_ref().map(|replica| format!("http://{}", replica.address)).join(",");
    let gateway = Duet::start(&[&["gateway", "--workers", "1", "--matchmaker-url", &urls], GATEWAY].concat());
    let _links = [replicas[0].link().await, replicas[1].link().await];
    gateway.logged(&["no link to the matchmaker", "shares engine", "different", "shared"]).await;
    assert_eq!(get(&gateway.address("WebSocket"), "/readyz").await.status, 200, "the other one is enough");
}

#[tokio::test]
async fn a_name_leads_to_each_of_its_addresses() {
    let matchmaker = Duet::start(&["matchmaker", "--grpc-listen", "127.0.0.1:0"]);
    let address = matchmaker.address("gRPC");
    let (url, metrics) = (format!("dns+http://{address}"), free_address());
    let flags = ["gateway", "--workers", "1", "--matchmaker-url", &url, "--metrics-listen", &metrics];
    let gateway = Duet::start(&[&flags, GATEWAY].concat());
    let _pair = pair(&gateway.address("WebSocket")).await;
    let text = get(&metrics, "/metrics").await.body;
    assert_eq!(value(&text, &format!(r#"duet_links_up{{matchmaker="http://{address}"}}"#)), 1.0);
    assert_eq!(value(&text, r#"duet_sessions_moved_total{reason="lost"}"#), 0.0);
}

#[tokio::test]
async fn a_name_that_can_not_be_looked_up_is_told_once_and_tried_again() {
    let url = "dns+http://nobody.invalid:50051";
    let flags = ["gateway", "--matchmaker-url", url, "--matchmaker-dns-seconds", "1"];
    let gateway = Duet::start(&[&flags, GATEWAY].concat());
    let said = "the matchmakers' name can't be looked up";
    gateway.logged(&[said, "nobody.invalid"]).await;
    let ready = get(&gateway.address("WebSocket"), "/readyz").await;
    assert_eq!((ready.status, ready.body.contains("matchmaker")), (503, true));
    // Two more look-ups.
    pause(Duration::from_millis(2500)).await;
    gateway.signal("TERM");
    let (_, log) = gateway.ended();
    assert_eq!(log.matches(said).count(), 1, "{log}");
}
