//! Whether meeting costs more the more there are who wait in the same pool: for anybody, past 32 who are first in the queue and not to be
//! met, and by one of ten tags. Run it with `cargo bench -p duet-bench --bench pairing`.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use duet_bench::crowd::{Crowd, Meeting};

fn pairing(criterion: &mut Criterion) {
    for meeting in [Meeting::Anybody, Meeting::PastOthers, Meeting::ByTags] {
        let mut group = criterion.benchmark_group(format!("two meet and part while others wait, {meeting:?}"));
        for waiters in [10, 1_000, 100_000, 1_000_000] {
            let mut crowd = Crowd::new(waiters, meeting);
            group.bench_function(BenchmarkId::from_parameter(waiters), |bencher| bencher.iter(|| crowd.meet()));
        }
    }
}

criterion_group!(benches, pairing);
criterion_main!(benches);
