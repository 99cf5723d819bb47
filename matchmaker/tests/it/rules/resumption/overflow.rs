//! What is kept for a client is bounded: past that its session ends, rather than that one message is lost in silence. And what is
//! kept of its own messages is: of those only the last are handed over.

use super::*;

/// `b` sends these messages, and `a` is sent all of them.
fn b_sends(seqs: std::ops::RangeInclusive<u64>, after: u64) -> String {
    let line = |seq| format!("6 b forward 1.0 {seq}\n> a gets 1.0 #{seq} b{seq} [{} taken 1]\n", after + seq);
    seqs.map(line).collect()
}

#[test]
fn a_session_for_which_too_many_messages_pile_up_ends() {
    let world = script(&format!(
        "{A_AND_B_MET}
         6 a settle 2
         > a taken #1
         {}
         6 a settle 3
         {}
         6 b forward 1.0 258
         > a gets 1.0 #258 b258 [260 taken 1]
         > a ended: Overflow
         > b left 1.0 disconnected requeued [2 taken 1]
         > b waiting 1.1 default at 1 1s [3 taken 1]
         6 a settle 200",
        b_sends(1..=256, 2),
        b_sends(257..=257, 2)
    ));
    assert_eq!(state(&world, 'a'), None);
}

#[test]
fn a_session_for_which_too_many_bytes_pile_up_ends() {
    // With what a frame costs beside its text, two fill the bound.
    script(&format!(
        "{A_AND_B_MET}
         6 a detach
         > b partner away 1.0 [2 taken 1]
         6 a settle 2
         > a taken #1
         6 b forward 1.0 1 130976
         > a gets 1.0 #1 130976 bytes [3 taken 1]
         6 b forward 1.0 2 130976
         > a gets 1.0 #2 130976 bytes [4 taken 1]
         6 b forward 1.0 3 1
         > a gets 1.0 #3 x [5 taken 1]
         > a ended: Overflow
         > b left 1.0 disconnected requeued [3 taken 1]
         > b waiting 1.1 default at 1 1s [4 taken 1]
         deadline none"
    ));
}

#[test]
fn an_end_may_be_too_much_for_the_partner_in_turn() {
    let fill = |seq: u64| {
        format!(
            "6 b forward 1.0 {seq}
             > a gets 1.0 #{seq} b{seq} [{} taken 1]
             6 a forward 1.0 {seq}
             > b gets 1.0 #{seq} a{seq} [{} taken 1]\n",
            seq + 2,
            seq + 1
        )
    };
    script(&format!(
        "{A_AND_B_MET}
         {}
         6 a forward 1.0 255
         > b gets 1.0 #255 a255 [256 taken 1]
         6 b forward 1.0 255
         > a gets 1.0 #255 b255 [257 taken 1]
         > a ended: Overflow
         > b left 1.0 disconnected requeued [257 taken 1]
         > b waiting 1.1 default at 1 1s [258 taken 1]
         > b ended: Overflow",
        (1..=254).map(fill).collect::<String>()
    ));
}

/// `b` has not acknowledged what `a` has sent, and that one is resumed.
fn a_has_sent(messages: &str, sent: u64, owes: &str) {
    script(&format!(
        "{A_MET_BASE_B}
         {messages}
         7 x attach 3 token X
         7 x resume A C 2
         > x is a, epoch 1: room 1.0 r1 b answers 0 default 7s sent {sent}, seq 2 taken 1{owes} wants default
         > b resumes 1.0 after #0
         > x resumes 1.0 after #0, passed #{sent}"
    ));
}

#[test]
fn only_the_last_of_its_own_messages_are_handed_over() {
    let messages = (1..=257).map(|seq| format!("6 a forward 1.0 {seq}\n> b gets 1.0 #{seq} a{seq}\n"));
    let owes = (2..=257).map(|seq| format!(" owes a{seq}"));
    a_has_sent(&messages.collect::<String>(), 257, &owes.collect::<String>());

    let two = "6 a forward 1.0 1 65536
         > b gets 1.0 #1 65536 bytes
         6 a forward 1.0 2 65536
         > b gets 1.0 #2 65536 bytes";
    a_has_sent(two, 2, " owes 65536 bytes owes 65536 bytes");
    let three = format!("{two}\n6 a forward 1.0 3 1\n> b gets 1.0 #3 x");
    a_has_sent(&three, 3, " owes 65536 bytes owes x");
    let repeated = "6 a forward 1.0 1 100000
         > b gets 1.0 #1 100000 bytes
         6 link 2 down
         6 link 2 up
         6 b attach 2 room 1.0 r1 a offers 0 default 1
         > b resumes 1.0 after #0
         > a resumes 1.0 after #0
         6 a forward 1.0 1 100000
         > b gets 1.0 #1 100000 bytes
         6 a forward 1.0 2 1
         > b gets 1.0 #2 x";
    a_has_sent(repeated, 2, " owes 100000 bytes owes x");
    a_has_sent("6 a forward 1.0 1 131073\n> b gets 1.0 #1 131073 bytes", 1, " owes 131073 bytes");
}

#[test]
fn a_link_that_takes_too_little_loses_the_sessions_for_which_most_is_kept() {
    script(&format!(
        "{A_AND_B_MET}
         6 c attach 1 token C
         6 d attach 2 token D
         6 c join 1
         > c waiting 1.0 default at 1 0s [1]
         6 d join 1
         > c matched 1.0 d r2 answers 0s [2]
         > d matched 1.0 c r2 offers 0s [1]
         6 b forward 1.0 1 100000
         > a gets 1.0 #1 100000 bytes [3 taken 1]
         6 d forward 1.0 1 1000
         > c gets 1.0 #1 1000 bytes [3]
         7 link 1 overflows 50000
         > a ended: Overflow
         > b left 1.0 disconnected requeued [2 taken 1]
         > b waiting 1.1 default at 1 2s [3 taken 1]
         8 link 1 up
         8 c attach 1 room 1.0 r2 d answers 0 default 2 token C seq 2
         > c gets 1.0 #1 1000 bytes [3]
         > d resumes 1.0 after #0, passed #1
         > c resumes 1.0 after #0
         8 a attach 1 room 1.0 r1 b answers 0 default 2 token A seq 2
         > a ended: Overflow"
    ));
}
