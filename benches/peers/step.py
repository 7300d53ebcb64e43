"""Times training steps of shaderprop's CPU engine in f64, and of PyTorch in f32, in turn: sigmoid, mean squared error, SGD.
Needs PyTorch, and the benchmark built by `cargo bench --no-run --bench cpu`, whose program is the first argument.

  python3 benches/peers/step.py PROGRAM [LAYERS [BATCH [ROUNDS]]]
"""
import os, statistics, subprocess, sys, time

THREADS = len(os.sched_getaffinity(0))


def learn(layers, batch):
    import torch

    torch.set_num_threads(THREADS)
    pairs = list(zip(layers, layers[1:]))
    network = torch.nn.Sequential(*[module for ins, outs in pairs for module in (torch.nn.Linear(ins, outs), torch.nn.Sigmoid())])
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    inputs, targets = torch.rand(batch, layers[0]), torch.rand(batch, layers[-1])

    def step():
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(network(inputs), targets).backward()
        optimizer.step()

    best = float("inf")
    for _ in range(6):
        begun = time.perf_counter()
        for _ in range(40):
            step()
        best = min(best, (time.perf_counter() - begun) / 40)
    print(1e3 * best)


if __name__ == "__main__":
    if sys.argv[1] == "learn":
        learn([int(units) for units in sys.argv[2].split(",")], int(sys.argv[3]))
        sys.exit()
    layers, batch, rounds = (sys.argv[2:] + ["784,512,512,10", "256", "7"][len(sys.argv) - 2 :])[:3]
    ways = {"shaderprop": [sys.argv[1], layers, batch], "PyTorch": [sys.executable, __file__, "learn", layers, batch]}
    times = {name: [] for name in ways}
    for _ in range(int(rounds)):
        for name, command in ways.items():
            times[name].append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    ratios = sorted(ours / theirs for ours, theirs in zip(times["shaderprop"], times["PyTorch"]))
    for name, all in times.items():
        print(f"{name}: {statistics.median(all):.2f} ms per step ({min(all):.2f} to {max(all):.2f})")
    print(f"ratio: {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), of the best {min(times['shaderprop']) / min(times['PyTorch']):.2f}")
