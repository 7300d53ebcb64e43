//! Puts the driver of driver.c in front of the one that is tested.

use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Driver {
    json: PathBuf,
    behind: String,
}

impl Driver {
    /// Compiles the driver into a folder.
    pub fn build(folder: &Path) -> Self {
        let library = folder.join("libdriver.so");
        compile("driver.c", &library);
        let (behind, version) = real_driver();
        let json = folder.join("driver.json");
        let text = serde_json::json!({
            "file_format_version": "1.0.0",
            "ICD": { "library_path": library, "api_version": version },
        });
        std::fs::write(&json, text.to_string()).expect("a file");
        Self { json, behind }
    }

    /// Makes a program use the driver.
    pub fn used_by<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("VK_DRIVER_FILES", &self.json).env("VK_ICD_FILENAMES", &self.json).env("FAULT_DRIVER", &self.behind)
    }
}

/// Compiles a C file to a shared library.
pub fn compile(source: &str, to: &Path) {
    // The command's tests include this file, too, and their package is one folder deeper.
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = package.ancestors().map(|folder| folder.join("tests/faults").join(source)).find(|path| path.exists());
    let path = path.unwrap_or_else(|| panic!("{source} is not in tests/faults"));
    let built = Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).arg(to).arg(path).arg("-ldl").status();
    assert!(built.expect("a C compiler, cc").success(), "{source} does not compile");
}

/// The library of the driver that is tested, and the version that it announces.
fn real_driver() -> (String, String) {
    let chosen = std::env::var("VK_DRIVER_FILES").ok().or_else(|| std::env::var("VK_ICD_FILENAMES").ok());
    let json = chosen.map(PathBuf::from).unwrap_or_else(|| {
        let home = std::env::var("HOME").unwrap_or_default();
        let folders = ["/usr/share", "/etc", "/usr/local/share", &format!("{home}/.local/share")];
        let entries = folders.iter().flat_map(|folder| std::fs::read_dir(format!("{folder}/vulkan/icd.d")));
        let mut files: Vec<PathBuf> = entries.flatten().flatten().map(|entry| entry.path()).collect();
        // Mesa's software driver first, if it is installed.
        files.sort_by_key(|path| !path.to_string_lossy().contains("lvp_icd"));
        files.into_iter().next().expect("a Vulkan driver, or one in VK_DRIVER_FILES")
    });
    let text = std::fs::read_to_string(&json).expect("the driver's JSON file");
    let text: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let library = text["ICD"]["library_path"].as_str().expect("a library");
    let library = match library.strip_prefix("./") {
        Some(beside) => json.with_file_name(beside).to_string_lossy().into_owned(),
        None => library.to_owned(),
    };
    (library, text["ICD"]["api_version"].as_str().expect("a version").to_owned())
}
