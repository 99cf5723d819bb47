//! A client's text, through both parsers.

use duet_proto::ids::ClientId;
use duet_proto::json::{ClientMessage, Numbered};
use serde_json::value::RawValue;

/// Any text is a message or a refusal, in both layers alike; and what a partner is sent is JSON of ours.
pub fn messages(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let base = ClientMessage::parse(text);
    if let Ok(Numbered { message, .. }) = Numbered::parse(text)
        && !matches!(message, Ok(ClientMessage::Resume { .. }))
        && !is_resume(&message)
    {
        assert_eq!(message.is_ok(), base.is_ok(), "the layers differ in {text}");
    }
    let Ok(ClientMessage::Signal { signal, .. }) = base else { return };
    let from = ClientId::from_random([7; 16]);
    let forwarded = signal.into_text(from);
    let forwarded = str::from_utf8(&forwarded).expect("a forwarded message is text");
    serde_json::from_str::<&RawValue>(forwarded).expect("a forwarded message is JSON");
    // It would be taken as a message again, so no name stands twice and no bound is passed; and `from` is ours.
    ClientMessage::parse(forwarded).map(drop).expect("a forwarded message is a message");
    let expected = format!(r#""from":"{from}""#);
    assert!(forwarded.contains(&expected), "{forwarded}");
}

/// Only the layer `duet.v1` knows it, so it is refused for its own reasons there.
fn is_resume(message: &Result<ClientMessage, duet_proto::json::Refusal>) -> bool {
    message.as_ref().is_err_and(|refusal| format!("{refusal:?}").contains("token"))
}
