"""GPT: shapes, causality, gradients, generation, learning (contract 15, 29.7)."""

import numpy as np
import pytest

from tinytorch import GPT, Adam, CrossEntropyLoss, Embedding, LayerNorm, Linear, Tensor
from tinytorch.perf.memoization import disable_kv_cache, enable_kv_cache


def small(seed=0, layers=2):
    np.random.seed(seed)
    return GPT(vocab_size=11, embed_dim=8, num_layers=layers, num_heads=2, max_seq_len=16)


def test_attributes():
    model = small()
    assert (model.vocab_size, model.embed_dim, model.num_layers) == (11, 8, 2)
    assert (model.num_heads, model.max_seq_len) == (2, 16)
    assert isinstance(model.token_embedding, Embedding)
    assert model.position_embedding.weight.shape == (16, 8)
    assert isinstance(model.blocks, list)
    assert isinstance(model.ln_f, LayerNorm)
    assert isinstance(model.lm_head, Linear)
    assert model.lm_head.bias is None
    parameters = model.parameters()
    assert len(parameters) == 5 + 16 * 2
    assert parameters[0] is model.token_embedding.weight
    assert parameters[1] is model.position_embedding.weight
    assert parameters[-1] is model.lm_head.weight
    assert parameters[-3] is model.ln_f.gamma


def test_logits():
    model = small()
    logits = model(Tensor([[1, 2, 3], [4, 5, 6]]))
    assert logits.shape == (2, 3, 11)
    with pytest.raises(ValueError, match="Index out of range"):
        model(Tensor(np.zeros((1, 17))))
    with pytest.raises(ValueError, match="tokens"):
        model(Tensor([1, 2, 3]))


def test_a_later_token_never_changes_earlier_logits():
    model = small()
    tokens = np.array([[1, 2, 3, 4, 5]])
    before = model(Tensor(tokens)).data
    for position in range(5):
        changed = tokens.copy()
        changed[0, position] = 9
        after = model(Tensor(changed)).data
        np.testing.assert_array_equal(after[0, :position], before[0, :position])
        assert not np.allclose(after[0, position:], before[0, position:])


@pytest.mark.parametrize("seed", range(4))
def test_every_parameter_gets_a_gradient(seed):
    model = small(seed)
    tokens = Tensor(np.random.randint(0, 11, (2, 8)))
    CrossEntropyLoss()(
        model(tokens).reshape(16, 11), Tensor(np.random.randint(0, 11, 16))
    ).backward()
    for name, parameter in model.named_parameters():
        assert np.abs(parameter.grad).max() > 1e-10, name


def test_generation():
    model = small()
    prompt = Tensor([[1, 2, 3]])
    np.random.seed(1)
    first = model.generate(prompt, max_new_tokens=5)
    assert isinstance(first, Tensor)
    assert first.shape == (1, 8)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first.data[0, :3], [1, 2, 3])
    np.testing.assert_array_equal(first.data, np.floor(first.data))
    np.random.seed(1)
    np.testing.assert_array_equal(model.generate(prompt, 5).data, first.data)
    np.testing.assert_array_equal(prompt.data, [[1, 2, 3]])
    assert model.generate(prompt, 0).shape == (1, 3)
    with pytest.raises(ValueError, match="temperature"):
        model.generate(prompt, 1, temperature=-1)


def test_generation_draws_as_stated():
    model = small()
    np.random.seed(2)
    generated = model.generate(Tensor([[4]]), 3, temperature=0.7).data
    np.random.seed(2)
    tokens = [4.0]
    for _ in range(3):
        logits = model(Tensor([tokens])).data[0, -1].astype(np.float64) / 0.7
        p = np.exp(logits - logits.max())
        tokens.append(float(np.random.choice(11, p=p / p.sum())))
    np.testing.assert_array_equal(generated, [tokens])


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_generation_with_a_cache_is_the_same(temperature):
    model = small()
    prompt = Tensor([[1, 2, 3]])
    np.random.seed(3)
    plain = model.generate(prompt, 10, temperature)
    enable_kv_cache(model)
    np.random.seed(3)
    np.testing.assert_array_equal(model.generate(prompt, 10, temperature).data, plain.data)
    np.random.seed(3)
    np.testing.assert_array_equal(model.generate(prompt, 10, temperature).data, plain.data)
    disable_kv_cache(model)


def test_it_learns_a_sequence():
    model = small()
    optimizer = Adam(model.parameters(), lr=0.01)
    tokens = np.array([[1, 5, 2, 7, 3, 9, 4, 1]])
    x, y = Tensor(tokens[:, :-1]), Tensor(tokens[0, 1:])
    for _ in range(60):
        optimizer.zero_grad()
        loss = CrossEntropyLoss()(model(x).reshape(7, 11), y)
        loss.backward()
        optimizer.step()
    assert loss.data < 0.1
    np.testing.assert_array_equal(model.generate(Tensor([[1]]), 7, temperature=0).data, tokens)


def test_state_goes_round():
    source, target = small(0), small(1)
    target.load_state_dict(source.state_dict())
    x = Tensor([[1, 2, 3]])
    np.testing.assert_array_equal(source(x).data, target(x).data)
