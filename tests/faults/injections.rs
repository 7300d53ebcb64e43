//! A driver that fails or hangs at the k-th call of each function that training uses, either once or from then on. The
//! library returns an error or the right numbers; it neither panics nor hangs nor crashes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shaderprop::{Device, DeviceChoice, Philox};

use crate::common::{self, Output, REFUSED, is_sentence};
use crate::shim::Driver;
use crate::works::{self, Work};

/// The environment variable that says what a child process trains.
const WORK: &str = "FAULT_WORK";

/// The functions that fail, and the codes that they return: out of host memory -1, out of device memory -2, not
/// initialised -3, lost -4, not mapped -5, too many objects -10, fragmented -12, out of pool memory -1000069000,
/// fragmentation -1000161000; a timeout 2; success without doing anything 0.
const CALLS: &[(&str, &[i32])] = &[
    ("vkCreateInstance", &[-1, -2, -3]),
    ("vkEnumeratePhysicalDevices", &[-1, -2, -3]),
    ("vkCreateDevice", &[-1, -2, -3, -4, -10]),
    ("vkQueueSubmit", &[-1, -2, -4]),
    ("vkWaitSemaphores", &[-1, -2, -4, 2]),
    ("vkGetSemaphoreCounterValue", &[-1, -2, -4]),
    ("vkAllocateMemory", &[-1, -2, -10]),
    ("vkMapMemory", &[-1, -2, -5]),
    ("vkCreateBuffer", &[-1, -2]),
    ("vkBindBufferMemory", &[-1, -2]),
    ("vkCreateComputePipelines", &[-1, -2]),
    ("vkCreateShaderModule", &[-1, -2]),
    ("vkCreateCommandPool", &[-1, -2]),
    ("vkResetCommandPool", &[-1, -2]),
    ("vkAllocateCommandBuffers", &[-1, -2]),
    ("vkBeginCommandBuffer", &[-1, -2]),
    ("vkEndCommandBuffer", &[-1, -2]),
    ("vkCreatePipelineLayout", &[-1, -2]),
    ("vkCreateDescriptorSetLayout", &[-1, -2]),
    ("vkCreateDescriptorPool", &[-1, -2, -1000161000]),
    ("vkAllocateDescriptorSets", &[-1, -2, -12, -1000069000]),
    ("vkCreateSemaphore", &[-1, -2]),
    ("vkQueueWaitIdle", &[-1, -2, -4]),
];

/// The time limit of a child process: if two devices hang, the library waits a minute for each.
const LONGEST: Duration = Duration::from_secs(200);

/// Trains twice on one device, to show the state after a fault, and once more on a new device if the first one is
/// unusable.
pub fn child() -> ExitCode {
    shaderprop::silence_caught_panics();
    let work = std::env::var(WORK).expect("what to train");
    let train = works::ALL.iter().find(|known| known.name == work).expect("one of the known names").train;
    let device = match Device::open(&DeviceChoice::Auto) {
        Ok(device) => device,
        Err(error) => {
            eprintln!("not opened: {error}");
            return ExitCode::from(REFUSED);
        }
    };
    let mut code = ExitCode::SUCCESS;
    let mut lost = false;
    for _ in 0..2 {
        match train(&device) {
            Ok(bits) => println!("{bits}"),
            Err(error) => {
                lost = error.needs_new_device();
                eprintln!("{}: {error}", if lost { "lost" } else { "refused" });
                code = ExitCode::from(REFUSED);
            }
        }
    }
    if lost {
        match device.reopen().and_then(|device| train(&device)) {
            Ok(bits) => println!("{bits}"),
            Err(error) => eprintln!("not reopened: {error}"),
        }
    }
    code
}

/// One fault.
#[derive(Clone, Copy, Debug)]
struct Injection {
    call: &'static str,
    code: i32,
    at: usize,
    ever: bool,
}

/// The result of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The fault did no harm.
    Harmless,
    /// One training run was refused, and the other was correct on the same device.
    Usable,
    /// The device was lost, every call said so, and a new device trained correctly.
    Lost,
    /// The device did not open.
    Refused,
}

