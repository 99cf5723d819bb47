//! Scripts of sessions under the relay-only policy.

use super::*;
use crate::relay_only::IceTransportPolicy;

impl Script {
    fn in_room_relay_only() -> Self {
        let mut script = Script::in_room();
        script.only_relay();
        script
    }

    fn only_relay(&mut self) {
        let config = SessionConfig { ice_transport_policy: IceTransportPolicy::Relay, ..SessionConfig::default() };
        self.session.config = Arc::new(config);
    }
}

const HOST: &str =
    r#"{"type":"ice","candidate":{"candidate":"candidate:1 1 udp 5 192.168.1.5 5 typ host","sdpMid":"0"}}"#;

fn ice_forward(seq: u64, text: &str) -> String {
    frame(Up::Forward(forward(1, seq, text)))
}

#[test]
fn a_candidate_of_another_type_is_counted_and_goes_nowhere_and_the_next_message_follows_without_a_gap() {
    let mut script = Script::in_room_relay_only();
    assert_eq!(script.says(HOST), ["Dropped(DroppedCandidates([1, 0, 0, 0]))"]);
    let end = script.says(r#"{"type":"ice","candidate":null}"#);
    let from = client(1);
    assert_eq!(end, [ice_forward(1, &format!(r#"{{"type":"ice","from":"{from}","candidate":null}}"#))]);
}

#[test]
fn without_the_policy_all_passes() {
    let mut script = Script::in_room();
    for (seq, said) in [HOST, r#"{"type":"offer","sdp":"no SDP"}"#].into_iter().enumerate() {
        let outputs = script.says(said);
        assert_eq!(outputs.len(), 1);
        assert!(outputs[0].contains("Forward") && !outputs[0].contains("Dropped"), "{seq}: {outputs:?}");
    }
}

#[test]
fn the_number_of_a_message_that_is_dropped_counts_as_taken() {
    let mut script = Script::v1_in_room();
    script.only_relay();
    let host = HOST.replace("}}", r#"},"seq":2}"#);
    assert_eq!(script.says(&host), ["Dropped(DroppedCandidates([1, 0, 0, 0]))"]);
    assert_eq!(script.says(&host), [""; 0], "sent again");
    let outputs = script.says(r#"{"type":"ice","candidate":null,"seq":3}"#);
    assert_eq!(outputs.len(), 1, "{outputs:?}");
    assert!(outputs[0].ends_with(" #3"), "{outputs:?}");
}

#[test]
fn a_description_that_is_no_sdp_is_refused_only_under_the_policy() {
    let mut script = Script::in_room_relay_only();
    let refused = script.says(r#"{"type":"offer","sdp":"no SDP"}"#);
    assert_refused(&refused, "invalid-message");
    assert!(refused[0].contains("`sdp`"), "{refused:?}");
}

#[test]
fn outside_a_room_the_answer_is_the_same_as_ever() {
    let mut script = Script::linked();
    script.only_relay();
    assert_refused(&script.says(HOST), "not-in-room");
}
