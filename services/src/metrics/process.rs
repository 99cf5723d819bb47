//! The process: what it is, what it takes of its host, and how busy its runtimes are.

use duet_gateway::server::Figures;
use tokio::runtime::RuntimeMetrics;

use super::families::{Families, label};

/// The version, and what the kernel says. The names are those that Prometheus clients of all languages use.
pub(super) fn process(families: &mut Families) {
    let version = [(label("version", env!("CARGO_PKG_VERSION")), 1_u64)];
    families.gauges("duet_build_info", "The version, as a label", version);
    #[cfg(target_os = "linux")]
    // Where /proc is not to be read there is less to tell.
    let _ = linux(families);
}

#[cfg(target_os = "linux")]
fn linux(families: &mut Families) -> procfs::ProcResult<()> {
    use procfs::process::{LimitValue, Process};
    use procfs::{CurrentSI as _, WithCurrentSystemInfo as _};

    let process = Process::myself()?;
    let stat = process.stat()?;
    #[allow(clippy::cast_precision_loss, reason = "ticks since the start of the host")]
    let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
    let cpu = seconds(stat.utime + stat.stime);
    families.counter("process_cpu_seconds", "User and system time", cpu);
    families.gauge("process_resident_memory_bytes", "Memory in use", stat.rss_bytes().get());
    families.gauge("process_virtual_memory_bytes", "Address space", stat.vsize);
    families.gauge("process_threads", "Threads", u64::try_from(stat.num_threads).unwrap_or_default());
    families.gauge("process_open_fds", "File descriptors", process.fd_count()?);
    if let LimitValue::Value(most) = process.limits()?.max_open_files.soft_limit {
        families.gauge("process_max_fds", "File descriptors that may be", most);
    }
    #[allow(clippy::cast_precision_loss, reason = "seconds since 1970")]
    let start = procfs::KernelStats::current()?.btime as f64 + seconds(stat.starttime);
    families.gauge("process_start_time_seconds", "When it started, since 1970", start);
    Ok(())
}

/// The process's own runtime, and those of a gateway's workers.
pub(super) fn runtimes(own: &RuntimeMetrics, workers: Option<&Figures>, families: &mut Families) {
    let runtimes = || std::iter::once(("main", own)).chain(workers.into_iter().flat_map(named));
    let sum = |kind: &str, number: fn(&RuntimeMetrics) -> f64| -> f64 {
        runtimes().filter(|(name, _)| *name == kind).map(|(_, runtime)| number(runtime)).sum()
    };
    let kinds = if workers.is_some() { &["main", "worker"][..] } else { &["main"] };
    let each = |number: fn(&RuntimeMetrics) -> f64| {
        kinds.iter().map(move |kind| (label("runtime", *kind), sum(kind, number))).collect::<Vec<_>>()
    };
    let threads = each(|runtime| count(runtime.num_workers()));
    families.gauges("duet_runtime_threads", "Threads of the async runtimes", threads);
    families.gauges("duet_runtime_tasks", "Tasks that are alive", each(|runtime| count(runtime.num_alive_tasks())));
    let what = "Tasks that wait to be run, put there by other threads";
    families.gauges("duet_runtime_queued_tasks", what, each(|runtime| count(runtime.global_queue_depth())));
    let what = "Time in which the threads did not wait; the pauses of COALESCE_US count as work";
    families.counters("duet_runtime_busy_seconds", what, each(busy));
    families.counters("duet_runtime_parks", "How often the threads began to wait", each(parks));
}

fn named(figures: &Figures) -> impl Iterator<Item = (&'static str, &RuntimeMetrics)> {
    figures.runtimes().map(|runtime| ("worker", runtime))
}

fn busy(runtime: &RuntimeMetrics) -> f64 {
    (0..runtime.num_workers()).map(|thread| runtime.worker_total_busy_duration(thread).as_secs_f64()).sum()
}

#[allow(clippy::cast_precision_loss, reason = "nothing happens that often")]
fn parks(runtime: &RuntimeMetrics) -> f64 {
    (0..runtime.num_workers()).map(|thread| runtime.worker_park_count(thread) as f64).sum()
}

#[allow(clippy::cast_precision_loss, reason = "nothing is that many")]
fn count(number: usize) -> f64 {
    number as f64
}
