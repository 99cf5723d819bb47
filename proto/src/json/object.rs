//! A client's message as the members of one JSON object, each with its original bytes.
//!
//! serde_json checks the syntax, but passes any nesting depth, lone surrogates and duplicate names where it hands out raw
//! values. What is forwarded raw is checked here first. Numbers pass as written, whatever their size.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
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
        if raw_name.len() > JSON_NAME + 2 {
            return Err(format!("a name is longer than {JSON_NAME} bytes"));
        }
        let name = if raw_name.contains('\\') {
            Cow::Owned(serde_json::from_str(raw_name).map_err(|error| without_position(&error))?)
        } else {
            Cow::Borrowed(&raw_name[1..raw_name.len() - 1])
        };
        Ok(Member { raw_name, name, value })
    }
}

/// Checks what serde_json doesn't in a raw value that stands at `level`.
fn check_value(raw: &str, level: usize) -> Result<(), String> {
    match raw.as_bytes().first() {
        Some(b'{' | b'[') if level > JSON_DEPTH => Err(format!("nested deeper than {JSON_DEPTH} levels")),
        Some(b'{' | b'[') => {
            let mut deserializer = serde_json::Deserializer::from_str(raw);
            deserializer.deserialize_any(NestedVisitor { level }).map_err(|error| without_position(&error))
        }
        // Only an escape can name a lone surrogate.
        Some(b'"') if raw.contains('\\') => {
            serde_json::from_str::<String>(raw).map(drop).map_err(|error| without_position(&error))
        }
        _ => Ok(()),
    }
}

struct NestedVisitor {
    level: usize,
}

impl<'de> Visitor<'de> for NestedVisitor {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element::<&'de RawValue>()? {
            check_value(element.get(), self.level + 1).map_err(A::Error::custom)?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut count = 0;
        while let Some((name, value)) = map.next_entry::<&'de RawValue, &'de RawValue>()? {
            count += 1;
            if count > JSON_MEMBERS {
                return Err(A::Error::custom(TOO_MANY));
            }
            Member::new(name.get(), value.get()).map_err(A::Error::custom)?;
            check_value(value.get(), self.level + 1).map_err(A::Error::custom)?;
        }
        Ok(())
    }
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
