"""Mutation testing of the host code: makes one change at a time, and counts how many changes the tests notice.

    python3 tests/host_mutants.py [--anew] [--workers N] [PART ...]

The parts are readers, checkpoints, planner, products and fused; the default is all of them. cargo-mutants lists the
changes (it is installed under target/), but it would build all tests for each of them. This script makes each change in
a copy of the project, and there builds and runs only the tests that are likely to notice it: first those that fail
soonest, as one program, then the others. A program is stopped at its first failure. For products and fused, it changes
the WGSL that the code writes, as tests/mutants.py changes the files of shaders/.

The build has overflow checks, as `cargo test` without --release has, and no optimisation. Results are kept in
target/mutants/PART.tsv. A noticed change is not tried again while the changed lines and those around them stay the
same; --anew discards the results. So a run may be interrupted and continued.

Changes that are not noticed are printed, so that a test or an explanation can be added; EXPLAINED lists those that have
an explanation. Exits with 1 if any other change was not noticed or not tried. Needs Python 3.9, git, patch, and what
the tests need.
"""

import argparse
import difflib
import fcntl
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "target" / "mutants"
VERSION = "27.1.0"
TOOL = ROOT / "target" / "tools" / "bin" / "cargo-mutants"
MARK = "/* ~ changed by cargo-mutants ~ */"

# For each part: the files to change, and the tests, those that fail soonest first. The test files of an inner list are
# built as one program; `lib` stands for the library's unit tests.
PARTS = {
    "readers": (
        ["src/data/read/*.rs", "src/display.rs"]
        + [f"src/data/table/{name}.rs" for name in ("csv", "guess", "lines", "records")]
        + [f"src/file/{name}.rs" for name in ("description", "npz", "safetensors")],
        [["files", "tables", "corpus"], ["hostile"], ["lib", "resume", "export"]],
    ),
    "checkpoints": (
        ["src/file/checkpoint_state.rs", "src/train/checkpoint.rs"],
        [["resume"], ["hostile", "files", "export"], ["lib"]],
    ),
    "planner": (
        ["src/plan/*.rs", "src/plan/stages/*.rs", "src/plan/steps/*.rs"],
        [["plan_snapshots"], ["plan"], ["stages", "batches", "training", "fit", "errors"]],
    ),
    "products": (
        ["src/kernel/product/*.rs"],
        [["products"], ["kernels", "training"]],
    ),
    "fused": (
        ["src/kernel/fused/emit.rs"],
        [["fused"], ["training", "determinism"]],
    ),
}

# Parts whose code writes WGSL. The WGSL is what is changed. Their tests compute so much on the host that they are built
# with some optimisation.
WRITES_WGSL = {"products", "fused"}

# The changes to the generated WGSL: kind, pattern and replacement. A value may be a placeholder in braces.
VALUE = r"(?:[\w.]|\{[^{}]*\})+"
WGSL = [
    ("barrier", r"^workgroupBarrier\(\);$", ""),
    ("guard", r" < ", " <= "),
    ("guard", r" >= ", " > "),
    ("guard", r" > ", " >= "),
    ("term", rf" \+ {VALUE}(?=[\]);,* ])", ""),
    ("term", rf"{VALUE} \+ (?={VALUE})", ""),
    ("term", rf" - {VALUE}(?=[\]);,* ])", ""),
    ("factor", rf" \* {VALUE}(?=[\]);,+ ])", ""),
    ("factor", rf"{VALUE} \* (?={VALUE})", ""),
    ("factor", rf" [/%] {VALUE}(?=[\]);,+ ])", ""),
    ("operation", r" \+= ", " = "),
    ("operation", r"\bmin\(", "max("),
    ("operation", r" == ", " != "),
    ("operation", r" && ", " || "),
    ("constant", r"\b1\.0\b", "2.0"),
    ("constant", r"\b0\.0\b", "1.0"),
    ("constant", r"\b4u\b", "3u"),
]

# The maximum number of changes of each kind per file, spread over the file.
MOST_OF_WGSL = 10

# The time limit of a test program in seconds, about ten times what it takes.
LONGEST = 200

SURVIVES, UNVIABLE = "survives", "does not compile"

