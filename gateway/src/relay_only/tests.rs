use duet_proto::ids::ClientId;
use duet_proto::json::ClientMessage;
use proptest::prelude::*;

use super::*;

const RELAY: &str = "candidate:842163049 1 udp 41885439 203.0.113.9 50123 typ relay raddr 192.0.2.77 rport 61000 generation 0 ufrag 8Kq+ network-id 1 network-cost 10";
const RELAY_CLEAN: &str = "candidate:842163049 1 udp 41885439 203.0.113.9 50123 typ relay raddr 0.0.0.0 rport 0 generation 0 ufrag 8Kq+ network-id 1 network-cost 10";
const HOST: &str = "candidate:1 1 udp 2122260223 192.168.1.5 54321 typ host generation 0";
const SRFLX: &str = "candidate:2 1 udp 1686052607 192.0.2.77 61000 typ srflx raddr 192.168.1.5 rport 54321";
const PRFLX: &str = "candidate:3 1 udp 1686052607 192.0.2.77 61001 typ prflx raddr 192.168.1.5 rport 54321";

fn signal(text: &str) -> Signal {
    match ClientMessage::parse(text) {
        Ok(ClientMessage::Signal { signal, .. }) => signal,
        other => panic!("{text}: {other:?}"),
    }
}

fn ice(candidate: &serde_json::Value) -> Signal {
    signal(&serde_json::json!({ "type": "ice", "candidate": candidate }).to_string())
}

fn text(signal: Signal) -> String {
    String::from_utf8(signal.into_text(ClientId::from_random([1; 16])).to_vec()).unwrap()
}

/// What the partner gets; `None` for nothing.
fn passed(signal: Signal) -> Option<String> {
    match judge(&signal).0 {
        Judgement::Pass => Some(text(signal)),
        Judgement::Replace(other) => Some(text(other)),
        Judgement::Drop | Judgement::Refuse(_) => None,
    }
}

fn dropped(signal: &Signal) -> Vec<&'static str> {
    let (_, dropped) = judge(signal);
    let names = |kind: DroppedCandidate| std::iter::repeat_n(kind.name(), dropped.count(kind) as usize);
    DroppedCandidate::ALL.into_iter().flat_map(names).collect()
}

fn clean(sdp: &str) -> (String, DroppedCandidates) {
    let mut dropped = DroppedCandidates::default();
    let clean = clean_description(sdp, &mut dropped).into_owned();
    (clean, dropped)
}

#[test]
fn a_relay_candidate_passes_without_what_is_behind_the_relay() {
    assert_eq!(clean_candidate(RELAY).unwrap(), RELAY_CLEAN);
    assert_eq!(clean_candidate(RELAY_CLEAN).unwrap(), RELAY_CLEAN);
    assert_eq!(clean_candidate(&format!("a={RELAY}")).unwrap(), format!("a={RELAY_CLEAN}"));
    let other = "candidate:1 1 UDP 5 2001:db8::1 5 typ relay raddr 2001:db8::2 rport 7";
    assert_eq!(clean_candidate(other).unwrap(), "candidate:1 1 UDP 5 2001:db8::1 5 typ relay raddr 0.0.0.0 rport 0");
}

#[test]
fn addresses_in_extensions_are_left_out() {
    let hidden =
        "candidate:1 1 udp 5 203.0.113.9 5 typ relay raddr 1.2.3.4 rport 9 x-local 192.168.1.5 y 2001:db8::1 z 1";
    assert_eq!(
        clean_candidate(hidden).unwrap(),
        "candidate:1 1 udp 5 203.0.113.9 5 typ relay raddr 0.0.0.0 rport 0 z 1"
    );
}

#[test]
fn candidates_of_other_types_are_told_apart_and_do_not_pass() {
    let local = "candidate:1 1 udp 2122260223 d2d3c9f8-6b4b-4f6e-9c5e-1f3b2a4d5e6f.local 54321 typ host";
    let active = "candidate:1 1 tcp 1518280447 192.168.1.5 9 typ host tcptype active";
    for (candidate, kind) in [
        (HOST, "host"),
        (local, "host"),
        (active, "host"),
        ("candidate:1 1 udp 1 10.0.0.1 1 typ HOST", "host"),
        ("candidate:1 1 udp 99999999999999999999 10.0.0.1 70000 typ host", "host"),
        (SRFLX, "srflx"),
        (PRFLX, "prflx"),
    ] {
        assert_eq!(dropped(&ice(&candidate.into())), [kind], "{candidate}");
        assert_eq!(dropped(&ice(&format!("a={candidate}").into())), [kind], "{candidate}");
        let object = ice(&serde_json::json!({ "candidate": candidate, "sdpMid": "0" }));
        assert_eq!((dropped(&object), passed(object)), (vec![kind], None), "{candidate}");
    }
}

