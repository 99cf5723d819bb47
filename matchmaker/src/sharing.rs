//! Sharing pools with other replicas: searches that an engine does, and partners that are fetched from elsewhere.
//!
//! Instead of looking into its own lanes, a machine that [shares its pools](crate::Config::shares_pools) asks the engine, and goes on
//! when it has been answered. A waiter that the engine has found, and that another replica has, is *promised* to the seeker, and its
//! gateway is asked to bring it here: by then it waits here, and the two make a room like any others. A promise that is not kept in time
//! is given up. As one replica has both sides of each of its rooms, nothing else has to know that there are others.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use duet_proto::frame::{Down, DownFrame, PartnerLeftReason};
use duet_proto::ids::{ClientId, SessionNumber, TicketNumber};
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;

use crate::engine::{Mark, Reply, Request, Seek, Ticket, Whereabouts};
use crate::frames::PoolLimit;
use crate::sessions::{SessionKey, State};
use crate::suitability::between;
use crate::tally::PromiseEnd;
use crate::{LinkKey, Matchmaker, Obstacle, Output};

/// How a waiter stands with the engine.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The ticket that it was asked for, if that may be kept there.
    kept: Option<TicketNumber>,
    /// Whether an answer is awaited.
    is_seeking: bool,
    /// Whether something has changed since it was asked.
    again: bool,
    /// Its session has not been told yet that it waits, and is by then, whatever the engine does.
    pub(crate) tell_by: Option<Time>,
    /// With the next answer it is told how it stands, if that has changed much; `true`: in any case.
    pub(crate) news: Option<bool>,
    /// As the engine has told it.
    pub(crate) position: Option<u64>,
    come_to: Option<Mark>,
    /// Whom it is to meet as soon as that one is here.
    promise: Option<Promise>,
    /// Sessions that could not be brought here, each until it may be tried again.
    unreachable: Vec<(ClientId, Time)>,
}

#[derive(Debug)]
struct Promise {
    waiter: Box<Ticket>,
    until: Time,
}

impl Asked {
    /// Nothing has been asked yet.
    pub(crate) fn told_by(moment: Time) -> Self {
        Asked { tell_by: Some(moment), ..Asked::default() }
    }

    /// When something is due.
    pub(crate) fn due(&self) -> Option<Time> {
        let promised_until = self.promise.as_ref().map(|promise| promise.until);
        [self.tell_by, promised_until].into_iter().flatten().min()
    }
}

/// What a machine remembers of its dealings with the engine.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    /// To whom a waiter that is elsewhere was promised.
    promised: BTreeMap<ClientId, ClientId>,
    /// Those for whom the engine, which has forgotten them, is still to be asked.
    to_ask: VecDeque<ClientId>,
}

impl Matchmaker {
    /// The engine has answered.
    pub fn handle_engine(&mut self, reply: Reply, now: Time) {
        match reply {
            Reply::Waits { client, number, position, found, come_to } => {
                if let Some(session) = self.asked_for(client, number) {
                    self.is_in(session);
                    self.go_on_waiting(session, Some(position), come_to, now);
                    let key = self.pool_key(session, now);
                    self.pools.catch_up(&key, found, now);
                }
            }
            Reply::Claimed { client, number } => {
                if let Some(session) = self.asked_for(client, number) {
                    // Whoever has claimed it may be gone.
                    self.search_again(session, now);
                    self.go_on_waiting(session, None, None, now);
                }
            }
            Reply::Full { client, number } => {
                if let Some(session) = self.asked_for(client, number) {
                    self.asked_mut(session).kept = None;
                    self.refuse_full(session, now);
                }
            }
            Reply::Found { client, number, waiter } => match self.asked_for(client, number) {
                Some(session) if self.is_present(session) => self.take_found(session, waiter, now),
                _ => self.request(Request::Release { pool: waiter.pool, seeker: client, waiter: waiter.client }),
            },
        }
        self.ask_some_more(now);
        self.settle_up(now);
    }

    /// The engine has lost what it was told: it is asked anew for all who wait, a part of them at a time.
    pub fn resync_engine(&mut self, now: Time) {
        let waiters = self.sessions.after(None).filter(|session| matches!(session.state, State::Waiting));
        let mut waiters: Vec<_> = waiters.map(|session| (self.served(session.wish()), session.client)).collect();
        waiters.sort_unstable();
        self.sharing.to_ask = waiters.into_iter().map(|(_, client)| client).collect();
        for _ in 0..ASKED_AT_ONCE {
            self.ask_some_more(now);
        }
        self.settle_up(now);
    }

