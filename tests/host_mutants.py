"""Changes the host's code one place at a time, and counts how many of these changes the tests notice.

    python3 tests/host_mutants.py [--anew | --matching TEXT] [--workers N] [PART …]        the parts: readers planner, or all

cargo-mutants finds the places and the changes (it is installed under target/), but would build all tests for each of them. Here each change is made in a
copy of the project, and only what is likely to notice it is built and run: the tests that tell soonest, as one program, and others only if those do
not. A program is stopped at its first failure. What is known already is in target/mutants/PART.tsv and not tried again, so that this may be ended at any time
and gone on with; --anew forgets it, --matching TEXT what it has of changes with that text in their names. What is not noticed is printed, for a new test or an explanation; those that are explained are in EXPLAINED.
Ends with 1 if one is left. Needs Python 3.9, and what the tests need.
"""

import argparse
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "target" / "mutants"
TOOL = ROOT / "target" / "tools" / "bin" / "cargo-mutants"
MARK = "/* ~ changed by cargo-mutants ~ */"

# What is changed, and the tests, in the order of how soon they tell. Tests in a list are one program.
PARTS = {
    "readers": (
        ["src/read/*.rs", "src/table/csv.rs", "src/file/checkpoint.rs", "src/file/description.rs", "src/file/json.rs", "src/file/npz.rs", "src/file/safetensors.rs"],
        [["files", "tables", "corpus"], ["hostile"], ["lib", "resume", "export", "trainer"]],
    ),
    "planner": (
        ["src/plan/*.rs"],
        [["plan_snapshots"], ["plan"], ["stages", "batches", "training", "fit", "errors"]],
    ),
}

# How long a program of tests may take, in seconds: some ten times as long as it does.
LONGEST = 200

SURVIVES, UNVIABLE = "survives", "does not compile"

# Changes that nothing can notice, and why: the file, and the line after the change (the change in words where no line is left).
EXPLAINED = {
    # The bits of the two have no place in common.
    ("src/plan/stages.rs", '("purpose", DROPOUT ^ number << 8),'),
    # From which length on the archive has 64 bits for it: read are both, and no test has 4 GiB.
    ("src/file/npz.rs", 'zip.start_file(format!("{name}.npy"), options.large_file(data.len() >= u32::MAX as usize + 1024))?;'),
    ("src/file/npz.rs", 'zip.start_file(format!("{name}.npy"), options.large_file(data.len() >= u32::MAX as usize / 1024))?;'),
    # The limit is held again where the bytes are read.
    ("src/file/npz.rs", "if layout.places.iter().map(|place| place.len as u64 + 4).sum::<u64>() > self.room {"),
}


def changes(files):
    """All changes of these files, as cargo-mutants tells them."""
    if not TOOL.exists():
        subprocess.run(["cargo", "install", "--quiet", "--locked", "--root", ROOT / "target" / "tools", "cargo-mutants"], check=True)
    command = [TOOL, "mutants", "--list", "--json", "--diff"] + [part for file in files for part in ("-f", file)]
    return json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)


def after(change):
    """What a change is known by in EXPLAINED."""
    added = [line[1:].replace(MARK, "").strip() for line in change["diff"].splitlines()[2:] if line.startswith("+")]
    text = " ".join(" ".join(added).split())
    return (change["file"], text if text and change["genre"] != "FnValue" else change["name"].split(": ", 1)[1])


