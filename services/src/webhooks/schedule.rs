//! What follows from a try to deliver a webhook, and when the next one is. Pure.

use std::time::{Duration, SystemTime};

use http::{HeaderValue, StatusCode};

/// How often and how far apart one webhook is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// Tries in all.
    pub(crate) attempts: u32,
    /// The longest wait before the second try. It doubles with each further one, up to five minutes.
    pub(crate) backoff: Duration,
}

impl Schedule {
    /// How long to wait after so many tries that failed, at least one; `None` is for ever. `chance` is anything from 0 to 1: webhooks that failed
    /// together are not to come together again.
    pub(super) fn delay(&self, failures: u32, chance: f64) -> Option<Duration> {
        let doubled = self.backoff.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        (failures < self.attempts).then(|| doubled.min(MAX_DELAY).mul_f64(chance.clamp(0.0, 1.0)))
    }
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered,
    /// It may be another time, and why not now.
    Failed {
        why: String,
        /// The receiver wants to be left alone for so long.
        pause: Option<Duration>,
    },
    /// The receiver does not want it, and why.
    Refused {
        why: String,
    },
}

impl Outcome {
    /// Of an answer. `retry_after` is the header of that name.
    pub(super) fn of(status: StatusCode, retry_after: Option<&HeaderValue>, now: SystemTime) -> Self {
        let may_change =
            [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS].contains(&status);
        let why = format!("it answered {}", status.as_u16());
        if status.is_success() {
            Outcome::Delivered
        } else if status.is_client_error() && !may_change {
            Outcome::Refused { why }
        } else {
            Outcome::Failed { why, pause: retry_after.and_then(|header| pause(header, now)) }
        }
    }
}

/// The wait that `Retry-After` (RFC 9110 section 10.2.3) asks for, in seconds or until a date; no longer than any wait is.
fn pause(header: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = header.to_str().ok()?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        // What no number holds is longer than any wait is.
        text.parse().map_or(MAX_DELAY, Duration::from_secs)
    } else {
        httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(MAX_DELAY))
}

/// Between two tries.
const MAX_DELAY: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_five_minutes_and_end_with_the_attempts() {
        let schedule = Schedule { attempts: 8, backoff: Duration::from_secs(5) };
        let longest: Vec<_> =
            (1..9).map(|failures| schedule.delay(failures, 1.0).map(|delay| delay.as_secs())).collect();
        let seconds = [5, 10, 20, 40, 80, 160, 300].map(Some);
        assert_eq!(longest, [&seconds[..], &[None]].concat());
    }

    #[test]
    fn jitter_is_full() {
        let schedule = Schedule { attempts: u32::MAX, backoff: Duration::from_secs(5) };
        assert_eq!(schedule.delay(3, 0.0), Some(Duration::ZERO));
        assert_eq!(schedule.delay(3, 0.25), Some(Duration::from_secs(5)));
        assert_eq!(schedule.delay(u32::MAX - 1, 0.5), Some(MAX_DELAY / 2), "however often");
        assert_eq!(Schedule { attempts: 1, ..schedule }.delay(1, 0.5), None);
    }

    fn outcome(status: u16, retry_after: Option<&'static str>) -> Outcome {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let header = retry_after.map(HeaderValue::from_static);
        Outcome::of(StatusCode::from_u16(status).unwrap(), header.as_ref(), now)
    }

    #[test]
    fn the_status_says_whether_to_try_again() {
        for status in [200, 201, 204, 299] {
            assert_eq!(outcome(status, Some("10")), Outcome::Delivered);
        }
        for status in [400, 401, 404, 410, 422] {
            assert!(matches!(outcome(status, Some("10")), Outcome::Refused { .. }), "{status}");
        }
        for status in [301, 307, 408, 425, 429, 500, 503] {
            let why = format!("it answered {status}");
            assert_eq!(outcome(status, None), Outcome::Failed { why, pause: None });
        }
    }

    #[test]
    fn retry_after_is_heeded_within_five_minutes() {
        for (said, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("301", Some(300)),
            ("99999999999999999999999", Some(300)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("Sat, 06 Nov 2094 08:49:37 GMT", Some(300)),
            ("", None),
            ("-1", None),
            ("soon", None),
        ] {
            let Outcome::Failed { pause, .. } = outcome(429, Some(said)) else { panic!("{said}") };
            assert_eq!(pause, seconds.map(Duration::from_secs), "{said}");
        }
    }
}
