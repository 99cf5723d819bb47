//! Whether meeting costs more the more there are who wait. Run it with `cargo bench -p duet-bench --bench pairing`.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use duet_bench::crowd::Crowd;

fn pairing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("two meet and part while others wait");
    for waiters in [10, 1_000, 100_000, 1_000_000] {
        let mut crowd = Crowd::new(waiters);
        group.bench_function(BenchmarkId::from_parameter(waiters), |bencher| bencher.iter(|| crowd.meet()));
    }
}

criterion_group!(benches, pairing);
criterion_main!(benches);