/// Trains without a fault. Returns how often each function is called, and the resulting bits.
fn train_without(driver: &Driver, work: &Work, counts: &Path) -> (BTreeMap<String, usize>, String) {
    let mut command = common::child("injections");
    driver.used_by(&mut command).env(WORK, work.name).env("FAULT_COUNTS", counts);
    let Output { code, stdout, stderr } = common::finish(command, LONGEST).expect("a training run");
    let lines: Vec<&str> = stdout.lines().collect();
    let trained = code == Some(0) && lines.len() == 2 && lines[0] == lines[1];
    assert!(trained, "without a fault, {} should train: {code:?} {stdout} {stderr}", work.name);
    let counts = std::fs::read_to_string(counts).expect("the counts");
    let counts = counts.lines().filter_map(|line| line.split_once(' '));
    (counts.map(|(name, count)| (name.to_owned(), count.parse().expect("a count"))).collect(), lines[0].to_owned())
}

/// Trains with a fault. Also returns whether the fault occurred.
fn train_with(driver: &Driver, work: &Work, injection: &Injection, fired: &Path) -> (Result<Output, String>, bool) {
    let Injection { call, code, at, ever } = injection;
    let _ = std::fs::remove_file(fired);
    let mut command = common::child("injections");
    driver.used_by(&mut command).env(WORK, work.name).env("FAULT_FIRED", fired);
    command.env("FAULT_CALL", call).env("FAULT_CODE", code.to_string()).env("FAULT_AT", at.to_string());
    if *ever {
        command.env("FAULT_EVER", "1");
    }
    (common::finish(command, LONGEST), fired.exists())
}

fn judge(injection: &Injection, output: Result<Output, String>, right: &str) -> Result<Outcome, String> {
    let Output { code, stdout, stderr } = output.map_err(|what| format!("{what}: {injection:?}"))?;
    let wrong = |what: &str| Err(format!("{what}: {injection:?}\n{stderr}"));
    if stderr.contains("panicked at") {
        return wrong("a panic is printed");
    }
    if stdout.lines().any(|line| line != right) {
        return wrong("wrong numbers");
    }
    // There is one error for each training run that did not end correctly, and each error is a sentence.
    let (right, said) = (stdout.lines().count(), stderr.lines().count());
    if stderr.lines().any(|line| !is_sentence(line)) {
        return wrong("what is printed is not an error message of the library");
    }
    let lost = stderr.lines().any(|line| line.starts_with("lost: "));
    // A lack of memory, with the amounts.
    let memory = stderr.lines().all(|line| line.contains(" bytes are needed, but only "));
    if injection.code == 0 && !(lost && stderr.contains("did not finish within 60 s")) {
        return wrong("the library did not give up on a device that hangs after a minute");
    }
    match (code, stderr.lines().next().map(|line| line.split(':').next().unwrap_or_default())) {
        (Some(0), None) if right == 2 => Ok(Outcome::Harmless),
        (Some(3), Some("not opened")) if said == 1 && right == 0 => Ok(Outcome::Refused),
        // The device stays usable, which the other run shows unless the driver keeps failing.
        (Some(3), Some("refused")) if !lost && memory && (right == 1 || injection.ever) && right + said == 2 => {
            Ok(Outcome::Usable)
        }
        // The device is unusable, and a new one works, again unless the driver keeps failing.
        (Some(3), Some("lost" | "refused")) if lost && (right >= 1 || injection.ever) && right + said == 3 => Ok(Outcome::Lost),
        (Some(101), _) => wrong("a panic left the library"),
        (code, _) => wrong(&format!("exit code {code:?}, {right} correct training runs")),
    }
}

