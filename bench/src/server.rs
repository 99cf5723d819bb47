//! The processes under test, as the kernel accounts for them.

use std::fs;
use std::io;
use std::ops::{AddAssign, Sub};

use rustix::process::Pid;

/// The processes of one server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Processes(pub(crate) Vec<Pid>);

/// What they have used since they started, all together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// CPU time in nanoseconds.
    pub(crate) cpu_ns: u64,
    /// The part of it spent outside the kernel, in clock ticks: the kernel tells it no finer.
    user_ticks: u64,
    system_ticks: u64,
    /// How often a thread went to sleep by itself.
    pub(crate) sleeps: u64,
}

impl Usage {
    /// The share of the CPU time that was spent outside the kernel.
    pub(crate) fn user_share(&self) -> f64 {
        self.user_ticks as f64 / (self.user_ticks + self.system_ticks).max(1) as f64
    }
}

impl Sub for Usage {
    type Output = Usage;

    fn sub(self, earlier: Usage) -> Usage {
        Usage {
            cpu_ns: self.cpu_ns.saturating_sub(earlier.cpu_ns),
            user_ticks: self.user_ticks - earlier.user_ticks,
            system_ticks: self.system_ticks - earlier.system_ticks,
            sleeps: self.sleeps.saturating_sub(earlier.sleeps),
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Usage) {
        self.cpu_ns += more.cpu_ns;
        self.user_ticks += more.user_ticks;
        self.system_ticks += more.system_ticks;
        self.sleeps += more.sleeps;
    }
}

impl Processes {
    /// What they have used until now. Threads that have ended are not in it.
    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let mut usage = Usage::default();
        for pid in &self.0 {
            let pid = pid.as_raw_nonzero();
            for task in fs::read_dir(format!("/proc/{pid}/task"))? {
                let task = task?.path();
                let read = |file: &str| fs::read_to_string(task.join(file));
                // A thread may end at any time.
                let (Ok(schedstat), Ok(status)) = (read("schedstat"), read("status")) else { continue };
                usage.cpu_ns += number(schedstat.split(' ').next())?;
                usage.sleeps += number(field(&status, "voluntary_ctxt_switches:"))?;
            }
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            // The name, in parentheses, may have spaces; the fields after it are numbered from 3 in proc(5).
            let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
            usage.user_ticks += number(fields.next())?;
            usage.system_ticks += number(fields.next())?;
        }
        Ok(usage)
    }

    /// Bytes of memory of their own: neither files nor the kernel's buffers.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let memory = |pid: &Pid| {
            let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()))?;
            number(field(&status, "RssAnon:")).map(|kilobytes| kilobytes * 1024)
        };
        self.0.iter().map(memory).sum()
    }
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()
}

fn number(text: Option<&str>) -> io::Result<u64> {
    text.and_then(|text| text.parse().ok()).ok_or_else(|| io::Error::other("/proc says what was not expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_time_and_memory() {
        let this = Processes(vec![rustix::process::getpid()]);
        let before = this.usage().unwrap();
        let mut sum = 0_u64;
        while (this.usage().unwrap() - before).cpu_ns < 20_000_000 {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(this.memory().unwrap() > 100_000);
    }
}
