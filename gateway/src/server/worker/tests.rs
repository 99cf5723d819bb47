//! A worker whose links are driven by hand: which sessions go on where, and what the replicas hear of it.

use std::collections::BTreeSet;

use duet_proto::frame::{Attach, Doing, Matched, Up};
use duet_proto::ids::{BootId, RoomId, TicketNumber};
use duet_proto::link::{MatchmakerHello, QUEUE_LIMITS};
use duet_proto::queue::{self, Receiver};
use futures_util::{FutureExt, StreamExt};
use tokio::task::LocalSet;
use tonic::transport::Endpoint;

use super::*;
use crate::server::figures::Figures;
use crate::server::{Address, Connector, DnsAddress, Matchmakers, Moved, Settings};
use crate::session::SessionState;

/// A worker with links to three replicas.
struct World {
    worker: Rc<Worker>,
    /// What the worker sends on each.
    links: Vec<Receiver<UpFrame>>,
    /// What the replicas are called.
    names: Vec<String>,
}

impl World {
    /// With links that are all up.
    fn linked(names: [&str; 3]) -> Self {
        let mut world = World::unlinked(names);
        (0..3).for_each(|link| world.link_up(link));
        // As if that had been long ago.
        world.worker.links_changed.set(None);
        world
    }

    fn unlinked(names: [&str; 3]) -> Self {
        let never = Connector::new(|_| std::future::pending::<io::Result<tokio::net::TcpStream>>());
        let endpoints = names.map(|name| Endpoint::from_shared(format!("http://{name}")).unwrap());
        let world = World::with(Matchmakers::GrpcOver(never, endpoints.to_vec()), names);
        world.occupy();
        world
    }

    fn with(matchmakers: Matchmakers, names: [&str; 3]) -> Self {
        let shared = Arc::new(Shared::new(Settings::default(), matchmakers, 1));
        let worker = Rc::new_cyclic(|this| Worker::new(this.clone(), 0, shared));
        let links = (0..3).map(|_| queue::bounded(QUEUE_LIMITS).1).collect();
        World { worker, links, names: names.map(str::to_owned).to_vec() }
    }

    /// Links to all that there are, are about to be made.
    fn occupy(&self) {
        for (link, matchmaker) in self.worker.shared.roster.hold(|_| false) {
            self.worker.occupy(link, matchmaker);
        }
    }

    fn link_up(&mut self, link: usize) {
        let (sender, receiver) = queue::bounded(QUEUE_LIMITS);
        self.links[link] = receiver;
        let hello = MatchmakerHello {
            replica: self.names[link].clone(),
            boot: BootId::from_random([1; 16]),
            engine: Some("engine".to_owned()),
        };
        self.worker.link_up(link, &hello, sender);
    }

    /// A client comes. Of what its session sends, all is taken.
    fn client(&mut self, is_v1: bool) -> Client {
        let place = Place::take(&self.worker.shared, None).unwrap();
        let opening = Opening { is_v1, place, verified: None, trace: ClientTrace::new(None) };
        let open = self.worker.open(opening);
        let connection = open.connection.clone();
        // Its end would be the session's.
        std::mem::forget(open);
        Client { worker: self.worker.clone(), connection }
    }

    /// One that waits with its first attempt.
    fn waiter(&mut self) -> Client {
        let client = self.client(false);
        client.says(r#"{"type":"available"}"#);
        self.sent_on_all();
        client
    }

    /// One that is in that room.
    fn in_room(&mut self, room: u8) -> Client {
        let client = self.waiter();
        self.hears(client.link(), &client, matched(room));
        self.sent_on_all();
        client
    }

    fn hears(&self, link: usize, client: &Client, kind: Down) {
        let session = client.connection.number;
        self.worker.frames(link, vec![DownFrame { session, seq: 0, taken: 0, kind }]);
    }

    /// What was sent on a link since.
    fn sent(&mut self, link: usize) -> Vec<UpFrame> {
        let batches = std::iter::from_fn(|| self.links[link].next().now_or_never().flatten());
        batches.flatten().collect()
    }

    fn sent_on_all(&mut self) -> usize {
        (0..3).map(|link| self.sent(link).len()).sum()
    }

    fn moved(&self) -> [u64; 3] {
        Moved::ALL.map(|why| Figures(self.worker.shared.clone()).moved(why))
    }
}

struct Client {
    worker: Rc<Worker>,
    connection: Rc<Connection>,
}

impl Client {
    fn says(&self, text: &str) {
        self.worker.feed(&self.connection, |session, now| session.handle_text(text, now));
    }