    /// Whether there are still waiters for whom the engine is to be asked after it has forgotten them.
    pub fn is_resyncing(&self) -> bool {
        !self.sharing.to_ask.is_empty()
    }

    /// Asks for the next one who is still there: each answer makes room for one more.
    fn ask_some_more(&mut self, now: Time) {
        while let Some(client) = self.sharing.to_ask.pop_front() {
            let Some(waiter) = self.sessions.by_client(client) else { continue };
            if !matches!(self.sessions[waiter].state, State::Waiting) {
                continue;
            }
            self.asked_mut(waiter).is_seeking = false;
            self.ask_engine(waiter, now);
            self.arm(waiter);
            if self.asked_mut(waiter).is_seeking {
                return;
            }
        }
    }

    /// Puts a session into its queue, and has a partner sought for it.
    pub(crate) fn queue_shared(&mut self, session: SessionKey, now: Time) {
        if self.keep_promise(session, now) {
            return;
        }
        self.enqueue(session, now);
        self.ask_engine(session, now);
        self.arm(session);
    }

    /// Has a partner sought for a waiter, as it is now.
    pub(crate) fn ask_engine(&mut self, session: SessionKey, now: Time) {
        let is_paused = self.orders.is_paused(&self.sessions[session].wish().wishes.pool);
        if !self.is_present(session) || is_paused {
            return self.go_on_waiting(session, None, None, now);
        }
        let asked = self.asked_mut(session);
        if asked.promise.is_some() {
            return;
        }
        if asked.is_seeking {
            asked.again = true;
            return;
        }
        let seek = self.seek_for(session, now);
        let number = seek.ticket.number;
        let asked = self.asked_mut(session);
        (asked.is_seeking, asked.kept) = (true, Some(number));
        self.tally.sharing.searches.add(1);
        self.request(Request::Seek(Box::new(seek)));
    }

    /// Several waiters have changed at one moment: the engine knows it of all before it looks for any.
    pub(crate) fn update_engine(&mut self, sessions: &[SessionKey], now: Time) {
        if sessions.len() < 2 {
            return;
        }
        for session in sessions {
            let asked = self.asked_mut(*session);
            if asked.kept.is_some() && asked.promise.is_none() {
                let update = self.seek_for(*session, now);
                self.request(Request::Update(Box::new(update)));
            }
        }
    }

    /// The engine no longer has anybody meet a waiter, who is absent or waits no longer.
    pub(crate) fn withdraw(&mut self, session: SessionKey) {
        let client = self.sessions[session].client;
        let Some(asked) = self.sessions[session].standing.as_mut().and_then(|standing| standing.asked.as_mut()) else {
            return;
        };
        (asked.is_seeking, asked.again) = (false, false);
        let (promise, kept) = (asked.promise.take(), asked.kept.take());
        let pool = self.standing_pool(session);
        if let Some(Promise { waiter, .. }) = promise {
            self.tally.sharing.promise_ended(PromiseEnd::Dropped);
            self.sharing.promised.remove(&waiter.client);
            self.request(Request::Release { pool: pool.clone(), seeker: client, waiter: waiter.client });
        }
        if let Some(number) = kept {
            self.request(Request::Withdraw { pool, client, number });
        }
    }

    /// Two waiters, of whom the engine has found one for the other, need it no longer.
    pub(crate) fn settle_with_engine(&mut self, seeker: SessionKey, waiter: SessionKey, now: Time) {
        let pool = self.pool_key(seeker, now);
        let [seeking, waiting] = [seeker, waiter].map(|session| self.sessions[session].client);
        self.sharing.promised.remove(&waiting);
        for session in [seeker, waiter] {
            self.is_in(session);
            if let Some(asked) = self.sessions[session].standing.as_mut().and_then(|standing| standing.asked.as_mut()) {
                asked.kept = None;
                if asked.promise.take().is_some() {
                    self.tally.sharing.promise_ended(PromiseEnd::Dropped);
                }
            }
        }
        self.request(Request::Settle { pool, seeker: seeking, waiter: waiting });
    }

    /// A session is in its pool: should it be put back, the pool does not refuse it.
    fn is_in(&mut self, session: SessionKey) {
        if let Some(wish) = &mut self.sessions[session].wish {
            wish.limit = PoolLimit::IsPassed;
        }
    }

