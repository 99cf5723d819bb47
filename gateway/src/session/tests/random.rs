//! Random runs: any message, frame and change of the link in any order, judged by what the client and the matchmaker may rely on.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Input {
    Says(&'static str),
    Hears(Heard),
    LinkUp,
    LinkDown,
    Wait(u64),
}

/// A frame for a ticket near the current one.
#[derive(Clone, Debug)]
struct Heard {
    kind: HeardKind,
    of_earlier_attempt: bool,
    round: u32,
}

#[derive(Clone, Debug)]
enum HeardKind {
    Waiting,
    Matched,
    /// How far its number is from the newest: 1 is the next.
    Forward(u64),
    PartnerLeft(bool),
    Resume(u64),
    Ack(u64),
}

const SAID: [&str; 11] = [
    r#"{"type":"available"}"#,
    r#"{"type":"available","pool":"chess"}"#,
    r#"{"type":"offer","sdp":"v=0"}"#,
    r#"{"type":"ice","candidate":null}"#,
    r#"{"type":"next"}"#,
    r#"{"type":"leave"}"#,
    r#"{"type":"ping","id":1}"#,
    r#"{"type":"report","reason":"rude"}"#,
    r#"{"type":"auth","userId":"ann"}"#,
    r#"{"type":"leave","roomId":"stale"}"#,
    "nonsense",
];

fn input() -> impl Strategy<Value = Input> {
    let kind = prop_oneof![
        2 => Just(HeardKind::Waiting),
        4 => Just(HeardKind::Matched),
        4 => (0..8_u64).prop_map(|ahead| HeardKind::Forward(if ahead > 3 { 1 } else { ahead })),
        2 => any::<bool>().prop_map(HeardKind::PartnerLeft),
        2 => (0..4_u64).prop_map(HeardKind::Resume),
        1 => (0..4_u64).prop_map(HeardKind::Ack),
    ];
    let heard = (kind, prop::bool::weighted(0.1), 0..2_u32).prop_map(|(kind, of_earlier_attempt, round)| Heard {
        kind,
        of_earlier_attempt,
        round,
    });
    prop_oneof![
        6 => prop::sample::select(&SAID[..]).prop_map(Input::Says),
        8 => heard.prop_map(Input::Hears),
        2 => Just(Input::LinkUp),
        1 => Just(Input::LinkDown),
        1 => (0..30_u64).prop_map(Input::Wait),
    ]
}

/// What the client believes, from what it said and was told; what the matchmaker was sent.
#[derive(Debug, Default)]
struct Judge {
    in_room: bool,
    linked: bool,
    attempt: u32,
    /// Of the frames that raise it.
    sent: u64,
    closed: bool,
}

impl Judge {
    fn judge(&mut self, output: Output) {
        match output {
            Output::Text(text) | Output::TextWithIce(text) => self.told(str::from_utf8(&text).unwrap()),
            Output::Frame { kind, .. } => self.framed(kind),
            Output::Close(_) | Output::Abort => self.closed = true,
            Output::Ping
            | Output::Limited(_)
            | Output::Counted(_)
            | Output::Verify(_)
            | Output::Fault { .. }
            | Output::Dropped(_) => {}
        }
    }

    fn told(&mut self, text: &str) {
        assert!(!self.closed, "{text} after the close");
        match text.split('"').nth(3) {
            Some("matched") => {
                assert!(!self.in_room, "matched in a room");
                self.in_room = true;
                self.sent = 0;
            }
            Some("waiting") => assert!(!self.in_room, "waiting in a room"),
            Some("partner-left") => {
                assert!(std::mem::take(&mut self.in_room), "parted without a room");
            }
            Some("forwarded") => assert!(self.in_room, "a partner's message without a partner"),
            _ => {}
        }
    }

    fn framed(&mut self, up: Up) {
        assert!(self.linked, "{up:?} without a link");
        let raised = match &up {
            Up::Join(Join { attempt, .. }) | Up::Next { attempt, .. } | Up::Leave { attempt } => Some(*attempt),
            _ => None,
        };
        if let Some(attempt) = raised {
            assert!(attempt > self.attempt, "{up:?} after attempt {}", self.attempt);
            self.attempt = attempt;
        }
        if let Up::Forward(forward) = up {
            // Repetitions come after a Resume; but never a hole.
            assert!(forward.seq <= self.sent + 1, "{} after {}", forward.seq, self.sent);
            self.sent = self.sent.max(forward.seq);
        }
    }
}

fn frame_of(heard: &Heard, session: &Session, sent: u64) -> Down {
    // While a room is being left, the matchmaker knows of nothing later.
    let departing = session.departing.as_ref().map(|departing| departing.place.ticket.attempt);
    let attempt = departing.unwrap_or(session.attempt).max(1);
    let ticket = TicketNumber { attempt: attempt - u32::from(heard.of_earlier_attempt), round: heard.round };
    match heard.kind {
        HeardKind::Waiting => waiting(ticket.attempt, ticket.round),
        HeardKind::Matched => Down::Matched(Matched {
            ticket,
            room: room(1),
            partner: client(2),
            initiator: false,
            waited: Duration::ZERO,
            shown: None,
            tags: Box::default(),
            traces: None,
        }),
        HeardKind::Forward(ahead) => {
            let newest = match &session.activity {
                Activity::InRoom(place) => place.from_partner.received(),
                _ => 0,
            };
            Down::Forward(Forward { ticket, seq: newest + ahead, text: r#"{"type":"forwarded"}"#.into() })
        }
        HeardKind::PartnerLeft(requeued) => left(ticket.attempt, ticket.round, requeued),
        // Nobody has what was never sent.
        HeardKind::Resume(received) => {
            Down::Resume { ticket, received: received.min(sent), passed: received.min(sent) }
        }
        HeardKind::Ack(seq) => Down::Ack { ticket, seq: seq.min(sent) },
    }
}

proptest! {
    #[test]
    fn the_client_is_told_a_story_that_makes_sense(inputs in prop::collection::vec(input(), 1..150)) {
        let mut script = Script { session: session(1), now: Time::ZERO, limited: Vec::new(), counted: Vec::new() };
        let mut judge = Judge::default();
        for input in inputs {
            let now = script.now;
            let session = &mut script.session;
            let was_in_room = matches!(session.activity, Activity::InRoom(_));
            match input {
                Input::Says(text) => session.handle_text(text, now),
                // Nothing comes from the matchmaker without a link, nor before the first attempt.
                Input::Hears(ref heard) if judge.linked && session.attempt > 0 => {
                    session.handle_frame(down_frame(0, frame_of(heard, session, judge.sent)), now);
                }
                Input::LinkUp if !judge.linked => {
                    judge.linked = true;
                    session.handle_link_up(now);
                }
                Input::LinkDown if judge.linked => {
                    judge.linked = false;
                    session.handle_link_down(now);
                }
                Input::Wait(seconds) => {
                    session.handle_traffic(Traffic::default(), now);
                    script.now = now + Duration::from_secs(seconds);
                    script.session.handle_timeout(script.now);
                }
                _ => {}
            }
            let by_itself = was_in_room && matches!(input, Input::Says(r#"{"type":"next"}"# | r#"{"type":"leave"}"# | r#"{"type":"report","reason":"rude"}"#));
            if by_itself && !matches!(script.session.activity, Activity::InRoom(_)) {
                judge.in_room = false;
            }
            while let Some(output) = script.session.poll_output() {
                judge.judge(output);
            }
            prop_assert_eq!(judge.in_room, matches!(script.session.activity, Activity::InRoom(_)));
        }
    }
}
