"""Every exercise's check takes a right answer, and none of the wrong ones."""

from __future__ import annotations

import numpy as np
import pytest

from notebooks import answers
from tinytorch import Linear, ReLU, Tensor
from tinytorch.capstone import BenchmarkReport, SimpleMLP, generate_submission
from tinytorch.exercises import check, exercises
from tinytorch.nn import Sequential
from tinytorch.nn.quantized import convert


def submission(optimized, labels):
    x = Tensor(np.random.default_rng(0).normal(size=(len(labels), 64)))
    before, after = BenchmarkReport("baseline"), BenchmarkReport("optimized")
    before.benchmark_model(SimpleMLP(64, 128, 10), x, labels, num_runs=3)
    after.benchmark_model(optimized, x, labels, num_runs=3)
    after.metrics["accuracy"] = before.metrics["accuracy"]
    return generate_submission(before, after, student_name="Ada")


@pytest.fixture(scope="module")
def small_submission():
    small = convert(Sequential(Linear(64, 48), ReLU(), Linear(48, 10)))
    return submission(small, np.arange(40) % 10)


def test_there_are_answers_for_all():
    assert sorted(answers.RIGHT) == [name for name in exercises() if name != "01.3"]
    assert sorted(answers.WRONG) == exercises()


@pytest.mark.parametrize("name", sorted(answers.RIGHT))
def test_a_right_answer_passes(name):
    verdict = check(name, answers.RIGHT[name])
    assert verdict, verdict
    assert repr(verdict).startswith(f"{name} passed: ")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        pytest.param(name, answer, id=f"{name}-{i}")
        for name in sorted(answers.WRONG)
        for i, answer in enumerate(answers.WRONG[name])
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # wrong answers overflow and divide by 0
def test_a_wrong_answer_does_not(name, answer):
    verdict = check(name, answer)
    assert not verdict
    assert verdict.passed is False
    assert len(verdict.message) > 10


@pytest.mark.parametrize("name", exercises())
def test_no_answer_is_no_failure(name):
    assert check(name, ...).passed is None
    if name in answers.RIGHT and callable(answers.RIGHT[name]):
        assert check(name, lambda *arguments: None).passed is None


def test_a_submission_is_weighed(small_submission):
    assert check("01.3", small_submission)


def test_a_submission_that_is_not_small_enough(small_submission):
    large = submission(convert(SimpleMLP(64, 128, 10)), np.arange(40) % 10)
    assert "combine" in check("01.3", large).message
    assert check("01.3", large).passed is False


def test_a_forged_or_bad_submission(small_submission):
    forged = {**small_submission, "improvements": dict(small_submission["improvements"])}
    forged["improvements"]["compression_ratio"] = 99.0
    assert "compression_ratio" in check("01.3", forged).message
    before, after = small_submission["baseline"], small_submission["optimized"]
    worse = {
        **small_submission,
        "baseline": {**before, "metrics": {**before["metrics"], "accuracy": 0.9}},
        "optimized": {**after, "metrics": {**after["metrics"], "accuracy": 0.8}},
        "improvements": {**small_submission["improvements"], "accuracy_delta": -0.1},
    }
    assert "10.0 points" in check("01.3", worse).message


def test_the_baseline_alone_is_no_answer():
    report = BenchmarkReport("baseline")
    report.benchmark_model(
        SimpleMLP(64, 8, 10), Tensor(np.zeros((4, 64))), np.zeros(4, int), num_runs=2
    )
    assert check("01.3", generate_submission(report)).passed is False


def test_checks_leave_numpys_generator_alone():
    np.random.seed(5)
    expected = np.random.standard_normal(3)
    np.random.seed(5)
    for name in ("00.2", "00.3", "02.3", "04.3"):
        check(name, answers.RIGHT[name])
    assert np.array_equal(np.random.standard_normal(3), expected)


def test_unknown_exercises_are_named():
    for name in ("00.9", "99.1", "softmax"):
        with pytest.raises(KeyError, match=r"there are 00\.1"):
            check(name, 1)