    /// A gateway's session goes on at another replica.
    pub(crate) fn depart(&mut self, link: LinkKey, client: ClientId, now: Time) {
        let Some(session) = self.sessions.by_client(client) else { return };
        if self.sessions[session].link != link && !self.may_relink(session, link) {
            return;
        }
        self.tally.sharing.departed.add(1);
        let mut survivor = None;
        if matches!(self.sessions[session].state, State::Waiting) {
            // It goes on waiting elsewhere.
            self.unqueue(session);
        } else {
            survivor = self.rest(session, PartnerLeftReason::Disconnected, now).map(|parting| parting.survivor);
        }
        self.forget_session(session);
        self.requeue_after_loss(survivor.into_iter().collect(), now);
    }

    /// A waiter that was summoned does not come.
    pub(crate) fn stays(&mut self, client: ClientId, number: TicketNumber, now: Time) {
        let Some(seeker) = self.seeker_for(client) else { return };
        let asked = self.asked_mut(seeker);
        if asked.promise.as_ref().is_some_and(|promise| promise.waiter.number == number) {
            asked.promise = None;
            self.tally.sharing.promise_ended(PromiseEnd::Stayed);
            self.sharing.promised.remove(&client);
            let pool = self.standing_pool(seeker);
            let seeking = self.sessions[seeker].client;
            self.request(Request::Discard { pool, seeker: seeking, waiter: client, number });
            self.ask_engine(seeker, now);
            self.arm(seeker);
        }
    }

    /// Does what has become due for a waiter.
    pub(crate) fn wake_shared(&mut self, session: SessionKey, now: Time) {
        let asked = self.asked_mut(session);
        if let Some(promise) = asked.promise.take_if(|promise| promise.until <= now) {
            self.tally.sharing.promise_ended(PromiseEnd::RanOut);
            self.let_go(session, *promise.waiter, now);
        }
        let standing = self.sessions[session].standing.as_mut().expect("whoever waits stands somewhere");
        standing.search_at = standing.search_at.filter(|at| *at > now);
    }

    /// Tells a waiter that it waits, if the engine has not answered in time. Tells whether nothing else is due for it.
    pub(crate) fn tell_late(&mut self, session: SessionKey, now: Time) -> bool {
        let standing = self.sessions[session].standing.as_ref();
        let is_late =
            standing.and_then(|standing| standing.asked.as_ref()?.tell_by).is_some_and(|moment| moment <= now);
        if !is_late {
            return false;
        }
        self.tell_queued(session, now);
        self.arm(session);
        self.standing(session).due.is_none_or(|due| due > now)
    }

    fn request(&mut self, request: Request) {
        self.outputs.push_back(Output::Engine(Box::new(request)));
    }

    /// A waiter by a ticket that the engine was asked for.
    fn asked_for(&mut self, client: ClientId, number: TicketNumber) -> Option<SessionKey> {
        let session = self.sessions.by_client(client)?;
        let asked = self.sessions[session].standing.as_mut()?.asked.as_mut()?;
        (asked.kept == Some(number)).then_some(session)
    }

    /// Nobody was found for a waiter.
    fn go_on_waiting(&mut self, session: SessionKey, position: Option<u64>, come_to: Option<Mark>, now: Time) {
        let asked = self.asked_mut(session);
        asked.is_seeking = false;
        asked.position = position.or(asked.position);
        let came_from = std::mem::replace(&mut asked.come_to, come_to);
        let goes_on = came_from.is_some() || asked.come_to.is_some();
        let (is_untold, news, again) = (asked.tell_by.is_some(), asked.news.take(), std::mem::take(&mut asked.again));
        if goes_on {
            self.search_again(session, now);
        }
        if is_untold {
            self.tell_queued(session, now);
        } else if let Some(in_any_case) = news {
            self.tell_news(session, in_any_case, now);
        }
        if again {
            self.ask_engine(session, now);
        }
        self.arm(session);
    }

