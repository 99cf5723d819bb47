//! A client's message as the members of one JSON object, each with its original bytes.
//!
//! serde_json checks the syntax, but passes any nesting depth, lone surrogates and duplicate names where it hands out raw
//! values. What is forwarded raw is checked here first. Numbers pass as written, whatever their size.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr2;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::bounds::{JSON_DEPTH, JSON_MEMBERS, JSON_NAME};

/// The members of one object, in their order. No name stands twice.
pub(super) struct Object<'a> {
    members: Vec<Member<'a>>,
}

/// One member.
pub(super) struct Member<'a> {
    /// The name as written, quotes included.
    pub(super) raw_name: &'a str,
    /// The name that it stands for.
    pub(super) name: Cow<'a, str>,
    /// The value as written, without surrounding white space.
    pub(super) value: &'a str,
}

impl<'a> Object<'a> {
    /// Reads and checks `text` as a whole, or says what is wrong with it in words for the client's developer.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        if !text.trim_start().starts_with('{') {
            return Err("a message is one JSON object".to_owned());
        }
        let object: Object<'a> = serde_json::from_str(text).map_err(|error| without_position(&error))?;
        for member in &object.members {
            check_value(member.value, 2).map_err(|error| format!("`{}`: {error}", member.name.escape_debug()))?;
        }
        Ok(object)
    }

    pub(super) fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// The value of that name as written.
    pub(super) fn value(&self, name: &str) -> Option<&'a str> {
        self.members.iter().find(|member| member.name == name).map(|member| member.value)
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<Member<'de>> = Vec::with_capacity(4);
        while let Some((name, value)) = map.next_entry::<&'de RawValue, &'de RawValue>()? {
            let member = Member::new(name.get(), value.get()).map_err(A::Error::custom)?;
            if members.len() == JSON_MEMBERS {
                return Err(A::Error::custom(TOO_MANY));
            }
            if members.iter().any(|earlier| earlier.name == member.name) {
                return Err(A::Error::custom(format_args!("`{}` stands twice", member.name.escape_debug())));
            }
            members.push(member);
        }
        Ok(Object { members })
    }
}

impl<'a> Member<'a> {
    fn new(raw_name: &'a str, value: &'a str) -> Result<Self, String> {
        check_name(raw_name)?;
        let name = if raw_name.contains('\\') {
            Cow::Owned(serde_json::from_str(raw_name).map_err(|error| without_position(&error))?)
        } else {
            Cow::Borrowed(&raw_name[1..raw_name.len() - 1])
        };
        Ok(Member { raw_name, name, value })
    }
}

/// Checks what serde_json doesn't in a raw value that stands at `level`. It is JSON for sure, so what its bytes mean is seen without
/// parsing it once more.
fn check_value(raw: &str, level: usize) -> Result<(), String> {
    let bytes = raw.as_bytes();
    let mut depth = level - 1;
    let mut members = [0; JSON_DEPTH + 1];
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' if depth == JSON_DEPTH => return Err(format!("nested deeper than {JSON_DEPTH} levels")),
            b'{' | b'[' => {
                depth += 1;
                members[depth] = 0;
            }
            b'}' | b']' => depth -= 1,
            b'"' => {
                let text = string(&raw[at - 1..])?;
                at += text.len() - 1;
                if bytes[at..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':') {
                    check_name(text)?;
                    members[depth] += 1;
                    if members[depth] > JSON_MEMBERS {
                        return Err(TOO_MANY.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The string that the text begins with, as written. Escapes by number are decoded to be checked: only they can name a lone surrogate.
fn string(text: &str) -> Result<&str, String> {
    let mut end = 1;
    let mut has_numbers = false;
    while let Some(found) = memchr2(b'"', b'\\', &text.as_bytes()[end..]) {
        end += found + 1;
        if text.as_bytes()[end - 1] == b'"' {
            break;
        }
        has_numbers |= text.as_bytes()[end] == b'u';
        end += 1;
    }
    let string = &text[..end];
    if has_numbers {
        serde_json::from_str::<Cow<'_, str>>(string).map_err(|error| without_position(&error))?;
    }
    Ok(string)
}

fn check_name(raw_name: &str) -> Result<(), String> {
    if raw_name.len() > JSON_NAME + 2 {
        return Err(format!("a name is longer than {JSON_NAME} bytes"));
    }
    Ok(())
}

const TOO_MANY: &str = "an object has more than 64 members";
const _: () = assert!(JSON_MEMBERS == 64, "TOO_MANY says so");

/// serde_json's words without its line and column, which for a single line only confuse, and are wrong inside a value.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