/// The faults of a training run that calls each function this often: all of them in the long mode, otherwise about as
/// many as its work specifies.
fn faults(work: &Work, counts: &BTreeMap<String, usize>, long: bool) -> Vec<Injection> {
    let mut all = Vec::new();
    for (call, codes) in CALLS.iter().filter(|(call, _)| work.calls.is_empty() || work.calls.contains(call)) {
        let calls = counts[*call];
        assert!(
            calls > 0,
            "{call} is no longer called: a different function has replaced it, or the failing driver is not in use"
        );
        // One call more than there are: this fault never occurs, and does no harm.
        for at in 1..=calls + 1 {
            let once = codes.iter().map(|code| Injection { call, code: *code, at, ever: false });
            all.extend(once.chain([Injection { call, code: codes[0], at, ever: true }]));
        }
    }
    if long && work.calls.is_empty() {
        // A device that never answers, and one that hangs: it accepts later submissions, but does nothing.
        all.push(Injection { call: "vkWaitSemaphores", code: 2, at: 1, ever: true });
        let hangs = [1, counts["vkQueueSubmit"] / 2];
        all.extend(hangs.map(|at| Injection { call: "vkQueueSubmit", code: 0, at, ever: true }));
    }
    // Only one function, if it is named.
    if let Some(only) = std::env::args().nth(2) {
        all.retain(|injection| injection.call == only);
    }
    if !long {
        // The first and the last call of each function, and some of the others.
        let share = work.some as f32 / all.len() as f32;
        let mut chance = Philox::new(7, 1000, 0, 0);
        let edge = |injection: &Injection| injection.at == 1 || injection.at == counts[injection.call];
        all.retain(|injection| chance.uniform() < share || (edge(injection) && injection.code == -1));
    }
    all
}

/// Trains with each fault. Returns how many faults occurred, and what escaped.
fn try_faults(driver: &Driver, work: &Work, folder: &Path, long: bool) -> (usize, Vec<String>) {
    let (counts, right) = train_without(driver, work, &folder.join(format!("counts-{}", work.name)));
    assert!(work.calls.is_empty() || counts["vkAllocateMemory"] > 1, "wgpu's first block of memory is enough for {}", work.name);
    let all = faults(work, &counts, long);
    let occurred = AtomicUsize::new(0);
    let results = common::each(&all, |thread, injection| {
        let (output, fired) = train_with(driver, work, injection, &folder.join(format!("fired-{thread}")));
        occurred.fetch_add(usize::from(fired), Ordering::Relaxed);
        // How often some functions are called depends on how long things take, but not that much.
        let expected = injection.at == 1 || injection.at * 2 <= counts[injection.call];
        let result = match judge(injection, output, &right) {
            Ok(_) if expected && !fired => Err(format!("the fault did not occur: {injection:?}")),
            judged => judged,
        };
        (injection.call, result.map_err(|what| format!("{}: {what}", work.name)))
    });
    let occurred = occurred.into_inner();
    println!(
        "  {}: {} injections into {} calls, of which {occurred} occurred",
        work.name,
        all.len(),
        counts.values().sum::<usize>()
    );
    if std::env::args().len() < 3 {
        assert!(occurred * 10 >= all.len() * 8, "too few faults occurred");
        let usable = results.iter().any(|(_, result)| result == &Ok(Outcome::Usable));
        assert!(usable, "no fault left the device usable, although a lack of device memory always does");
    }
    for (call, _) in CALLS {
        let mut outcomes: BTreeMap<Outcome, usize> = BTreeMap::new();
        let of_call = results.iter().filter(|(name, _)| name == call);
        of_call.filter_map(|(_, result)| result.as_ref().ok()).for_each(|outcome| *outcomes.entry(*outcome).or_default() += 1);
        let all: Vec<String> = outcomes.iter().map(|(outcome, count)| format!("{count} {outcome:?}")).collect();
        if !all.is_empty() {
            println!("    {call}, {} calls: {}", counts[*call], all.join(", "));
        }
    }
    (occurred, results.into_iter().filter_map(|(_, result)| result.err()).collect())
}

pub fn run(long: bool) -> Vec<String> {
    if let Some(only) = std::env::args().nth(2) {
        assert!(CALLS.iter().any(|(call, _)| *call == only), "no function is named {only}");
    }
    let folder = common::folder("driver");
    let driver = Driver::build(&folder);
    let (mut occurred, mut escaped) = (0, Vec::new());
    for work in works::ALL {
        let (more, of_work) = try_faults(&driver, work, &folder, long);
        occurred += more;
        escaped.extend(of_work);
    }
    println!("  {occurred} injections occurred");
    if std::env::args().len() < 3 {
        assert!(occurred >= if long { 1000 } else { 200 }, "fewer faults occurred than the documentation promises");
    }
    std::fs::remove_dir_all(folder).expect("the folder is removed");
    escaped
}
