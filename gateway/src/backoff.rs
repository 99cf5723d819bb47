//! How long to wait before a link is tried again.

use std::time::Duration;

/// The delay before try number `failures + 1`, at least half and at most all of what has doubled from 50 ms to the cap of
/// 1 s. `chance` is anything from 0 to 1 and spreads gateways that lost the same matchmaker.
pub fn delay(failures: u32, chance: f64) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(failures));
    doubled.min(CAP).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

const FIRST: Duration = Duration::from_millis(50);
const CAP: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_from_50_ms_to_one_second_and_keep_half_of_it_at_least() {
        let all: Vec<u128> = (0..7).map(|failures| delay(failures, 1.0).as_millis()).collect();
        assert_eq!(all, [50, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(delay(0, 0.0), Duration::from_millis(25));
        assert_eq!(delay(u32::MAX, 1.0), CAP);
        assert_eq!(delay(3, f64::NAN.max(0.0)), Duration::from_millis(200));
    }
}
