//! Which of several replicas something belongs to, without anybody being asked: whoever knows the same names comes to the same one,
//! whatever their order, and when a name comes or goes only what belonged to it, or belongs to it now, changes hands.
//!
//! All gateways must come to the same result, of whichever version they are: the hash must stay as it is.

use duet_proto::ids::BootId;

/// The place of the replica that the key belongs to; none of none. Replicas are told apart by their names and, should several have the same,
/// by their processes.
pub fn choose<'a>(key: &[u8], replicas: impl IntoIterator<Item = (&'a str, BootId)>) -> Option<usize> {
    let weighed = replicas.into_iter().enumerate().map(|(place, (name, boot))| {
        let by_name = (weight(key, name.as_bytes()), name);
        ((by_name, weight(key, boot.as_bytes())), place)
    });
    weighed.max().map(|(_, place)| place)
}

/// FNV-1a of the name and the key, stirred, as it hardly spreads the last bytes by itself.
fn weight(key: &[u8], name: &[u8]) -> u64 {
    let bytes = name.iter().chain(key).copied();
    stir(bytes.fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)))
}

/// What ends a step of SplitMix64.
fn stir(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["matchmaker-0", "matchmaker-1", "matchmaker-2", "matchmaker-3"];

    fn keys() -> impl Iterator<Item = [u8; 16]> {
        (0_u128..4000).map(u128::to_be_bytes)
    }

    fn boot(number: u8) -> BootId {
        BootId::from_random([number; 16])
    }

    fn choose_name(key: &[u8], names: &[&str]) -> Option<usize> {
        choose(key, (0..).zip(names).map(|(number, name)| (*name, boot(number))))
    }

    fn chosen(key: &[u8], names: &[&'static str]) -> &'static str {
        names[choose_name(key, names).unwrap()]
    }

    #[test]
    fn replicas_of_the_same_name_are_told_apart_by_their_processes() {
        let replicas = [("host", boot(1)), ("host", boot(2))];
        let turned = [replicas[1], replicas[0]];
        let mut shares = [0, 0];
        for key in keys() {
            let place = choose(&key, replicas).unwrap();
            assert_eq!(choose(&key, turned), Some(1 - place));
            shares[place] += 1;
        }
        assert!(shares.iter().all(|share| (1800..=2200).contains(share)), "{shares:?}");
    }

    #[test]
    fn the_order_of_the_names_does_not_matter() {
        let mut turned = NAMES;
        turned.reverse();
        assert!(keys().all(|key| chosen(&key, &NAMES) == chosen(&key, &turned)));
        assert_eq!(choose_name(b"key", &[]), None);
    }

    #[test]
    fn only_what_belonged_to_a_name_that_went_changes_hands() {
        for key in keys() {
            let before = chosen(&key, &NAMES);
            let after = chosen(&key, &NAMES[1..]);
            assert!(before == after || before == NAMES[0]);
        }
    }

    #[test]
    fn each_gets_about_its_share() {
        for name in NAMES {
            let share = keys().filter(|key| chosen(key, &NAMES) == name).count();
            assert!((900..=1100).contains(&share), "{name}: {share}");
        }
    }

    #[test]
    fn the_hash_is_what_gateways_of_other_versions_use() {
        let all: Vec<usize> = (0_u8..8).map(|key| choose_name(&[key; 16], &NAMES).unwrap()).collect();
        assert_eq!(all, [3, 3, 0, 3, 1, 2, 2, 3]);
    }
}
