//! A disk that fails: each system call of a save in turn, with each error that it may return. The file is the complete
//! old one or the complete new one, and the result of the save says which.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use shaderprop::{Activation, Device, Error, Init, Model, Network, Save};

use crate::common::{self, Output, REFUSED, is_sentence};
use crate::shim;

/// EINTR, EIO, ENOSPC; 0 for a write of only half the bytes.
const ERRORS: [i32; 4] = [4, 5, 28, 0];

/// A model whose file takes several writes.
fn model(seed: u64) -> Result<Model, Error> {
    Model::new(&Device::cpu(), &Network::new(300).dense(500, Activation::Sigmoid), &Init::GlorotUniform { seed })
}

/// Saves a model to the path in `FAULT_PATH`, replacing what is there if `FAULT_REPLACES` is set.
pub fn child() -> ExitCode {
    let path = std::env::var_os("FAULT_PATH").expect("a path");
    let replaces = std::env::var_os("FAULT_REPLACES").is_some();
    let model = model(2).expect("a model");
    // The preloaded library counts calls between these two.
    let _ = std::fs::metadata("/faults-begin");
    let saved = model.save(&path, &Save::new().overwrite(replaces));
    let _ = std::fs::metadata("/faults-end");
    match saved {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(REFUSED)
        }
    }
}

/// Which call fails, and how.
struct Fault {
    replaces: bool,
    at: usize,
    call: String,
    errno: i32,
}

fn save(
    folder: &Path,
    library: &Path,
    replaces: bool,
    fault: Option<(usize, i32)>,
    counts: Option<&Path>,
) -> Result<Output, String> {
    let mut command = common::child("saving");
    command.env("LD_PRELOAD", library).env("FAULT_PATH", folder.join("model.safetensors"));
    if replaces {
        command.env("FAULT_REPLACES", "1");
    }
    if let Some((at, errno)) = fault {
        command.env("FAULT_AT", at.to_string()).env("FAULT_ERRNO", errno.to_string());
    }
    if let Some(counts) = counts {
        command.env("FAULT_COUNTS", counts);
    }
    common::finish(command, Duration::from_secs(60))
}

pub fn run(_long: bool) -> Vec<String> {
    let folder = common::folder("saving");
    let library = folder.join("libfiles.so");
    shim::compile("files.c", &library);
    let bytes = |seed| {
        let path = folder.join(format!("{seed}.safetensors"));
        model(seed).and_then(|model| model.save(&path, &Save::new())).expect("a file");
        std::fs::read(path).expect("its bytes")
    };
    let (old, new) = (bytes(1), bytes(2));
    let mut faults = Vec::new();
    for replaces in [false, true] {
        let place = folder.join(format!("counted-{replaces}"));
        std::fs::create_dir_all(&place).expect("a folder");
        if replaces {
            std::fs::write(place.join("model.safetensors"), &old).expect("the old file");
        }
        let counts = folder.join("counts");
        let output = save(&place, &library, replaces, None, Some(&counts)).expect("a save");
        assert_eq!(output.code, Some(0), "without a fault it should save: {}", output.stderr);
        let calls = std::fs::read_to_string(&counts).expect("the calls");
        println!(
            "  {} calls {}: {}",
            calls.lines().count(),
            if replaces { "of replacing a file" } else { "of saving a new file" },
            list(&calls)
        );
        for (i, call) in calls.lines().enumerate() {
            for errno in ERRORS.into_iter().filter(|errno| *errno != 0 || call.starts_with("write")) {
                faults.push(Fault { replaces, at: i + 1, call: call.into(), errno });
            }
        }
    }
    let results = common::each(&faults, |thread, fault| -> Result<bool, String> {
        let Fault { replaces, at, call, errno } = fault;
        let place = folder.join(format!("at-{thread}"));
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir_all(&place).expect("a folder");
        let path = place.join("model.safetensors");
        if *replaces {
            std::fs::write(&path, &old).expect("the old file");
            // Nobody else may read the file, nor the one that replaces it.
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its permissions");
        }
        let output = save(&place, &library, *replaces, Some((*at, *errno)), None)?;
        let is = std::fs::read(&path).ok();
        let left = std::fs::read_dir(&place).expect("the folder").count() - usize::from(is.is_some());
        let wrong =
            |what: &str| Err(format!("call {at}, {call}, error {errno}, replacing {replaces}: {what}: {}", output.stderr));
        let whole = is.as_ref() == Some(&new) || if *replaces { is.as_ref() == Some(&old) } else { is.is_none() };
        if !whole {
            return wrong("the file is neither the old nor the new one");
        }
        if *replaces && std::fs::metadata(&path).map(|about| about.permissions().mode() & 0o777).ok() != Some(0o600) {
            return wrong("others may read the new file, but not the old one");
        }
        match output.code {
            Some(0) if is.as_ref() != Some(&new) => return wrong("it says that it saved, but did not"),
            Some(0) => (),
            _ if [4, 0].contains(errno) => return wrong("it is not retried"),
            // The file was in place, but the folder could not be synced.
            Some(3) if is_sentence(&output.stderr) && (is.as_ref() != Some(&new) || call == "fsync") => (),
            _ => return wrong("neither saved nor an error"),
        }
        // A partial file that could not be removed stays until the next save.
        if left > 0 && call != "unlink" {
            return wrong("a partial file is left");
        }
        Ok(output.code == Some(0))
    });
    let saved = results.iter().filter(|result| **result == Ok(true)).count();
    println!("  {} faults: {saved} saved anyway, {} returned an error", faults.len(), faults.len() - saved);
    std::fs::remove_dir_all(folder).expect("the folder is removed");
    results.into_iter().filter_map(Result::err).collect()
}

fn list(calls: &str) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for call in calls.lines() {
        match counted.iter_mut().find(|(name, _)| *name == call) {
            Some((_, count)) => *count += 1,
            None => counted.push((call, 1)),
        }
    }
    counted.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}
