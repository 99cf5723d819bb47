//! Promises that hold whatever the rules of matching are, judged from outputs alone.

use std::collections::BTreeMap;

use crate::oracle::{Oracle, Place};
use crate::world::{Act, Event};

/// What each client has heard.
#[derive(Default)]
pub(super) struct Judge {
    /// In which room, with whom, and how many messages came.
    rooms: BTreeMap<char, (String, char, u64)>,
    /// Who was on which link before the event.
    before: Vec<(char, u32)>,
    /// Who was in a room of another matchmaker then.
    half: Vec<char>,
}

impl Judge {
    /// Whoever ends a room hears nothing of its end.
    pub(super) fn sees(&mut self, event: &Event, before: &Oracle) {
        let ended =
            |link: u32| before.people.iter().filter(move |person| person.link == link).map(|person| person.name);
        match event {
            Event::LinkUp(link) | Event::LinkDown(link) | Event::LinkOverflow(link, _) | Event::Boot(link) => {
                ended(*link).for_each(|name| drop(self.rooms.remove(&name)));
            }
            Event::Frame(name, Act::Join { .. } | Act::Next { .. } | Act::Leave { .. } | Act::End) => {
                // Unless it breaks a rule, and then its whole link goes.
                self.rooms.remove(name);
            }
            Event::Frame(name, Act::Report { attempt, .. }) => {
                if before.person(*name).is_some_and(|person| *attempt > person.ticket.attempt) {
                    self.rooms.remove(name);
                }
            }
            Event::Frame(name, Act::Decline { ticket }) => {
                if before.person(*name).is_some_and(|person| *ticket == person.ticket) {
                    self.rooms.remove(name);
                }
            }
            Event::AttachResumable(..) | Event::Speak(..) => unreachable!("here nobody is resumable"),
            Event::Attach(..)
            | Event::Timeout
            | Event::Engine(_)
            | Event::Roam(_)
            | Event::Frame(_, Act::Forward { .. } | Act::Ack { .. }) => {}
        }
        let in_half = before.people.iter().filter(|person| matches!(person.place, Place::Half { .. }));
        self.half = in_half.map(|person| person.name).collect();
        self.before = before.people.iter().map(|person| (person.name, person.link)).collect();
    }

    pub(super) fn hears(&mut self, lines: &[String]) {
        let words: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
        for (index, line) in words.iter().enumerate() {
            let to = line[0].chars().next().unwrap();
            match line[1] {
                "refused:" => {
                    let link = line[0].parse::<u32>().unwrap();
                    let gone = self.before.iter().filter(|(_, of)| *of == link);
                    gone.for_each(|(name, _)| drop(self.rooms.remove(name)));
                }
                "matched" => {
                    let (partner, room) = (line[3].chars().next().unwrap(), line[4].to_owned());
                    assert_ne!(to, partner, "with oneself");
                    if line[5] == "answers" {
                        let other = &words[index + 1];
                        assert_eq!((other[1], other[3], other[4], other[5]), ("matched", line[0], line[4], "offers"));
                    }
                    assert_eq!(self.rooms.insert(to, (room, partner, 0)), None, "{to} is in two rooms");
                }
                "waiting" => assert!(!self.rooms.contains_key(&to), "{to} waits in a room"),
                "left" => assert!(self.rooms.remove(&to).is_some() || self.announced(to), "{to} was in no room"),
                "gets" => {
                    let (_, partner, got) = self.rooms.get_mut(&to).expect("nothing comes after the end");
                    *got += 1;
                    assert_eq!((line[3], line[4]), (&*format!("#{got}"), &*format!("{partner}{got}")));
                }
                _ => {}
            }
        }
        for (name, (room, partner, _)) in &self.rooms {
            let others = self.rooms.get(partner).map(|(of, with, _)| (of, with));
            assert_eq!(others, Some((room, name)), "a room has two members");
        }
    }

    /// Whether a client was announced with a room of another matchmaker.
    fn announced(&self, name: char) -> bool {
        self.half.contains(&name)
    }
}