    fn take_found(&mut self, seeker: SessionKey, waiter: Box<Ticket>, now: Time) {
        let client = self.sessions[seeker].client;
        let asked = self.asked_mut(seeker);
        (asked.is_seeking, asked.again, asked.come_to) = (false, false, None);
        if let Some(promise) = &asked.promise {
            // Asked twice, answered twice.
            if promise.waiter.client != waiter.client {
                self.request(Request::Release { pool: waiter.pool, seeker: client, waiter: waiter.client });
            }
            return;
        }
        let Some(here) = self.sessions.by_client(waiter.client) else { return self.summon(seeker, waiter, now) };
        let waits = matches!(self.sessions[here].state, State::Waiting) && self.is_present(here);
        if !waits || self.sessions[here].ticket != waiter.number {
            let Ticket { client: gone, number, pool, .. } = *waiter;
            self.request(Request::Discard { pool, seeker: client, waiter: gone, number });
            self.ask_engine(seeker, now);
        } else if self.may_meet(seeker, here, now) {
            return self.pair(seeker, here, now);
        } else {
            self.give_up(seeker, *waiter, now);
        }
        self.arm(seeker);
    }

    /// Asks a waiter's gateway to bring it here.
    fn summon(&mut self, seeker: SessionKey, waiter: Box<Ticket>, now: Time) {
        let Whereabouts { gateway, boot, worker, session } = &waiter.at;
        let hello = GatewayHello { gateway: gateway.to_string(), boot: *boot, worker: *worker };
        let (number, kind) = (*session, Down::Summon { client: waiter.client, ticket: waiter.number });
        match self.links.up_by(&hello) {
            Some(link) => {
                let frame = DownFrame { session: number, seq: 0, taken: 0, kind };
                self.outputs.push_back(Output::Frame { link, frame });
                self.tally.sharing.summons.add(1);
                let client = self.sessions[seeker].client;
                // Of two claims on one waiter the later is the engine's.
                if let Some(earlier) = self.sharing.promised.insert(waiter.client, client) {
                    self.forget_promise(earlier, waiter.client);
                }
                self.asked_mut(seeker).promise = Some(Promise { waiter, until: now + PROMISED_FOR });
            }
            None => self.give_up(seeker, *waiter, now),
        }
        self.arm(seeker);
    }

    fn forget_promise(&mut self, seeker: ClientId, waiter: ClientId) {
        let Some(session) = self.sessions.by_client(seeker) else { return };
        let asked = self.sessions[session].standing.as_mut().and_then(|standing| standing.asked.as_mut());
        let Some(asked) = asked else { return };
        if asked.promise.take_if(|promise| promise.waiter.client == waiter).is_some() {
            self.tally.sharing.promise_ended(PromiseEnd::Dropped);
        }
    }

    /// A waiter that was found can't be had: the seeker looks for others.
    fn give_up(&mut self, seeker: SessionKey, waiter: Ticket, now: Time) {
        self.let_go(seeker, waiter, now);
        self.ask_engine(seeker, now);
    }

    /// A waiter that was found can't be had: others may find it.
    fn let_go(&mut self, seeker: SessionKey, waiter: Ticket, now: Time) {
        let Ticket { client, pool, .. } = waiter;
        self.sharing.promised.remove(&client);
        let seeking = self.sessions[seeker].client;
        let unreachable = &mut self.asked_mut(seeker).unreachable;
        unreachable.retain(|(other, until)| *other != client && *until > now);
        if unreachable.len() == UNREACHABLE_AT_MOST {
            unreachable.remove(0);
        }
        unreachable.push((client, now + UNREACHABLE_FOR));
        self.request(Request::Release { pool, seeker: seeking, waiter: client });
    }

    /// A session that asks for a partner may have been brought here for one. Tells whether the two have met.
    fn keep_promise(&mut self, session: SessionKey, now: Time) -> bool {
        let client = self.sessions[session].client;
        let Some(seeker) = self.seeker_for(client) else { return false };
        let Some(Promise { waiter, .. }) = self.asked_mut(seeker).promise.take() else { return false };
        self.sharing.promised.remove(&client);
        self.remember_from_elsewhere(session, &waiter, now);
        let same = self.sessions[session].ticket.attempt == waiter.number.attempt
            && self.pool_key(session, now) == waiter.pool
            && self.standing_pool(seeker) == waiter.pool;
        if same && self.is_present(session) && self.is_present(seeker) && self.may_meet(seeker, session, now) {
            self.tally.sharing.promise_ended(PromiseEnd::Kept);
            self.pair(seeker, session, now);
            return true;
        }
        self.tally.sharing.promise_ended(PromiseEnd::Dropped);
        self.give_up(seeker, *waiter, now);
        self.arm(seeker);
        false
    }

