use proptest::prelude::*;

use super::*;

/// A client's frame, masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// What a reader hears, in words.
fn hear(reader: &mut FrameReader, bytes: &[u8], heard: &mut Vec<String>) -> Result<(), CloseCode> {
    reader.read(&mut bytes.to_vec(), |received| {
        heard.push(match received {
            Received::Text(text) => format!("text {text}"),
            Received::Ping(payload) => format!("ping {payload:?}"),
            Received::Pong => "pong".to_owned(),
            Received::Fragment => "fragment".to_owned(),
            Received::Close { code } => format!("close {code:?}"),
        });
    })
}

fn read(pieces: &[&[u8]]) -> (Vec<String>, Result<(), CloseCode>) {
    let mut reader = FrameReader::new(MAX);
    let mut heard = Vec::new();
    let result = pieces.iter().try_for_each(|piece| hear(&mut reader, piece, &mut heard));
    (heard, result)
}

const MAX: usize = 70_000;

#[test]
fn an_idle_reader_holds_nothing() {
    let mut reader = FrameReader::new(MAX);
    let mut heard = Vec::new();
    hear(&mut reader, &frame(0x81, b"one"), &mut heard).unwrap();
    hear(&mut reader, &frame(0x01, b"t"), &mut heard).unwrap();
    assert!(reader.is_open());
    hear(&mut reader, &frame(0x80, b"wo"), &mut heard).unwrap();
    assert!(!reader.is_open());
    assert_eq!(heard, ["text one", "fragment", "text two"]);
}

#[test]
fn pings_may_come_between_fragments_and_their_bytes_one_by_one() {
    let bytes = [
        frame(0x01, "\u{20ac}".as_bytes().split_at(1).0),
        frame(0x89, b"now"),
        frame(0x00, b""),
        frame(0x80, "\u{20ac}".as_bytes().split_at(1).1),
        frame(0x8a, b""),
    ]
    .concat();
    let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
    let expected = ["fragment", "ping [110, 111, 119]", "fragment", "text \u{20ac}", "pong"];
    let expected: Vec<_> = expected.map(str::to_owned).into();
    assert_eq!(read(&pieces), (expected.clone(), Ok(())));
    assert_eq!(read(&[&bytes]), (expected, Ok(())));
}

#[test]
fn what_breaks_the_protocol_is_refused_with_its_code() {
    let code = |bytes: &[u8]| read(&[bytes]).1.unwrap_err();
    let broken = CloseCode::ProtocolError;
    assert_eq!(code(&[0x81, 2, b'{', b'}']), broken, "unmasked");
    for first in [0xc1, 0xa1, 0x91, 0x83, 0x87, 0x8b, 0x8f, 0x80, 0x00, 0x09] {
        assert_eq!(code(&frame(first, b"")), broken, "{first:x}");
    }
    assert_eq!(code(&frame(0x89, &[0; 126])), broken, "a long ping");
    assert_eq!(code(&[frame(0x01, b"{"), frame(0x81, b"}")].concat()), broken, "a text inside a text");
    assert_eq!(code(&[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]), broken, "2^63 bytes");
    assert_eq!(code(&frame(0x82, b"")), CloseCode::Unsupported);
    assert_eq!(code(&[0x82, 0xff]), CloseCode::Unsupported, "before its length has come");
}

#[test]
fn a_message_too_big_is_refused_before_it_has_come() {
    let code = |bytes: &[u8]| read(&[bytes]).1.unwrap_err();
    let head = |length: u64| [&[0x81, 0xff][..], &length.to_be_bytes(), &[1, 2, 3, 4]].concat();
    assert_eq!(code(&head(MAX as u64 + 1)), CloseCode::TooBig);
    assert_eq!(code(&head(u64::MAX >> 1)), CloseCode::TooBig);
    assert_eq!(read(&[&head(MAX as u64)]), (vec![], Ok(())));
    let fragments = [frame(0x01, &[b' '; 40_000]), head(40_000)].concat();
    assert_eq!(
        code(&fragments.iter().enumerate().map(|(at, byte)| if at == 40_008 { 0 } else { *byte }).collect::<Vec<_>>()),
        CloseCode::TooBig
    );
}

