//! The source layout: which module of `src` may use which, and that there are no large import cycles within a module.
//!
//! Reads all paths in the code that begin with `crate::` or `super::`. To move a border, change [`MODULES`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module and the modules that it may use, lowest first. All may use the files next to `lib.rs`.
const MODULES: &[(&str, &[&str])] = &[
    ("network", &[]),
    ("data", &["network"]),
    ("settings", &["network", "data"]),
    ("kernel", &["network"]),
    ("gpu", &["kernel"]),
    ("plan", &["network", "data", "settings", "kernel"]),
    ("engine", &["network", "data", "settings", "kernel", "gpu", "plan"]),
    ("file", &["network", "data", "settings"]),
    ("train", &["network", "data", "settings", "kernel", "gpu", "plan", "engine", "file"]),
    ("infer", &["network", "data", "settings", "kernel", "gpu", "plan", "engine", "train"]),
    ("model", &["network", "data", "settings", "kernel", "gpu", "plan", "engine", "file", "train", "infer"]),
    ("trainer", &["network", "data", "settings", "gpu", "plan", "engine", "train", "model"]),
    ("doctor", &["network", "data", "settings", "kernel", "gpu", "train", "model"]),
];

/// The files next to `lib.rs`, lowest first: each may use those before it.
const BASE_FILES: &[&str] = &["display", "error", "bits", "memory", "random"];

/// The maximum number of files in an import cycle within a module.
const LARGEST_CYCLE: usize = 3;

/// An import: a path in a file.
#[derive(Debug)]
struct Import {
    file: PathBuf,
    line: usize,
    /// The segments of the path, from `crate` on.
    path: Vec<String>,
}

#[test]
fn modules_use_only_what_is_below_them() {
    let found = wrong(&imports(&files()));
    assert!(found.is_empty(), "imports that are not allowed:\n{}", found.join("\n"));
}

#[test]
fn no_module_contains_a_large_cycle() {
    let files = files();
    let cycles: Vec<_> = cycles(&files, &imports(&files)).into_iter().filter(|cycle| cycle.len() > LARGEST_CYCLE).collect();
    let shown: Vec<_> = cycles.iter().map(|cycle| format!("{}: {}", cycle.len(), cycle.join(", "))).collect();
    assert!(cycles.is_empty(), "import cycles of more than {LARGEST_CYCLE} files:\n{}", shown.join("\n"));
}

