//! Why the process ends with another status than 0, and with which.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Ends the process.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments or variables make no sense; clap's own words.
    Usage(Box<clap::Error>),
    /// A setting turned out to make no sense.
    Setting(String),
    /// Something outside is not as it must be: a port in use, a thread that can't be made.
    Environment(String),
    /// What was asked of another process went wrong; the status to end with.
    Answer(u8, String),
    /// Whoever read what was said has had enough, as `head` has: that is no fault.
    Unread,
}

impl Failure {
    /// Something outside failed while doing `what`.
    pub(crate) fn environment(what: impl Into<String>, error: &dyn std::fmt::Display) -> Self {
        Failure::Environment(format!("{}: {error}", what.into()))
    }

    /// Says it on standard error; the status to end with.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Failure::Usage(error) => {
                // Nobody reads it; then there is nobody to tell.
                let _ = error.print();
                if let Some(variable) = variable(&error) {
                    eprintln!("The environment variable {variable} sets it too.");
                }
                ExitCode::from(EX_USAGE)
            }
            Failure::Setting(text) => {
                eprintln!("error: {text}");
                ExitCode::from(EX_USAGE)
            }
            Failure::Answer(status, text) => {
                eprintln!("error: {text}");
                ExitCode::from(status)
            }
            Failure::Unread => ExitCode::SUCCESS,
            Failure::Environment(text) => {
                eprintln!("error: {text}");
                ExitCode::FAILURE
            }
        }
    }
}

/// The variable of the setting that clap complains of, which clap knows by its flag.
fn variable(error: &clap::Error) -> Option<String> {
    let ContextValue::String(argument) = error.get(ContextKind::InvalidArg)? else { return None };
    let flag = argument.strip_prefix("--")?.split([' ', '=']).next()?;
    (error.kind() != ErrorKind::UnknownArgument).then(|| match flag {
        "url" => "HEALTHCHECK_URL".to_owned(),
        "server" | "token-file" | "ca-file" | "cert-file" | "key-file" | "tls-name" | "timeout-ms" => {
            format!("DUET_{}", flag.to_uppercase().replace('-', "_"))
        }
        _ => flag.to_uppercase().replace('-', "_"),
    })
}

/// "Command line usage error" of sysexits(3): a supervisor that sees it need not try again.
pub(crate) const EX_USAGE: u8 = 64;
