//! One side of a call: a phone, or a client of the base layer. It numbers what it says, and judges the numbers that it hears.

use std::collections::BTreeSet;
use std::ops::Add;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Client, pause};
use crate::phone::Phone;

pub(crate) enum Party {
    Phone(Phone),
    Base(Client),
}

/// What the checker found.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) sent: u64,
    pub(super) lost: u64,
    pub(super) repeated: u64,
    pub(super) reordered: u64,
}

impl Add for Verdict {
    type Output = Verdict;

    fn add(self, other: Verdict) -> Verdict {
        Verdict {
            sent: self.sent + other.sent,
            lost: self.lost + other.lost,
            repeated: self.repeated + other.repeated,
            reordered: self.reordered + other.reordered,
        }
    }
}

/// Both ask for a partner in a pool of their own.
pub(super) async fn meet(one: &mut Party, other: &mut Party, room: usize) {
    let wish = json!({"type": "available", "pool": format!("room-{room}")});
    one.say(wish.clone()).await;
    assert_eq!(one.hear().await["type"], "waiting");
    other.say(wish).await;
    assert_eq!(one.hear().await["type"], "matched");
    assert_eq!(other.hear().await["type"], "matched");
}

impl Party {
    pub(crate) async fn base(gateway: &str) -> Self {
        Party::Base(Client::connect(gateway).await)
    }

    /// Sets how long a phone believes in a silent connection.
    pub(super) fn notices_after(&mut self, silence: Duration) {
        if let Party::Phone(phone) = self {
            phone.silence = silence;
        }
    }

    async fn say(&mut self, message: Value) {
        match self {
            Party::Phone(phone) => phone.say(message).await,
            Party::Base(client) => client.say(&message.to_string()).await,
        }
    }

    async fn hear(&mut self) -> Value {
        match self {
            Party::Phone(phone) => {
                phone.acknowledge().await;
                phone.hear().await
            }
            Party::Base(client) => client.hear().await,
        }
    }

    /// Says the next number whenever it has heard one, a few being always under way, until it is told that the talk is over; then
    /// both sides say which was their last.
    pub(super) async fn talk(&mut self, is_over: &AtomicBool, hear: impl Fn()) -> Verdict {
        let (mut sent, mut last_heard, mut has_said_last) = (0, None, false);
        let mut heard = BTreeSet::new();
        let mut verdict = Verdict::default();
        for _ in 0..UNDER_WAY {
            self.say_number(&mut sent, false).await;
        }
        while last_heard.is_none() || !has_said_last {
            let message = self.hear().await;
            assert_eq!(message["type"], "ice", "the room lasts: {message}");
            let number = message["candidate"].as_str().unwrap().parse::<u64>().unwrap();
            verdict.repeated += u64::from(heard.contains(&number));
            verdict.reordered += u64::from(heard.last().is_some_and(|last| *last > number));
            heard.insert(number);
            hear();
            if message["last"] == true {
                last_heard = Some(number);
            }
            if !has_said_last {
                has_said_last = last_heard.is_some() || is_over.load(Ordering::Relaxed);
                self.say_number(&mut sent, has_said_last).await;
                pause(PACE).await;
            }
        }
        verdict.sent = sent;
        verdict.lost = last_heard.unwrap_or_default() + 1 - heard.len() as u64;
        verdict
    }

    async fn say_number(&mut self, sent: &mut u64, is_last: bool) {
        let mut message = json!({"type": "ice", "candidate": sent.to_string()});
        if is_last {
            message["last"] = true.into();
        }
        *sent += 1;
        self.say(message).await;
    }
}

/// Messages in each direction of a room.
const UNDER_WAY: usize = 3;
/// Between a message heard and the next one said: a load, not a race.
const PACE: Duration = Duration::from_millis(20);
