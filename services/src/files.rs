//! Settings that are files: read at the start, and again at each SIGHUP. A file that has become bad is said in the log, and what it said before
//! goes on.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::failure::Failure;

/// A file and the variable that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SettingFile {
    setting: &'static str,
    path: PathBuf,
}

impl SettingFile {
    pub(crate) fn new(setting: &'static str, path: impl Into<PathBuf>) -> Self {
        SettingFile { setting, path: path.into() }
    }

    pub(crate) fn setting(&self) -> &'static str {
        self.setting
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with it, for people.
    pub(crate) fn problem(&self, what: impl fmt::Display) -> String {
        format!("{}: {}: {what}", self.setting, self.path.display())
    }
}

/// All of a process's files.
pub(crate) struct Files {
    hangup: Signal,
    again: Vec<Box<dyn FnMut() -> Result<(), String> + Send>>,
}

impl Files {
    /// From now on SIGHUP ends nothing.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let hangup = signal(SignalKind::hangup());
        let hangup = hangup.map_err(|error| Failure::environment("SIGHUP can't be caught", &error))?;
        Ok(Files { hangup, again: Vec::new() })
    }

    /// Reads files now, and again at each SIGHUP. The error names the setting.
    pub(crate) fn read<T: Send + Sync + 'static>(
        &mut self,
        read: impl Fn() -> Result<T, String> + Send + 'static,
    ) -> Result<watch::Receiver<Arc<T>>, Failure> {
        let (sender, receiver) = watch::channel(Arc::new(read().map_err(Failure::Setting)?));
        self.again.push(Box::new(move || {
            sender.send_replace(Arc::new(read()?));
            Ok(())
        }));
        Ok(receiver)
    }

    /// Goes on reading for as long as the process runs.
    pub(crate) fn keep(mut self) -> JoinHandle<()> {
        tokio::spawn(async move {
            while self.hangup.recv().await.is_some() {
                let problems = self.again.iter_mut().filter_map(|again| again().err()).inspect(|problem| {
                    tracing::error!(problem, "a file can't be used; what it said before goes on");
                });
                let bad = problems.count();
                tracing::info!(settings = self.again.len(), bad, "SIGHUP: files were read again");
            }
        })
    }
}
