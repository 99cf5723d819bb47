//! Generates the code that `duet-proto` checks in, so that building needs neither protoc nor a build script. A crate of its own
//! because it must run when the generated code is stale and `duet-proto` doesn't compile.
//!
//! After a change to a proto: `cargo run -p duet-proto-codegen`. Its test proves that this was done.

use std::path::{Path, PathBuf};
use std::{fs, io};

use prost::Message;

fn main() -> io::Result<()> {
    generate(&proto_root().join("src/generated"))
}

fn proto_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Writes `duet.v1.rs` and `duet.v1.bin` into `out`.
fn generate(out: &Path) -> io::Result<()> {
    let mut compiler = protox::Compiler::new([proto_root()]).map_err(io::Error::other)?;
    compiler.include_source_info(true).include_imports(true);
    let files = ["signaling", "matchmaker", "admin", "engine", "registry"];
    let protos = files.map(|file| format!("duet/v1/{file}.proto"));
    let descriptors = compiler.open_files(protos).map_err(io::Error::other)?.file_descriptor_set();

    // Reflection wants the imports, and has no use for the comments.
    let mut bare = descriptors.clone();
    bare.file.iter_mut().for_each(|file| file.source_code_info = None);
    fs::write(out.join("duet.v1.bin"), bare.encode_to_vec())?;

    tonic_prost_build::configure()
        .bytes(".duet.v1")
        // The rare and large kinds; else each forwarded message would be moved about in as much room as they take.
        .boxed(".duet.v1.UpFrame.kind.attach")
        .boxed(".duet.v1.UpFrame.kind.report")
        .boxed(".duet.v1.UpFrame.kind.resume_session")
        .boxed(".duet.v1.DownFrame.kind.session_resumed")
        .client_mod_attribute("duet.v1", "#[cfg(feature = \"grpc\")]")
        .server_mod_attribute("duet.v1", "#[cfg(feature = \"grpc\")]")
        .out_dir(out)
        .compile_fds(descriptors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_code_is_what_the_protos_say() {
        let fresh = std::env::temp_dir().join(format!("duet-generated-{}", std::process::id()));
        fs::create_dir_all(&fresh).unwrap();
        generate(&fresh).unwrap();
        for file in ["duet.v1.rs", "duet.v1.bin"] {
            let made = fs::read(fresh.join(file)).unwrap();
            let kept = fs::read(proto_root().join("src/generated").join(file)).unwrap();
            assert!(kept == made, "{file} is stale: cargo run -p duet-proto-codegen");
        }
        fs::remove_dir_all(&fresh).unwrap();
    }
}
