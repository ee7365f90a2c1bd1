"""Energy is read from the machine's counters, or reported as not available: never made up."""

import os

import pytest

import tinytorch as tt
from tinytorch.bench import Benchmark, BenchmarkSuite, EnergyMeter

RANGE = 262_143_328_850


@pytest.fixture
def counters(tmp_path):
    """Two packages and, below the first, a core domain that must not be counted again."""
    for name, kind in (
        ("intel-rapl:0", "package-0"),
        ("intel-rapl:1", "package-1"),
        ("intel-rapl:0:0", "core"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "name").write_text(f"{kind}\n")
        (folder / "energy_uj").write_text("1000\n")
        (folder / "max_energy_range_uj").write_text(f"{RANGE}\n")
    return tmp_path


def advance(root, name, microjoules):
    file = root / name / "energy_uj"
    file.write_text(str((int(file.read_text()) + microjoules) % (RANGE + 1)))


def test_joules_of_all_packages_per_call(counters):
    def work():
        advance(counters, "intel-rapl:0", 3_000_000)
        advance(counters, "intel-rapl:1", 1_000_000)
        advance(counters, "intel-rapl:0:0", 2_000_000)

    meter = EnergyMeter(counters)
    assert meter.unavailable is None
    reading = meter.measure(work, min_seconds=0.01)
    assert reading.joules_per_call == pytest.approx(4.0)
    assert reading.calls >= 1
    assert reading.seconds >= 0.01
    assert reading.watts == pytest.approx(reading.joules / reading.seconds)


def test_a_counter_that_starts_again(counters):
    (counters / "intel-rapl:0" / "energy_uj").write_text(str(RANGE - 500_000))
    reading = EnergyMeter(counters).measure(
        lambda: advance(counters, "intel-rapl:0", 2_000_000), min_seconds=0
    )
    assert reading.calls == 1
    assert reading.joules == pytest.approx(2.0, abs=1e-5)


def test_no_counters_give_a_reason_and_no_number(tmp_path):
    meter = EnergyMeter(tmp_path)
    assert "no energy counters" in meter.unavailable
    with pytest.raises(RuntimeError, match="not available"):
        meter.measure(lambda: None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_counters_for_root_only(counters):
    (counters / "intel-rapl:0" / "energy_uj").chmod(0)
    assert "only root" in EnergyMeter(counters).unavailable


def test_a_broken_counter(counters):
    (counters / "intel-rapl:1" / "energy_uj").write_text("?")
    assert "cannot be read" in EnergyMeter(counters).unavailable


def test_benchmark_reports_what_it_measured(counters):
    layer = tt.Linear(784, 4)
    layer.name = "linear"
    benchmark = Benchmark([layer], [], 1, 2)
    measured = benchmark.measure_energy((1, 784), EnergyMeter(counters))["linear"]
    assert measured["measured_joules"] >= 0
    assert measured["measured_calls"] >= 1
    missing = benchmark.measure_energy((1, 784), EnergyMeter(counters / "nowhere"))["linear"]
    assert list(missing) == ["measurement_unavailable"]


def test_suite_keeps_measurement_and_estimate_apart(tmp_path):
    layer = tt.Linear(28, 4)
    layer.name = "linear"
    suite = BenchmarkSuite([layer], [], tmp_path)
    metadata = suite.run_full_benchmark()["energy"]["linear"].metadata
    assert "estimated" in metadata
    assert ("measured_joules" in metadata) != ("measurement_unavailable" in metadata)
    assert "## Measured Energy" in suite.generate_report()