    fn id(&self) -> ClientId {
        self.connection.session.borrow().client()
    }

    fn link(&self) -> usize {
        self.connection.link.get()
    }

    /// Another one.
    fn other_link(&self) -> usize {
        (self.link() + 1) % 3
    }

    fn state(&self) -> SessionState {
        self.connection.session.borrow().state()
    }

    /// What the replica is told that it leaves.
    fn departed(&self) -> UpFrame {
        up(self, Up::Departed { client: self.id() })
    }

    fn stays(&self, client: ClientId, ticket: TicketNumber) -> UpFrame {
        up(self, Up::Stays { client, ticket })
    }

    /// What it was told.
    fn heard(&self) -> String {
        let mut frames = Vec::new();
        self.connection.outbox.borrow_mut().write_to(&mut frames, usize::MAX);
        String::from_utf8_lossy(&frames).into_owned()
    }
}

fn up(client: &Client, kind: Up) -> UpFrame {
    UpFrame { session: client.connection.number, client_seq: 0, kind }
}

/// The only announcement among what was sent.
fn announced(client: &Client, sent: &[UpFrame]) -> Attach {
    let attaches: Vec<&Attach> = sent
        .iter()
        .filter(|frame| frame.session == client.connection.number)
        .filter_map(|frame| if let Up::Attach(attach) = &frame.kind { Some(&**attach) } else { None })
        .collect();
    assert_eq!(attaches.len(), 1, "{sent:?}");
    assert_eq!(attaches[0].client, client.id());
    attaches[0].clone()
}

fn ticket(attempt: u32) -> TicketNumber {
    TicketNumber { attempt, round: 0 }
}

fn room(number: u8) -> RoomId {
    RoomId::from_random([number; 16])
}

fn matched(number: u8) -> Down {
    Down::Matched(Matched {
        ticket: ticket(1),
        room: room(number),
        partner: ClientId::from_random([200; 16]),
        initiator: true,
        waited: std::time::Duration::ZERO,
        shown: None,
        tags: Box::default(),
        traces: None,
    })
}

const NAMES: [&str; 3] = ["a", "b", "c"];

#[test]
fn a_waiter_follows_a_summons_and_hears_no_more_of_its_former_home() {
    let mut world = World::linked(NAMES);
    let client = world.waiter();
    let (from, to) = (client.link(), client.other_link());
    world.hears(to, &client, Down::Summon { client: client.id(), ticket: ticket(1) });
    assert_eq!(world.sent(from), [client.departed()]);
    let attach = announced(&client, &world.sent(to));
    assert!(attach.attempt == 1 && matches!(attach.doing, Doing::Waiting(_)), "{attach:?}");
    assert_eq!((client.link(), world.moved()), (to, [1, 0, 0]));

    world.hears(from, &client, matched(1));
    assert_eq!(client.state(), SessionState::Waiting);
    world.hears(to, &client, matched(2));
    assert_eq!(client.state(), SessionState::Matched);
}

#[test]
fn a_replica_whose_link_breaks_is_told_again_who_has_left() {
    let mut world = World::linked(NAMES);
    let client = world.waiter();
    let (from, to) = (client.link(), client.other_link());
    world.hears(to, &client, Down::Summon { client: client.id(), ticket: ticket(1) });
    world.worker.link_down(from);
    world.link_up(from);
    assert_eq!(world.sent(from), [client.departed()], "the first time may be lost");
    world.worker.link_down(from);
    world.link_up(from);
    assert_eq!(world.sent(from), []);
}

#[test]
fn who_does_not_wait_with_that_ticket_stays() {
    let mut world = World::linked(NAMES);
    let client = world.waiter();
    let (own, other, id) = (client.link(), client.other_link(), client.id());
    let stranger = ClientId::from_random([9; 16]);
    for (link, id, ticket) in [(other, id, ticket(2)), (other, stranger, ticket(1)), (own, id, ticket(1))] {
        world.hears(link, &client, Down::Summon { client: id, ticket });
        assert_eq!(world.sent(link), [client.stays(id, ticket)]);
    }
    let kind = Down::Summon { client: stranger, ticket: ticket(1) };
    world.worker.frames(other, vec![DownFrame { session: SessionNumber(77), seq: 0, taken: 0, kind }]);
    let kind = Up::Stays { client: stranger, ticket: ticket(1) };
    assert_eq!(
        world.sent(other),
        [UpFrame { session: SessionNumber(77), client_seq: 0, kind }],
        "nobody by that number"
    );
    assert_eq!((client.link(), world.moved(), world.sent_on_all()), (own, [0, 0, 0], 0));
}

#[test]
fn both_sides_of_a_room_go_on_at_the_same_replica_whatever_the_order_of_links() {
    let mut one = World::linked(["lost", "b", "c"]);
    let mut other = World::linked(["c", "lost", "b"]);
    let mut homes = BTreeSet::new();
    for number in 0..20 {
        let [here, there] = [&mut one, &mut other].map(|world| world.in_room(number));
        one.worker.move_to(&here.connection, 0, Moved::Lost);
        other.worker.move_to(&there.connection, 1, Moved::Lost);
        let _ = (one.sent_on_all(), other.sent_on_all());
        one.worker.link_down(0);
        other.worker.link_down(1);
        assert_eq!((one.sent_on_all(), other.sent_on_all()), (0, 0), "the link may come back");
        one.worker.lost(0);
        other.worker.lost(1);
        assert_eq!(one.names[here.link()], other.names[there.link()]);
        let attach = announced(&here, &one.sent(here.link()));
        assert!(matches!(attach.doing, Doing::InRoom(place) if place.room == room(number)));
        homes.insert(one.names[here.link()].clone());
        one.link_up(0);
        other.link_up(1);
    }
    assert_eq!(homes.len(), 2, "not all at one");
}

#[test]
fn a_replica_that_is_back_hears_first_who_has_gone_on_elsewhere() {
    let mut world = World::linked(NAMES);
    let (gone, later) = (world.waiter(), world.waiter());
    let link = gone.link();
    world.worker.move_to(&later.connection, link, Moved::Lost);
    world.sent_on_all();
    world.worker.link_down(link);
    world.worker.lost(link);
    assert!(gone.link() != link && later.link() != link);
    for other in (0..3).filter(|other| *other != link) {
        world.worker.link_down(other);
        world.worker.lost(other);
    }
    let newcomer = world.client(false);
    newcomer.connection.link.set(link);
    world.link_up(link);
    let sent = world.sent(link);
    assert_eq!(sent.len(), 3, "each is announced, and nobody is said to be gone who is back: {sent:?}");
    assert_eq!([&gone, &later, &newcomer].map(Client::link), [link; 3]);

    world.link_up((link + 1) % 3);
    world.worker.link_down(link);
    world.worker.lost(link);
    world.sent_on_all();
    world.link_up(link);
    let sent: BTreeSet<SessionNumber> = world
        .sent(link)
        .into_iter()
        .map(|frame| {
            assert!(matches!(frame.kind, Up::Departed { .. }), "{frame:?}");
            frame.session
        })
        .collect();
    assert_eq!(sent.len(), 3, "and no session comes back by itself");
}

#[test]
fn what_waits_for_a_lost_link_goes_on_over_the_first_that_comes_up() {
    let mut world = World::unlinked(NAMES);
    let client = world.client(false);
    let (own, other) = (client.link(), client.other_link());
    client.says(r#"{"type":"available"}"#);
    world.link_up(other);
    assert_eq!((world.sent(other), client.link()), (vec![], own), "its own may come up in a moment");
    world.worker.lost(own);
    announced(&client, &world.sent(other));
    assert_eq!(client.link(), other);
}

#[test]
fn a_matchmaker_that_will_not_come_back_leaves_its_sessions_to_the_others() {
    let mut world = World::linked(NAMES);
    let client = world.waiter();
    let link = client.link();
    world.worker.link_down(link);
    world.worker.vacate(link);
    announced(&client, &world.sent(client.link()));
    assert_eq!(world.moved(), [0, 1, 0]);
    assert!((0..9).all(|number| world.worker.link_for(number) != link));
}

#[test]
fn who_comes_before_any_matchmaker_is_found_goes_to_the_first_that_is() {
    let name = DnsAddress::plain(&"http://matchmakers:50051".parse().unwrap()).unwrap();
    let mut world = World::with(Matchmakers::Grpc(vec![Address::Dns(name)]), NAMES);
    let clients = [(); 3].map(|()| world.client(false));
    assert_eq!(world.worker.shared.roster.found(0, &[([127, 0, 0, 1], 50051).into()]), 0);
    world.occupy();
    world.link_up(0);
    let sent = world.sent(0);
    for client in &clients {
        announced(client, &sent);
        assert_eq!(client.link(), 0);
    }
}

/// A client that wants the session of this token.
fn returning(world: &mut World) -> Client {
    let client = world.client(true);
    let token = ResumeToken::from_random([9; 32]).secret_text();
    client.says(&format!(r#"{{"type":"resume","token":"{token}","ack":0}}"#));
    let sent = world.sent(client.link());
    assert!(matches!(sent.last().unwrap().kind, Up::ResumeSession { .. }), "{sent:?}");
    client.heard();
    client
}

/// Its replica has nothing for it.
fn fails(world: &World, client: &Client) {
    world.hears(client.link(), client, Down::ResumeFailed);
}

#[test]
fn an_earlier_session_is_looked_for_at_each_replica_before_its_client_is_told_that_there_is_none() {
    let mut world = World::linked(NAMES);
    let client = returning(&mut world);
    let mut asked = vec![client.link()];
    for _ in 0..2 {
        let from = client.link();
        fails(&world, &client);
        assert_eq!(world.sent(from), [client.departed()]);
        let sent = world.sent(client.link());
        announced(&client, &sent);
        assert!(matches!(sent[1].kind, Up::ResumeSession { .. }), "{sent:?}");
        asked.push(client.link());
    }
    asked.sort_unstable();
    assert_eq!((asked, client.heard()), (vec![0, 1, 2], String::new()));
    fails(&world, &client);
    assert!(client.heard().contains("resume-failed"));
    assert_eq!((world.sent_on_all(), world.moved()), (0, [0, 0, 2]));
    assert_eq!(world.worker.tally().resume_failed.get(), 1, "one client, however many were asked");
}

#[tokio::test]
async fn while_sessions_are_on_their_way_all_are_asked_again_until_it_is_found() {
    let look = async {
        let mut world = World::linked(NAMES);
        world.worker.link_down(2);
        world.worker.lost(2);
        let client = returning(&mut world);
        for _ in 0..2 {
            fails(&world, &client);
        }
        assert_eq!(client.heard(), "");
        let last = client.link();
        let first = [1, 0][last];
        world.sent_on_all();
        // Comes after a pause.
        let sent = world.links[first].next().await.unwrap();
        assert!(matches!(sent.last().unwrap().kind, Up::ResumeSession { .. }), "{sent:?}");
        let resumed = Box::new(found());
        world.hears(first, &client, Down::SessionResumed(resumed));
        assert!(client.heard().contains("resumed"));
        assert_eq!((client.link(), client.id()), (first, found().client));
    };
    LocalSet::new().run_until(look).await;
}

/// The session that was looked for.
fn found() -> duet_proto::frame::SessionResumed {
    duet_proto::frame::SessionResumed {
        client: ClientId::from_random([3; 16]),
        identity: None,
        ticket: ticket(0),
        doing: Doing::Idle,
        wishes: None,
        last_room: None,
        epoch: 1,
        seq: 0,
        kept: Vec::new(),
        taken: 0,
        unacknowledged: Vec::new(),
    }
}
