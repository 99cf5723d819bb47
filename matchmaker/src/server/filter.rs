//! Filters of listings: the conjunctions of google.aip.dev/160, of fields that are compared with text. What the fields are is the listing's.

use tonic::Status;

use super::refusals::invalid;

/// Conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter(Vec<Condition>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    field: &'static str,
    is_negated: bool,
    value: String,
}

/// A field that may be asked for, and what it can be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// Empty: any text.
    pub(crate) values: &'static [&'static str],
}

impl Field {
    pub(crate) const fn text(name: &'static str) -> Self {
        Field { name, values: &[] }
    }

    pub(crate) const fn one_of(name: &'static str, values: &'static [&'static str]) -> Self {
        Field { name, values }
    }

    pub(crate) const fn truth(name: &'static str) -> Self {
        Field { name, values: &["true", "false"] }
    }
}

impl Filter {
    /// Reads the field `filter` of a request.
    pub(crate) fn parse(text: &str, fields: &[Field]) -> Result<Self, Status> {
        read(text, fields).map(Filter).map_err(|why| invalid("filter", why))
    }

    /// Whether all conditions hold of something whose fields have these values; one field may have several.
    pub(crate) fn matches<'a, Values>(&self, values: impl Fn(&'static str) -> Values) -> bool
    where
        Values: IntoIterator<Item = &'a str>,
    {
        self.0.iter().all(|condition| {
            let is_met = values(condition.field).into_iter().any(|value| value == condition.value);
            is_met != condition.is_negated
        })
    }
}

fn read(text: &str, fields: &[Field]) -> Result<Vec<Condition>, String> {
    if text.len() > BYTES_MOST {
        return Err(format!("has more than {BYTES_MOST} bytes"));
    }
    let mut conditions = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if conditions.len() == CONDITIONS_MOST {
            return Err(format!("has more than {CONDITIONS_MOST} conditions"));
        }
        let (condition, after) = condition(rest, fields)?;
        conditions.push(condition);
        rest = after.trim_start();
        if rest.is_empty() {
            break;
        }
        let next = rest.strip_prefix("AND").filter(|next| next.starts_with(char::is_whitespace));
        rest = next.ok_or("has something other than AND between conditions")?.trim_start();
        if rest.is_empty() {
            return Err("ends with AND".to_owned());
        }
    }
    Ok(conditions)
}

fn condition<'a>(text: &'a str, fields: &[Field]) -> Result<(Condition, &'a str), String> {
    let end = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let known = || fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
    let field = fields.iter().find(|field| field.name == name);
    let field = field.ok_or_else(|| format!("has a condition that begins with none of {}", known()))?;
    let rest = rest.trim_start();
    let (is_negated, rest) = match (rest.strip_prefix("!="), rest.strip_prefix('=')) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(format!("has no = or != after {name}")),
    };
    let (value, rest) = value(rest.trim_start()).ok_or_else(|| format!("has no value for {name}"))?;
    if !field.values.is_empty() && !field.values.contains(&value.as_str()) {
        return Err(format!("has a value for {name} that is none of {}", field.values.join(", ")));
    }
    Ok((Condition { field: field.name, is_negated, value }, rest))
}

/// A word, or a string in quotes.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c.is_whitespace() || "\"()=!<>".contains(c)).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    loop {
        match chars.next()? {
            (at, '"') => return Some((value, &quoted[at + 1..])),
            (_, '\\') => value.push(chars.next().map(|(_, c)| c).filter(|c| matches!(c, '"' | '\\'))?),
            (_, c) => value.push(c),
        }
    }
}

const BYTES_MOST: usize = 1_024;
const CONDITIONS_MOST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Field] = &[Field::text("pool"), Field::one_of("state", &["IDLE", "WAITING"])];

    fn holds(text: &str, pool: &'static str, state: &'static str) -> bool {
        let filter = Filter::parse(text, FIELDS).unwrap();
        filter.matches(|field| [if field == "pool" { pool } else { state }])
    }

    #[test]
    fn all_conditions_must_hold() {
        assert!(holds("", "chess", "IDLE"));
        assert!(holds(r#"pool = "chess" AND state=IDLE"#, "chess", "IDLE"));
        assert!(!holds(r#"pool = "chess" AND state=IDLE"#, "chess", "WAITING"));
        assert!(holds("  pool != go AND state != WAITING ", "chess", "IDLE"));
        assert!(!holds("pool!=chess", "chess", "IDLE"));
        assert!(holds(r#"pool = "a \"b\" \\ AND c""#, r#"a "b" \ AND c"#, "IDLE"));
        assert!(holds("pool = AND", "AND", "IDLE"));
    }

    #[test]
    fn what_is_no_filter_is_refused_and_says_why() {
        for (text, why) in [
            ("room = 1", "begins with none of pool, state"),
            ("pool", "no = or !="),
            ("pool > 1", "no = or !="),
            ("pool =", "no value for pool"),
            ("pool = \"a", "no value for pool"),
            (r#"pool = "\n""#, "no value for pool"),
            ("state = idle", "none of IDLE, WAITING"),
            ("pool = a OR pool = b", "other than AND"),
            ("pool = a pool = b", "other than AND"),
            ("pool = a ANDpool = b", "other than AND"),
            ("pool = a AND ", "other than AND"),
            ("(pool = a)", "begins with none"),
            (&["pool=a"; 9].join(" AND "), "more than 8 conditions"),
            (&format!("pool=\"{}\"", "a".repeat(1_024)), "more than 1024 bytes"),
        ] {
            let status = Filter::parse(text, FIELDS).unwrap_err();
            assert!(status.message().starts_with("filter ") && status.message().contains(why), "{text}: {status:?}");
        }
    }
}
