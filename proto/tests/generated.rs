//! Holds the checked-in generated code to the protos, so that building needs neither protoc nor a build script.
//!
//! After a change to a proto: `UPDATE_GENERATED=1 cargo test -p duet-proto --test generated`.

use std::path::Path;
use std::{env, fs};

#[test]
fn generated_code_is_what_the_protos_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checked_in = root.join("src/generated");
    let fresh = env::temp_dir().join(format!("duet-generated-{}", std::process::id()));
    fs::create_dir_all(&fresh).unwrap();
    generate(root, &fresh);

    for file in ["duet.v1.rs", "duet.v1.bin"] {
        let made = fs::read(fresh.join(file)).unwrap();
        if env::var_os("UPDATE_GENERATED").is_some() {
            fs::write(checked_in.join(file), &made).unwrap();
        }
        let kept = fs::read(checked_in.join(file)).unwrap_or_default();
        assert!(kept == made, "{file} is stale: run this test with UPDATE_GENERATED=1");
    }
    fs::remove_dir_all(&fresh).unwrap();
}

fn generate(root: &Path, out: &Path) {
    let protos = ["duet/v1/signaling.proto", "duet/v1/matchmaker.proto"];
    let mut compiler = protox::Compiler::new([root]).unwrap();
    compiler.include_source_info(true).include_imports(true);
    let descriptors = compiler.open_files(protos).unwrap().file_descriptor_set();
    // Reflection wants the imports, and has no use for the comments' positions.
    let mut bare = descriptors.clone();
    bare.file.iter_mut().for_each(|file| file.source_code_info = None);
    fs::write(out.join("duet.v1.bin"), prost_bytes(&bare)).unwrap();

    tonic_prost_build::configure()
        .bytes(".duet.v1")
        .client_mod_attribute("duet.v1", "#[cfg(feature = \"grpc\")]")
        .server_mod_attribute("duet.v1", "#[cfg(feature = \"grpc\")]")
        .out_dir(out)
        .compile_fds(descriptors)
        .unwrap();
}

fn prost_bytes(message: &impl prost::Message) -> Vec<u8> {
    message.encode_to_vec()
}