class Copy:
    """A copy of the project in which changes are made."""

    def __init__(self, number, groups):
        self.root = PLACE / f"copy-{number}"
        # One for all would be built anew each time another copy was: cargo takes a package in another place for the same one.
        target, first = PLACE / f"target-{number}", PLACE / "target-0"
        if first.exists() and not target.exists():
            shutil.copytree(first, target, ignore=shutil.ignore_patterns("incremental", "tmp"))
        shutil.rmtree(self.root, ignore_errors=True)
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout
        for name in filter(None, listed.split("\0")):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            # With a time of its own: what was built last may have been a change that is not there any more.
            shutil.copy(ROOT / name, self.root / name)
        self.programs = []
        for group in groups:
            if len(group) == 1:
                self.programs.append(["--test", group[0]])
                continue
            # Several files of tests as modules of one program: linking is what takes time.
            name = "all_" + "_".join(group)
            modules = "".join(f'#[path = "{test}.rs"]\nmod {test};\n' for test in group if test != "lib")
            (self.root / "tests" / f"{name}.rs").write_text(modules)
            self.programs.append((["--lib"] if "lib" in group else []) + ["--test", name])
        self.env = dict(os.environ, CARGO_TARGET_DIR=str(target), RUST_BACKTRACE="0")

    def build(self, wanted):
        """The programs of these tests, or None where they do not compile."""
        command = ["cargo", "test", "--locked", "--no-default-features", "--no-run", "--message-format=json", *wanted]
        for setting in ("profile.dev.opt-level=1", "profile.dev.debug=0", 'profile.dev.package."*".opt-level=2'):
            command += ["--config", setting]
        built = subprocess.run(command, cwd=self.root, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if built.returncode:
            return None
        messages = (json.loads(line) for line in built.stdout.splitlines())
        # Examples and the command are built beside it.
        return [message["executable"] for message in messages if message.get("executable") and message["profile"]["test"]]

    def fail(self, program):
        """What fails of these tests, if anything does."""
        # A disk that is mounted would stay so if the program is killed.
        running = subprocess.Popen([program, "--skip", "a_full_disk"], cwd=self.root, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        ended = []
        clock = threading.Timer(LONGEST, lambda: (ended.append(f"{program} does not end"), running.kill()))
        clock.start()
        for line in running.stdout:
            if line.startswith("test ") and line.rstrip().endswith("FAILED"):
                ended.append(line.strip())
                running.kill()
                break
        running.wait()
        clock.cancel()
        return "".join(ended) or (running.returncode and f"{program} ends with {running.returncode}")

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
        patch = subprocess.run(["patch", "-s", "-p0", change["file"]], input=change["diff"], text=True, cwd=self.root)
        try:
            assert patch.returncode == 0, change["name"]
            return self.verdict()
        finally:
            path.write_bytes(original)


def part(name, workers, matching):
    """Tries what is not known yet; how many survive."""
    files, groups = PARTS[name]
    found = changes(files)
    known_at = PLACE / f"{name}.tsv"
    PLACE.mkdir(parents=True, exist_ok=True)
    lines = known_at.read_text().splitlines() if known_at.exists() else []
    known = dict(line.split("\t") for line in lines)
    left = queue.SimpleQueue()
    # Spread over the files, so that what is done of them is a sample.
    order = sorted((hash_of(change["name"]), i) for i, change in enumerate(found))
    for _, i in order:
        if found[i]["name"] not in known or (matching and matching in found[i]["name"]):
            left.put(found[i])
    writing = threading.Lock()
    if not left.empty():
        copies = [Copy(0, groups)]
        verdict = copies[0].verdict()
        if verdict != SURVIVES:
            sys.exit(f"expected the tests of {name} to pass as they are, got: {verdict}; mend them first")
        # What the first one has built of dependencies serves the others.
        copies += [Copy(i, groups) for i in range(1, workers)]

        def work(copy):
            while True:
                try:
                    change = left.get_nowait()
                except queue.Empty:
                    return
                verdict = copy.attempt(change)
                with writing, known_at.open("a") as file:
                    file.write(f"{change['name']}\t{verdict}\n")
                    known[change["name"]] = verdict

        threads = [threading.Thread(target=work, args=(copy,)) for copy in copies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    verdicts = [(known.get(change["name"]), change) for change in found]
    noticed = sum(verdict not in (UNVIABLE, SURVIVES, None) for verdict, _ in verdicts)
    unnoticed = [change for verdict, change in verdicts if verdict == SURVIVES]
    survivors = [change for change in unnoticed if after(change) not in EXPLAINED]
    for change in survivors:
        print(f"survives: {change['name']}: `{after(change)[1]}`")
    viable = noticed + len(unnoticed)
    print(f"{name}: {noticed} of {viable} changes are noticed, {len(unnoticed) - len(survivors)} more cannot be; {len(found) - viable} do not compile")
    return len(survivors)


def hash_of(text):
    """A number of a text, the same each time."""
    import zlib

    return zlib.crc32(text.encode())


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--anew", action="store_true")
    arguments.add_argument("--matching")
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("parts", nargs="*")
    given = arguments.parse_args()
    survivors = 0
    for name in given.parts or PARTS:
        if name not in PARTS:
            sys.exit(f"no part {name}; expected {' '.join(PARTS)}")
        if given.anew:
            (PLACE / f"{name}.tsv").unlink(missing_ok=True)
        survivors += part(name, given.workers, given.matching)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
