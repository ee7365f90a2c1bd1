"""Batches of augmented images: the same whoever asks, wherever a training goes on."""

from __future__ import annotations

import numpy as np
import pytest

from tinytorch.datasets import Augment, ImageLoader

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (50, 3, 8, 8), dtype=np.uint8)
LABELS = RNG.integers(0, 10, 50)
STATISTICS = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
MUCH = Augment(pad=2, flip="random", cutout=3, mix=0.7)


def loader(batch_size: int = 16, **options) -> ImageLoader:  # type: ignore[no-untyped-def]
    return ImageLoader(IMAGES, LABELS, batch_size, **{**STATISTICS, **options})


def epochs(of: ImageLoader, count: int = 1) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.array(x.data), y) for _ in range(count) for x, y in of]


def test_plain_batches_are_the_normalized_images() -> None:
    batches = epochs(loader(shuffle=False))
    assert [len(y) for _, y in batches] == [16, 16, 16, 2]
    mean, std = (np.float32(v)[:, None, None] for v in STATISTICS.values())
    made = np.concatenate([x for x, _ in batches])
    np.testing.assert_allclose(made, (IMAGES / np.float32(255) - mean) / std, atol=1e-6)
    assert np.array_equal(np.concatenate([y for _, y in batches]), LABELS)


def test_each_epoch_has_its_order_and_only_whole_batches() -> None:
    first, second = epochs(loader(seed=3)), epochs(loader(seed=3), 2)
    assert len(first) == len(loader()) == 3
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(first, second[:3], strict=True))
    assert not np.array_equal(second[0][1], second[3][1])
    assert not np.array_equal(first[0][1], epochs(loader(seed=4))[0][1])


@pytest.mark.parametrize("done", [0, 2, 3, 4])
def test_a_loader_goes_on_where_another_stopped(done: int) -> None:
    whole = epochs(loader(augment=MUCH), 3)
    left = loader(augment=MUCH)
    taken = 0
    while taken < done:
        for _ in left:
            taken += 1
            if taken == done:
                break
    fresh = loader(augment=MUCH)
    fresh.load_state_dict(left.state_dict())
    rest = epochs(fresh, 3)
    for (x, y), (want_x, want_y) in zip(rest, whole[done:], strict=False):
        assert np.array_equal(x, want_x)
        assert np.array_equal(y, want_y)


def test_the_batches_of_a_period_come_again() -> None:
    new = epochs(loader(augment=MUCH), 2)
    again = epochs(loader(augment=MUCH, period=2), 4)
    for batch, known in zip(again, new + new, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(batch, known, strict=True))
    third = loader(augment=MUCH, period=2)
    third.load_state_dict({**third.state_dict(), "epoch": 3, "done": 1})
    assert third.drawn == 1
    assert np.array_equal(epochs(third)[0][0], new[4][0])


def test_the_first_epochs_may_have_images_of_half_the_sides() -> None:
    whole, small = epochs(loader(augment=MUCH), 3), epochs(loader(augment=MUCH, small_epochs=2), 3)
    unmixed = Augment(pad=2, flip="random", cutout=3)
    for (x, y), (half, labels) in zip(
        epochs(loader(augment=unmixed), 2),
        epochs(loader(augment=unmixed, small_epochs=2), 2),
        strict=True,
    ):
        assert np.array_equal(y, labels)
        np.testing.assert_allclose(
            half, x.reshape(len(x), 3, 4, 2, 4, 2).mean((3, 5)), rtol=1e-5, atol=1e-6
        )
    assert [x.shape[2:] for x, _ in small] == [(4, 4)] * 6 + [(8, 8)] * 3
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(whole[6:], small[6:], strict=True))
    resumed = loader(augment=MUCH, small_epochs=2)
    resumed.load_state_dict({**resumed.state_dict(), "epoch": 1, "done": 2})
    for x, (want, _) in zip((x for x, _ in epochs(resumed, 2)), small[5:], strict=True):
        assert np.array_equal(x, want)


def test_a_mixed_batch_has_a_rectangle_of_the_next_image_in_each() -> None:
    seen = []
    for seed in range(20):
        plain, mixed = (next(iter(loader(seed=seed, augment=Augment(mix=m)))) for m in (0.0, 1.0))
        labels, shares = plain[1], mixed[1][:, 2]
        assert np.array_equal(mixed[1][:, 0], labels)
        assert np.array_equal(mixed[1][:, 1], np.roll(labels, -1))
        changed = (plain[0].data != mixed[0].data).any(axis=1)
        inside = changed.any(axis=0)
        rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        assert inside.sum() == len(rows) * len(cols)
        others = np.roll(plain[0].data, -1, axis=0)
        assert np.array_equal(np.where(inside, others, plain[0].data), mixed[0].data)
        np.testing.assert_allclose(shares, 1 - inside.mean(), atol=1e-6)
        seen.append(inside.mean())
    assert min(seen) < 0.2 < 0.5 < max(seen)
    unmixed = next(iter(loader(augment=Augment(mix=1e-9))))[1]
    assert (unmixed[:, 2] == 1).all()


def test_a_state_of_another_loader_is_refused() -> None:
    with pytest.raises(ValueError, match="seed 1"):
        loader().load_state_dict(loader(seed=1).state_dict())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"images": IMAGES.astype(np.float32)}, "uint8"),
        ({"labels": LABELS[:4]}, "50 images"),
        ({"batch_size": 51}, "batch_size"),
        ({"period": -1}, "period"),
        ({"small_epochs": -1}, "small_epochs"),
        ({"images": IMAGES[:, :, :1], "small_epochs": 1}, "no halves"),
    ],
)
def test_arguments_are_checked(options: dict, said: str) -> None:  # type: ignore[type-arg]
    given = {"images": IMAGES, "labels": LABELS, "batch_size": 8, **STATISTICS, **options}
    with pytest.raises(ValueError, match=said):
        ImageLoader(**given)


@pytest.mark.parametrize(
    "augment",
    [
        Augment(pad=8),
        Augment(border="wrap"),
        Augment(flip="yes"),
        Augment(cutout=-1),
        Augment(mix=1.5),
    ],
)
def test_augmentations_are_checked(augment: Augment) -> None:
    with pytest.raises(ValueError, match=r"pad|border|flip|cutout|mix"):
        next(iter(loader(augment=augment)))
