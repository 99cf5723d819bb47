//! The matchmaker's Unix socket: bound where nobody else serves, and gone with the process.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use crate::failure::Failure;

/// A socket that listens.
pub(super) struct GrpcSocket {
    listener: UnixListener,
    file: SocketFile,
}

/// Its name in the file system, which is removed when this is dropped.
pub(super) struct SocketFile(PathBuf);

impl GrpcSocket {
    /// Listens there. A socket that a process left which did not end in order is replaced; one that somebody serves is not.
    pub(super) fn bind(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            Failure::environment(format!("can't listen on {} (GRPC_SOCKET)", path.display()), &error)
        };
        if UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            std::fs::remove_file(path).map_err(failed)?;
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        Ok(GrpcSocket { listener, file: SocketFile(path.to_owned()) })
    }

    pub(super) fn into_parts(self) -> (UnixListener, SocketFile) {
        (self.listener, self.file)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Who removed it already has done no harm.
        let _ = std::fs::remove_file(&self.0);
    }
}
