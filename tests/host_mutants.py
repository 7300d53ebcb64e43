"""Changes the host's code one place at a time, and counts how many of these changes the tests notice.

    python3 tests/host_mutants.py [--anew] [--workers N] [PART ...]

The parts are readers, checkpoints, planner, products and fused; without one, all. cargo-mutants finds the places and the changes (it is installed under
target/), but would build all tests for each of them. What writes the WGSL of products and fused kernels is changed in that WGSL, as tests/mutants.py
changes the files of shaders/. Here each change is made in a copy of the project, and what is likely to notice it is built and run: first the tests that
tell soonest, as one program, then others if those do not. A program is stopped at its first failure.

The build is one without optimisation and with Rust's checks of overflows, as `cargo test` without --release has them. What was noticed is kept in
target/mutants/PART.tsv and not tried again as long as the changed lines and those around them stay as they are; --anew forgets it. So this may be
interrupted and gone on with.

What is not noticed is printed, for a new test or an explanation; those that are explained are in EXPLAINED. Ends with 1 if one is left, or one was
not tried. Needs Python 3.9, git, patch, and what the tests need.
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

# What is changed, and the tests, in the order of how soon they tell. Files of tests in a list are one program, and `lib` the library's own.
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

# Parts that write WGSL, which is what is changed. Their tests compute so much on the host that they are optimised a little.
WRITES_WGSL = {"products", "fused"}

# What is changed of the WGSL that is written: kind, pattern, and what is put in its place. A value may be one that is put in, in braces.
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

# The most of each kind in a file, spread over it.
MOST_OF_WGSL = 10

# How long a program of tests may take, in seconds: some ten times as long as it does.
LONGEST = 200

SURVIVES, UNVIABLE = "survives", "does not compile"

# Changes that no test can notice, or none that is worth its time, and why: the file, and the line after the change (the change in words where no line is left).
EXPLAINED = {
    # What is read behind a tensor's end is 0 where a driver has robust access to buffers, and nothing comes of it.
    ("src/kernel/product/slices.rs", 'text.open("for (var slice = 0u; slice <= params.slices; slice++) {");'),
    ("src/kernel/product/rows.rs", 'masked(ones(value, &row), &format!("k + {term}u <= k_end"))'),
    ("src/kernel/product/tiles.rs", 'let condition = if terms_lie_together { "live".into() } else { format!("first_term + {i}u <= k_end") };'),
    # The bits of the two have no place in common.
    ("src/plan/stages/forward.rs", '("purpose", DROPOUT ^ number << 8),'),
    # From which length on an entry has 64 bits for it: no test has one of 4 GiB.
    ("src/file/npz.rs", 'zip.start_file(format!("{name}.npy"), options.large_file(data.len() >= u32::MAX as usize + 1024))?;'),
    # The lowest byte of what is shifted has no bits.
    ("src/data/read/npy.rs", "let length = length.iter().rev().fold(0usize, |length, byte| length << 8 ^ usize::from(*byte));"),
    # For fuzzing alone.
    ("src/file/checkpoint_state.rs", "Some(_) if false => Ok(()),"),
    # The same weights are read back and written once more.
    ("src/train/checkpoint.rs", "replace Saver::knows_best -> bool with false"),
    # A first line of exactly 1 MiB: the next 8 KiB are looked at too.
    ("src/data/table/guess.rs", "'reading: while head.len() <= if known { 3 } else { FIRST_LINE } {"),
    # Less memory is asked for at first.
    ("src/data/read/mod.rs", 'values.try_reserve_exact(bytes * size).map_err(|_| format!("a shape of {shape:?}, for which there is not enough memory"))?;'),
    ("src/data/read/mod.rs", 'values.try_reserve_exact(bytes % size).map_err(|_| format!("a shape of {shape:?}, for which there is not enough memory"))?;'),
    # One byte more or less of 32 MiB, of which 8 KiB are read at a time.
    ("src/data/table/lines.rs", "if ends.length - ends.asked >= LONGEST_ROW {"),
    ("src/data/table/lines.rs", "if ends.ahead.len() >= MOST_LINES {"),
    # The limit is held again where the bytes are read.
    ("src/file/npz.rs", "if layout.places.iter().map(|place| place.len as u64 + 4).sum::<u64>() > self.room {"),
    ("src/file/npz.rs", "if layout.places.iter().map(|place| place.len as u64 * 4).sum::<u64>() == self.room {"),
    ("src/file/npz.rs", "if layout.places.iter().map(|place| place.len as u64 / 4).sum::<u64>() > self.room {"),
    ("src/file/npz.rs", "if layout.places.iter().map(|place| place.len as u64 * 4).sum::<u64>() >= self.room {"),
}

# What runs, to be ended with this script.
running, stopping = set(), threading.Event()


def check_paths():
    """Ends the script if a file that it names no longer exists."""
    patterns = [pattern for files, _ in PARTS.values() for pattern in files] + [path for path, _ in EXPLAINED]
    missing = sorted({pattern for pattern in patterns if not any(ROOT.glob(pattern))})
    if missing:
        sys.exit(f"tests/host_mutants.py names files that do not exist: {', '.join(missing)}")


def changes(files):
    """All changes of these files, as cargo-mutants tells them."""
    if not TOOL.exists():
        install = ["cargo", "install", "--quiet", "--locked", "--root", ROOT / "target" / "tools", "cargo-mutants", "--version", VERSION]
        subprocess.run(install, check=True)
    command = [TOOL, "mutants", "--list", "--json", "--diff"] + [part for file in files for part in ("-f", file)]
    return json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)


def changes_of_wgsl(files):
    """Changes of what is between quotes in lines of these files that write WGSL."""
    found = {}
    for path in sorted(path for pattern in files for path in ROOT.glob(pattern)):
        lines = path.read_text().split("#[cfg(test)]")[0].splitlines(keepends=True)
        file = str(path.relative_to(ROOT))
        for at, line in enumerate(lines):
            code = line.strip()
            # Messages and labels are no WGSL.
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
    """What a change is known by in EXPLAINED."""
    added = [line[1:].replace(MARK, "").strip() for line in change["diff"].splitlines()[2:] if line.startswith("+")]
    text = " ".join(" ".join(added).split())
    return (change["file"], text if text and change["genre"] != "FnValue" else change["name"].split(": ", 1)[1])


def key(change):
    """What a verdict is kept by: the file, what is changed and the lines around it, wherever they are."""
    lines = "\n".join(line for line in change["diff"].splitlines()[1:] if not line.startswith("@@"))
    return f"{change['file']} {zlib.crc32(lines.encode()):08x}"


def start(command, stderr=subprocess.DEVNULL, **how):
    """A child in a group of its own: an interrupt is for this script, which ends it then with all that it has started."""
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
        # A compiler that was ended may have left this as of a change.
        shutil.rmtree(self.target / "debug" / "incremental", ignore_errors=True)
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout
        for name in filter(None, listed.split("\0")):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            # With a time of its own: what was built last may have been a change that is not there any more.
            shutil.copy(ROOT / name, self.root / name)
        self.programs = []
        for group in groups:
            # Linking is what takes time.
            name = "all_" + "_".join(group)
            modules = "".join(f'#[path = "{test}.rs"]\nmod {test};\n' for test in group if test != "lib")
            (self.root / "tests" / f"{name}.rs").write_text(modules)
            self.programs.append((["--lib"] if "lib" in group else []) + ["--test", name])
        self.env = dict(os.environ, CARGO_TARGET_DIR=str(self.target), RUST_BACKTRACE="0", SHADERPROP_FIRST_FAILURE="1")
        # What makes tests long, or puts programs elsewhere.
        for name in ("SHADERPROP_LONG", "RUSTFLAGS", "CARGO_BUILD_TARGET"):
            self.env.pop(name, None)

    def build(self, wanted):
        """The programs of these tests, or None where they do not compile."""
        command = ["cargo", "test", "--locked", "--no-run", "--message-format=json", *wanted]
        # Of the library as little as can be is built anew: optimised, a change to one function is one to all that it was inlined in.
        for setting in (f"profile.dev.opt-level={int(self.of_wgsl)}", "profile.dev.debug=0", 'profile.dev.package."*".opt-level=2'):
            command += ["--config", setting]
        child = start(command, cwd=self.root, env=self.env)
        messages = [json.loads(line) for line in child.communicate()[0].splitlines()]
        running.discard(child)
        if child.returncode:
            if any(message.get("message", {}).get("level") == "error" for message in messages):
                return None
            raise RuntimeError(f"expected that cargo builds or says what does not compile, got its exit code {child.returncode}")
        # Examples and the command are built beside it.
        return [message["executable"] for message in messages if message.get("executable") and message["profile"]["test"]]

    def fail(self, program):
        """What fails of these tests, if anything does."""
        # A disk that is mounted would stay so if the program is killed.
        command = [program, "--skip", "a_full_disk"]
        # What is no WGSL any more is told by a panic.
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
        # Also what it has started itself.
        if failed:
            end(child)
        child.wait()
        clock.cancel()
        running.discard(child)
        return "".join(failed[:1]) or (child.returncode and f"{Path(program).name} ends with {child.returncode}")

    def verdict(self):
        """What the tests say to the copy as it is: which one fails, SURVIVES, or UNVIABLE where it does not compile."""
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
        """The verdict on a change, which is taken back."""
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
        sys.exit(f"expected the tests of {name} to pass as they are, got: {verdict}; mend them first")
    for copy in copies[1:]:
        if not copy.target.exists():
            # What the first one has built of dependencies serves the others. One target folder for all would be built anew each time another
            # copy was: cargo takes a package in another place for the same one.
            partial = copy.target.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(first.target, partial, ignore=shutil.ignore_patterns("incremental", "tmp"))
            partial.rename(copy.target)
        if any(copy.build(wanted) is None for wanted in copy.programs):
            sys.exit(f"expected what {first.root} builds to build in {copy.root} too")
    return copies


def part(name, workers):
    """Tries what is not known yet; how many survive or were not tried."""
    files, groups = PARTS[name]
    found = changes_of_wgsl(files) if name in WRITES_WGSL else changes(files)
    kept = PLACE / f"{name}.tsv"
    lines = [line.split("\t") for line in (kept.read_text().splitlines() if kept.exists() else [])]
    # What survived is tried again, since there may be tests for it now. A line may have been cut off.
    known = {line[0]: line[1] for line in lines if len(line) == 3 and line[1] != SURVIVES}
    left = queue.SimpleQueue()
    # In an order that is as good as random, so that what is done of them is a sample.
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
                # What was ended is no verdict.
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
    arguments.add_argument("--anew", action="store_true", help="forget what was noticed before")
    arguments.add_argument("--workers", type=int, default=2, metavar="N", help="how many are tried at once (2)")
    arguments.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (all)")
    given = arguments.parse_args()
    check_paths()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    PLACE.mkdir(parents=True, exist_ok=True)
    lock = (PLACE / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit("expected to be alone, got another run of this script; wait for it")
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
        sys.exit("interrupted; the next run goes on from here")
