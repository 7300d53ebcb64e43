//! Every module that can be assembled is valid WGSL; no GPU is needed. That naga writes them in other languages is tested by tests/naga.

use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, StorageAccess, TypeInner};
use shaderprop::internals::{
    Family, Finish, Fused, Kernel, Layouts, Limits, PARTS, Plan, Product, Products, Rows, Rule, Shader, Table, Tiles, Training,
    Weights,
};
use shaderprop::{Activation, Loss, Network, Optimizer};

/// A custom activation that reads x and y.
fn custom() -> Activation {
    Activation::custom(
        "custom",
        "1.0 / (1.0 + exp(-x))",
        "1.0 / (1.0 + exp(-y)) * (1.0 - 1.0 / (1.0 + exp(-x)))",
        |x| 1.0 / (1.0 + (-x).exp()),
        |_, y| y * (1.0 - y),
    )
}

/// All that can be assembled of built-in parts, and the custom activation.
fn kernels() -> Vec<Kernel> {
    let custom = custom();
    let mut kernels = Kernel::all();
    kernels.extend([Kernel::BiasActivation(custom.clone()), Kernel::HiddenDelta(custom.clone())]);
    kernels.extend(Loss::ALL.iter().map(|loss| Kernel::OutputDelta(*loss, custom.clone(), Weights::Given)));
    kernels.extend(products());
    kernels
}

/// Products in every family, layout and finish, with some of the widths; and those of planned networks.
fn products() -> Vec<Kernel> {
    let rows = |rows, lanes, width| Family::Rows(Rows { rows, lanes, width });
    let tiles = |rows, columns, block| Family::Tiles(Tiles { rows, columns, block });
    let families = [
        rows(32, Some(8), 4),
        rows(8, Some(4), 1),
        rows(16, None, 4),
        rows(8, None, 1),
        tiles(128, 128, (8, 8)),
        tiles(64, 64, (8, 4)),
        tiles(16, 64, (4, 4)),
        tiles(64, 16, (4, 4)),
    ];
    let bias_activation = |sums| Finish::BiasActivation { activation: Activation::Sigmoid, sums };
    let finishes = [
        Finish::Store,
        Finish::Slice,
        bias_activation(false),
        bias_activation(true),
        Finish::Derivative(Activation::Tanh),
        Finish::Derivative(Activation::Relu),
        Finish::Derivative(Activation::Identity),
        Finish::Derivative(custom()),
        Finish::Update(Rule::of(&Optimizer::Sgd, 0.0)),
        Finish::Update(Rule::of(&Optimizer::adamw(), 0.01)),
    ];
    let mut kernels = Vec::new();
    for (layers, rows) in [(&[784, 512, 512, 10][..], 256), (&[100, 333, 77, 10], 61), (&[784, 128, 10], 1), (&[1024; 4], 2048)] {
        for products in [Products::Rows { lanes: Some(8), most: 32 }, Products::Rows { lanes: None, most: 16 }, Products::Tiles] {
            let network =
                layers[1..].iter().fold(Network::new(layers[0]), |network, units| network.dense(*units, Activation::Sigmoid));
            let table = Table { steps: 1, losses: 1 };
            let limits = Limits { products, ..Limits::CPU };
            let plan = Plan::training(&Training::new(&network, Loss::BinaryCrossEntropy, rows), table, limits).expect("a plan");
            kernels.extend(plan.dispatches.into_iter().map(|dispatch| dispatch.kernel));
        }
    }
    for ones in [false, true] {
        kernels.extend(
            finishes
                .iter()
                .filter(|finish| **finish != Finish::Slice)
                .map(|finish| Kernel::SumSlices { finish: finish.clone(), ones }),
        );
        for family in families {
            let layouts = [Layouts::TransposedA, Layouts::Plain, Layouts::TransposedB];
            // Only the gradient has a row of ones.
            for layouts in layouts.into_iter().take(if ones { 1 } else { 3 }) {
                for (a_width, b_width, c_width, masked) in [(4, 4, 4, false), (2, 1, 1, true), (1, 2, 1, true)] {
                    let single = matches!(family, Family::Rows(Rows { width: 1, .. }));
                    let b_width = if single && layouts != Layouts::TransposedB { 1 } else { b_width };
                    let c_width = if single { 1 } else { c_width };
                    for finish in finishes.iter().cloned() {
                        let product = Product { family, layouts, a_width, b_width, c_width, masked, ones, finish };
                        kernels.push(Kernel::Product(Box::new(product)));
                    }
                }
            }
        }
    }
    kernels.extend(Fused::some().into_iter().map(|fused| Kernel::Fused(Box::new(fused))));
    kernels
}

