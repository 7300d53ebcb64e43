"""Mutation testing of the shaders: makes one change at a time, and counts how many changes the kernels' tests notice.

    python3 tests/mutants.py [PATTERN]        all files of shaders/, or those whose name contains the pattern

A change removes a barrier or a term, moves a guard or a bound by one, or swaps an operation. The text of a shader is
part of the test programs, so nothing has to be recompiled: the text is changed in a copy of each program, and the
comment at the top of the shader is cut or padded to keep its length. A change that is no longer valid WGSL does not
count. Changes that are not noticed are printed with their line, so that a test or an explanation can be added;
EXPLAINED lists those that have an explanation. Exits with 1 if fewer than 95 % are noticed. Needs Python 3.9 and Linux.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHADERS = ROOT / "shaders"
# In the order in which they are run: those that fail soonest come first.
TESTS = ["stages", "kernels", "fused", "batches", "training"]
# The maximum number of changes of each kind per file, spread over the file.
MOST = 5

# The time limit of a test program in seconds, about ten times what it takes.
LONGEST = 60

# The changes: kind, pattern and replacement. Comments are not changed.
CHANGES = [
    ("barrier", r"workgroupBarrier\(\);", ""),
    ("guard", r"if ([\w.]+) >= ([\w.]+) \{", r"if \1 > \2 {"),
    ("guard", r"if ([\w.]+) < ([\w.]+) \{", r"if \1 <= \2 {"),
    ("guard", r"; (\w+) < ([\w.]+);", r"; \1 + 1u < \2;"),
    ("guard", r"; (\w+) > 0u;", r"; \1 > 1u;"),
    ("term", r" \+ [\w.]+(?=[\]);,* ])", ""),
    ("term", r"[\w.]+ \+ (?=[\w.])", ""),
    ("term", r" - [\w.]+(?=[\]);,* ])", ""),
    ("factor", r" \* [\w.]+(?=[\]);,+ ])", ""),
    ("factor", r"[\w.]+ \* (?=[\w.])", ""),
    ("factor", r" / [\w.]+(?=[\]);,+ ])", ""),
    ("factor", r" % [\w.]+(?=[\]);,+ ])", ""),
    ("operation", r" \+= ", " = "),
    ("operation", r"\bmin\(", "max("),
    ("operation", r"\bmax\(", "min("),
    ("operation", r" == ", " != "),
    ("operation", r" && ", " || "),
    ("operation", r" >= ", " < "),
    ("constant", r"\b0\.5\b", "0.75"),
    ("constant", r"\b1\.0\b", "2.0"),
    ("constant", r"\b64u\b", "63u"),
    ("constant", r"\b4096u\b", "4032u"),
]

# Changes that no test can notice, with the reason: the file, and the changed line without blanks at its ends.
EXPLAINED = {
    # More elements than necessary are checked, up to the end, or some of them twice. The result is the same.
    ("finite.wgsl", "for (var i = group.x + invocation; i < end; i += 64u) {"),
    ("finite.wgsl", "let end = max((group.x + 1u) * 4096u, params.count);"),
    ("finite.wgsl", "for (var i = group.x * 4096u + invocation; i < end; i += 63u) {"),
    ("finite.wgsl", "for (var i = group.x * 4032u + invocation; i < end; i += 64u) {"),
    # Some elements are copied twice, to the same place.
    ("gather.wgsl", "for (var column = invocation; column < params.columns; column += 63u) {"),
    ("gather.wgsl", "for (var column = invocation; column < params.outputs; column += 63u) {"),
    # All other invocations write the row's weight, or the sum, and they write the same value.
    ("clip.wgsl", "if invocation != 0u {"),
    ("gather.wgsl", "if invocation != 0u {"),
    ("partial_loss.wgsl", "if invocation != 0u {"),
    ("square_sum.wgsl", "if invocation != 0u {"),
    # One more invocation adds to an element that is not read again after this round. Within the round this is a race,
    # but lanes that run in order do not lose it.
    ("clip.wgsl", "if invocation <= half {"),
    ("loss.wgsl", "if invocation <= half {"),
    ("partial_loss.wgsl", "if invocation <= half {"),
    ("square_sum.wgsl", "if invocation <= half {"),
    ("weigh.wgsl", "if invocation <= half {"),
    # Some shares are written twice, with the same value.
    ("weigh.wgsl", "for (var i = invocation; i < params.count; i += 63u) {"),
    # Differs only for values for which the branch is not taken.
    ("softmax.wgsl", "let log_of_sum = select(log(1.0 + others), log_of_1_plus(min(others, 2.0)), others <= 1.0);"),
}


def mutants(text):
    """All changes of a shader: kind, line number, the line before and after, and the whole text after."""
    found = {}
    offset = 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        code = line.split("//")[0]
        for kind, pattern, replacement in CHANGES:
            if code.startswith("@") or code.startswith("struct"):
                continue
            for match in re.finditer(pattern, code):
                changed = code[: match.start()] + match.expand(replacement) + code[match.end() :] + line[len(code) :]
                whole = text[:offset] + changed + text[offset + len(line) :]
                found.setdefault(kind, {})[whole] = (kind, number, line.strip(), changed.strip())
        offset += len(line)
    for changes in found.values():
        items = list(changes.items())
        step = max(1, len(items) / MOST)
        for i in range(min(MOST, len(items))):
            whole, about = items[int(i * step)]
            yield (*about, whole)


def fitted(before, after):
    """The changed text, as many bytes long as before: its first comment line is cut or padded."""
    before, after = before.encode(), after.encode()
    comment, rest = after.split(b"\n", 1)
    room = len(before) - len(after)
    if room >= 0:
        return comment + b" " * room + b"\n" + rest
    if len(comment) + room < 4:
        return None
    return comment[:room] + b"\n" + rest


def programs():
    """The test programs as bytes, built if necessary."""
    command = ["cargo", "test", "--locked", "--release", "--workspace", "--no-run", "--message-format=json"]
    command += [part for test in TESTS for part in ("--test", test)]
    output = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    found = {}
    for line in output.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] in TESTS:
            found[message["target"]["name"]] = Path(message["executable"])
    return [found[test].read_bytes() for test in TESTS]


def noticed(program, before, after, place):
    """Whether the tests of a changed copy of the program fail; None if the change is not valid WGSL."""
    if before not in program:
        sys.exit("expected each shader in each program; rebuild the programs")
    place.write_bytes(program.replace(before, after))
    place.chmod(0o755)
    env = dict(os.environ, RUST_BACKTRACE="0", MESA_SHADER_CACHE_DISABLE="true", SHADERPROP_FIRST_FAILURE="1")
    running = subprocess.Popen([place, "--nocapture"], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # A program that does not end counts as noticed, too.
    clock = threading.Timer(LONGEST, running.kill)
    clock.start()
    since, failed = time.monotonic(), False
    for line in running.stdout:
        if " does not compile: " in line:
            clock.cancel()
            running.kill()
            return None
        # The program would continue with its other tests, but the first failure is enough. Its message is on the next
        # line.
        if failed:
            break
        failed = "panicked at" in line
    clock.cancel()
    if failed:
        running.kill()
    running.wait()
    return failed or running.returncode != 0 or time.monotonic() - since >= LONGEST


def main():
    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    tests = programs()
    place = ROOT / "target" / f"mutant.{os.getpid()}"
    for name, program in zip(TESTS, tests):
        if noticed(program, b"// matmul", b"// matmul", place):
            sys.exit(f"expected the tests {name} to pass as they are; fix them first")
    counts, survivors, explained = {}, [], 0
    for path in sorted(SHADERS.glob("*.wgsl")):
        if pattern not in path.name:
            continue
        text = path.read_text()
        for kind, number, before, after, whole in mutants(text):
            fit = fitted(text, whole)
            if fit is None:
                continue
            result = False
            for test in tests:
                result = noticed(test, text.encode(), fit, place)
                if result is None or result:
                    break
            if result is None:
                continue
            if not result and (path.name, after) in EXPLAINED:
                explained += 1
                continue
            killed, all_of_kind = counts.get(kind, (0, 0))
            counts[kind] = (killed + bool(result), all_of_kind + 1)
            if not result:
                survivors.append(f"{path.name}:{number}: {kind}: `{before}` became `{after}`")
                print("survives:", survivors[-1], flush=True)
    place.unlink(missing_ok=True)
    killed, total = (sum(count[i] for count in counts.values()) for i in (0, 1))
    for kind, (of_kind, all_of_kind) in sorted(counts.items()):
        print(f"  {kind}: {of_kind} of {all_of_kind}")
    print(f"{killed} of {total} changes are noticed, {explained} more cannot be")
    return 0 if total and killed >= 0.95 * total else 1


if __name__ == "__main__":
    sys.exit(main())