# Changes that no test can notice, or that are not worth a test, with the reason: the file, and the changed line (or the
# description of the change if no line is left).
EXPLAINED = {
    # Reads beyond a tensor's end give 0 if the driver has robust buffer access, and do not affect the result.
    ("src/kernel/product/slices.rs", 'text.open("for (var slice = 0u; slice <= params.slices; slice++) {");'),
    ("src/kernel/product/rows.rs", 'masked(ones(value, &row), &format!("k + {term}u <= k_end"))'),
    ("src/kernel/product/tiles.rs", 'let condition = if terms_lie_together { "live".into() } else { format!("first_term + {i}u <= k_end") };'),
    # The two operands have no bits in common.
    ("src/plan/stages/forward.rs", '("purpose", DROPOUT ^ number << 8),'),
    # The length from which an entry needs 64-bit sizes: no test has an entry of 4 GiB.
    ("src/file/npz.rs", 'zip.start_file(format!("{name}.npy"), options.large_file(data.len() >= u32::MAX as usize + 1024))?;'),
    # The lowest byte of the shifted value is 0.
    ("src/data/read/npy.rs", "let length = length.iter().rev().fold(0usize, |length, byte| length << 8 ^ usize::from(*byte));"),
    # Only for fuzzing.
    ("src/file/checkpoint_state.rs", "Some(_) if false => Ok(()),"),
    # The same weights are read back and written again.
    ("src/train/checkpoint.rs", "replace Saver::knows_best -> bool with false"),
    # For a first line of exactly 1 MiB, the next 8 KiB are read, too.
    ("src/data/table/guess.rs", "'reading: while head.len() <= if known { 3 } else { FIRST_LINE } {"),
    # Less memory is reserved at first.
    ("src/data/read/mod.rs", 'values.try_reserve_exact(bytes * size).map_err(|_| format!("a shape of {shape:?}, for which there is not enough memory"))?;'),
    ("src/data/read/mod.rs", 'values.try_reserve_exact(bytes % size).map_err(|_| format!("a shape of {shape:?}, for which there is not enough memory"))?;'),
    # One byte more or less of 32 MiB, which are read 8 KiB at a time.
    ("src/data/table/lines.rs", "if ends.length - ends.asked >= LONGEST_ROW {"),
    ("src/data/table/lines.rs", "if ends.ahead.len() >= MOST_LINES {"),
    # The limit is checked again when the bytes are read.
    ("src/file/npz.rs", "if layout.places.iter().map(|place| place.len as u64 + 4).sum::<u64>() > self.room {"),
    ("src/file/npz.rs", "if layout.places.iter().map(|place| place.len as u64 * 4).sum::<u64>() == self.room {"),
    ("src/file/npz.rs", "if layout.places.iter().map(|place| place.len as u64 / 4).sum::<u64>() > self.room {"),
    ("src/file/npz.rs", "if layout.places.iter().map(|place| place.len as u64 * 4).sum::<u64>() >= self.room {"),
}

# The running child processes, which end with this script.
running, stopping = set(), threading.Event()


def check_paths():
    """Ends the script if a file that it names no longer exists."""
    patterns = [pattern for files, _ in PARTS.values() for pattern in files] + [path for path, _ in EXPLAINED]
    missing = sorted({pattern for pattern in patterns if not any(ROOT.glob(pattern))})
    if missing:
        sys.exit(f"tests/host_mutants.py names files that do not exist: {', '.join(missing)}")


def changes(files):
    """All changes that cargo-mutants lists for these files."""
    if not TOOL.exists():
        install = ["cargo", "install", "--quiet", "--locked", "--root", ROOT / "target" / "tools", "cargo-mutants", "--version", VERSION]
        subprocess.run(install, check=True)
    command = [TOOL, "mutants", "--list", "--json", "--diff"] + [part for file in files for part in ("-f", file)]
    return json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)


