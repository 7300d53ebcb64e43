"""Makes coffee.csv beside this file: invented coffees with text, numbers and missing values, and how a taster might grade them."""
import csv, pathlib, random

random.seed(7)
ORIGINS = {"Ethiopia": 2.0, "Kenya": 1.6, "Colombia": 0.8, "Brazil": 0.0, "Vietnam": -1.2}
PROCESSES = {"washed": 0.4, "natural": 0.0, "honey": 0.6}


def maybe_missing(value, chance):
    return "" if random.random() < chance else value


rows = []
for i in range(400):
    origin, process = random.choice(list(ORIGINS)), random.choice(list(PROCESSES))
    altitude = round(random.gauss(1100 + 350 * ORIGINS[origin], 200))
    moisture = round(random.gauss(11, 1.2), 1)
    days = random.randint(2, 60)
    taste = ORIGINS[origin] + PROCESSES[process] + altitude / 900 - abs(moisture - 11) * 0.9 - abs(days - 20) / 14 + random.gauss(0, 0.25)
    grade = "poor" if taste < -0.3 else "good" if taste < 1.3 else "fine"
    rows.append([f"lot-{i:03}", maybe_missing(origin, 0.03), maybe_missing(process, 0.03), maybe_missing(altitude, 0.06), maybe_missing(moisture, 0.06), days, grade])
with open(pathlib.Path(__file__).with_name("coffee.csv"), "w", newline="") as file:
    csv.writer(file, lineterminator="\n").writerows([["lot", "origin", "process", "altitude", "moisture", "days", "grade"], *rows])
