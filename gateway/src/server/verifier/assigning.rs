//! What the claims of a token say of its user's wishes.

use std::time::Duration;

use duet_proto::bounds;
use duet_proto::frame::{Assigned, PoolName, Tag};
use serde_json::{Map, Value};

/// Which claims say what, by their names as they stand in the token; those without a name say nothing.
#[derive(Clone, Debug, Default)]
pub struct WishClaims {
    /// In which pool its user meets others: a string.
    pub pool: Option<String>,
    /// Tags beside those that are asked for: an array of up to [`bounds::ASSIGNED_TAGS`] strings.
    pub tags: Option<String>,
    /// By how many milliseconds its user goes before others: a number from 0. What counts of it is the matchmaker's to bound.
    pub priority: Option<String>,
}

impl WishClaims {
    /// What they say, if anything. A claim that is `null` is not there. Fails with the claim's name and what it should have been.
    pub(super) fn read<'a>(&'a self, claims: &Map<String, Value>) -> Result<Option<Assigned>, (&'a str, &'static str)> {
        let assigned = Assigned {
            pool: read(claims, self.pool.as_deref(), pool, "the name of a pool")?,
            tags: read(claims, self.tags.as_deref(), tags, "an array of up to 10 tags")?.unwrap_or_default(),
            head_start: read(claims, self.priority.as_deref(), milliseconds, "a number of milliseconds from 0")?
                .unwrap_or_default(),
        };
        Ok((assigned != Assigned::default()).then_some(assigned))
    }
}

fn read<'a, T>(
    claims: &Map<String, Value>,
    name: Option<&'a str>,
    kind: impl Fn(&Value) -> Option<T>,
    what: &'static str,
) -> Result<Option<T>, (&'a str, &'static str)> {
    let Some(name) = name else { return Ok(None) };
    let value = claims.get(name).filter(|value| !value.is_null());
    value.map(|value| kind(value).ok_or((name, what))).transpose()
}

fn pool(value: &Value) -> Option<PoolName> {
    PoolName::new(value.as_str()?)
}

fn tags(value: &Value) -> Option<Vec<Tag>> {
    let written = value.as_array().filter(|tags| tags.len() <= bounds::ASSIGNED_TAGS)?;
    let mut tags = Vec::new();
    for tag in written {
        let tag = Tag::normalized(tag.as_str()?)?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Some(tags)
}

fn milliseconds(value: &Value) -> Option<Duration> {
    let number = value.as_f64().filter(|number| *number >= 0.0)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates, and is not negative")]
    Some(Duration::from_millis((number as u32).into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Names as identity providers make them are as good as others.
    fn claims() -> WishClaims {
        WishClaims {
            pool: Some("https://app.example/pool".to_owned()),
            tags: Some("app.tags".to_owned()),
            priority: Some("priority".to_owned()),
        }
    }

    fn read(value: &Value) -> Result<Option<Assigned>, String> {
        claims().read(value.as_object().unwrap()).map_err(|(claim, _)| claim.to_owned())
    }

    #[test]
    fn claims_say_what_they_are_named_for() {
        let said = json!({
            "https://app.example/pool": "adults", "app.tags": [" Gold", "gold", "caf\u{65}\u{301}"], "priority": 1500.9,
            "app": { "tags": ["nested"] }, "pool": "another",
        });
        let assigned = Assigned {
            pool: PoolName::new("adults"),
            tags: vec![Tag::new("gold").unwrap(), Tag::new("caf\u{e9}").unwrap()],
            head_start: Duration::from_millis(1500),
        };
        assert_eq!(read(&said), Ok(Some(assigned)));
        assert_eq!(WishClaims::default().read(said.as_object().unwrap()), Ok(None), "unless they are not named");
    }

    #[test]
    fn a_priority_is_whole_milliseconds_and_fits_on_the_wire() {
        for (number, milliseconds) in [(json!(0.9), 0), (json!(5_001), 5_001), (json!(1e300), u32::MAX.into())] {
            let head_start = read(&json!({ "priority": number })).unwrap().unwrap_or_default().head_start;
            assert_eq!(head_start, Duration::from_millis(milliseconds));
        }
    }

    #[test]
    fn what_is_not_there_says_nothing() {
        for nothing in [
            json!({}),
            json!({ "https://app.example/pool": null, "app.tags": null, "priority": null }),
            json!({ "app.tags": [], "priority": 0 }),
        ] {
            assert_eq!(read(&nothing), Ok(None), "{nothing}");
        }
    }

    #[test]
    fn a_claim_of_the_wrong_kind_is_named() {
        let many: Vec<String> = (0..=bounds::ASSIGNED_TAGS).map(|number| number.to_string()).collect();
        for (claim, value) in [
            ("https://app.example/pool", json!("")),
            ("https://app.example/pool", json!(7)),
            ("https://app.example/pool", json!("p".repeat(65))),
            ("https://app.example/pool", json!("a\nb")),
            ("app.tags", json!("gold")),
            ("app.tags", json!([7])),
            ("app.tags", json!([" "])),
            ("app.tags", json!(["t".repeat(33)])),
            ("app.tags", json!(many)),
            ("priority", json!("5")),
            ("priority", json!(-1)),
            ("priority", json!(true)),
        ] {
            assert_eq!(read(&json!({ claim: value })), Err(claim.to_owned()), "{value}");
        }
    }
}