#[test]
fn each_module_says_what_it_is_for_and_what_it_uses() {
    let mut found = Vec::new();
    for (module, _) in MODULES {
        let text = fs::read_to_string(source().join(module).join("mod.rs")).unwrap_or_default();
        let head: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        if !head.contains("Uses ") {
            found.push(format!("the first lines of src/{module}/mod.rs do not say what the module is for and what it uses"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The documentation lists the same modules and uses.
#[test]
fn the_documented_modules_match() {
    let map = fs::read_to_string(source().join("../docs/inside/layout.md")).expect("the source layout");
    let documented: Vec<(String, String)> = map
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let module = cells.get(1)?.strip_prefix('`')?.strip_suffix("/`")?;
            MODULES.iter().any(|(name, _)| *name == module).then(|| (module.to_owned(), cells[3].to_owned()))
        })
        .collect();
    let actual: Vec<_> = MODULES.iter().map(|(module, uses)| ((*module).to_owned(), uses.join(", "))).collect();
    assert_eq!(documented, actual);
}

/// The files that the documentation names exist: relative to `src/`, or to the repository.
#[test]
fn the_documented_files_exist() {
    let root = source().join("..");
    let map = fs::read_to_string(root.join("docs/inside/layout.md")).expect("the source layout");
    let (_, map) = map.split_once("## Where to find it").expect("the list of places");
    let (map, _) = map.split_once("## Outside of").expect("its end");
    let mut named = 0;
    let mut missing = Vec::new();
    for path in map.split('`').skip(1).step_by(2).filter(|path| path.contains('/')) {
        named += 1;
        if !source().join(path).exists() && !root.join(path).exists() {
            missing.push(path);
        }
    }
    assert!(named > 50 && missing.is_empty(), "of {named} paths, these do not exist: {missing:?}");
}

/// CONTRIBUTING.md gives a reason for each dependency of each package, and lists no others.
#[test]
fn each_dependency_has_a_reason() {
    let root = source().join("..");
    let mut used = BTreeSet::new();
    for package in ["", "command", "web", "fuzz", "tests/naga", "tests/onnx", "benches/peers/burn"] {
        let path = root.join(package).join("Cargo.toml");
        let manifest = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut dependencies = false;
        for line in manifest.lines() {
            if line.starts_with('[') {
                dependencies = line.ends_with("dependencies]");
            } else if let Some((name, _)) = line.split_once(" = ").filter(|(name, _)| dependencies && !name.starts_with('#')) {
                used.insert(name.to_owned());
            }
        }
    }
    // The library itself.
    used.remove("shaderprop");
    let contributing = fs::read_to_string(root.join("CONTRIBUTING.md")).expect("CONTRIBUTING.md");
    let (_, table) = contributing.split_once("## Dependencies").expect("the section on dependencies");
    let mut listed = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let names = line.split('|').nth(1).expect("a first cell").split('(').next().expect("the names");
        listed.extend(names.split(',').map(|name| name.trim().to_owned()));
    }
    // npm installs these, for the page's tests.
    let of_page: BTreeSet<_> = ["playwright-core", "typescript"].map(String::from).into();
    let unexplained: Vec<_> = used.difference(&listed).collect();
    let unused: Vec<_> = listed.difference(&used).filter(|name| !of_page.contains(*name)).collect();
    assert!(unexplained.is_empty() && unused.is_empty(), "no reason for {unexplained:?}; not used: {unused:?}");
}

/// An import from a higher module is found, and so is a cycle.
#[test]
fn forbidden_imports_and_cycles_are_found() {
    let import = |file: &str, path: &str| Import {
        file: source().join(file),
        line: 1,
        path: path.split("::").map(str::to_owned).collect(),
    };
    let upward = [import("network/init.rs", "crate::train::History"), import("error.rs", "crate::random::Philox")];
    assert_eq!(wrong(&upward).len(), 2);
    assert_eq!(wrong(&[import("train/run.rs", "crate::network::Layout"), import("random.rs", "crate::error::Error")]).len(), 0);
    let files: Vec<_> = ["a", "b", "c", "d"].map(|name| source().join(format!("train/{name}.rs"))).into();
    let round: Vec<_> = ["a", "b", "c", "d", "a"]
        .windows(2)
        .map(|pair| import(&format!("train/{}.rs", pair[0]), &format!("crate::train::{}::Thing", pair[1])))
        .collect();
    assert_eq!(cycles(&files, &round).len(), 1);
    assert!(cycles(&files, &round[..3]).is_empty());
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All files of the library except its root.
fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![source()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && path != source().join("lib.rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The path of a file's module, from `crate` on.
fn module(file: &Path) -> Vec<String> {
    let relative = file.strip_prefix(source()).expect("a file of src").with_extension("");
    let mut path: Vec<String> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    path.insert(0, "crate".into());
    if path.last().is_some_and(|last| last == "mod") {
        path.pop();
    }
    path
}

/// Every path in the code of the files, with `super`, `self` and child modules resolved.
fn imports(files: &[PathBuf]) -> Vec<Import> {
    let mut imports = Vec::new();
    for file in files {
        let own = module(file);
        let text = fs::read_to_string(file).expect("a file");
        let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
        let children: BTreeSet<&str> = code
            .iter()
            .filter_map(|line| {
                line.trim_start_matches("pub ").trim_start_matches("pub(crate) ").strip_prefix("mod ")?.strip_suffix(';')
            })
            .collect();
        // In an inline module, such as one with tests, `super` is the file itself.
        let depth = |at: usize| usize::from(code[..at].iter().any(|line| line.starts_with("mod ") && line.ends_with('{')));
        for (at, line) in code.iter().enumerate() {
            for path in paths(line) {
                let mut path: Vec<String> = path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
                let ups = path.iter().take_while(|part| *part == "super").count();
                if ups > 0 {
                    let base = own.len() + depth(at) - ups;
                    let within: Vec<String> = own.iter().take(base).cloned().collect();
                    path = [within, path.split_off(ups)].concat();
                } else if path[0] == "self" || children.contains(path[0].as_str()) {
                    let rest = if path[0] == "self" { path.split_off(1) } else { path };
                    path = [own.clone(), rest].concat();
                } else if path[0] != "crate" {
                    continue;
                }
                imports.push(Import { file: file.clone(), line: at + 1, path });
            }
        }
    }
    imports
}

/// The paths in a line of code: words joined by `::`.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .filter(|path| path.contains("::") && !path.starts_with(':'))
}

/// The imports that [`MODULES`] and [`BASE_FILES`] do not allow.
fn wrong(imports: &[Import]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for Import { file, line, path } in imports {
        let (own, Some(to)) = (module(file), path.get(1)) else { continue };
        let (from, to) = (own[1].as_str(), to.as_str());
        let base_file = |name: &str| BASE_FILES.iter().position(|base_file| *base_file == name);
        let allowed = from == to
            // Items of the root are re-exports, which only documentation names.
            || match (base_file(from), base_file(to)) {
                (Some(from), Some(to)) => to < from,
                (None, Some(_)) => MODULES.iter().any(|(module, _)| *module == from),
                (Some(_), None) => false,
                (None, None) => MODULES.iter().any(|(module, uses)| *module == from && uses.contains(&to)),
            };
        if !allowed {
            let file = file.strip_prefix(source()).expect("a file of src").display();
            found.insert(format!("src/{file}:{line}: {from} → {to}"));
        }
    }
    found.into_iter().collect()
}

/// The import cycles within modules.
fn cycles(files: &[PathBuf], imports: &[Import]) -> Vec<Vec<String>> {
    let modules: BTreeMap<Vec<String>, usize> = files.iter().enumerate().map(|(i, file)| (module(file), i)).collect();
    let mut needs = vec![BTreeSet::new(); files.len()];
    for Import { file, path, .. } in imports {
        let from = modules[&module(file)];
        // The file of the longest prefix of the path that is a module.
        let to = (1..=path.len()).rev().find_map(|length| modules.get(&path[..length]));
        let inside = to.is_some_and(|to| module(&files[*to]).get(1) == module(file).get(1));
        needs[from].extend(to.filter(|to| inside && **to != from));
    }
    // The files that can be reached from each file.
    let reached: Vec<BTreeSet<usize>> = (0..files.len())
        .map(|start| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
            while let Some(file) = open.pop() {
                open.extend(needs[file].iter().filter(|next| seen.insert(**next)));
            }
            seen
        })
        .collect();
    let mut cycles = BTreeSet::new();
    for file in 0..files.len() {
        let cycle: Vec<String> = (0..files.len())
            .filter(|other| reached[file].contains(other) && reached[*other].contains(&file))
            .map(|other| module(&files[other])[1..].join("/"))
            .collect();
        if cycle.len() > 1 {
            cycles.insert(cycle);
        }
    }
    cycles.into_iter().collect()
}