fn parse(kernel: &Kernel) -> (Module, ModuleInfo) {
    let source = kernel.source();
    let module = naga::front::wgsl::parse_str(&source)
        .unwrap_or_else(|error| panic!("{}: {}", kernel.label(), error.emit_to_string(&source)));
    // No capability beyond what every WebGPU device has, but for products in subgroups.
    let subgroups = source.contains("subgroupBroadcast");
    let capabilities = if subgroups { Capabilities::SUBGROUP } else { Capabilities::empty() };
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .subgroup_stages(naga::valid::ShaderStages::COMPUTE)
        .subgroup_operations(naga::valid::SubgroupOperationSet::all())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{}: {}", kernel.label(), error.emit_to_string(&source)));
    (module, info)
}

#[test]
fn every_stage_has_a_kernel_and_every_file_a_stage() {
    for shader in Shader::ALL {
        assert!(Kernel::all().iter().any(|kernel| kernel.shader() == Some(*shader)), "{}", shader.file());
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/shaders");
    for entry in std::fs::read_dir(folder).expect("the folder of shaders") {
        let name = entry.expect("a file").file_name().into_string().expect("a name");
        assert!(
            PARTS.iter().any(|(part, _)| *part == name) || Shader::ALL.iter().any(|shader| shader.file() == name),
            "{name} is no stage"
        );
    }
}

/// For other tools: tests/naga, and SPIR-V's validator in tests/long.sh.
#[test]
fn modules_are_written_to_a_folder() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("modules");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    for kernel in kernels() {
        let name = format!("{:08x}.wgsl", crc32fast::hash(kernel.source().as_bytes()));
        std::fs::write(folder.join(name), kernel.source()).expect("a module");
    }
}

/// Bindings and parameters are read from the text by rules of our own; naga reads them properly.
#[test]
fn what_is_read_from_the_text_is_what_naga_reads() {
    for kernel in kernels() {
        let (module, info) = parse(&kernel);
        let entry = &module.entry_points[0];
        let invocations = match &kernel {
            Kernel::Product(product) => product.family.invocations(),
            Kernel::Fused(fused) => fused.lanes.invocations(),
            _ => 64,
        };
        assert_eq!((entry.name.as_str(), entry.workgroup_size), ("main", [invocations, 1, 1]), "{}", kernel.label());
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

/// What is emitted reads as it did when somebody last looked at it: a product of each family, what adds slices, and a fused kernel of each kind.
#[test]
fn emitted_modules_are_as_in_the_snapshots() {
    let rows = Product {
        family: Family::Rows(Rows { rows: 8, lanes: Some(8), width: 4 }),
        layouts: Layouts::Plain,
        a_width: 4,
        b_width: 2,
        c_width: 1,
        masked: false,
        ones: false,
        finish: Finish::BiasActivation { activation: Activation::Sigmoid, sums: false },
    };
    let tiles = Product {
        family: Family::Tiles(Tiles { rows: 16, columns: 64, block: (4, 4) }),
        layouts: Layouts::TransposedA,
        a_width: 4,
        b_width: 4,
        c_width: 4,
        masked: true,
        ones: true,
        finish: Finish::Update(Rule::of(&Optimizer::Sgd, 0.0)),
    };
    let snapshots = [
        ("rows.wgsl", Kernel::Product(Box::new(rows))),
        ("tiles.wgsl", Kernel::Product(Box::new(tiles))),
        ("fused_xor.wgsl", Kernel::Fused(Box::new(Fused::some().swap_remove(0)))),
        ("fused_subgroup.wgsl", Kernel::Fused(Box::new(Fused::some().swap_remove(2)))),
        ("fused_memory.wgsl", Kernel::Fused(Box::new(Fused::some().swap_remove(3)))),
        ("sum_slices.wgsl", Kernel::SumSlices { finish: Finish::Derivative(Activation::Tanh), ones: false }),
    ];
    for (name, kernel) in snapshots {
        let kept = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
        let emitted = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&emitted, kernel.source()).expect("the emitted module");
        let same = std::fs::read_to_string(&kept).is_ok_and(|kept| kept == kernel.source());
        assert!(
            same,
            "{name} has changed: compare {} with {}, and copy it there if it is meant",
            kept.display(),
            emitted.display()
        );
    }
}
