//! Sessions that outlive their sockets.

use super::*;

mod announcing;
mod deaths;
mod handing_over;
mod losses;
mod numbers;
mod overflow;
mod waiting;
mod windows;

/// Both are resumable. The room is made at 5.
const A_AND_B_MET: &str = "0 link 1 up
     0 link 2 up
     0 link 3 up
     0 a attach 1 token A
     0 b attach 2 token B
     0 a join 1 #1
     > a waiting 1.0 default at 1 0s [1 taken 1]
     5 b join 1 #1
     > a matched 1.0 b r1 answers 5s [2 taken 1]
     > b matched 1.0 a r1 offers 0s [1 taken 1]
";

/// Only `a` is resumable. The room is made at 5.
const A_MET_BASE_B: &str = "0 link 1 up
     0 link 2 up
     0 link 3 up
     0 a attach 1 token A
     0 b attach 2
     0 a join 1 #1
     > a waiting 1.0 default at 1 0s [1 taken 1]
     5 b join 1
     > a matched 1.0 b r1 answers 5s [2 taken 1]
     > b matched 1.0 a r1 offers 0s
";