def changes_of_wgsl(files):
    """Changes to the strings that write WGSL in these files."""
    found = {}
    for path in sorted(path for pattern in files for path in ROOT.glob(pattern)):
        lines = path.read_text().split("#[cfg(test)]")[0].splitlines(keepends=True)
        file = str(path.relative_to(ROOT))
        for at, line in enumerate(lines):
            code = line.strip()
            # Messages and labels are not WGSL.
            if code.startswith(("//", "assert", "debug_assert", "label")):
                continue
            for text in re.finditer(r'"((?:[^"\\]|\\.)*)"', line):
                if text[1].startswith("//"):
                    continue
                for kind, pattern, replacement in WGSL:
                    for match in re.finditer(pattern, text[1]):
                        start, end = text.start(1) + match.start(), text.start(1) + match.end()
                        changed = line[:start] + match.expand(replacement) + line[end:]
                        whole = lines[:at] + [changed] + lines[at + 1 :]
                        diff = "".join(difflib.unified_diff(lines, whole, file, file))
                        name = f"{file}:{at + 1}:{start + 1}: {kind}: `{code}` becomes `{changed.strip()}`"
                        found.setdefault((file, kind), []).append({"file": file, "name": name, "diff": diff, "genre": "WGSL"})
    return [change for of_kind in found.values() for change in of_kind[:: -(-len(of_kind) // MOST_OF_WGSL)]]


def after(change):
    """The key of a change in EXPLAINED."""
    added = [line[1:].replace(MARK, "").strip() for line in change["diff"].splitlines()[2:] if line.startswith("+")]
    text = " ".join(" ".join(added).split())
    return (change["file"], text if text and change["genre"] != "FnValue" else change["name"].split(": ", 1)[1])


def key(change):
    """The key of a verdict: the file, the change and the lines around it, without line numbers."""
    lines = "\n".join(line for line in change["diff"].splitlines()[1:] if not line.startswith("@@"))
    return f"{change['file']} {zlib.crc32(lines.encode()):08x}"


def start(command, stderr=subprocess.DEVNULL, **how):
    """Starts a child in its own process group. So an interrupt reaches only this script, which then kills the child and
    everything that the child has started."""
    child = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, stderr=stderr, text=True, **how)
    running.add(child)
    if stopping.is_set():
        end(child)
    return child


def end(child):
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end_all():
    stopping.set()
    for child in list(running):
        end(child)


class Copy:
    """A copy of the project in which changes are made and tests are built."""

    def __init__(self, number, groups, of_wgsl):
        self.of_wgsl = of_wgsl
        self.root, self.target = PLACE / f"copy-{number}", PLACE / f"target-{number}"
        shutil.rmtree(self.root, ignore_errors=True)
        # If a compiler was killed, this may contain the state of a change.
        shutil.rmtree(self.target / "debug" / "incremental", ignore_errors=True)
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout
        for name in filter(None, listed.split("\0")):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            # This gives the file a new modification time. The last build may have been of a change that is no longer
            # there.
            shutil.copy(ROOT / name, self.root / name)
        self.programs = []
        for group in groups:
            # One program per group, because linking takes the most time.
            name = "all_" + "_".join(group)
            modules = "".join(f'#[path = "{test}.rs"]\nmod {test};\n' for test in group if test != "lib")
            (self.root / "tests" / f"{name}.rs").write_text(modules)
            self.programs.append((["--lib"] if "lib" in group else []) + ["--test", name])
        self.env = dict(os.environ, CARGO_TARGET_DIR=str(self.target), RUST_BACKTRACE="0", SHADERPROP_FIRST_FAILURE="1")
        # These would run the long tests, or put programs elsewhere.
        for name in ("SHADERPROP_LONG", "RUSTFLAGS", "CARGO_BUILD_TARGET"):
            self.env.pop(name, None)

    def build(self, wanted):
        """Builds these tests; returns their programs, or None if they do not compile."""
        command = ["cargo", "test", "--locked", "--no-run", "--message-format=json", *wanted]
        # Without optimisation, as little as possible of the library is rebuilt. With optimisation, a change to a
        # function also changes every function that it is inlined in.
        for setting in (f"profile.dev.opt-level={int(self.of_wgsl)}", "profile.dev.debug=0", 'profile.dev.package."*".opt-level=2'):
            command += ["--config", setting]
        child = start(command, cwd=self.root, env=self.env)
        messages = [json.loads(line) for line in child.communicate()[0].splitlines()]
        running.discard(child)
        if child.returncode:
            if any(message.get("message", {}).get("level") == "error" for message in messages):
                return None
            raise RuntimeError(f"expected cargo to build, or to report a compile error, got exit code {child.returncode}")
        # cargo also builds the examples and the command.
        return [message["executable"] for message in messages if message.get("executable") and message["profile"]["test"]]

    def fail(self, program):
        """Runs these tests; returns the first failure, if there is one."""
        # This test mounts a disk, which would stay mounted if the program is killed.
        command = [program, "--skip", "a_full_disk"]
        # A panic message shows that the changed text is no longer valid WGSL.
        child = start(command + ["--nocapture"] * self.of_wgsl, cwd=self.root, env=self.env, stderr=subprocess.STDOUT if self.of_wgsl else subprocess.DEVNULL)
        failed = []
        clock = threading.Timer(LONGEST, lambda: (failed.append(f"{Path(program).name} does not end"), end(child)))
        clock.start()
        for line in child.stdout:
            if self.of_wgsl and " does not compile: " in line:
                failed.append(UNVIABLE)
                break
            if line.startswith("test ") and line.rstrip().endswith("FAILED"):
                failed.append(line.strip())
                break
        # This also kills what the program has started.
        if failed:
            end(child)
        child.wait()
        clock.cancel()
        running.discard(child)
        return "".join(failed[:1]) or (child.returncode and f"{Path(program).name} ends with {child.returncode}")

    def verdict(self):
        """The result of the tests on the copy as it is: the failure, SURVIVES, or UNVIABLE if it does not compile."""
        for wanted in self.programs:
            programs = self.build(wanted)
            if programs is None:
                return UNVIABLE
            for program in programs:
                failed = self.fail(program)
                if failed:
                    return failed
        return SURVIVES

    def attempt(self, change):
        """Makes a change, returns the verdict on it, and reverts it."""
        path = self.root / change["file"]
        original = path.read_bytes()
        try:
            patch = ["patch", "--batch", "--silent", "--fuzz=0", "-p0", change["file"]]
            subprocess.run(patch, input=change["diff"], text=True, cwd=self.root, check=True)
            return self.verdict()
        finally:
            path.write_bytes(original)


def made(name, groups, workers):
    """Copies the project once for each worker, and checks that the tests pass in each copy."""
    copies = [Copy(i, groups, name in WRITES_WGSL) for i in range(workers)]
    first = copies[0]
    verdict = first.verdict()
    if verdict != SURVIVES:
        sys.exit(f"expected the tests of {name} to pass as they are, got: {verdict}; fix them first")
    for copy in copies[1:]:
        if not copy.target.exists():
            # The other copies reuse the dependencies that the first one has built. They cannot share one target folder:
            # cargo takes the package in another copy for the same one, and would rebuild it each time.
            partial = copy.target.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(first.target, partial, ignore=shutil.ignore_patterns("incremental", "tmp"))
            partial.rename(copy.target)
        if any(copy.build(wanted) is None for wanted in copy.programs):
            sys.exit(f"expected {copy.root} to build, as {first.root} does")
    return copies


def part(name, workers):
    """Tries the changes without a verdict; returns how many survive or were not tried."""
    files, groups = PARTS[name]
    found = changes_of_wgsl(files) if name in WRITES_WGSL else changes(files)
    kept = PLACE / f"{name}.tsv"
    lines = [line.split("\t") for line in (kept.read_text().splitlines() if kept.exists() else [])]
    # Survivors are tried again, because there may be tests for them now. A line may be incomplete if a run was killed.
    known = {line[0]: line[1] for line in lines if len(line) == 3 and line[1] != SURVIVES}
    left = queue.SimpleQueue()
    # In a pseudo-random order, so that an unfinished run is a sample.
    for change in sorted(found, key=lambda change: zlib.crc32(change["name"].encode())):
        if key(change) not in known:
            left.put(change)
    writing = threading.Lock()

    def work(copy):
        while not stopping.is_set():
            try:
                change = left.get_nowait()
            except queue.Empty:
                return
            verdict = copy.attempt(change)
            with writing, kept.open("a") as file:
                # A killed program gives no verdict.
                if not stopping.is_set():
                    file.write(f"{key(change)}\t{verdict}\t{change['name']}\n")
                    known[key(change)] = verdict

    if not left.empty():
        copies = made(name, groups, workers)
        with ThreadPoolExecutor(workers) as pool:
            tasks = [pool.submit(work, copy) for copy in copies]
            try:
                for task in tasks:
                    task.result()
            except BaseException:
                end_all()
                raise
    verdicts = [(known.get(key(change)), change) for change in found]
    untried = sum(verdict is None for verdict, _ in verdicts)
    unviable = sum(verdict == UNVIABLE for verdict, _ in verdicts)
    hanging = sum(verdict is not None and ("does not end" in verdict or "ends with" in verdict) for verdict, _ in verdicts)
    unnoticed = [change for verdict, change in verdicts if verdict == SURVIVES]
    survivors = [change for change in unnoticed if after(change) not in EXPLAINED]
    for change in survivors:
        print(f"survives: {change['name']}: `{after(change)[1]}`")
    viable = len(found) - untried - unviable
    print(
        f"{name}: {viable - len(unnoticed)} of {viable} changes are noticed ({hanging} by tests that do not end, or crash), "
        f"{len(unnoticed) - len(survivors)} more are explained; {unviable} do not compile, {untried} were not tried"
    )
    return len(survivors) + untried


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--anew", action="store_true", help="discard earlier results")
    arguments.add_argument("--workers", type=int, default=2, metavar="N", help="the number of changes to try at once (default: 2)")
    arguments.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    given = arguments.parse_args()
    check_paths()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    PLACE.mkdir(parents=True, exist_ok=True)
    lock = (PLACE / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit("another run of this script is in progress; wait until it ends")
    survivors = 0
    for name in given.parts or PARTS:
        if name not in PARTS:
            sys.exit(f"no part {name}; expected {' or '.join(PARTS)}")
        if given.anew:
            (PLACE / f"{name}.tsv").unlink(missing_ok=True)
        survivors += part(name, given.workers)
    return 1 if survivors else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        end_all()
        sys.exit("interrupted; the next run continues from here")
