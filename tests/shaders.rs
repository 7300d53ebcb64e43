//! Every module that can be assembled is valid WGSL and goes through naga's writers; no GPU is needed.

use naga::back::{hlsl, msl, spv};
use naga::proc::index::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ShaderStage, StorageAccess, TypeInner};
use shaderprop::internals::{Kernel, Shader};
use shaderprop::{Activation, Loss};

/// All that can be assembled of built-in parts, and a custom activation that reads x and y.
fn kernels() -> Vec<Kernel> {
    let custom = Activation::custom(
        "custom",
        "1.0 / (1.0 + exp(-x))",
        "1.0 / (1.0 + exp(-y)) * (1.0 - 1.0 / (1.0 + exp(-x)))",
        |x| 1.0 / (1.0 + (-x).exp()),
        |_, y| y * (1.0 - y),
    );
    let mut kernels = Kernel::all();
    kernels.extend([Kernel::BiasActivation(custom.clone()), Kernel::HiddenDelta(custom.clone())]);
    kernels.extend(Loss::ALL.iter().map(|loss| Kernel::OutputDelta(*loss, custom.clone())));
    kernels
}

fn parse(kernel: &Kernel) -> (Module, ModuleInfo) {
    let source = kernel.source();
    let module = naga::front::wgsl::parse_str(&source)
        .unwrap_or_else(|error| panic!("{}: {}", kernel.label(), error.emit_to_string(&source)));
    // No capability beyond what every WebGPU device has.
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{}: {}", kernel.label(), error.emit_to_string(&source)));
    (module, info)
}

#[test]
fn every_stage_has_a_kernel_and_every_file_a_stage() {
    for shader in Shader::ALL {
        assert!(Kernel::all().iter().any(|kernel| kernel.shader() == *shader), "{}", shader.file());
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/shaders");
    for entry in std::fs::read_dir(folder).expect("the folder of shaders") {
        let name = entry.expect("a file").file_name().into_string().expect("a name");
        assert!(name == "step.wgsl" || Shader::ALL.iter().any(|shader| shader.file() == name), "{name} is no stage");
    }
}

#[test]
fn spirv_hlsl_and_msl_are_written() {
    for kernel in kernels() {
        let (module, info) = parse(&kernel);
        let pipeline = spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: "main".into() };
        let words = spv::write_vec(&module, &info, &spv::Options::default(), Some(&pipeline)).expect("SPIR-V");
        assert_eq!(words[0], 0x0723_0203, "{}: SPIR-V's magic number", kernel.label());

        let mut text = String::new();
        let options = hlsl::Options::default();
        let pipeline = hlsl::PipelineOptions::default();
        hlsl::Writer::new(&mut text, &options, &pipeline).write(&module, &info, None).expect("HLSL");
        assert!(text.contains("numthreads(64, 1, 1)"), "{}: {text}", kernel.label());

        let policies = BoundsCheckPolicies { buffer: BoundsCheckPolicy::Restrict, ..Default::default() };
        let options = msl::Options { fake_missing_bindings: true, bounds_check_policies: policies, ..Default::default() };
        let (text, _) = msl::write_string(&module, &info, &options, &msl::PipelineOptions::default()).expect("MSL");
        assert!(text.contains("kernel void"), "{}: {text}", kernel.label());
    }
}

/// Bindings and parameters are read from the text by rules of our own; naga reads them properly.
#[test]
fn what_is_read_from_the_text_is_what_naga_reads() {
    for kernel in kernels() {
        let (module, info) = parse(&kernel);
        let entry = &module.entry_points[0];
        assert_eq!((entry.name.as_str(), entry.workgroup_size), ("main", [64, 1, 1]), "{}", kernel.label());
        let used = info.get_entry_point(0);
        let mut bindings = Vec::new();
        for (handle, variable) in module.global_variables.iter() {
            let Some(resource) = &variable.binding else { continue };
            assert_eq!(resource.group, 0);
            match variable.space {
                AddressSpace::Uniform => {
                    assert_eq!(resource.binding, 0);
                    let TypeInner::Struct { members, span } = &module.types[variable.ty].inner else {
                        panic!("params is a struct")
                    };
                    let names: Vec<_> = members.iter().map(|member| member.name.clone().expect("a name")).collect();
                    assert_eq!(names, kernel.params(), "{}", kernel.label());
                    assert_eq!(*span as usize, 4 * names.len(), "{}: each field is four bytes", kernel.label());
                }
                AddressSpace::Storage { access } if !used[handle].is_empty() => {
                    let name = variable.name.clone().expect("a name");
                    bindings.push((resource.binding, name, access.contains(StorageAccess::STORE)));
                }
                AddressSpace::Storage { .. } => (),
                space => panic!("{}: {space:?}", kernel.label()),
            }
        }
        bindings.sort();
        let ours: Vec<_> = kernel.bindings().into_iter().map(|binding| (binding.index, binding.name, binding.written)).collect();
        assert_eq!(ours, bindings, "{}", kernel.label());
        // WebGPU promises eight storage buffers to a stage.
        assert!(bindings.len() <= 8);
    }
}
