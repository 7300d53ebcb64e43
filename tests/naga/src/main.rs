//! Checks that every WGSL module in a folder is valid, and that naga translates it with wgpu's settings. No GPU is
//! needed.
//!
//! Run `cargo run --manifest-path tests/naga/Cargo.toml -- FOLDER` after tests/shaders.rs, which fills the folder
//! `modules` in `SHADERPROP_TESTS`. The SPIR-V is written next to each module, for spirv-val (tests/long.sh).

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use naga::ShaderStage;
use naga::back::{glsl, hlsl, msl, spv};
use naga::proc::index::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: naga-test FOLDER");
        return ExitCode::from(2);
    };
    let mut modules: Vec<PathBuf> =
        fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).filter(|path| is_wgsl(path)).collect();
    modules.sort();
    let failed: Vec<String> =
        modules.iter().filter_map(|path| Some(format!("{}: {}", path.display(), written(path).err()?))).collect();
    println!("{} modules, {} of them could not be written as SPIR-V, HLSL, MSL and GLSL", modules.len(), failed.len());
    failed.iter().take(10).for_each(|failure| eprintln!("{failure}"));
    if modules.is_empty() {
        eprintln!("{}: expected WGSL modules, found none; run `cargo test --release --test shaders` first", folder.display());
    }
    if modules.is_empty() || !failed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn is_wgsl(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "wgsl")
}

fn written(path: &Path) -> Result<(), Box<dyn Error>> {
    let source = fs::read_to_string(path)?;
    let module = naga::front::wgsl::parse_str(&source).map_err(|error| error.emit_to_string(&source))?;
    // Only products in subgroups need a capability that not every WebGPU device has.
    let subgroups = source.contains("subgroupBroadcast");
    let info = Validator::new(ValidationFlags::all(), if subgroups { Capabilities::SUBGROUP } else { Capabilities::empty() })
        .subgroup_stages(ShaderStages::COMPUTE)
        .subgroup_operations(SubgroupOperationSet::all())
        .validate(&module)
        .map_err(|error| error.emit_to_string(&source))?;

    let pipeline = spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: "main".into() };
    let policies = BoundsCheckPolicies { index: BoundsCheckPolicy::Restrict, ..Default::default() };
    let options = spv::Options { lang_version: (1, 3), bounds_check_policies: policies, ..Default::default() };
    let words = spv::write_vec(&module, &info, &options, Some(&pipeline))?;
    expect("SPIR-V's magic number", words.first() == Some(&0x0723_0203))?;
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    fs::write(path.with_extension("spv"), bytes)?;

    let mut text = String::new();
    let (options, pipeline) = (hlsl::Options::default(), hlsl::PipelineOptions::default());
    hlsl::Writer::new(&mut text, &options, &pipeline).write(&module, &info, None)?;
    expect("numthreads( in HLSL", text.contains("numthreads("))?;

    let policies = BoundsCheckPolicies { buffer: BoundsCheckPolicy::Restrict, ..Default::default() };
    let options = msl::Options { fake_missing_bindings: true, bounds_check_policies: policies, ..Default::default() };
    let (text, _) = msl::write_string(&module, &info, &options, &msl::PipelineOptions::default())?;
    expect("kernel void in MSL", text.contains("kernel void"))?;

    let options = glsl::Options { version: glsl::Version::Desktop(430), ..Default::default() };
    let pipeline = glsl::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: "main".into(), multiview: None };
    let mut text = String::new();
    glsl::Writer::new(&mut text, &module, &info, &options, &pipeline, policies)?.write()?;
    expect("local_size_x in GLSL", text.contains("local_size_x"))
}

fn expect(what: &str, found: bool) -> Result<(), Box<dyn Error>> {
    if found { Ok(()) } else { Err(format!("expected {what}").into()) }
}