#[test]
fn malformed_candidates_never_pass() {
    for candidate in [
        "nonsense",
        "candidate:",
        "candidate:1 1 udp 1 203.0.113.9 5",
        "candidate:1 1 udp 1 203.0.113.9 5 typ",
        "candidate:1 1 udp 1 203.0.113.9 5 typ other",
        "candidate:1 1 udp 1 203.0.113.9 5 type relay",
        "candidate: 1 udp 1 203.0.113.9 5 typ relay",
        "candidate:1 0 udp 1 203.0.113.9 5 typ relay",
        "candidate:1 257 udp 1 203.0.113.9 5 typ relay",
        "candidate:1 1 sctp 1 203.0.113.9 5 typ relay",
        "candidate:1 1 tcp 1 203.0.113.9 5 typ relay tcptype active",
        "candidate:1 1 udp 0 203.0.113.9 5 typ relay",
        "candidate:1 1 udp 2147483648 203.0.113.9 5 typ relay",
        "candidate:1 1 udp 36893488147419103232 203.0.113.9 5 typ relay",
        "candidate:1 1 udp +1 203.0.113.9 5 typ relay",
        "candidate:1 1 udp 1 turn.example 5 typ relay",
        "candidate:1 1 udp 1 a.local 5 typ relay",
        "candidate:1 1 udp 1 203.0.113.9 0 typ relay",
        "candidate:1 1 udp 1 203.0.113.9 70000 typ relay",
        "candidate:1 1 udp 1 203.0.113.9 5 typ relay raddr",
        "candidate:1 1 udp 1  203.0.113.9 5 typ relay",
        "candidate:1 1 udp 1 203.0.113.9 5 typ relay\r\na=candidate:1 1 udp 1 10.0.0.1 1 typ host",
        "x=candidate:1 1 udp 1 203.0.113.9 5 typ relay",
        "candidate:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1 udp 1 203.0.113.9 5 typ relay",
    ] {
        assert!(clean_candidate(candidate).is_err(), "{candidate}");
        let one = ice(&candidate.into());
        assert_eq!((dropped(&one), passed(one)), (vec!["malformed"], None), "{candidate}");
    }
    let twice = format!(r#"{{"type":"ice","candidate":{{"candidate":"","candidate":"{HOST}"}}}}"#);
    let number = r#"{"type":"ice","candidate":{"candidate":5}}"#;
    for text in [&*twice, number] {
        assert_eq!((dropped(&signal(text)), passed(signal(text))), (vec!["malformed"], None), "{text}");
    }
}

#[test]
fn the_end_of_candidates_passes_in_every_form_as_it_was_written() {
    for value in
        [r#""""#, "null", r#"{"candidate":""}"#, r#"{ "candidate" : "", "sdpMid":"0","usernameFragment":null}"#, "{}"]
    {
        let text = format!(r#"{{"type":"ice","candidate":{value},"n":1.00}}"#);
        assert_eq!(judge(&signal(&text)), (Judgement::Pass, DroppedCandidates::default()), "{value}");
    }
}

#[test]
fn only_the_candidate_changes_and_the_rest_stays_as_it_was_written() {
    let written = format!(
        r#"{{"type":"ice","big":1e400,"candidate": {{"sdpMid":"0","candidate":"{RELAY}","relatedAddress":"192.0.2.77","relatedPort":61000,"sdpMLineIndex":0.0}},"x":{{"y": [1 ]}}}}"#
    );
    let from = ClientId::from_random([1; 16]);
    let expected = format!(
        r#"{{"type":"ice","from":"{from}","big":1e400,"candidate":{{"sdpMid":"0","candidate":"{RELAY_CLEAN}","sdpMLineIndex":0.0}},"x":{{"y": [1 ]}}}}"#
    );
    assert_eq!(passed(signal(&written)), Some(expected));
    let clean = format!(r#"{{"type":"ice","candidate":"{RELAY_CLEAN}"}}"#);
    assert_eq!(judge(&signal(&clean)).0, Judgement::Pass);
}

#[test]
fn a_message_of_as_many_members_as_there_may_be_is_judged_too() {
    let more: String = (0..62).map(|number| format!(r#","x{number}":{number}"#)).collect();
    let one = signal(&format!(r#"{{"type":"ice","candidate":"{RELAY}"{more}}}"#));
    assert!(passed(one).unwrap().ends_with(&format!("{more}}}")));
}

#[test]
fn names_may_be_written_in_escapes() {
    let escaped = format!(r#"{{"type":"ice","\u0063andidate":{{"c\u0061ndidate":"\u0063{}"}}}}"#, &HOST[1..]);
    assert_eq!((dropped(&signal(&escaped)), passed(signal(&escaped))), (vec!["host"], None));
}

/// What Chromium and Firefox say once they have gathered, mixed.
fn sdp(candidates: &str) -> String {
    format!(
        "v=0\r\no=- 4611731400430051336 2 IN IP4 192.168.1.5\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 54321 UDP/TLS/RTP/SAVPF 111 0\r\n\
         c=IN IP4 192.0.2.77\r\na=rtcp:54322 IN IP4 192.168.1.5\r\n{candidates}a=ice-ufrag:8Kq+\r\na=rtpmap:111 opus/48000/2\r\n\
         m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP6 2001:db8::7\r\n"
    )
}

#[test]
fn a_description_keeps_its_relay_candidates_and_no_other_address() {
    let lines = format!(
        "a={HOST}\r\na={RELAY}\r\na={SRFLX}\r\na={PRFLX}\r\na=candidate:x\r\na=remote-candidates:1 192.0.2.77 5\r\na=end-of-candidates\r\n"
    );
    let (clean, dropped) = clean(&sdp(&lines));
    let expected = format!(
        "v=0\r\no=- 4611731400430051336 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\n\
         c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na={RELAY_CLEAN}\r\na=end-of-candidates\r\na=ice-ufrag:8Kq+\r\na=rtpmap:111 opus/48000/2\r\n\
         m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\n"
    );
    assert_eq!(clean, expected);
    assert_eq!(DroppedCandidate::ALL.map(|kind| dropped.count(kind)), [1; 4]);
}

#[test]
fn a_description_changes_as_a_string_and_inside_an_object() {
    let dirty = sdp(&format!("a={HOST}\r\n"));
    let (cleaned, _) = clean(&dirty);
    for (payload, expected) in [
        (serde_json::json!(dirty), serde_json::json!(cleaned)),
        (serde_json::json!({ "sdp": dirty, "type": "offer" }), serde_json::json!({ "sdp": cleaned, "type": "offer" })),
    ] {
        let offer = signal(&serde_json::json!({ "type": "offer", "sdp": payload, "extra": "10.0" }).to_string());
        assert_eq!(dropped(&offer), ["host"]);
        let heard: serde_json::Value = serde_json::from_str(&passed(offer).unwrap()).unwrap();
        assert_eq!((&heard["sdp"], &heard["extra"]), (&expected, &"10.0".into()));
    }
}

#[test]
fn a_description_that_tells_no_address_passes_as_it_was_written() {
    // Chromium's first words, in escapes of its own.
    let trickled = r#"{"type":"offer","sdp":"v=0\r\no=- 1 2 IN IP4 127.0.0.1\u000d\ns=-\r\nt=0 0\r\nm=audio 9 UDP\/TLS\/RTP\/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n"}"#;
    let rollback = r#"{"type":"offer","sdp":{"type":"rollback","sdp":""}}"#;
    for text in [trickled, rollback] {
        assert_eq!(judge(&signal(text)), (Judgement::Pass, DroppedCandidates::default()), "{text}");
    }
}

#[test]
fn what_is_no_sdp_is_refused() {
    for (sdp, named) in [
        ("nonsense", "v=0"),
        ("v=1\r\n", "v=0"),
        ("v=0", "v=0"),
        ("v=0\r\ns=-\0\r\n", "U+0000"),
        ("v=0\r\na=mid:0\ra=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\n", "line feed"),
    ] {
        let offer = signal(&serde_json::json!({ "type": "answer", "sdp": sdp }).to_string());
        let (Judgement::Refuse(why), _) = judge(&offer) else { panic!("{sdp:?} passed") };
        assert!(why.contains(named) && why.contains("`sdp`"), "{why}");
    }
}

/// Addresses that only candidates which may not pass have, in forms that are easy to find again.
const SECRET: &str = "198.51.100.";

fn candidate_line() -> impl Strategy<Value = String> {
    let kind =
        prop_oneof![Just("host"), Just("srflx"), Just("prflx"), Just("relay"), Just("RELAY"), Just("other"), Just("")];
    let prefix = prop_oneof![
        Just("a=candidate:"),
        Just("A=Candidate:"),
        Just(" a=candidate:"),
        Just("candidate:"),
        Just("a=x:candidate:")
    ];
    let end = prop_oneof![
        Just(""),
        Just(" raddr 198.51.100.7 rport 7"),
        Just(" x 198.51.100.8"),
        Just(" ufrag a"),
        Just(" raddr")
    ];
    (prefix, "[0-9a-z+/]{0,3}", 0..3_u32, kind, end).prop_map(|(prefix, foundation, component, kind, end)| {
        let address = if kind.eq_ignore_ascii_case("relay") { "203.0.113.9" } else { "198.51.100.6" };
        format!("{prefix}{foundation} {component} udp 5 {address} 6 typ {kind}{end}")
    })
}

fn other_line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("c=IN IP4 198.51.100.1".to_owned()),
        Just("c=IN IP4 198.51.100.1/127".to_owned()),
        Just("o=- 1 2 IN IP4 198.51.100.2".to_owned()),
        Just("o=198.51.100.2".to_owned()),
        Just("a=rtcp:5 IN IP4 198.51.100.3".to_owned()),
        Just("a=remote-candidates:1 198.51.100.4 5".to_owned()),
        Just("m=audio 5 UDP/TLS/RTP/SAVPF 0".to_owned()),
    ]
}

fn harmless_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]=[ -~]{0,20}".prop_filter("says nothing of addresses", |line| !line.contains("andidate")
            && !line.starts_with(['c', 'o', 'm'])
            && !line.starts_with("a=rtcp")),
        Just("m=audio 9 UDP/TLS/RTP/SAVPF 0".to_owned()),
        Just("c=IN IP4 0.0.0.0".to_owned()),
        Just("o=- 1 2 IN IP4 127.0.0.1".to_owned()),
        Just("a=ice-options:trickle".to_owned()),
    ]
}

fn ended(lines: Vec<String>, ends: &[bool]) -> String {
    let ends = ends.iter().map(|crlf| if *crlf { "\r\n" } else { "\n" }).cycle();
    ["v=0".to_owned()].into_iter().chain(lines).zip(ends).map(|(line, end)| line + end).collect()
}

proptest! {
    #[test]
    fn nothing_that_comes_out_has_an_address_of_a_candidate_that_is_no_relays(
        lines in prop::collection::vec(prop_oneof![candidate_line(), other_line(), harmless_line()], 0..12),
        ends in prop::collection::vec(any::<bool>(), 1..4),
        in_object in any::<bool>(),
    ) {
        let sdp = ended(lines, &ends);
        let payload = if in_object { serde_json::json!({ "type": "offer", "sdp": sdp }) } else { sdp.as_str().into() };
        let offer = signal(&serde_json::json!({ "type": "offer", "sdp": payload }).to_string());
        let out = passed(offer).expect("it is SDP");
        prop_assert!(!out.contains(SECRET), "{out}");
        let (once, _) = clean(&sdp);
        prop_assert_eq!(clean(&once), (once.clone(), DroppedCandidates::default()), "cleaning twice");
    }

    #[test]
    fn nothing_of_a_candidate_that_is_no_relays_comes_out(line in candidate_line(), in_object in any::<bool>()) {
        let value = if in_object {
            serde_json::json!({ "candidate": line, "address": "198.51.100.5", "relatedAddress": "198.51.100.9" })
        } else {
            line.into()
        };
        if let Some(out) = passed(ice(&value)) {
            prop_assert!(!out.contains(SECRET), "{out}");
        }
    }

    #[test]
    fn text_without_candidates_or_addresses_is_unchanged(
        lines in prop::collection::vec(harmless_line(), 0..12),
        ends in prop::collection::vec(any::<bool>(), 1..4),
    ) {
        let sdp = ended(lines, &ends);
        prop_assert_eq!(clean(&sdp), (sdp.clone(), DroppedCandidates::default()));
        let offer = signal(&serde_json::json!({ "type": "offer", "sdp": sdp }).to_string());
        prop_assert_eq!(judge(&offer).0, Judgement::Pass);
    }

    #[test]
    fn no_text_breaks_it(text in "\\PC{0,80}", line in "(a=)?candidate:[ -~]{0,60}") {
        let _ = clean(&text);
        let _ = clean(&format!("v=0\r\n{line}\r\n{text}"));
        let _ = passed(ice(&line.into()));
    }
}
