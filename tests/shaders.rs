//! Every module that can be assembled is valid WGSL. No GPU is needed. tests/naga tests that naga translates the
//! modules to other languages.

mod common;

use std::collections::BTreeSet;

use common::{Cases, by};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, StorageAccess, TypeInner};
use shaderprop::internals::{
    Epilogue, Family, Fused, Kernel, Layouts, Limits, PARTS, Plan, Product, Products, RowBlocks, Rule, TableSize, Tiles,
    TrainingStep, Weights,
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

/// All kernels that can be assembled from built-in parts, and some with the custom activation.
fn kernels() -> Vec<Kernel> {
    let custom = custom();
    let mut kernels = Kernel::all();
    kernels.extend([Kernel::BiasActivation(custom.clone()), Kernel::HiddenDelta(custom.clone())]);
    kernels.extend(Loss::ALL.iter().map(|loss| Kernel::OutputDelta(*loss, custom.clone(), Weights::Given)));
    kernels.extend(products());
    kernels
}

/// Products in every family, layout and epilogue, with some of the widths; and those of planned networks.
fn products() -> Vec<Kernel> {
    let rows = |rows, lanes, width| Family::Rows(RowBlocks { rows, lanes, width });
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
    let bias_activation = |sums| Epilogue::BiasActivation { activation: Activation::Sigmoid, sums };
    let epilogues = [
        Epilogue::Store,
        Epilogue::Slice,
        bias_activation(false),
        bias_activation(true),
        Epilogue::Derivative(Activation::Tanh),
        Epilogue::Derivative(Activation::Relu),
        Epilogue::Derivative(Activation::Identity),
        Epilogue::Derivative(custom()),
        Epilogue::Update(Rule::of(&Optimizer::Sgd, 0.0)),
        Epilogue::Update(Rule::of(&Optimizer::adamw(), 0.01)),
    ];
    let mut kernels = Vec::new();
    for (layers, rows) in [(&[784, 512, 512, 10][..], 256), (&[100, 333, 77, 10], 61), (&[784, 128, 10], 1), (&[1024; 4], 2048)] {
        for products in [Products::Rows { lanes: Some(8), most: 32 }, Products::Rows { lanes: None, most: 16 }, Products::Tiles] {
            let network =
                layers[1..].iter().fold(Network::new(layers[0]), |network, units| network.dense(*units, Activation::Sigmoid));
            let table = TableSize { steps: 1, losses: 1 };
            let limits = Limits { products, ..Limits::CPU };
            let plan =
                Plan::training(&TrainingStep::new(&network, Loss::BinaryCrossEntropy, rows), table, limits).expect("a plan").plan;
            kernels.extend(plan.dispatches.into_iter().map(|dispatch| dispatch.kernel));
        }
    }
    for ones in [false, true] {
        kernels.extend(
            epilogues
                .iter()
                .filter(|epilogue| **epilogue != Epilogue::Slice)
                .map(|epilogue| Kernel::SumSlices { epilogue: epilogue.clone(), ones }),
        );
        for family in families {
            let layouts = [Layouts::TransposedA, Layouts::Plain, Layouts::TransposedB];
            // Only the gradient has a row of ones.
            for layouts in layouts.into_iter().take(if ones { 1 } else { 3 }) {
                for (a_width, b_width, c_width, masked) in [(4, 4, 4, false), (2, 1, 1, true), (1, 2, 1, true)] {
                    let single = matches!(family, Family::Rows(RowBlocks { width: 1, .. }));
                    let b_width = if single && layouts != Layouts::TransposedB { 1 } else { b_width };
                    let c_width = if single { 1 } else { c_width };
                    for epilogue in epilogues.iter().cloned() {
                        let product = Product { family, layouts, a_width, b_width, c_width, masked, ones, epilogue };
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
    // No capabilities beyond those of every WebGPU device, except for products in subgroups.
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
fn every_file_is_a_kernel_or_a_part() {
    let files: BTreeSet<_> = Kernel::all().iter().filter_map(Kernel::file).collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/shaders");
    for entry in std::fs::read_dir(folder).expect("the folder of shaders") {
        let name = entry.expect("a file").file_name().into_string().expect("a name");
        assert!(
            PARTS.iter().any(|(part, _)| *part == name) || files.contains(name.as_str()),
            "{name} is neither a kernel nor a part"
        );
    }
}

/// Other tools find the modules in `SHADERPROP_TESTS`: tests/naga, and SPIR-V's validator in tests/long.sh.
#[test]
fn modules_are_written_to_a_folder() {
    let folder = common::folder("modules");
    for kernel in kernels() {
        let name = format!("{:08x}.wgsl", crc32fast::hash(kernel.source().as_bytes()));
        std::fs::write(folder.join(name), kernel.source()).expect("a module");
    }
}

/// The table's row for each kernel matches naga's reflection of its module.
#[test]
fn the_table_matches_nagas_reflection() {
    let mut cases = Cases::new();
    for kernel in kernels() {
        let family = match &kernel {
            Kernel::Product(product) => format!("{:?}", product.family),
            Kernel::Fused(_) => "fused".into(),
            other => other.file().unwrap_or("emitted").into(),
        };
        cases.case([by("family", family)], kernel.label(), || declared(&kernel).unwrap_or_else(|wrong| panic!("{wrong}")));
    }
    cases.finish();
}

/// Compares a kernel's row with naga's reflection: entry point, parameters, bindings, access, and appended functions.
fn declared(kernel: &Kernel) -> Result<(), String> {
    let (module, info) = parse(kernel);
    let (row, source, label) = (kernel.row(), kernel.source(), kernel.label());
    let same = |what: &str, declared: String, read: String| match declared == read {
        true => Ok(()),
        false => Err(format!("{label}: {what}: the table says {declared}, naga {read}")),
    };
    let entry = &module.entry_points[0];
    let invocations = match kernel {
        Kernel::Product(product) => product.family.invocations(),
        Kernel::Fused(fused) => fused.lanes.invocations(),
        _ => 64,
    };
    same("entry point", format!("main {:?}", [invocations, 1, 1]), format!("{} {:?}", entry.name, entry.workgroup_size))?;
    let used = info.get_entry_point(0);
    let (mut params, mut bindings) = (Vec::new(), Vec::new());
    for (handle, variable) in module.global_variables.iter() {
        let Some(resource) = &variable.binding else { continue };
        assert_eq!(resource.group, 0);
        match variable.space {
            AddressSpace::Uniform => {
                assert_eq!(resource.binding, 0);
                let TypeInner::Struct { members, span } = &module.types[variable.ty].inner else { panic!("params is a struct") };
                params.extend(members.iter().map(|member| member.name.clone().expect("a name")));
                assert_eq!(*span as usize, 4 * params.len(), "{label}: each field is four bytes");
            }
            AddressSpace::Storage { access } if !used[handle].is_empty() => {
                let name = variable.name.clone().expect("a name");
                bindings.push((resource.binding, name, access.contains(StorageAccess::STORE)));
            }
            AddressSpace::Storage { .. } => (),
            space => panic!("{label}: {space:?}"),
        }
    }
    bindings.sort();
    same("parameters", format!("{:?}", row.params), format!("{params:?}"))?;
    let ours: Vec<_> = row.bindings.iter().map(|binding| (binding.index, binding.name, binding.written)).collect();
    same("bindings", format!("{ours:?}"), format!("{bindings:?}"))?;
    // WebGPU guarantees eight storage buffers per shader stage.
    assert!(bindings.len() <= 8, "{label}");

    // Functions that are not in the file itself are chosen for it, or belong to a part or to shaders/math.wgsl.
    let appended = source.strip_prefix(row.file.map_or("", |file| file.text)).expect("the file comes first");
    let part = |name: &str| PARTS.iter().find(|(part, _)| *part == name).map_or("", |(_, text)| *text);
    let functions = module.functions.iter().filter_map(|(_, function)| function.name.clone());
    let (math, others): (Vec<_>, Vec<_>) = functions.partition(|name| part("math.wgsl").contains(&format!("fn {name}(")));
    let calls: BTreeSet<_> = row.math.iter().map(|function| function.name().to_owned()).collect();
    same("calls of math.wgsl", format!("{calls:?}"), format!("{:?}", math.iter().cloned().collect::<BTreeSet<_>>()))?;
    let in_part = |text: &str| row.parts.iter().any(|part| part.text() == text);
    for (name, text) in &PARTS[..2] {
        let there = if row.file.is_some() { appended.contains(text) } else { in_part(text) };
        same(name, format!("{}", in_part(text)), format!("{there}"))?;
    }
    if row.file.is_some() {
        let chosen: BTreeSet<_> = others
            .into_iter()
            .filter(|name| {
                let declaration = format!("fn {name}(");
                appended.contains(&declaration) && !row.parts.iter().any(|part| part.text().contains(&declaration))
            })
            .collect();
        let ours: BTreeSet<_> = row.functions.iter().map(|name| (*name).to_owned()).collect();
        same("chosen functions", format!("{ours:?}"), format!("{chosen:?}"))?;
    }
    // Each appended function is called, by the entry point or by another function that is called.
    for name in math {
        let calls = source
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(|line| line.matches(&format!("{name}(")).count());
        assert!(calls.sum::<usize>() > 1, "{label}: {name} is appended but not called");
    }
    Ok(())
}

/// Generated modules match their reviewed snapshots: a product of each family, the sum of slices, and a fused kernel of
/// each kind.
#[test]
fn generated_modules_match_their_snapshots() {
    let rows = Product {
        family: Family::Rows(RowBlocks { rows: 8, lanes: Some(8), width: 4 }),
        layouts: Layouts::Plain,
        a_width: 4,
        b_width: 2,
        c_width: 1,
        masked: false,
        ones: false,
        epilogue: Epilogue::BiasActivation { activation: Activation::Sigmoid, sums: false },
    };
    let tiles = Product {
        family: Family::Tiles(Tiles { rows: 16, columns: 64, block: (4, 4) }),
        layouts: Layouts::TransposedA,
        a_width: 4,
        b_width: 4,
        c_width: 4,
        masked: true,
        ones: true,
        epilogue: Epilogue::Update(Rule::of(&Optimizer::Sgd, 0.0)),
    };
    let snapshots = [
        ("rows.wgsl", Kernel::Product(Box::new(rows))),
        ("tiles.wgsl", Kernel::Product(Box::new(tiles))),
        ("fused_xor.wgsl", Kernel::Fused(Box::new(Fused::some().swap_remove(0)))),
        ("fused_subgroup.wgsl", Kernel::Fused(Box::new(Fused::some().swap_remove(2)))),
        ("fused_memory.wgsl", Kernel::Fused(Box::new(Fused::some().swap_remove(3)))),
        ("sum_slices.wgsl", Kernel::SumSlices { epilogue: Epilogue::Derivative(Activation::Tanh), ones: false }),
    ];
    let folder = common::folder("snapshots");
    let mut changed = Vec::new();
    for (name, kernel) in snapshots {
        let kept = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
        let emitted = folder.join(name);
        std::fs::write(&emitted, kernel.source()).expect("the emitted module");
        if std::fs::read_to_string(&kept).is_ok_and(|kept| kept == kernel.source()) {
            continue;
        }
        changed.push(format!("{} differs from {}", emitted.display(), kept.display()));
    }
    assert!(changed.is_empty(), "if the changes are intended, copy these files:\n{}", changed.join("\n"));
}