    /// What only the replica knew that the session comes from.
    fn remember_from_elsewhere(&mut self, session: SessionKey, ticket: &Ticket, now: Time) {
        let (lately, most) = (self.config.rematch_avoid, self.config.recent_partners);
        for other in &ticket.blocked {
            self.sessions[session].block(*other);
        }
        for (other, ago) in &ticket.recent {
            self.sessions[session].remember_meeting(*other, lately, most, now - *ago);
        }
        for other in &ticket.apart {
            self.keep_apart(session, *other, now);
        }
    }

    fn seeker_for(&self, waiter: ClientId) -> Option<SessionKey> {
        let seeker = self.sessions.by_client(*self.sharing.promised.get(&waiter)?)?;
        let standing = self.sessions[seeker].standing.as_ref()?;
        let promise = standing.asked.as_ref()?.promise.as_ref()?;
        (promise.waiter.client == waiter).then_some(seeker)
    }

    /// As far as this replica knows.
    fn may_meet(&self, one: SessionKey, other: SessionKey, now: Time) -> bool {
        let Some(pool) = self.pools.get(&self.pool_key(one, now)) else { return false };
        let lately = self.lately(pool, now);
        let obstacle = between(&self.sessions[one], &self.sessions[other], &self.blocks, lately, now);
        matches!(obstacle, None | Some(Obstacle::MetLately))
    }

    fn seek_for(&self, session: SessionKey, now: Time) -> Seek {
        let known = &self.sessions[session];
        let (wish, standing) = (known.wish(), self.standing(session));
        let pool = self.standing_pool(session);
        let asked = standing.asked.as_ref().expect("the pools are shared");
        let hello = self.links.hello(known.link);
        let lately = self.config.rematch_avoid;
        let recent = known.recent.iter().map(|(other, parted)| (*other, now.since(*parted)));
        let until = |list: &[(ClientId, Time)]| {
            list.iter().filter(|(_, until)| *until > now).map(|(other, _)| *other).collect::<Vec<_>>()
        };
        let mut apart = until(&known.apart);
        apart.extend(until(&asked.unreachable));
        Seek {
            limit: match wish.limit {
                PoolLimit::Holds => self.config.max_waiting_per_pool,
                PoolLimit::IsPassed => 0,
            },
            arrival: wish.turn.arrival,
            talking: self.pools.get(&pool).map_or(0, crate::pool::Pool::talking),
            recent_partners: self.config.recent_partners,
            rematch_avoid: self.config.rematch_avoid,
            come_to: asked.come_to.clone(),
            ticket: Ticket {
                client: known.client,
                number: known.ticket,
                pool,
                wishes: wish.wishes.clone(),
                is_wide: standing.is_wide,
                user: known.user().cloned(),
                blocked: known.blocked.clone(),
                apart,
                blocked_users: known.user().map_or_else(Vec::new, |user| self.blocks.of(user, now)),
                recent: recent.filter(|(_, ago)| *ago < lately).collect(),
                cares_for: (wish.turn.queued + self.config.rematch_patience).since(now),
                waited: now.since(wish.turn.queued),
                head_start: wish.wishes.head_start().min(self.config.max_head_start),
                at: Whereabouts {
                    gateway: Arc::from(hello.gateway.as_str()),
                    boot: hello.boot,
                    worker: hello.worker,
                    session: SessionNumber(known.number.0),
                },
            },
        }
    }

    fn asked_mut(&mut self, session: SessionKey) -> &mut Asked {
        let standing = self.sessions[session].standing.as_mut().expect("whoever waits stands somewhere");
        standing.asked.as_deref_mut().expect("the pools are shared")
    }

    /// Takes a waiter's deadline for a search that goes on.
    fn search_again(&mut self, session: SessionKey, now: Time) {
        if let Some(standing) = &mut self.sessions[session].standing {
            standing.search_at = Some(now + crate::seeking::SEARCH_AGAIN);
        }
    }
}

/// How long a session is not told that it waits, as it may be matched at once.
pub(crate) const TOLD_WITHIN: Duration = Duration::from_millis(300);
/// How long a waiter has to come that was summoned. Shorter than claims last.
const PROMISED_FOR: Duration = Duration::from_millis(1_500);
/// How long a waiter that could not be had is passed over.
const UNREACHABLE_FOR: Duration = Duration::from_secs(10);
const UNREACHABLE_AT_MOST: usize = 8;
/// Searches that are under way at a time after the engine has forgotten everything.
const ASKED_AT_ONCE: usize = 4_096;