#[test]
fn what_is_no_utf_8_is_refused_as_soon_as_it_is_seen() {
    for bytes in [&b"\xff\xfe"[..], b"\xc0\xaf", b"\xe2\x82", b"\xed\xa0\x80"] {
        assert_eq!(read(&[&frame(0x81, bytes)]).1, Err(CloseCode::InvalidUtf8), "{bytes:x?}");
        let fragments = [frame(0x01, &bytes[..1]), frame(0x80, &bytes[1..])].concat();
        assert_eq!(read(&[&fragments]).1, Err(CloseCode::InvalidUtf8), "{bytes:x?} in fragments");
    }
    assert_eq!(read(&[&frame(0x01, b"\xce\xba\xff")]).1, Err(CloseCode::InvalidUtf8), "the rest need not come");
}

#[test]
fn a_close_says_a_code_that_may_be_said() {
    let close = |code: u16, reason: &[u8]| frame(0x88, &[&code.to_be_bytes(), reason].concat());
    for code in [1000, 1001, 1003, 1007, 1014, 3000, 4999] {
        assert_eq!(read(&[&close(code, b"bye")]), (vec![format!("close Some({code})")], Ok(())));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
        assert_eq!(read(&[&close(code, b"")]).1, Err(CloseCode::ProtocolError), "{code}");
    }
    assert_eq!(read(&[&frame(0x88, b"")]), (vec!["close None".to_owned()], Ok(())));
    let after = [close(1000, b""), frame(0x81, b"too late"), vec![0xff]].concat();
    assert_eq!(read(&[&after]), (vec!["close Some(1000)".to_owned()], Ok(())));
    assert_eq!(read(&[&after[..3], &after[3..]]), (vec!["close Some(1000)".to_owned()], Ok(())));
    assert_eq!(read(&[&frame(0x88, b"x")]).1, Err(CloseCode::ProtocolError));
    assert_eq!(read(&[&close(1000, b"\xff")]).1, Err(CloseCode::InvalidUtf8));
}

#[test]
fn a_server_s_frames_say_their_lengths_in_the_shortest_way() {
    for (length, head) in [(0, &[0x81, 0][..]), (125, &[0x81, 125]), (126, &[0x81, 126, 0, 126])] {
        let mut out = Vec::new();
        put_text(&vec![b'x'; length], &mut out);
        assert_eq!((&out[..head.len()], out.len()), (head, head.len() + length));
    }
    let mut out = Vec::new();
    put_text(&vec![b'x'; 65_536], &mut out);
    assert_eq!(out[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    out.clear();
    put_close(Some(1008), "why", &mut out);
    put_close(None, "", &mut out);
    put_ping(&mut out);
    put_pong(b"p", &mut out);
    assert_eq!(out, [0x88, 5, 3, 0xf0, b'w', b'h', b'y', 0x88, 0, 0x89, 0, 0x8a, 1, b'p']);
}

proptest! {
    /// However messages are cut into fragments, and their bytes into reads, the same is heard.
    #[test]
    fn what_is_heard_does_not_depend_on_how_it_comes(
        texts in prop::collection::vec(("[a-zä€😀]{0,200}", prop::collection::vec(0_usize..400, 0..4)), 1..8),
        cuts in prop::collection::vec(1_usize..60, 1..40),
    ) {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for (text, fragments) in &texts {
            let mut cuts: Vec<usize> = fragments.iter().map(|cut| cut % (text.len() + 1)).collect();
            cuts.sort_unstable();
            cuts.push(text.len());
            let mut start = 0;
            for (index, end) in cuts.iter().enumerate() {
                let last = if index + 1 == cuts.len() { 0x80 } else { 0 };
                let first = u8::from(index == 0);
                bytes.extend(frame(last | first, &text.as_bytes()[start..*end]));
                if last == 0 {
                    bytes.extend(frame(0x89, b"x"));
                    expected.extend(["fragment".to_owned(), "ping [120]".to_owned()]);
                }
                start = *end;
            }
            expected.push(format!("text {text}"));
        }
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(read(&pieces), (expected, Ok(())));
    }

    /// Nothing makes the reader panic, and nothing makes it hold more than a message.
    #[test]
    fn any_bytes_are_heard_or_refused(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20)) {
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let _ = read(&pieces);
    }
}
